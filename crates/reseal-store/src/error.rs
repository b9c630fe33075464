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
    /// A row key names several rows.
    Ambiguous,
    /// The server takes no writes: a standby, a read-only transaction, a full disk.
    Unwritable,
    /// Host, login or database were refused.
    Refused,
    /// The connection would not be encrypted, and nobody has allowed that.
    Plaintext,
    /// The database URL has a parameter that is not understood.
    Parameter,
    /// The database URL is none, or in the form of another library.
    Url,
    /// A pooler lends each transaction another connection to the server.
    Pooled,
    /// The file that is the database is not there, or is none.
    NoFile,
    /// Reseal's own tables belong to a role that the connection's user has nothing to do with.
    ForeignLedger,
    /// Reseal's own tables are of a later version than this build knows.
    Newer,
    /// Somebody began to drop Reseal's own tables, and did not end it.
    HalfRemoved,
    /// Anything else.
    Other,
}

/// An error of a database. Its message is Reseal's own and never holds a value of a row.
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
        if matches!(error, sqlx::Error::Tls(why) if why.to_string() == NO_TLS) {
            return StoreError::plaintext(place, "the server does not support TLS");
        }
        let trouble = if sorted.trouble == Trouble::Retry { Trouble::Retry } else { Trouble::Refused };
        StoreError { trouble, message: format!("{place}: {why}") }
    }

    /// The refusal of a connection that would be plaintext on its way to another machine.
    pub(crate) fn plaintext(place: &str, why: &str) -> Self {
        let message = format!("{place}: {why}, but Reseal requires TLS for connections to another machine");
        StoreError::new(Trouble::Plaintext, message)
    }

    /// Whether a row can be the reason, by a trigger or constraint of the table: triggers give whatever code they like. What
    /// servers say of passing trouble is not among it.
    #[must_use]
    pub fn may_be_of_a_row(&self) -> bool {
        use Trouble::{Constraint, Missing, Other, Permission, RowSecurity};
        matches!(self.trouble, Constraint | Permission | RowSecurity | Missing | Other)
    }

    /// An error with a message of Reseal's own.
    #[must_use]
    pub fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        StoreError { trouble, message: message.into() }
    }

    /// Sorts an error of the driver, with `sort` for what the server itself reported: of that its code counts, and nothing
    /// of its words is kept. Triggers choose both freely, and servers quote values.
    pub(crate) fn from_driver(error: &sqlx::Error, sort: Sort) -> Self {
        match error {
            sqlx::Error::Database(server) => sort(server.as_ref()).into(),
            sqlx::Error::Io(io) => {
                StoreError::new(Trouble::ConnectionLost, format!("the connection failed: {}", io.kind()))
            }
            sqlx::Error::Tls(_) => StoreError::new(
                Trouble::Refused,
                "the TLS handshake failed: the server's certificate is not valid, or a certificate named in the URL cannot be read",
            ),
            sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => StoreError::new(
                Trouble::ConnectionLost,
                "the connection was lost in the middle of a response",
            ),
            sqlx::Error::Configuration(_) => {
                StoreError::new(Trouble::Refused, "the database URL is not valid")
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                StoreError::new(Trouble::Missing, "a column has a different type than its table declares")
            }
            _ => StoreError::new(Trouble::Other, "the database driver failed"),
        }
    }

    /// The same for a statement that is prepared and not carried out, so that no row is read and no trigger fires: what the
    /// server finds wrong with its words is told in the server's, since only the statement and the catalogue are in it.
    pub(crate) fn from_preparing(error: &sqlx::Error, sort: Sort) -> Self {
        let told = |server: &dyn DatabaseError| {
            let sorted = sort(server);
            let is_of_words = sorted.trouble == Trouble::Missing || sorted.means == SYNTAX;
            is_of_words.then(|| {
                let message = format!("{} [{}]", first_words(server.message()), sorted.code);
                StoreError::new(sorted.trouble, message)
            })
        };
        error.as_database_error().and_then(told).unwrap_or_else(|| StoreError::from_driver(error, sort))
    }

    /// The same for a statement of the plan's own, which may raise an error to say why it refuses to go on: its words are
    /// told where the statement quotes them, and thus the plan.
    pub(crate) fn from_step(error: &sqlx::Error, sort: Sort, statement: &str) -> Self {
        let sorted = StoreError::from_driver(error, sort);
        let words = error.as_database_error().map(DatabaseError::message).unwrap_or_default();
        let is_quoted = !words.is_empty() && statement.contains(&format!("'{}'", words.replace('\'', "''")));
        match is_quoted {
            true => StoreError { message: format!("{words}: {}", sorted.message), ..sorted },
            false => sorted,
        }
    }
}

/// The first words of what a server says, on one line.
fn first_words(said: &str) -> String {
    let said = said.split("; check the manual").next().unwrap_or_default();
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Sorts what a server reported, by its code.
pub(crate) type Sort = fn(&dyn DatabaseError) -> Sorted;

/// What a server's code means.
pub(crate) struct Sorted {
    pub(crate) trouble: Trouble,
    /// In Reseal's words.
    pub(crate) means: &'static str,
    /// The code, as it is shown.
    pub(crate) code: String,
}

/// What is said of a code that tells nothing.
pub(crate) const REFUSED: &str = "the server rejected it";

/// What is said of a statement whose text is wrong.
pub(crate) const SYNTAX: &str = "the statement has a syntax error";

/// What the driver says where a server takes no TLS.
const NO_TLS: &str = "server does not support TLS";

/// What is said of a connection that the server ends.
pub(crate) const ENDED: &str = "the server ended the connection";

impl From<Sorted> for StoreError {
    fn from(sorted: Sorted) -> Self {
        StoreError::new(sorted.trouble, format!("{} [{}]", sorted.means, sorted.code))
    }
}

/// A code as it may be shown: whatever sent it, it is a short word.
pub(crate) fn shown(code: Option<&str>) -> &str {
    let is_code = |code: &&str| code.len() <= 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    code.filter(is_code).unwrap_or("?")
}
