//! `audit keygen`: the key that signs the trail.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use reseal_core::SecretBytes;
use reseal_core::audit::{PublicKey, Signer};
use zeroize::Zeroizing;

use crate::{Failure, trail};

/// A key that signs the trail.
#[derive(Clone, Debug)]
pub struct GeneratedAuditKey {
    /// The file that holds it.
    pub file: PathBuf,
    /// What its signatures are verified with.
    pub public: PublicKey,
}

/// Makes the key that signs checkpoints, in the file that is named or the one that every command looks for.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn keygen(file: Option<&Path>) -> Result<GeneratedAuditKey, Failure> {
    let file = match file {
        Some(path) => path.to_owned(),
        None => trail::key_file()?,
    };
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut seed[..])
        .map_err(|_| Failure::failed("random", "the operating system returned no random bytes"))?;
    let text = SecretBytes::new(hex::encode(&seed[..]).into_bytes());
    let public =
        Signer::parse(&text).map_err(|error| Failure::failed("audit-key", error.to_string()))?.public();
    write(&file, &text).map_err(|error| failed(&file, &error))?;
    Ok(GeneratedAuditKey { file, public })
}

fn write(file: &Path, text: &SecretBytes) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(text.expose())?;
    out.write_all(b"\n")?;
    out.sync_all()
}

fn failed(file: &Path, error: &std::io::Error) -> Failure {
    let shown = file.display();
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::refused(
            "file-exists",
            format!("{shown} already exists"),
            "Reseal never overwrites a key: move the file away, and keep its public key for `reseal audit verify --key`",
        ),
        kind => Failure::failed("file", format!("{shown}: {kind}")),
    }
}
