//! What makes a table impossible to rotate as the plan says.

use thiserror::Error;

use super::{Advice, Advise};

/// What makes a table impossible to rotate as the plan says.
#[derive(Clone, Debug, Error)]
pub enum TableError {
    /// The plan names a column that is not there.
    #[error("table `{table}` has no column `{column}`")]
    NoSuchColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The columns that it has.
        columns: String,
    },
    /// The database refuses the plan's condition.
    #[error("{table}: the database rejects `where:` of the plan: {why}")]
    Condition {
        /// The table.
        table: String,
        /// What the database says, without a value.
        why: String,
    },
    /// Paging by the row key does not advance.
    #[error(
        "{table}: the database returned the same rows again, because it sorts ({columns}) differently than \
         it compares them"
    )]
    RowKeyOrder {
        /// The table.
        table: String,
        /// The columns of the row key.
        columns: String,
    },
    /// A key would seal more cells than random nonces allow.
    #[error("table `{table}` has {rows} rows, more than one key can seal with random nonces")]
    TooManySeals {
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
    },
    /// Cell after cell of a field opens under no key.
    #[error("{field}: none of {cells} consecutive cells opens under {keys}: {reasons}")]
    WrongKey {
        /// Table and field.
        field: String,
        /// How many cells.
        cells: u64,
        /// The seals that were tried, each with the ids of its keys.
        keys: String,
        /// Why they do not open, by the codes of the quarantine.
        reasons: String,
    },
}

impl Advise for TableError {
    fn advice(&self) -> Advice {
        match self {
            TableError::NoSuchColumn { columns, .. } => {
                Advice::refused("no-such-column", format!("its columns are {columns}"))
            }
            TableError::Condition { table, .. } => Advice::refused(
                "where",
                format!(
                    "test it with SELECT count(*) FROM {table} WHERE …; it must work for every row of the \
                     table"
                ),
            ),
            TableError::RowKeyOrder { .. } => {
                Advice::refused("row-key-order", "use a different row key, for example an integer")
            }
            TableError::TooManySeals { .. } => Advice::refused(
                "too-many-seals",
                "use several keys for the table, or derive a key for each tenant",
            ),
            TableError::WrongKey { .. } => Advice::refused(
                "wrong-key",
                "check which key these cells are under, and that format, AAD and key derivation in the plan \
                 match the application",
            ),
        }
    }
}
