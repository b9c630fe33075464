//! PostgreSQL's errors, sorted by what a caller can do about them.

use sqlx::error::DatabaseError;

use crate::{StoreError, Trouble};

pub(super) fn failed(error: &sqlx::Error) -> StoreError {
    StoreError::from_driver(error, classify)
}

/// An error while connecting to a place.
pub(super) fn unreachable(error: &sqlx::Error, place: &str) -> StoreError {
    StoreError::unreachable(failed(error), error, place)
}

/// The same for steps, where RAISE is how a statement says why it refuses to go on.
pub(super) fn classify_step(error: &dyn DatabaseError) -> (Trouble, bool) {
    let (trouble, show) = classify(error);
    (trouble, show || error.code().as_deref() == Some("P0001"))
}

/// Sorts SQLSTATE codes (PostgreSQL documentation, appendix A). Class 22 and 23 messages can hold values. 54000 is what an
/// index says whose entry would be too long.
fn classify(error: &dyn DatabaseError) -> (Trouble, bool) {
    let code = error.code().unwrap_or_default();
    match code.as_ref() {
        "40001" | "40P01" | "55P03" => (Trouble::Retry, true),
        "57014" | "25P03" => (Trouble::Timeout, true),
        "57P01" | "57P02" | "57P03" | "57P05" => (Trouble::ConnectionLost, true),
        // The server has one code for both, and names row-level security in its message alone.
        "42501" if error.message().contains("row-level security") => (Trouble::RowSecurity, true),
        "42501" => (Trouble::Permission, true),
        "42P01" | "42703" | "3F000" | "42883" | "42804" | "42P07" | "0A000" | "55000" => {
            (Trouble::Missing, true)
        }
        "25006" | "53100" | "53200" | "53400" => (Trouble::Unwritable, true),
        "28000" | "28P01" | "3D000" | "53300" => (Trouble::Refused, true),
        _ if code.starts_with("08") => (Trouble::ConnectionLost, true),
        _ if code.starts_with("23")
            || code.starts_with("22")
            || code.starts_with("P0")
            || matches!(code.as_ref(), "44000" | "54000") =>
        {
            (Trouble::Constraint, false)
        }
        _ => (Trouble::Other, true),
    }
}
