//! `keys generate`: a new key.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use reseal_core::Key;
use reseal_core::audit::{Event, EventKind};
use reseal_custody::catalogue;
use reseal_plan::{Encoding, Plan};
use reseal_registry::Wanted;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::{Failure, control, open, trail};

/// Bytes of randomness where neither request nor plan says.
const BYTES: usize = 32;

/// The key that is made.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// The plan that it is for, whose catalogue gets to know it.
    pub plan: Option<PathBuf>,
    /// The keyset, where the plan has several.
    pub keyset: Option<String>,
    /// The key's id in the plan.
    pub id: Option<String>,
    /// Bytes of randomness; else what the plan's format needs.
    pub bytes: Option<usize>,
    /// How the key is written; else as the plan reads it.
    pub encoding: Option<Encoding>,
    /// Where it goes.
    pub to: KeyDestination,
}

/// Where a new key goes.
#[derive(Clone, Debug)]
pub enum KeyDestination {
    /// Into a new file that only its owner can read.
    File(PathBuf),
    /// Into a new file that is encrypted to a recipient of age.
    AgeFile {
        /// The file.
        file: PathBuf,
        /// The recipient.
        recipient: String,
    },
    /// To whoever asked.
    Caller,
}

/// A key that was made.
pub enum GeneratedKey {
    /// It lies in a file.
    File {
        /// The file.
        file: PathBuf,
        /// Bytes of randomness.
        bytes: usize,
    },
    /// It is handed over.
    Text {
        /// The key.
        key: Zeroizing<String>,
        /// Bytes of randomness.
        bytes: usize,
    },
}

/// Makes a key as request or plan want it, and enters it in the plan's catalogue.
///
/// # Errors
/// When the plan cannot be read or could not read the key, the file is there already, or the control database refuses.
pub async fn generate(caller: &Caller, request: &GenerateRequest) -> Result<GeneratedKey, Failure> {
    let plan = request.plan.as_deref().map(open::plan).transpose()?;
    let id = request.id.as_deref().unwrap_or_default();
    let wanted = plan.as_ref().map(|plan| reseal_registry::wanted(plan, request.keyset.as_deref(), id));
    let wanted = wanted.transpose()?;
    let bytes = request.bytes.or_else(|| wanted.as_ref().map(|wanted| wanted.bytes)).unwrap_or(BYTES);
    let encoding = request.encoding.or_else(|| wanted.as_ref().map(encoding_for));
    let written = fresh(bytes, encoding.unwrap_or(Encoding::Base64))?;
    // A key that the plan could not read is not made at all.
    let key = match (&plan, &wanted) {
        (Some(plan), Some(wanted)) => Some(reseal_registry::will_be(plan, wanted, id, &written)?),
        _ => None,
    };
    let generated = deliver(&request.to, &written, bytes)?;
    if let (Some(plan), Some(wanted), Some(key)) = (&plan, &wanted, &key) {
        enter(caller, plan, wanted, key).await?;
    }
    Ok(generated)
}

/// As the plan reads it; a passphrase is typed out in hexadecimal.
fn encoding_for(wanted: &Wanted) -> Encoding {
    if wanted.passphrase { Encoding::Hex } else { wanted.encoding }
}

async fn enter(caller: &Caller, plan: &Plan, wanted: &Wanted, key: &Key) -> Result<(), Failure> {
    let mut session = control::database()?.connect().await?;
    catalogue::enter_generated(&mut session, &plan.name, &wanted.name, key).await?;
    let about = |event: Event| event.of_plan(&plan.name, &plan.digest).of_key(&wanted.name, key.id(), "");
    trail::note(&caller.operator, EventKind::KeyGenerated, about).await;
    Ok(())
}

/// Makes a key of 32 bytes, in base64, into a new file that only its owner can read.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn generate_into_file(file: &Path) -> Result<(), Failure> {
    let key = fresh(BYTES, Encoding::Base64)?;
    Ok(reseal_custody::write_new(file, &key)?)
}

fn fresh(bytes: usize, encoding: Encoding) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut key)
        .map_err(|_| Failure::failed("random", "the operating system returned no random bytes"))?;
    Ok(Zeroizing::new(match encoding {
        Encoding::Raw => key.to_vec(),
        Encoding::Hex | Encoding::Utf8 => hex::encode(&key).into_bytes(),
        Encoding::Base64 => STANDARD.encode(&key).into_bytes(),
        Encoding::Base64Url => URL_SAFE.encode(&key).into_bytes(),
    }))
}

fn deliver(to: &KeyDestination, written: &[u8], bytes: usize) -> Result<GeneratedKey, Failure> {
    let file = match to {
        KeyDestination::File(file) => {
            reseal_custody::write_new(file, written)?;
            file
        }
        KeyDestination::AgeFile { file, recipient } => {
            let encrypted = reseal_custody::encrypt(written, std::slice::from_ref(recipient))?;
            reseal_custody::write_new(file, &encrypted)?;
            file
        }
        KeyDestination::Caller => {
            let key = std::str::from_utf8(written).map_err(|_| {
                Failure::usage(
                    "raw-on-stdout",
                    "raw bytes cannot be printed as text",
                    "pass `--encoding` with a text encoding, or `--file`",
                )
            })?;
            return Ok(GeneratedKey::Text { key: Zeroizing::new(key.to_owned()), bytes });
        }
    };
    Ok(GeneratedKey::File { file: file.clone(), bytes })
}
