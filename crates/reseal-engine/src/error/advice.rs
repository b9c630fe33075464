//! What an error comes to where a command ends: its class, its code, and what to do next.

use std::borrow::Cow;
use std::error::Error;

/// What kind of end it is; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The command or the plan is wrong (exit 2).
    Usage,
    /// Refused until something is mended: preflight, pins, the breaker (exit 3).
    Refused,
    /// Stopped, busy or waiting; try again or resume (exit 4).
    Stopped,
    /// Failed (exit 5).
    Failed,
}

/// What an error comes to where a command ends, and in the audit trail. Nothing is decided by its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What kind of end it is.
    pub class: Class,
    /// A short stable code in kebab-case.
    pub code: &'static str,
    /// What to do next.
    pub help: Option<Cow<'static, str>>,
}

impl Advice {
    /// The command cannot mean what it says.
    #[must_use]
    pub fn usage(code: &'static str, help: impl Into<Cow<'static, str>>) -> Self {
        Advice { class: Class::Usage, code, help: Some(help.into()) }
    }

    /// Something has to be mended first.
    #[must_use]
    pub fn refused(code: &'static str, help: impl Into<Cow<'static, str>>) -> Self {
        Advice { class: Class::Refused, code, help: Some(help.into()) }
    }

    /// Stopped, busy or waiting.
    #[must_use]
    pub fn stopped(code: &'static str, help: impl Into<Cow<'static, str>>) -> Self {
        Advice { class: Class::Stopped, code, help: Some(help.into()) }
    }

    /// Something broke that nobody foresaw.
    #[must_use]
    pub fn failed(code: &'static str) -> Self {
        Advice { class: Class::Failed, code, help: None }
    }
}

/// An error that knows what it comes to. Its `Display` says what happened and where: never a key, never a plaintext.
///
/// Each enum of errors answers by one match without `_`, so that a new variant does not compile before it has an answer.
pub trait Advise: Error + Send + Sync + 'static {
    /// Class, code, and what to do next.
    fn advice(&self) -> Advice;
}
