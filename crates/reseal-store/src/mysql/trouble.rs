//! MariaDB's and MySQL's errors, sorted by what a caller can do about them.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::error::{ENDED, REFUSED, SYNTAX, Sorted, shown};
use crate::{StoreError, Trouble};

pub(super) fn failed(error: &sqlx::Error) -> StoreError {
    StoreError::from_driver(error, sort)
}

/// Sorts error numbers (MariaDB and MySQL server error references).
pub(super) fn sort(error: &dyn DatabaseError) -> Sorted {
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    let (trouble, means) = meaning(number).unwrap_or((Trouble::Other, REFUSED));
    Sorted { trouble, means, code: format!("{number} ({})", shown(error.code().as_deref())) }
}

fn meaning(number: u16) -> Option<(Trouble, &'static str)> {
    use Trouble::{Constraint, Missing, Refused, Retry, Timeout, Unwritable};
    Some(match number {
        1205 => (Retry, "the wait for a lock timed out"),
        1213 => (Retry, "the transaction was in a deadlock"),
        1020 => (Retry, "another transaction changed the same rows"),
        1969 | 3024 => (Timeout, "the statement took too long"),
        1053 | 1152..=1161 | 1927 | 2006 | 2013 => (Trouble::ConnectionLost, ENDED),
        1045 | 1698 => (Refused, "the server rejected the login"),
        1044 => (Refused, "the user has no access to the database"),
        1049 => (Refused, "the database does not exist"),
        1130 => (Refused, "the server does not accept connections from this host"),
        1040 => (Refused, "the server has too many connections"),
        1142 | 1143 | 1227 | 1370 => (Trouble::Permission, "permission denied"),
        1050 => (Missing, "the table already exists"),
        1051 | 1146 => (Missing, "the table does not exist"),
        1054 => (Missing, "the column does not exist"),
        1305 => (Missing, "the function does not exist"),
        1021 | 1114 => (Unwritable, "the server's disk or table is full"),
        1290 | 1792 | 1836 => (Unwritable, "the server is read-only"),
        1048 => (Constraint, "a NOT NULL constraint was violated"),
        1062 => (Constraint, "a unique constraint was violated"),
        1118 | 1406 | 1713 => (Constraint, "a value is too long for its column or row"),
        1264 | 1265 | 1292 | 1366 => (Constraint, "a value does not fit the type of its column"),
        1451 | 1452 => (Constraint, "a foreign key constraint was violated"),
        1644 => (Constraint, "a trigger rejected it"),
        3819 | 4025 => (Constraint, "a CHECK constraint was violated"),
        1064 => (Trouble::Other, SYNTAX),
        _ => return None,
    })
}
