//! Why a command ended without doing what it was asked, with what to do next.

use reseal_store::{StoreError, Trouble};
use thiserror::Error;

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

/// Why a command ended without doing what it was asked.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct EngineError {
    /// What kind of end it is.
    pub class: Class,
    /// A short stable code in kebab-case.
    pub code: &'static str,
    /// What happened and where. Never a key, never a plaintext.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

impl EngineError {
    /// Something has to be mended first.
    #[must_use]
    pub fn refused(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        EngineError { class: Class::Refused, code, message: message.into(), help: Some(help.into()) }
    }

    /// Stopped, busy or waiting.
    #[must_use]
    pub fn stopped(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        EngineError { class: Class::Stopped, code, message: message.into(), help: Some(help.into()) }
    }

    /// The command cannot mean what it says.
    #[must_use]
    pub fn usage(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        EngineError { class: Class::Usage, code, message: message.into(), help: Some(help.into()) }
    }

    /// Something broke that nobody foresaw.
    #[must_use]
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        EngineError { class: Class::Failed, code, message: message.into(), help: None }
    }

    /// Another engine has taken the run up; this one may commit nothing more.
    #[must_use]
    pub fn superseded() -> Self {
        EngineError::stopped(
            "superseded",
            "another engine has taken this run up",
            "let it finish; `reseal status` shows who holds the run",
        )
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        let (class, code, help) = match error.trouble {
            Trouble::Retry | Trouble::Timeout => (
                Class::Stopped,
                "database-busy",
                "the database stays busy: run again, or lower the pace in the plan",
            ),
            Trouble::ConnectionLost => (
                Class::Stopped,
                "connection-lost",
                "when the database is back, run again: it goes on where it stopped",
            ),
            Trouble::Constraint => (Class::Failed, "constraint", "see the quarantine for the row"),
            Trouble::Permission if error.message.contains("row-level security") => (
                Class::Refused,
                "row-security",
                "ALTER ROLE … BYPASSRLS for the user of the database URL, or connect as the table's owner: rows that a \
                 policy hides would be left behind",
            ),
            Trouble::Permission => {
                (Class::Refused, "privilege-missing", "grant it to the user of the database URL")
            }
            Trouble::Missing => (
                Class::Refused,
                "schema-changed",
                "compare the plan with the schema; did a migration change a column?",
            ),
            Trouble::Unwritable => (
                Class::Stopped,
                "unwritable",
                "free space or end the failover, then run again: it goes on where it stopped",
            ),
            Trouble::Refused => {
                (Class::Refused, "connection-refused", "check host, port, database, user and password")
            }
            Trouble::NoFile => (
                Class::Refused,
                "connection-refused",
                "check the path in the database URL; Reseal makes no database",
            ),
            Trouble::Newer => (
                Class::Refused,
                "newer-version",
                "update reseal: what a later version has written is left alone",
            ),
            Trouble::Other => (Class::Failed, "database-error", "run again: it goes on where it stopped"),
        };
        EngineError { class, code, message: error.message, help: Some(help.to_owned()) }
    }
}
