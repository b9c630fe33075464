//! `reseal keys generate`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::KeyEncoding;
use crate::exit::{CLEAN, Done, Failure, Outcome};

/// Makes a key: into a new file that only its owner can read, or onto stdout where that was asked for.
pub(crate) fn generate(file: Option<&Path>, stdout: bool, bytes: usize, encoding: KeyEncoding) -> Outcome {
    let mut key = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut key)
        .map_err(|_| Failure::failed("random", "the operating system gave no random bytes"))?;
    let written: Zeroizing<Vec<u8>> = Zeroizing::new(match encoding {
        KeyEncoding::Raw => key.to_vec(),
        KeyEncoding::Hex => hex::encode(&key).into_bytes(),
        KeyEncoding::Base64 => STANDARD.encode(&key).into_bytes(),
        KeyEncoding::Base64url => URL_SAFE.encode(&key).into_bytes(),
    });
    match file {
        Some(path) => write(path, &written, bytes),
        None if stdout => {
            let text = std::str::from_utf8(&written).map_err(|_| {
                Failure::usage("raw-on-stdout", "bytes are no text", "choose an encoding, or a --file")
            })?;
            Ok(Done::new(CLEAN, json!({ "key": text, "bytes": bytes }), text))
        }
        None => Err(Failure::usage("usage", "say where the key goes", "--file PATH, or --stdout")),
    }
}

fn write(path: &Path, key: &[u8], bytes: usize) -> Outcome {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::refused(
            "file-exists",
            format!("{shown} is there already"),
            "a key is never overwritten: choose another name",
        ),
        kind => Failure::failed("file", format!("{shown}: {kind}")),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(key).map_err(failed)?;
    // A key that a crash takes back may already have sealed something.
    file.sync_all().map_err(failed)?;
    let text = format!("{shown} holds a new key of {bytes} bytes; back it up before it seals anything");
    Ok(Done::new(CLEAN, json!({ "file": shown.to_string(), "bytes": bytes }), text))
}
