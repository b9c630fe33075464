//! Work of a job that the plan no longer has, and that no daemon with an earlier version takes up.

use jiff::Timestamp;
use reseal_control::{ControlSession, Firing, FiringState};
use reseal_core::audit::EventKind;
use reseal_store::StoreError;

use crate::{Served, State, slot_notices, trail};

const WHY: &str = "the plan no longer has this job, and no process has worked on it for a day";

/// Ends such work, with a notice and an event.
pub(crate) async fn end(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    firing: &Firing,
) -> Result<(), StoreError> {
    control.begin().await?;
    match end_inside(state, control, served, firing).await {
        Ok(true) => control.commit().await,
        Ok(false) => control.rollback().await,
        Err(error) => {
            control.rollback().await?;
            Err(error)
        }
    }
}

async fn end_inside(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    firing: &Firing,
) -> Result<bool, StoreError> {
    if !control.end_firing(firing, firing.epoch, FiringState::Failed, WHY).await? {
        return Ok(false);
    }
    let slot = Timestamp::from_millisecond(firing.slot).unwrap_or(Timestamp::UNIX_EPOCH);
    let notice = slot_notices::abandoned_job(served, &firing.job, slot, WHY);
    state.setup.notices.post(control, &served.plan, &notice).await?;
    let event = trail::event(control, EventKind::ScheduleEnded, &served.plan, &firing.job, slot).await?;
    let event = event.with("state", FiringState::Failed.name()).with("result", WHY);
    control.record_inside(&event).await?;
    Ok(true)
}
