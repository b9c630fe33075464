//! The keys of approvers: public ones in a file outside the plan, each secret one in a file of its owner's.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_files::{FileError, FileFault, Owner, Readers, Rule};
use zeroize::Zeroizing;

use crate::error::{ApprovalError, ApproverKeyFault, ApproversFault, CustodyError};

/// The first word of a file with a secret key.
const HEAD: &str = "reseal-approver";
/// Bytes of such a file at the most.
const MOST: u64 = 64 * 1024;

/// Somebody who may agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// The name.
    pub name: String,
    /// The ed25519 public key (RFC 8032).
    pub public_key: Vec<u8>,
}

/// Reads who may agree: `NAME ed25519 BASE64` a line; empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// When the file is not there, others could write themselves into it, or a line is not understood.
pub fn approvers(path: &str) -> Result<Vec<Approver>, CustodyError> {
    let refused = |fault| CustodyError::from(ApprovalError::Approvers { path: path.to_owned(), fault });
    let rule = Rule { most: MOST, readers: Readers::Anyone, owner: Owner::Anyone };
    let content =
        reseal_files::read(Path::new(path), &rule).map_err(|error| refused(approvers_fault(error)))?;
    let uid = rustix::process::getuid();
    if content.owner == uid.as_raw() && !uid.is_root() {
        tracing::warn!(
            "the approvers file {path} is owned by the user that runs Reseal; another user should own it"
        );
    }
    let text = std::str::from_utf8(&content.bytes);
    let text = text.map_err(|_| refused(ApproversFault::Unreadable(ErrorKind::InvalidData)))?;
    let mut known: Vec<Approver> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let approver = in_line(&words).filter(|new| known.iter().all(|other| other.name != new.name));
        known.push(approver.ok_or_else(|| refused(ApproversFault::Line(at + 1)))?);
    }
    Ok(known)
}

fn approvers_fault(error: FileError) -> ApproversFault {
    match error.fault {
        FileFault::Missing => ApproversFault::NotFound(ErrorKind::NotFound),
        FileFault::Denied => ApproversFault::Unreadable(ErrorKind::PermissionDenied),
        FileFault::Unreadable(kind) => ApproversFault::Unreadable(kind),
        FileFault::WrittenByOthers { mode } => ApproversFault::WrittenByOthers(mode),
        FileFault::FolderOfAll { .. } => ApproversFault::FolderOfOthers,
        _ => ApproversFault::NoFile,
    }
}

fn key_fault(fault: FileFault) -> ApproverKeyFault {
    match fault {
        FileFault::Missing => ApproverKeyFault::Unreadable(ErrorKind::NotFound),
        FileFault::Denied => ApproverKeyFault::Unreadable(ErrorKind::PermissionDenied),
        FileFault::Unreadable(kind) => ApproverKeyFault::Unreadable(kind),
        FileFault::OpenToOthers { .. } | FileFault::WrittenByOthers { .. } => ApproverKeyFault::ReadByOthers,
        FileFault::Directory | FileFault::NotRegular | FileFault::TooLarge { .. } | FileFault::Links => {
            ApproverKeyFault::NoKey
        }
        FileFault::OfOther { .. } | FileFault::FolderOfAll { .. } | FileFault::WayOfOther { .. } => {
            ApproverKeyFault::OfOthers
        }
    }
}

/// The approver that a line of a file of approvers, cut into words, names.
pub(super) fn in_line(words: &[&str]) -> Option<Approver> {
    let [name, "ed25519", key] = words else { return None };
    let public_key = STANDARD.decode(key).ok().filter(|key| key.len() == 32)?;
    Some(Approver { name: (*name).to_owned(), public_key })
}

/// Makes a key pair: the secret one goes into a new file that only its owner can read; gives the line for the file of
/// approvers.
///
/// # Errors
/// When the name cannot stand in such a line, or the file is there already or cannot be written.
pub fn generate(name: &str, path: &Path) -> Result<String, CustodyError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
        return Err(ApprovalError::BadName.into());
    }
    let mut seed = Zeroizing::new(vec![0; 32]);
    getrandom::fill(&mut seed).map_err(|_| ApprovalError::Random)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| ApprovalError::Random)?;
    let written = Zeroizing::new(format!("{HEAD} {name} ed25519 {}\n", STANDARD.encode(&seed)));
    let failed = |error: std::io::Error| ApprovalError::NotWritten {
        path: path.display().to_string(),
        kind: error.kind(),
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed)?;
    file.write_all(written.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(Approver { name: name.to_owned(), public_key: pair.public_key().as_ref().to_vec() }.line())
}

impl Approver {
    /// The public key as the file of approvers has it: base64.
    #[must_use]
    pub fn key(&self) -> String {
        STANDARD.encode(&self.public_key)
    }

    /// The approver's line in the file of approvers.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} ed25519 {}", self.name, self.key())
    }
}

/// Signs with the key in a file; gives its owner, and the signature.
///
/// # Errors
/// When the file cannot be read, others can read it, or it holds no key.
pub fn sign(path: &Path, message: &[u8]) -> Result<(Approver, Vec<u8>), CustodyError> {
    let refused =
        |fault| CustodyError::from(ApprovalError::ApproverKey { path: path.display().to_string(), fault });
    let rule = Rule { most: MOST, readers: Readers::Owner, owner: Owner::Own };
    let content = reseal_files::read(path, &rule).map_err(|error| refused(key_fault(error.fault)))?;
    let text = std::str::from_utf8(&content.bytes).map_err(|_| refused(ApproverKeyFault::NoKey))?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let no_key = || refused(ApproverKeyFault::NoKey);
    let [HEAD, name, "ed25519", seed] = words[..] else { return Err(no_key()) };
    let seed = Zeroizing::new(STANDARD.decode(seed).map_err(|_| no_key())?);
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| no_key())?;
    let approver = Approver { name: (*name).to_owned(), public_key: pair.public_key().as_ref().to_vec() };
    Ok((approver, pair.sign(message).as_ref().to_vec()))
}
