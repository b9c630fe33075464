//! What a plugin is: a plain struct of parts, exported as a constant.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{Format, Part, SecretBytes};

/// A format plugin: what a plan may say of it, and how it is built.
#[derive(Clone, Copy)]
pub struct FormatPlugin {
    /// The format's name in a plan.
    pub name: &'static str,
    /// One sentence for documentation and editors.
    pub summary: &'static str,
    /// The options that a plan may set.
    pub options: &'static [OptionSpec],
    /// Builds the format from the options of a plan. `parts` are the columns of a cell that lies in several,
    /// empty where it lies in one.
    pub build: fn(options: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError>,
}

/// A format, ready to use, with the facts that the rest of Reseal needs to know of it.
#[derive(Clone)]
pub struct BuiltFormat {
    /// The format itself.
    pub format: Arc<dyn Format>,
    /// False where some cells carry no authentication: a plan must then name keys by mark or give a validator.
    pub authenticated: bool,
    /// True where a cell itself names its key.
    pub marked: bool,
    /// Which key lengths the format takes.
    pub key_length: KeyLength,
    /// Whether cells can only lie in binary columns.
    pub binary: bool,
    /// True for a format that is no ciphertext, whose cells are taken only if no other format recognises them.
    pub plaintext: bool,
    /// Cells that one key may seal before random nonces are likely to repeat (NIST SP 800-38D §8.3 for AES-GCM).
    pub max_seals: Option<u64>,
}

/// Which key lengths a format takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLength {
    /// One of these lengths.
    OneOf(&'static [usize]),
    /// A passphrase: any length but zero.
    Passphrase,
    /// The format uses no key.
    None,
}

/// One option of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The option's name in a plan.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: OptionKind,
    /// One sentence for documentation and editors.
    pub doc: &'static str,
    /// Whether a plan must give it.
    pub required: bool,
}

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A place where a secret is kept, as a key is. Its content never stands among the options.
    Source,
}

/// An option's value in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A text or a word.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
}

/// The options that a plan gave, by name. Names and kinds were checked against [`OptionSpec`] before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, OptionValue>);

impl Options {
    /// A text option.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(OptionValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole-number option.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(OptionValue::Integer(n)) => Some(*n),
            _ => None,
        }
    }

    /// A truth value.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.0.get(name) {
            Some(OptionValue::Boolean(b)) => Some(*b),
            _ => None,
        }
    }
}

/// Why a plugin could not be built from its options.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct OptionError {
    /// The option at fault; `None` where one is missing altogether.
    pub option: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

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
