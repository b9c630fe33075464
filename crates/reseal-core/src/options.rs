//! Options of plugins, as a plan sets them.

use std::collections::BTreeMap;

use thiserror::Error;

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
    /// A path of a file; what holds no slash is looked for where the system looks for such files.
    Path,
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
