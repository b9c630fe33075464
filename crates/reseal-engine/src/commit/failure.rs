//! Why a transaction was not committed.

use reseal_store::StoreError;

use crate::error::EngineError;

/// Why a transaction was not committed.
pub(super) enum Failure {
    /// Another engine holds the run.
    Superseded,
    /// The database refused, or the connection is lost.
    Store(StoreError),
    /// It could not be made.
    Engine(EngineError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}
