//! What nobody foresaw: kept old cells and rows of the ledger that are not what Reseal wrote.

use thiserror::Error;

use super::{Advice, Advise};

/// What is wrong with kept old cells.
#[derive(Clone, Debug, Error)]
pub enum UndoError {
    /// A batch opens under none of the plan's keys, or is damaged.
    #[error("a batch of kept cells cannot be read")]
    Unreadable,
    /// A batch is more than a cipher seals at once.
    #[error("a batch of old cells is too large to keep")]
    TooLarge,
    /// Cells were to be swapped without the old ones having been packed.
    #[error("old cells that are to be kept were not packed")]
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
    #[error("the run has a shard of unknown table {table}")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// A run that was written is not there.
    #[error("the run that was just written is not there")]
    RunMissing,
}

impl Advise for LedgerFault {
    fn advice(&self) -> Advice {
        match self {
            LedgerFault::UnknownTable { .. } | LedgerFault::RunMissing => Advice::failed("ledger"),
        }
    }
}
