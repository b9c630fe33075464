//! SQLite's errors, sorted by what a caller can do about them.

use sqlx::error::DatabaseError;

use crate::error::{REFUSED, SYNTAX, Sorted, shown};
use crate::{StoreError, Trouble};

/// A constraint that RAISE in a trigger stands for.
const RAISED: i32 = 1811;

pub(super) fn failed(error: &sqlx::Error) -> StoreError {
    StoreError::from_driver(error, sort)
}

/// Sorts result codes (sqlite.org/rescode.html); the low byte is the primary code.
pub(super) fn sort(error: &dyn DatabaseError) -> Sorted {
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let (trouble, means) = match code & 0xff {
        5 | 6 => (Trouble::Retry, "another process has locked the file"),
        8 => (Trouble::Unwritable, "the file is read-only"),
        10 => (Trouble::Unwritable, "the file cannot be read or written"),
        13 => (Trouble::Unwritable, "the disk is full"),
        11 => (Trouble::NoFile, "the file is damaged"),
        14 => (Trouble::NoFile, "the file cannot be opened"),
        26 => (Trouble::NoFile, "the file is not a database"),
        19 if code == RAISED => (Trouble::Constraint, "a trigger rejected it"),
        19 => (Trouble::Constraint, "a constraint was violated"),
        // SQLite has one code for all that is wrong with a statement, and says in its message alone what that is.
        1 if error.message().starts_with("no such") => {
            (Trouble::Missing, "the table, column or function does not exist")
        }
        1 => (Trouble::Other, SYNTAX),
        _ => (Trouble::Other, REFUSED),
    };
    Sorted { trouble, means, code: shown(error.code().as_deref()).to_owned() }
}
