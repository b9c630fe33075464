//! What the daemon records in the audit trail of slots.

use jiff::Timestamp;
use reseal_control::{ControlSession, host};
use reseal_core::audit::{Event, EventKind};
use reseal_plan::Plan;
use reseal_store::StoreError;

/// An event about a slot of a job, by the clock of the control database.
pub(crate) async fn event(
    control: &mut ControlSession,
    kind: EventKind,
    plan: &Plan,
    job: &str,
    slot: Timestamp,
) -> Result<Event, StoreError> {
    let event = Event::new(kind, control.now_ms().await?, "schedule", &host());
    Ok(event.of_plan(&plan.name, &plan.digest).with("job", job).with("slot_ms", slot.as_millisecond()))
}
