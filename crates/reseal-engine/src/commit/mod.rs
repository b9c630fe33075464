//! The only room that writes: swaps, kept old cells, shards, quarantine, steps, pins and guards.
//!
//! **Invariant:** nothing is written without a [`RunLease`], and each transaction checks its epoch. Forward run, canary,
//! rollback and what follows them all come through here.

mod failure;
pub(crate) mod guard;
pub(crate) mod last_error;
pub(crate) mod ledger;
pub(crate) mod pins;
pub(crate) mod planner;
pub(crate) mod restore;
mod retries;
pub(crate) mod rows;
mod swaps;
mod undo;
pub(crate) mod writer;

use reseal_store::{Guarded, RunLease, Session, StoreError};

use crate::error::RunError;

/// Writes for a run, as long as its lease holds.
pub(crate) struct Commit<'c> {
    session: &'c mut Session,
    lease: &'c RunLease,
}

impl<'c> Commit<'c> {
    pub(crate) fn new(session: &'c mut Session, lease: &'c RunLease) -> Self {
        Commit { session, lease }
    }

    /// Fails where another engine holds the run by now.
    pub(crate) async fn holds(mut self) -> Result<(), RunError> {
        let guarded = self.begin().await?;
        finish(guarded, Ok(())).await
    }

    /// Begins a transaction, if the lease still holds.
    async fn begin(&mut self) -> Result<Guarded<'_>, RunError> {
        self.session.guarded(self.lease).await?.ok_or(RunError::Superseded)
    }
}

/// Commits what came to an end, and rolls back what did not.
async fn finish<T>(guarded: Guarded<'_>, outcome: Result<T, StoreError>) -> Result<T, RunError> {
    match outcome {
        Ok(value) => {
            guarded.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // Where the connection is lost, the server rolls back by itself.
            let _ = guarded.rollback().await;
            Err(error.into())
        }
    }
}
