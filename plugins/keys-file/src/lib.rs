//! Secrets in files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use reseal_core::{
    KeySource, KeySourceError, KeySourcePlugin, Material, OptionError, PathWords, SecretBytes, SourceArgs,
};
use reseal_files::{FileFault, Owner, Readers, Rule};

/// The plugin.
pub const PLUGIN: KeySourcePlugin = KeySourcePlugin {
    name: "file",
    summary: "The content of a file, such as a mounted secret.",
    paths: PathWords::All,
    build,
};

/// No key is longer; whoever names a larger file named the wrong one.
const MAX_BYTES: usize = 64 * 1024;

/// Clusters mount secrets that a group can read, or all of a container: a warning is enough.
const RULE: Rule = Rule { most: MAX_BYTES as u64, readers: Readers::Anyone, owner: Owner::Own };

fn build(args: &SourceArgs) -> Result<Box<dyn KeySource>, OptionError> {
    match args.words.as_slice() {
        [path] if !path.is_empty() && !path.contains('\0') => Ok(Box::new(SecretFile(path.into()))),
        _ => Err(OptionError {
            option: None,
            message: "`file` requires the path of one file".into(),
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
        read.unwrap_or_else(|_| {
            Err(wrong(&self.0, "was not read because Reseal is shutting down", "run the command again"))
        })
    }
}

fn read(path: &Path) -> Result<Material, KeySourceError> {
    let content = reseal_files::read(path, &RULE).map_err(|error| KeySourceError {
        message: error.to_string(),
        help: match error.fault {
            FileFault::Directory | FileFault::NotRegular => {
                "use the path of the file that contains the key".into()
            }
            FileFault::TooLarge { .. } => {
                "use the path of the file that contains the key and nothing else".into()
            }
            _ => error.help(),
        },
    })?;
    if content.bytes.is_empty() {
        return Err(wrong(path, "is empty", "write the key to it"));
    }
    let (shown, mode) = (path.display(), content.mode);
    let warnings = match content.is_readable_by_others() {
        true => vec![format!("{shown} is readable by other users (mode {mode:03o}); run `chmod 600` on it")],
        false => vec![],
    };
    Ok(Material { bytes: SecretBytes::from(content.bytes), warnings })
}

fn wrong(path: &Path, what: &str, help: &str) -> KeySourceError {
    KeySourceError { message: format!("the file {} {what}", path.display()), help: help.into() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    async fn source(path: &Path) -> Result<Material, KeySourceError> {
        let words = vec![path.to_str().unwrap().to_owned()];
        (PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() }).unwrap().read().await
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
            assert!(read.warnings[0].contains("is readable by other users"), "{mode:o}");
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
                assert!(error.message.contains("is writable by other users"), "{}", error.message);
                assert!(error.help.starts_with("chmod go-w "));
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_key_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = async |path: &Path| source(path).await.unwrap_err().message;
        assert!(message(folder.path()).await.ends_with("is a directory"));
        assert!(message(&folder.path().join("none")).await.ends_with("does not exist"));
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
            assert!((PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() }).is_err());
        }
    }
}
