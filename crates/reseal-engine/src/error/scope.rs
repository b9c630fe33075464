//! What a command names and the plan or the table does not have.

use thiserror::Error;

use super::{Advice, Advise};

/// What a command names and the plan or the table does not have.
#[derive(Clone, Debug, Error)]
pub enum ScopeError {
    /// The plan has no such table.
    #[error("the plan has no table `{name}`")]
    NoSuchTable {
        /// The name that was given.
        name: String,
        /// The plan's tables.
        tables: String,
    },
    /// The table whose row is to be looked at is not in the plan.
    #[error("the plan has no table `{name}`")]
    NoTableToInspect {
        /// The name that was given.
        name: String,
    },
    /// Tenant, domain and tables together leave nothing.
    #[error("no table of the plan is in the requested scope")]
    Empty,
    /// The tenant is no value that its column can hold.
    #[error("tenant `{tenant}` is not a valid value of column `{column}`")]
    Tenant {
        /// The tenant that was given.
        tenant: String,
        /// Table and column.
        column: String,
    },
    /// What was given is no row key of the table.
    #[error("`{row}` is not a valid row key of table `{table}`")]
    RowKey {
        /// What was given.
        row: String,
        /// The table.
        table: String,
    },
    /// The table has no such row.
    #[error("table `{table}` has no row `{row}`")]
    NoSuchRow {
        /// The table.
        table: String,
        /// The row key.
        row: String,
    },
}

impl Advise for ScopeError {
    fn advice(&self) -> Advice {
        match self {
            ScopeError::NoSuchTable { tables, .. } => {
                Advice::usage("no-such-table", format!("its tables are {tables}"))
            }
            ScopeError::NoTableToInspect { .. } => Advice::usage("no-such-table", "pass a table of the plan"),
            ScopeError::Empty => Advice::usage(
                "empty-scope",
                "check `--tenant`, `--domain` and `--table` against `tenant:`, `domain:` and the table names \
                 in the plan",
            ),
            ScopeError::Tenant { .. } => {
                Advice::usage("tenant", "pass `--tenant` with a value of that column")
            }
            ScopeError::RowKey { .. } => Advice::usage(
                "row-key",
                "pass the row key as `reseal quarantine` prints it, with parts joined by commas",
            ),
            ScopeError::NoSuchRow { .. } => {
                Advice::usage("no-such-row", "check the row key; the row may have been deleted")
            }
        }
    }
}
