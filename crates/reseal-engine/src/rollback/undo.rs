//! Giving up the old cells that a run has kept.

use reseal_store::{RunRow, Session};

use crate::commit::Commit;
use crate::error::{Busy, RunError};
use crate::run::lease::{LEASE_MS, holder, is_held};

/// Drops the old cells that a run keeps, unless an engine holds the run.
///
/// # Errors
/// When an engine is at work on the run, or the database refuses.
pub async fn drop_undo(session: &mut Session, run: &RunRow) -> Result<(), RunError> {
    let busy = || RunError::from(Busy::KeepsUndo { run: run.id.clone() });
    if is_held(run) {
        return Err(busy());
    }
    let lease = session.acquire_as_it_is(run, &holder(), LEASE_MS).await?.ok_or_else(busy)?;
    let outcome = Commit::new(session, &lease).drop_undo().await;
    // A lease that cannot be given back ends by itself.
    let _ = session.release(&lease).await;
    outcome
}
