//! Why a transaction was not committed.

use reseal_store::StoreError;

use crate::error::RunError;

/// Why a transaction was not committed.
pub(super) enum Failure {
    /// Another engine holds the run.
    Superseded,
    /// The database refused, or the connection is lost.
    Store(StoreError),
    /// The same in the midst of swaps.
    Swap(StoreError),
    /// It could not be made.
    Engine(RunError),
    /// The table has triggers, and nothing was read back.
    Unwatched,
    /// Triggers keep rows from being stored.
    Swallowed(Swallowed),
}

/// Rows that triggers keep from being stored.
pub(super) struct Swallowed {
    /// Their positions among the swaps.
    pub(super) rows: Vec<usize>,
    /// The triggers of the table.
    pub(super) by: Vec<String>,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}
