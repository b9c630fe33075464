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
    /// Builds the source.
    pub build: fn(&SourceArgs) -> Result<Box<dyn KeySource>, OptionError>,
}

/// What a plan says of a key source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceArgs {
    /// The words behind the source's name: a variable, a path, a program and its arguments.
    pub words: Vec<String>,
    /// Variables of Reseal's own environment that a child process may see beside PATH, HOME and LANG.
    pub pass_env: Vec<String>,
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
