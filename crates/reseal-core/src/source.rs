//! Sources of keys and other secrets.

use async_trait::async_trait;
use thiserror::Error;

use crate::{OptionError, SecretBytes};

/// A key-source plugin: where a key's bytes are read from.
#[derive(Clone, Copy)]
pub struct KeySourcePlugin {
    /// The source's name in a plan: `{ env: … }`, `{ file: … }`.
    pub name: &'static str,
    /// One sentence for documentation and editors.
    pub summary: &'static str,
    /// Which of its words are paths.
    pub paths: PathWords,
    /// Builds the source.
    pub build: fn(&SourceArgs) -> Result<Box<dyn KeySource>, OptionError>,
}

/// Which words of a source are paths of files: in a plan, those are relative to the plan's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathWords {
    /// None of them.
    None,
    /// Each of them.
    All,
    /// The first, where it holds a slash; else it is a program that is looked for in PATH.
    Program,
}

impl PathWords {
    /// Whether the word at a position is a path.
    #[must_use]
    pub fn is_path(self, at: usize, word: &str) -> bool {
        match self {
            PathWords::None => false,
            PathWords::All => true,
            PathWords::Program => at == 0 && word.contains('/'),
        }
    }
}

/// Whether this can be the name of a variable, as shells and service managers set them.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// A path in full: one that is relative lies in `folder`.
#[must_use]
pub fn path_in(folder: &str, path: &str) -> String {
    if folder.is_empty() || path.is_empty() || path.starts_with('/') {
        return path.to_owned();
    }
    format!("{}/{}", folder.trim_end_matches('/'), path.trim_start_matches("./"))
}

/// What a plan says of a key source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceArgs {
    /// The words behind the source's name: a variable, a path, a program and its arguments.
    pub words: Vec<String>,
    /// Variables of Reseal's own environment that a child process may see beside PATH, HOME and LANG.
    pub pass_env: Vec<String>,
    /// The plan's folder, in which a program is started; the working directory where it is empty.
    pub folder: String,
}

/// Somewhere a secret is kept.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Reads the secret, as it is kept: no decoding, no trimming.
    ///
    /// # Errors
    /// When it is not there, or may not be read. The error names the place, never the content.
    async fn read(&self) -> Result<Material, KeySourceError>;
}

/// A secret as its source holds it, with what is worth a warning.
#[derive(Debug)]
pub struct Material {
    /// The bytes as they are kept.
    pub bytes: SecretBytes,
    /// What an operator should know, such as a file that others can read.
    pub warnings: Vec<String>,
}

/// Why a secret could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct KeySourceError {
    /// What happened and where; never the content.
    pub message: String,
    /// What to do next.
    pub help: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_lie_in_the_folder() {
        for (folder, path, full) in [
            ("/etc/reseal", "keys/v1.key", "/etc/reseal/keys/v1.key"),
            ("/etc/reseal", "./v1.key", "/etc/reseal/v1.key"),
            ("/etc/reseal", "../v1.key", "/etc/reseal/../v1.key"),
            ("/etc/reseal", "/run/v1.key", "/run/v1.key"),
            ("/", "v1.key", "/v1.key"),
            ("", "v1.key", "v1.key"),
            ("/etc/reseal", "", ""),
        ] {
            assert_eq!(path_in(folder, path), full);
        }
    }

    #[test]
    fn a_program_is_a_path_where_it_holds_a_slash() {
        let of =
            |words: PathWords| [(0, "./a"), (0, "a"), (1, "b/c")].map(|(at, word)| words.is_path(at, word));
        assert_eq!(of(PathWords::None), [false, false, false]);
        assert_eq!(of(PathWords::All), [true, true, true]);
        assert_eq!(of(PathWords::Program), [true, false, false]);
    }
}
