//! PostgreSQL's errors, sorted by what a caller can do about them.

use sqlx::error::DatabaseError;

use crate::error::{ENDED, REFUSED, SYNTAX, Sorted, shown};
use crate::{StoreError, Trouble};

pub(super) fn failed(error: &sqlx::Error) -> StoreError {
    StoreError::from_driver(error, sort)
}

/// An error while connecting to a place.
pub(super) fn unreachable(error: &sqlx::Error, place: &str) -> StoreError {
    StoreError::unreachable(failed(error), error, place)
}

/// Sorts SQLSTATE codes (PostgreSQL documentation, appendix A).
pub(super) fn sort(error: &dyn DatabaseError) -> Sorted {
    let code = error.code().unwrap_or_default();
    let (trouble, means) = match code.as_ref() {
        // The server has one code for both, and names row-level security in its message alone.
        "42501" if error.message().contains("row-level security") => {
            (Trouble::RowSecurity, "row-level security would hide rows")
        }
        code => meaning(code).unwrap_or((of_class(code), REFUSED)),
    };
    Sorted { trouble, means, code: shown(Some(&code)).to_owned() }
}

fn meaning(code: &str) -> Option<(Trouble, &'static str)> {
    use Trouble::{Constraint, Missing, Refused, Retry, Timeout, Unwritable};
    Some(match code {
        "40001" => (Retry, "another transaction changed the same rows"),
        "40P01" => (Retry, "the transaction was in a deadlock"),
        "55P03" => (Retry, "the wait for a lock timed out"),
        "57014" => (Timeout, "the statement was cancelled or took too long"),
        "25P03" => (Timeout, "the transaction was idle for too long"),
        "57P01" | "57P02" | "57P03" | "57P05" => (Trouble::ConnectionLost, ENDED),
        "42501" => (Trouble::Permission, "permission denied"),
        "42P01" => (Missing, "the table does not exist"),
        "42703" => (Missing, "the column does not exist"),
        "3F000" => (Missing, "the schema does not exist"),
        "42883" => (Missing, "the function or operator does not exist for these types"),
        "42804" => (Missing, "types do not match"),
        "42P07" => (Missing, "the table already exists"),
        "0A000" => (Missing, "the server does not support this"),
        "55000" => (Missing, "the object is not in the state that this requires"),
        "25006" => (Unwritable, "the transaction is read-only"),
        "53100" => (Unwritable, "the server's disk is full"),
        "53200" => (Unwritable, "the server is out of memory"),
        "53400" => (Unwritable, "a configured limit of the server is exceeded"),
        "53300" => (Refused, "the server has too many connections"),
        "28000" => (Refused, "the server rejected the login"),
        "28P01" => (Refused, "the server rejected the password"),
        "3D000" => (Refused, "the database does not exist"),
        "23502" => (Constraint, "a NOT NULL constraint was violated"),
        "23503" => (Constraint, "a foreign key constraint was violated"),
        "23505" => (Constraint, "a unique constraint was violated"),
        "23514" => (Constraint, "a CHECK constraint was violated"),
        "23P01" => (Constraint, "an exclusion constraint was violated"),
        "44000" => (Constraint, "the check option of a view was violated"),
        "22001" => (Constraint, "a value is too long for its column"),
        // What an index says whose entry would be too long.
        "54000" => (Constraint, "a value is longer than the server accepts"),
        "P0001" => (Constraint, "a function or trigger rejected it"),
        "42601" => (Trouble::Other, SYNTAX),
        _ => return None,
    })
}

fn of_class(code: &str) -> Trouble {
    match code.get(..2) {
        Some("08") => Trouble::ConnectionLost,
        Some("22" | "23" | "P0") => Trouble::Constraint,
        _ => Trouble::Other,
    }
}
