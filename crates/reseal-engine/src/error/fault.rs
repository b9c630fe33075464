//! What nobody foresaw: kept old cells and rows of the ledger that are not what Reseal wrote.

use thiserror::Error;

use super::{Advice, Advise};

/// What is wrong with kept old cells.
#[derive(Clone, Debug, Error)]
pub enum UndoError {
    /// A batch opens under none of the plan's keys, or is damaged.
    #[error("cannot read a batch of kept old cells")]
    Unreadable,
    /// A batch is more than a cipher seals at once.
    #[error("a batch of old cells is too large to keep")]
    TooLarge,
    /// Cells were to be swapped without the old ones having been packed.
    #[error("old cells to keep were not packed before the write")]
    NotPacked,
}

impl Advise for UndoError {
    fn advice(&self) -> Advice {
        match self {
            UndoError::Unreadable | UndoError::TooLarge | UndoError::NotPacked => Advice::failed("undo"),
        }
    }
}

/// What the ledger holds, or does not hold, and no engine wrote so.
#[derive(Clone, Debug, Error)]
pub enum LedgerFault {
    /// A shard of a table that the run does not have.
    #[error("the run has a shard of the unknown table `{table}`")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// A run that was written is not there.
    #[error("the run is missing from the ledger right after it was created")]
    RunMissing,
}

impl Advise for LedgerFault {
    fn advice(&self) -> Advice {
        match self {
            LedgerFault::UnknownTable { .. } | LedgerFault::RunMissing => Advice::failed("ledger"),
        }
    }
}
