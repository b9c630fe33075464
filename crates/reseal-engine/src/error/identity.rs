//! Why a run cannot be resumed or rolled back on the tables that are there now.

use thiserror::Error;

use super::{Advice, Advise};

/// Why a run cannot be resumed or rolled back on a table that is there now. Nothing of its undo is touched.
#[derive(Clone, Debug, Error)]
pub enum IdentityRefused {
    /// The plan's name stands for another table, and the run's own is where it was.
    #[error("table `{}` is now {}, but run {} worked on {}, which still exists", .0.table, .0.now, .0.run, .0.was)]
    Elsewhere(OtherTable),
    /// The table has another row key than the run's.
    #[error("table `{}` is not the one that run {} worked on: its row key is ({}), but was ({})", .0.table, .0.run, .0.now, .0.was)]
    RowKey(OtherTable),
    /// Cells that the run wrote do not stand in the table.
    #[error("table `{}` is not the one that run {} worked on: it has only {stand} of {looked} cells that the \
             run wrote (now {}, recorded as {})", table.table, table.run, table.now, table.was)]
    OtherCells {
        /// The table.
        table: OtherTable,
        /// How many cells were looked up.
        looked: usize,
        /// How many of them stand there.
        stand: usize,
    },
    /// It is another table, and the run kept no old cells by which the data could be compared.
    #[error("table `{}` may not be the one that run {} worked on, and the run kept no old cells to compare \
             (now {}, recorded as {})", .0.table, .0.run, .0.now, .0.was)]
    NothingKept(OtherTable),
}

/// A table that is not the one that a run worked on.
#[derive(Clone, Debug)]
pub struct OtherTable {
    /// The table, as the plan names it.
    pub table: String,
    /// The run.
    pub run: String,
    /// What was recorded.
    pub was: String,
    /// What is found now.
    pub now: String,
}

impl Advise for IdentityRefused {
    fn advice(&self) -> Advice {
        let accept = |table: &OtherTable| format!("pass `--accept-table {}`", table.table);
        match self {
            IdentityRefused::Elsewhere(table) => Advice::refused(
                "other-table",
                format!(
                    "restore the previous `search_path` (of the database URL or the role), or name the \
                     schema in the plan; if this is the run's table after a database restore, {}",
                    accept(table)
                ),
            ),
            IdentityRefused::RowKey(table)
            | IdentityRefused::OtherCells { table, .. }
            | IdentityRefused::NothingKept(table) => Advice::refused(
                "other-table",
                format!(
                    "rename the run's table back and try again; if this is the run's table after a database \
                     restore, {}",
                    accept(table)
                ),
            ),
        }
    }
}
