//! `reseal keys generate`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use reseal_core::Key;
use reseal_core::audit::{Event, EventKind};
use reseal_custody::catalogue;
use reseal_plan::{Encoding, Plan};
use reseal_registry::Wanted;
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{GenerateArgs, KeyEncoding};
use crate::exit::{CLEAN, Done, Outcome};
use reseal_app::Failure;
use reseal_app::{control, open, trail};

/// Makes a key as the command line or the plan wants it, and enters it in the plan's catalogue.
pub(crate) async fn generate(args: &GenerateArgs) -> Outcome {
    let plan = args.plan.as_deref().map(open::plan).transpose()?;
    let id = args.id.as_deref().unwrap_or_default();
    let wanted = plan.as_ref().map(|plan| reseal_registry::wanted(plan, args.keyset.as_deref(), id));
    let wanted = wanted.transpose()?;
    let bytes = args.bytes.map(usize::from).or_else(|| wanted.as_ref().map(|wanted| wanted.bytes));
    let encoding = args.encoding.or_else(|| wanted.as_ref().map(encoding_for));
    let (bytes, encoding) = (bytes.unwrap_or(32), encoding.unwrap_or(KeyEncoding::Base64));
    let written = fresh(bytes, encoding)?;
    // A key that the plan could not read is not made at all.
    let key = match (&plan, &wanted) {
        (Some(plan), Some(wanted)) => Some(reseal_registry::will_be(plan, wanted, id, &written)?),
        _ => None,
    };
    let done = match (&args.age, &args.file) {
        (Some(recipient), Some(file)) => {
            let encrypted = reseal_custody::encrypt(&written, std::slice::from_ref(recipient))?;
            write(file, &encrypted, bytes)?
        }
        _ => put(args.file.as_deref(), args.stdout, &written, bytes)?,
    };
    if let (Some(plan), Some(wanted), Some(key)) = (&plan, &wanted, &key) {
        enter(plan, wanted, key).await?;
    }
    Ok(done)
}

/// As the plan reads it; a passphrase is typed out in hexadecimal.
fn encoding_for(wanted: &Wanted) -> KeyEncoding {
    match wanted.encoding {
        _ if wanted.passphrase => KeyEncoding::Hex,
        Encoding::Raw => KeyEncoding::Raw,
        Encoding::Hex | Encoding::Utf8 => KeyEncoding::Hex,
        Encoding::Base64 => KeyEncoding::Base64,
        Encoding::Base64Url => KeyEncoding::Base64url,
    }
}

async fn enter(plan: &Plan, wanted: &Wanted, key: &Key) -> Result<(), Failure> {
    let mut session = control::database()?.connect().await?;
    catalogue::enter_generated(&mut session, &plan.name, &wanted.name, key, wanted.passphrase).await?;
    let about = |event: Event| event.of_plan(&plan.name, &plan.digest).of_key(&wanted.name, key.id(), "");
    trail::note(EventKind::KeyGenerated, about).await;
    Ok(())
}

/// Makes a key into a new file that only its owner can read.
pub(crate) fn into_file(file: &Path, bytes: usize, encoding: KeyEncoding) -> Outcome {
    write(file, &fresh(bytes, encoding)?, bytes)
}

fn fresh(bytes: usize, encoding: KeyEncoding) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut key)
        .map_err(|_| Failure::failed("random", "the operating system gave no random bytes"))?;
    Ok(Zeroizing::new(match encoding {
        KeyEncoding::Raw => key.to_vec(),
        KeyEncoding::Hex => hex::encode(&key).into_bytes(),
        KeyEncoding::Base64 => STANDARD.encode(&key).into_bytes(),
        KeyEncoding::Base64url => URL_SAFE.encode(&key).into_bytes(),
    }))
}

/// Into a file, or onto stdout where that was asked for.
fn put(file: Option<&Path>, stdout: bool, written: &[u8], bytes: usize) -> Outcome {
    match file {
        Some(path) => write(path, written, bytes),
        None if stdout => {
            let text = std::str::from_utf8(written).map_err(|_| {
                Failure::usage("raw-on-stdout", "bytes are no text", "choose an encoding, or a --file")
            })?;
            Ok(Done::new(CLEAN, json!({ "key": text, "bytes": bytes }), text))
        }
        None => Err(Failure::usage("usage", "say where the key goes", "--file PATH, or --stdout")),
    }
}

fn write(path: &Path, key: &[u8], bytes: usize) -> Outcome {
    let shown = path.display();
    reseal_custody::write_new(path, key)?;
    let text = format!("{shown} holds a new key of {bytes} bytes; back it up before it seals anything");
    Ok(Done::new(CLEAN, json!({ "file": shown.to_string(), "bytes": bytes }), text))
}
