//! What can go wrong at a database, sorted by what a caller can do about it.

use sqlx::error::DatabaseError;
use thiserror::Error;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Deadlock, serialization failure, lock timeout, busy: begin the whole transaction again.
    Retry,
    /// The statement took longer than the server allows: begin again with less.
    Timeout,
    /// The connection is gone: what was in flight has an unknown outcome; connect and read the ledger.
    ConnectionLost,
    /// A constraint, trigger or column width refuses a row of the batch.
    Constraint,
    /// A privilege is missing.
    Permission,
    /// A policy would hide rows from this user.
    RowSecurity,
    /// A table, column or function is missing, or has another type than before.
    Missing,
    /// The server takes no writes: a standby, a read-only transaction, a full disk.
    Unwritable,
    /// Host, login or database were refused.
    Refused,
    /// The file that is the database is not there, or is none.
    NoFile,
    /// Reseal's own tables are of a later version than this build knows.
    Newer,
    /// Anything else.
    Other,
}

/// An error of a database. Its message never holds a value of a row.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct StoreError {
    /// What a caller can do about it.
    pub trouble: Trouble,
    /// What happened; no DETAIL, no value.
    pub message: String,
}

impl StoreError {
    /// An error while connecting, with the place that was asked. Whatever the reason, nothing was in flight.
    pub(crate) fn unreachable(sorted: StoreError, error: &sqlx::Error, place: &str) -> Self {
        let why = match error {
            // The system's own words, which name no address, login or database.
            sqlx::Error::Io(io) => format!("the connection failed: {io}"),
            _ => sorted.message,
        };
        let trouble = if sorted.trouble == Trouble::Retry { Trouble::Retry } else { Trouble::Refused };
        StoreError { trouble, message: format!("{place}: {why}") }
    }

    /// An error with a message of Reseal's own.
    #[must_use]
    pub fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        StoreError { trouble, message: message.into() }
    }

    /// Sorts an error of the driver, with `classify` for what the server itself reported.
    ///
    /// `classify` gets the server's error, and gives the trouble and whether its primary message may be shown:
    /// servers put values into the messages of data errors (`Duplicate entry '…'`).
    pub(crate) fn from_driver(
        error: &sqlx::Error,
        classify: fn(&dyn DatabaseError) -> (Trouble, bool),
    ) -> Self {
        match error {
            sqlx::Error::Database(server) => {
                let code = server.code().map(std::borrow::Cow::into_owned).unwrap_or_default();
                let (trouble, show) = classify(server.as_ref());
                let constraint = server.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
                let message = if show {
                    format!("{} [{code}]", server.message())
                } else {
                    format!("the server refused a value{constraint} [{code}]")
                };
                StoreError { trouble, message }
            }
            sqlx::Error::Io(io) => {
                StoreError::new(Trouble::ConnectionLost, format!("the connection failed: {}", io.kind()))
            }
            sqlx::Error::Tls(_) => StoreError::new(Trouble::Refused, "TLS with the server failed"),
            sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                StoreError::new(Trouble::ConnectionLost, "the connection broke in the middle of an answer")
            }
            sqlx::Error::Configuration(_) => {
                StoreError::new(Trouble::Refused, "the database URL is not understood")
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                StoreError::new(Trouble::Missing, "a column holds another type than its table declares")
            }
            _ => StoreError::new(Trouble::Other, "the database driver failed"),
        }
    }
}
