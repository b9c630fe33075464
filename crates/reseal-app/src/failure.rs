//! Why a command did not do what it was asked, whoever asked.

use std::borrow::Cow;

use reseal_custody::{ApprovalError, CustodyError};
use reseal_engine::{Advise, Class, RunError};
use reseal_registry::{BuildError, ReadKeyError};
use reseal_serve::ServeError;
use reseal_store::StoreError;

/// What kind of failure it is, and so what whoever asked can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The request or the plan is wrong.
    Usage,
    /// Refused until something is mended.
    Refused,
    /// Stopped, busy or waiting: the same request may succeed later.
    Stopped,
    /// Failed.
    Failed,
}

/// Not done.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// A short stable code in kebab-case.
    pub code: String,
    /// What happened and where. Never a key, never a plaintext.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// Whether the agreement of people is missing, or would not count.
    pub approval: bool,
}

impl Failure {
    /// The request cannot mean what it says.
    pub fn usage(code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure::with(FailureClass::Usage, code, message, Some(help.into()))
    }

    /// Something has to be mended first.
    pub fn refused(code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure::with(FailureClass::Refused, code, message, Some(help.into()))
    }

    /// Stopped, busy or waiting.
    pub fn stopped(code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure::with(FailureClass::Stopped, code, message, Some(help.into()))
    }

    /// Something broke that nobody foresaw.
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Failure::with(FailureClass::Failed, code, message, None)
    }

    fn with(class: FailureClass, code: &str, message: impl Into<String>, help: Option<String>) -> Self {
        Failure { class, code: code.into(), message: message.into(), help, approval: false }
    }

    /// What an error comes to here.
    pub fn of(error: &impl Advise) -> Self {
        let advice = error.advice();
        let class = match advice.class {
            Class::Usage => FailureClass::Usage,
            Class::Refused => FailureClass::Refused,
            Class::Stopped => FailureClass::Stopped,
            Class::Failed => FailureClass::Failed,
        };
        Failure::with(class, advice.code, error.to_string(), advice.help.map(Cow::into_owned))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Failure::of(&error)
    }
}

impl From<CustodyError> for Failure {
    fn from(error: CustodyError) -> Self {
        let approval = match &error {
            CustodyError::Approval(error) => {
                matches!(
                    error,
                    ApprovalError::Needed(_) | ApprovalError::Wrong { .. } | ApprovalError::Own { .. }
                )
            }
            _ => false,
        };
        Failure { approval, ..Failure::of(&error) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::of(&error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Store(error) => error.into(),
            ServeError::Listen { .. } => Failure::refused(
                "listen",
                error.to_string(),
                "pass another address, or stop the process that uses this one",
            ),
            ServeError::Signal(_) => Failure::failed("signal", error.to_string()),
        }
    }
}

impl From<ReadKeyError> for Failure {
    fn from(error: ReadKeyError) -> Self {
        match error.asked {
            true => Failure::usage("key", error.message, error.help),
            false => Failure::refused("key", error.message, error.help),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Key(error) => error.into(),
            BuildError::Format { .. } => Failure::refused("format", error.to_string(), "run `reseal check`"),
        }
    }
}
