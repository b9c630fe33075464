//! Whether a control database knows what the ledger knows of it: one that was restored from a backup has forgotten runs,
//! approvals that were used, and states of keys.

use reseal_control::ControlSession;
use reseal_engine::RunError;
use reseal_store::TrailMark;

use crate::error::{CustodyError, RecordsError};

/// Refuses a control database that does not know the event with which the plan's newest run began, unless the operator
/// accepts it; gives what was accepted, for the trail.
pub(crate) async fn check(
    control: &mut ControlSession,
    mark: Option<TrailMark>,
    accepted: bool,
) -> Result<Option<String>, CustodyError> {
    let Some(TrailMark { at, run_id }) = mark else { return Ok(None) };
    // One without tables is made below, and knows nothing yet.
    let tail = match control.version().await? {
        Some(_) if control.trail_has(at).await? => return Ok(None),
        Some(_) => control.trail_head().await?.sequence,
        None => 0,
    };
    match accepted {
        true => Ok(Some(format!("event {} of run {run_id}", at.sequence))),
        false => {
            let behind = RecordsError::ControlDatabaseBehind { run: run_id, event: at.sequence, tail };
            Err(RunError::from(behind).into())
        }
    }
}
