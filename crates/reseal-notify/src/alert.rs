//! Alerts: one notice for each cause, and one more when it is over.

use reseal_control::{AlertKey, ControlSession};
use reseal_core::audit::EventKind;
use reseal_core::{Notice, NoticeKind};
use reseal_plan::Plan;
use reseal_store::StoreError;

use crate::letter::post;
use crate::trail;

/// Raises an alert: the notice's subject is the cause. True where it was not on before; then its notice is posted in
/// the same transaction.
///
/// # Errors
/// When the server refuses.
pub async fn raise(
    control: &mut ControlSession,
    plan: &Plan,
    mut notice: Notice,
    now: i64,
) -> Result<bool, StoreError> {
    control.begin().await?;
    let outcome = async {
        let alert = AlertKey { plan: &plan.name, kind: notice.kind.name(), cause: &notice.subject };
        let Some(times) = control.raise_alert(&alert, now).await? else { return Ok(false) };
        // The next time that the same cause comes up, it is news again.
        notice.slot = times.to_string();
        post(control, plan, &notice, now).await?;
        let event =
            trail::event(control, EventKind::AlertRaised, plan).await?.with("alert", notice.kind.name());
        let event = event.with("cause", notice.subject.as_str()).with("times", times);
        control.record_inside(&trail::with_fields(event, &notice)).await.map(|_| true)
    };
    end(outcome.await, control).await
}

/// Resolves an alert. True where it was on; then the notice that it is over is posted in the same transaction.
///
/// # Errors
/// When the server refuses.
pub async fn resolve(
    control: &mut ControlSession,
    plan: &Plan,
    kind: NoticeKind,
    cause: &str,
    now: i64,
) -> Result<bool, StoreError> {
    control.begin().await?;
    let outcome = async {
        let alert = AlertKey { plan: &plan.name, kind: kind.name(), cause };
        let Some(times) = control.resolve_alert(&alert, now).await? else { return Ok(false) };
        let mut notice = Notice::new(kind, &plan.name, cause, &times.to_string()).with("cause", cause);
        notice.resolved = true;
        post(control, plan, &notice, now).await?;
        let event = trail::event(control, EventKind::AlertResolved, plan).await?.with("alert", kind.name());
        let event = event.with("cause", cause).with("times", times);
        control.record_inside(&event).await.map(|_| true)
    };
    end(outcome.await, control).await
}

async fn end(outcome: Result<bool, StoreError>, control: &mut ControlSession) -> Result<bool, StoreError> {
    match outcome {
        Ok(true) => control.commit().await.map(|()| true),
        Ok(false) => control.rollback().await.map(|()| false),
        Err(error) => {
            let _ = control.rollback().await;
            Err(error)
        }
    }
}
