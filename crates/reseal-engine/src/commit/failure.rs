//! Why a transaction was not committed.

use reseal_store::StoreError;

use crate::error::RunError;

/// Why a transaction was not committed.
pub(super) enum Failure {
    /// Another engine holds the run.
    Superseded,
    /// The database refused, or the connection is lost.
    Store(StoreError),
    /// It could not be made.
    Engine(RunError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}
