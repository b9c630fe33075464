//! Secrets in files.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use reseal_core::{
    KeySource, KeySourceError, KeySourcePlugin, Material, OptionError, SecretBytes, SourceArgs,
};
use zeroize::Zeroizing;

/// The plugin.
pub const PLUGIN: KeySourcePlugin =
    KeySourcePlugin { name: "file", summary: "The content of a file, as clusters mount secrets.", build };

/// No key is longer; whoever names a larger file named the wrong one.
const MAX_BYTES: usize = 64 * 1024;

const WRITABLE_BY_OTHERS: u32 = 0o022;
const READABLE_BY_OTHERS: u32 = 0o044;

fn build(args: &SourceArgs) -> Result<Box<dyn KeySource>, OptionError> {
    match args.words.as_slice() {
        [path] if !path.is_empty() && !path.contains('\0') => Ok(Box::new(SecretFile(path.into()))),
        _ => Err(OptionError {
            option: None,
            message: "file takes the path of one file".into(),
            help: Some("for example { file: /run/secrets/phi-v2 }".into()),
        }),
    }
}

struct SecretFile(PathBuf);

#[async_trait]
impl KeySource for SecretFile {
    async fn read(&self) -> Result<Material, KeySourceError> {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        read.unwrap_or_else(|_| Err(wrong(&self.0, "was not read: Reseal is shutting down", "run it again")))
    }
}

fn read(path: &Path) -> Result<Material, KeySourceError> {
    // Looked at before it is opened, since opening a pipe waits for its other end, and again once it is open, since
    // what lies at the path may change between the two. Both follow links: clusters mount secrets as links.
    check(path, &fs::metadata(path).map_err(|error| unreadable(path, &error))?)?;
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mode = check(path, &file.metadata().map_err(|error| unreadable(path, &error))?)?;

    // Room for all that may be read: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let limit = MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_BYTES {
        return Err(wrong(
            path,
            "is larger than 64 KiB",
            "name the file that holds the key and nothing else",
        ));
    }
    if bytes.is_empty() {
        return Err(wrong(path, "is empty", "write the key into it"));
    }
    let warnings = if mode & READABLE_BY_OTHERS == 0 {
        vec![]
    } else {
        vec![format!("{} can be read by others (mode {mode:03o}); chmod 600 closes it", path.display())]
    };
    Ok(Material { bytes: SecretBytes::new(std::mem::take(&mut bytes)), warnings })
}

/// The permissions of a file that may be read; an error for any other.
fn check(path: &Path, metadata: &Metadata) -> Result<u32, KeySourceError> {
    if !metadata.is_file() {
        let is = if metadata.is_dir() { "is a directory" } else { "is not a regular file" };
        return Err(wrong(path, is, "name the file that holds the key"));
    }
    let mode = mode(metadata);
    if mode & WRITABLE_BY_OTHERS != 0 {
        let may =
            format!("can be written by others (mode {mode:03o}), who could put a key of their own in place");
        return Err(wrong(path, &may, &format!("chmod go-w {}", path.display())));
    }
    Ok(mode)
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

/// Access lists are another matter; there is nothing to read off here.
#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0
}

fn unreadable(path: &Path, error: &io::Error) -> KeySourceError {
    let (what, help) = match error.kind() {
        io::ErrorKind::NotFound => ("is not there", "correct the path, or mount the secret"),
        io::ErrorKind::PermissionDenied => {
            ("may not be read by this user", "run Reseal as the file's owner, or let its user read it")
        }
        _ => ("could not be read", "look at the file and its file system"),
    };
    wrong(path, what, help)
}

fn wrong(path: &Path, what: &str, help: &str) -> KeySourceError {
    KeySourceError { message: format!("the file {} {what}", path.display()), help: help.into() }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    async fn source(path: &Path) -> Result<Material, KeySourceError> {
        let words = vec![path.to_str().unwrap().to_owned()];
        (PLUGIN.build)(&SourceArgs { words, pass_env: vec![] }).unwrap().read().await
    }

    fn file(folder: &Path, mode: u32, content: &[u8]) -> PathBuf {
        let path = folder.join(format!("key-{mode:o}-{}", content.len()));
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[tokio::test]
    async fn a_file_is_read_as_it_is_through_links_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), 0o600, b" secret\n");
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        for path in [path, link] {
            let read = source(&path).await.unwrap();
            assert_eq!(read.bytes.expose(), b" secret\n");
            assert!(read.warnings.is_empty());
        }
    }

    #[tokio::test]
    async fn readable_by_others_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o444] {
            let read = source(&file(folder.path(), mode, b"secret")).await.unwrap();
            assert!(read.warnings[0].contains("can be read by others"), "{mode:o}");
            assert!(!read.warnings[0].contains("secret"));
        }
    }

    #[tokio::test]
    async fn writable_by_others_is_refused_through_links_too() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o620, 0o602, 0o666] {
            let path = file(folder.path(), mode, b"secret");
            let link = folder.path().join(format!("link-{mode:o}"));
            symlink(&path, &link).unwrap();
            for path in [path, link] {
                let error = source(&path).await.unwrap_err();
                assert!(error.message.contains("can be written by others"), "{}", error.message);
                assert!(error.help.starts_with("chmod go-w "));
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_key_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = async |path: &Path| source(path).await.unwrap_err().message;
        assert!(message(folder.path()).await.ends_with("is a directory"));
        assert!(message(&folder.path().join("none")).await.ends_with("is not there"));
        assert!(message(Path::new("/dev/null")).await.ends_with("is not a regular file"));
        assert!(message(&file(folder.path(), 0o600, b"")).await.ends_with("is empty"));
        let large = file(folder.path(), 0o600, &vec![b'x'; MAX_BYTES + 1]);
        assert!(message(&large).await.ends_with("is larger than 64 KiB"));
        assert_eq!(
            source(&file(folder.path(), 0o600, &vec![b'x'; MAX_BYTES])).await.unwrap().bytes.expose().len(),
            MAX_BYTES
        );
    }

    #[test]
    fn only_one_path_will_do() {
        for words in [vec![], vec!["a".to_owned(), "b".to_owned()], vec![String::new()]] {
            assert!((PLUGIN.build)(&SourceArgs { words, pass_env: vec![] }).is_err());
        }
    }
}
