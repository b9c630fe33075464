//! What is wrong with an option, before a plan is carried out.

use reseal_core::OptionError;

/// A mistake in the text of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Mistake {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Mistake { message: message.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Mistake { help: Some(help.into()), ..self }
    }

    /// The same as the complaint of a plugin about this option.
    pub(crate) fn of(self, option: &'static str) -> OptionError {
        OptionError { option: Some(option), message: self.message, help: self.help }
    }
}

/// `, did you mean NAME?`, where a known name is near.
pub(crate) fn meant(name: &str, known: &[&str]) -> String {
    reseal_core::nearest(name, known).map(|near| format!(", did you mean {near}?")).unwrap_or_default()
}
