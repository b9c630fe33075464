//! The file, and the identity that decrypts it.

use std::io::Read;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use async_trait::async_trait;
use reseal_core::{KeySource, KeySourceError, Material, SecretBytes};
use reseal_files::{FileFault, Owner, Readers, Rule};
use zeroize::Zeroizing;

/// No key is longer; whoever names a larger file named the wrong one.
const MAX_BYTES: u64 = 64 * 1024;

pub(crate) struct AgeFile {
    pub(crate) file: PathBuf,
    pub(crate) identity: PathBuf,
}

#[async_trait]
impl KeySource for AgeFile {
    async fn read(&self) -> Result<Material, KeySourceError> {
        let (file, identity) = (self.file.clone(), self.identity.clone());
        let read = tokio::task::spawn_blocking(move || decrypt(&file, &identity)).await;
        read.unwrap_or_else(|_| {
            Err(wrong(&self.file, "was not read because Reseal is shutting down", "run the command again"))
        })
    }
}

fn decrypt(file: &Path, identity: &Path) -> Result<Material, KeySourceError> {
    let identities = identities(identity)?;
    let encrypted = content(file, Readers::Anyone)?;
    let decryptor = age::Decryptor::new(&encrypted[..])
        .map_err(|_| wrong(file, "is not an age file", "encrypt the key with age, without `--armor`"))?;
    let known = identities.iter().map(|identity| identity as &dyn age::Identity);
    let reader = decryptor.decrypt(known).map_err(|_| {
        let what = format!("is not encrypted to an identity of {}", identity.display());
        wrong(file, &what, "encrypt it to the recipient of that identity")
    })?;
    // Room for all that may be read: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(encrypted.len()));
    let read = reader.take(MAX_BYTES).read_to_end(&mut bytes);
    read.map_err(|_| wrong(file, "is damaged", "encrypt the key again"))?;
    if bytes.is_empty() {
        return Err(wrong(file, "contains no key", "encrypt the key again"));
    }
    Ok(Material { bytes: SecretBytes::from(bytes), warnings: Vec::new() })
}

/// The identities in a file of `age-keygen`: one a line, and comments.
fn identities(path: &Path) -> Result<Vec<Identity>, KeySourceError> {
    let text = content(path, Readers::Owner)?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let identities: Vec<Identity> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
    if identities.is_empty() {
        return Err(wrong(path, "contains no age identity", "use a file written by age-keygen"));
    }
    Ok(identities)
}

fn content(path: &Path, readers: Readers) -> Result<Zeroizing<Vec<u8>>, KeySourceError> {
    let rule = Rule { most: MAX_BYTES, readers, owner: Owner::Own };
    let content = reseal_files::read(path, &rule).map_err(|error| match error.fault {
        FileFault::Missing | FileFault::Denied => {
            wrong(path, &format!("cannot be read: it {}", error.fault), &error.help())
        }
        _ => wrong(path, &error.fault.to_string(), &error.help()),
    })?;
    Ok(content.bytes)
}

fn wrong(path: &Path, what: &str, help: &str) -> KeySourceError {
    KeySourceError { message: format!("the file {} {what}", path.display()), help: help.into() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Made with age 1.1.1, `age-keygen -o identity` and `printf secret | age -r RECIPIENT -o key.age`.
    const IDENTITY: &str = include_str!("../vectors/identity.txt");
    const FILE: &[u8] = include_bytes!("../vectors/key.age");

    fn write(folder: &Path, name: &str, content: &[u8], mode: u32) -> String {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    async fn read(file: String, identity: String) -> Result<Vec<u8>, String> {
        let source = AgeFile { file: file.into(), identity: identity.into() };
        source.read().await.map(|material| material.bytes.expose().to_vec()).map_err(|error| error.message)
    }

    #[tokio::test]
    async fn what_age_encrypted_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "key.age", FILE, 0o644);
        let identity = write(folder.path(), "identity", IDENTITY.as_bytes(), 0o600);
        assert_eq!(read(file, identity).await.unwrap(), b"secret");
    }

    /// Watches each reason for which a file or an identity is of no use.
    #[tokio::test]
    async fn what_does_not_decrypt_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let identity = write(folder, "identity", IDENTITY.as_bytes(), 0o600);
        let file = write(folder, "key.age", FILE, 0o644);
        let mut damaged = FILE.to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let damaged = write(folder, "damaged.age", &damaged, 0o644);
        let plain = write(folder, "plain", b"secret", 0o644);
        let open = write(folder, "open", IDENTITY.as_bytes(), 0o640);
        let empty = write(folder, "empty", b"# nothing\n", 0o600);
        let other = "AGE-SECRET-KEY-1TX87538Q5H4NFGDC6ENJ5T5Q4NQD0YSF94W500TH8P5Z5RSMKFDQAQPSR2";
        let other = write(folder, "other", other.as_bytes(), 0o600);
        for (file, identity, expect) in [
            (damaged, identity.clone(), "is damaged"),
            (plain, identity.clone(), "is not an age file"),
            (file.clone(), open, "is accessible to other users"),
            (file.clone(), empty, "contains no age identity"),
            (file.clone(), other, "is not encrypted to an identity of"),
            (folder.join("none").display().to_string(), identity, "cannot be read"),
        ] {
            let error = read(file, identity).await.unwrap_err();
            assert!(error.contains(expect), "{expect}: {error}");
            assert!(!error.contains("secret\""), "{error}");
        }
    }
}
