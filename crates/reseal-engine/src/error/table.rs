//! What makes a table impossible to rotate as the plan says.

use thiserror::Error;

use super::{Advice, Advise};

/// What makes a table impossible to rotate as the plan says.
#[derive(Clone, Debug, Error)]
pub enum TableError {
    /// The plan names a column that is not there.
    #[error("table {table} has no column {column}")]
    NoSuchColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The columns that it has.
        columns: String,
    },
    /// The database refuses the plan's condition.
    #[error("{table}: the database refuses the plan's `where:`: {why}")]
    Condition {
        /// The table.
        table: String,
        /// What the database says, without a value.
        why: String,
    },
    /// Paging by the row key does not advance.
    #[error("{table}: the same rows come again; the database does not sort ({columns}) as it compares them")]
    RowKeyOrder {
        /// The table.
        table: String,
        /// The columns of the row key.
        columns: String,
    },
    /// A key would seal more cells than random nonces allow.
    #[error("{table} has {rows} rows, more than one key may seal with random nonces")]
    TooManySeals {
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
    },
    /// Cell after cell of a field opens under no key.
    #[error("{field}: {cells} cells in a row, none opens under {keys}: {reasons}")]
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
                    "try it in SELECT count(*) FROM {table} WHERE …; it must hold for every row of the table"
                ),
            ),
            TableError::RowKeyOrder { .. } => {
                Advice::refused("row-key-order", "name another row key: integers sort the same everywhere")
            }
            TableError::TooManySeals { .. } => Advice::refused(
                "too-many-seals",
                "split the table over several keys, or derive a key for each tenant",
            ),
            TableError::WrongKey { .. } => Advice::refused(
                "wrong-key",
                "check which key these cells are under, and that the plan's format, AAD and key derivation are the \
                 application's own",
            ),
        }
    }
}
