//! The keys of approvers: public ones in a file outside the plan, each secret one in a file of its owner's.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_engine::EngineError;
use zeroize::Zeroizing;

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
pub fn approvers(path: &str) -> Result<Vec<Approver>, EngineError> {
    let refused = |what: String, help: &str| {
        EngineError::refused("approvers", format!("the file of approvers {path} {what}"), help)
    };
    let metadata = std::fs::metadata(path)
        .map_err(|error| refused(format!("cannot be read: {}", error.kind()), "see `policy.approvers`"))?;
    if !metadata.is_file() || metadata.len() > MOST {
        return Err(refused("is no such file".into(), "one `NAME ed25519 PUBLIC-KEY` a line"));
    }
    if metadata.mode() & 0o022 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(refused(
            format!("can be written by others (mode {mode:03o}), who could add themselves"),
            "chmod go-w",
        ));
    }
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Whoever may write the folder can put another file in its place, unless the folder is sticky.
    let open = |mode: u32| mode & 0o022 != 0 && mode & 0o1000 == 0;
    if std::fs::metadata(folder).is_ok_and(|folder| open(folder.mode())) {
        return Err(refused("lies in a folder that others can write".into(), "chmod go-w the folder"));
    }
    let uid = rustix::process::getuid();
    if metadata.uid() == uid.as_raw() && !uid.is_root() {
        tracing::warn!("the file of approvers {path} is this user's own: it should be another's");
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(format!("cannot be read: {}", error.kind()), "check its owner and mode"))?;
    let mut known: Vec<Approver> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let approver = read_line(&words).filter(|new| known.iter().all(|other| other.name != new.name));
        let wrong =
            || refused(format!("line {}: not understood", at + 1), "NAME ed25519 PUBLIC-KEY, each name once");
        known.push(approver.ok_or_else(wrong)?);
    }
    Ok(known)
}

fn read_line(words: &[&str]) -> Option<Approver> {
    let [name, "ed25519", key] = words else { return None };
    let public_key = STANDARD.decode(key).ok().filter(|key| key.len() == 32)?;
    Some(Approver { name: (*name).to_owned(), public_key })
}

/// Makes a key pair: the secret one goes into a new file that only its owner can read; gives the line for the file of
/// approvers.
///
/// # Errors
/// When the name cannot stand in such a line, or the file is there already or cannot be written.
pub fn generate(name: &str, path: &Path) -> Result<String, EngineError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
        let message = "an approver's name is letters, digits, dots, hyphens, underscores and @";
        return Err(EngineError::usage("bad-name", message, "the name that this person logs in with"));
    }
    let random = || EngineError::failed("random", "no random bytes, or no key of them");
    let mut seed = Zeroizing::new(vec![0; 32]);
    getrandom::fill(&mut seed).map_err(|_| random())?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| random())?;
    let written = Zeroizing::new(format!("{HEAD} {name} ed25519 {}\n", STANDARD.encode(&seed)));
    let failed = |error: std::io::Error| {
        let message = format!("{}: {}", path.display(), error.kind());
        EngineError::refused("file", message, "a key is never overwritten: choose another name")
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed)?;
    file.write_all(written.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(format!("{name} ed25519 {}", STANDARD.encode(pair.public_key().as_ref())))
}

/// Signs with the key in a file; gives its owner's name and the signature.
///
/// # Errors
/// When the file cannot be read, others can read it, or it holds no key.
pub fn sign(path: &Path, message: &[u8]) -> Result<(String, Vec<u8>), EngineError> {
    let shown = path.display();
    let refused =
        |what: &str, help: &str| EngineError::refused("approver-key", format!("{shown} {what}"), help);
    let metadata = std::fs::metadata(path)
        .map_err(|error| refused(&format!("cannot be read: {}", error.kind()), "check the path"))?;
    if !metadata.is_file() || metadata.len() > MOST {
        return Err(refused("is no key", "`reseal approve keygen` makes one"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(refused(
            "can be read by others, who could agree in this name",
            "chmod 600; better, a new key",
        ));
    }
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|_| refused("is no key", "`reseal approve keygen` makes one"))?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let no_key = || refused("is no key", "`reseal approve keygen` makes one");
    let [HEAD, name, "ed25519", seed] = words[..] else { return Err(no_key()) };
    let seed = Zeroizing::new(STANDARD.decode(seed).map_err(|_| no_key())?);
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| no_key())?;
    Ok((name.to_owned(), pair.sign(message).as_ref().to_vec()))
}
