//! What is recorded in the audit trail of notices and alerts, each in the transaction that makes it so.

use reseal_control::{ControlSession, LetterRow, Settled, host};
use reseal_core::Notice;
use reseal_core::audit::{Event, EventKind};
use reseal_plan::Plan;
use reseal_store::StoreError;

/// An event of a plan, by the clock of the control database.
pub(crate) async fn event(
    control: &mut ControlSession,
    kind: EventKind,
    plan: &Plan,
) -> Result<Event, StoreError> {
    let event = Event::new(kind, control.now_ms().await?, "notify", &host());
    Ok(event.of_plan(&plan.name, &plan.digest))
}

/// The event with what its notice says.
pub(crate) fn with_fields(event: Event, notice: &Notice) -> Event {
    notice.fields.iter().fold(event, |event, (name, text)| event.with(name, text.as_str()))
}

/// Notes what became of an attempt, and records it where that is final. A letter that another process has settled is left.
pub(crate) async fn settle(
    control: &mut ControlSession,
    plan: &Plan,
    row: &LetterRow,
    settled: &Settled,
    now: i64,
) -> Result<(), StoreError> {
    control.begin().await?;
    match settle_inside(control, plan, row, settled, now).await {
        Ok(()) => control.commit().await,
        Err(error) => {
            let _ = control.rollback().await;
            Err(error)
        }
    }
}

async fn settle_inside(
    control: &mut ControlSession,
    plan: &Plan,
    row: &LetterRow,
    settled: &Settled,
    now: i64,
) -> Result<(), StoreError> {
    let attempt = row.attempts + 1;
    let (kind, why) = match settled {
        Settled::Later(..) => {
            return control.settle_letter(&row.letter.id, attempt, settled, now).await.map(drop);
        }
        Settled::Sent => (EventKind::NoticeSent, None),
        Settled::Dead(why) => (EventKind::NoticeFailed, Some(why)),
    };
    if !control.settle_letter(&row.letter.id, attempt, settled, now).await? {
        return Ok(());
    }
    let letter = &row.letter;
    let event = event(control, kind, plan).await?.with("notice", letter.kind.as_str());
    let event = event.with("about", letter.subject.as_str()).with("slot", letter.slot.as_str());
    let event =
        event.with("via", letter.via.as_str()).with("to", letter.address.as_deref().unwrap_or_default());
    let event = event.with("letter", letter.id.as_str()).with("attempts", attempt);
    let event = match why {
        Some(why) => event.with("reason", why.as_str()),
        None => event,
    };
    control.record_inside(&event).await.map(drop)
}
