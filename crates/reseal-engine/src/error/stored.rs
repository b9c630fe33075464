//! What the database stores in the place of what it is sent.

use reseal_store::{Difference, Differing};
use thiserror::Error;

use super::{Advice, Advise};

/// A difference between what was sent and what is stored. The transaction that held it is rolled back.
#[derive(Clone, Debug, Error)]
pub enum StoredError {
    /// A cell holds something else.
    #[error("{table}, row {row}: {by} changes the cell in column `{column}` while it is written")]
    Cell {
        /// The table.
        table: String,
        /// The row key.
        row: String,
        /// The column.
        column: String,
        /// Who may have done it.
        by: Culprit,
    },
    /// The row is gone, or has another row key.
    #[error("{table}, row {row}: {by} deletes the row or changes its row key while it is written")]
    Gone {
        /// The table.
        table: String,
        /// The row key.
        row: String,
        /// Who may have done it.
        by: Culprit,
    },
    /// Another column of the row has changed.
    #[error(
        "{table}, row {row}: {by} changes column `{column}` whenever a cell is written, but `side_effects:` \
         does not list it"
    )]
    Beside {
        /// The table.
        table: String,
        /// The row key.
        row: String,
        /// The column.
        column: String,
        /// Who may have done it.
        by: Culprit,
    },
    /// A cell of another row was written.
    #[error("{table}: {by} writes `{other}.{column}` in rows other than the one for which it fires")]
    OtherRow {
        /// The table that was swapped.
        table: String,
        /// The table that was written.
        other: String,
        /// The column.
        column: String,
        /// Who may have done it.
        by: Culprit,
    },
    /// No row of a batch is stored, although nobody else has changed them.
    #[error("{table}: {by} discards updates: {rows} rows are unchanged")]
    Swallowed {
        /// The table.
        table: String,
        /// How many rows.
        rows: usize,
        /// Who may have done it.
        by: Culprit,
    },
}

/// Who may have changed what was sent: the triggers of a table.
#[derive(Clone, Debug)]
pub struct Culprit(pub Vec<String>);

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("the database"),
            triggers => write!(f, "trigger `{}`", triggers.join("` or `")),
        }
    }
}

impl StoredError {
    /// What a difference that was found in a table comes to.
    pub(crate) fn of(table: &str, difference: Difference) -> StoredError {
        let (table, by) = (table.to_owned(), Culprit(difference.by));
        match difference.what {
            Differing::Cell { row, column } => StoredError::Cell { table, row: row.to_string(), column, by },
            Differing::Gone { row } => StoredError::Gone { table, row: row.to_string(), by },
            Differing::Beside { row, column } => {
                StoredError::Beside { table, row: row.to_string(), column, by }
            }
            Differing::OtherRow { table: other, column } => {
                StoredError::OtherRow { table, other: other.to_string(), column, by }
            }
        }
    }
}

impl Advise for StoredError {
    fn advice(&self) -> Advice {
        match self {
            StoredError::Cell { .. } | StoredError::Gone { .. } => Advice::refused(
                "stored-otherwise",
                "nothing of this batch was written; disable the trigger during the run, or change it so that \
                 it leaves these columns unchanged",
            ),
            StoredError::Beside { table, column, .. } => Advice::refused(
                "side-effect",
                format!(
                    "nothing of this batch was written; if the change is expected, add it to the plan: \
                     side_effects: [{table}.{column}]"
                ),
            ),
            StoredError::OtherRow { .. } => Advice::refused(
                "trigger-writes-cells",
                "nothing of this batch was written; disable the trigger during the run, because it would \
                 overwrite rotated cells",
            ),
            StoredError::Swallowed { .. } => Advice::refused(
                "not-stored",
                "disable the trigger during the run, or change it so that these rows can be updated",
            ),
        }
    }
}
