//! Alerts about attempts: those that were refused, and that the cause of a refusal is over.

use reseal_control::ControlSession;
use reseal_core::{Notice, NoticeKind};
use reseal_plan::Plan;
use reseal_store::StoreError;

use crate::alert::{raise, resolve};

/// Why something may not go on.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// The error's code.
    pub code: &'a str,
    /// Its message.
    pub message: &'a str,
}

/// Somebody tried something that the plan's policy has a say in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What was tried: `run`, `rollback`.
    pub action: &'a str,
    /// Who tried.
    pub operator: &'a str,
    /// True where the plan's schedule tried, and nobody in person.
    pub scheduled: bool,
    /// The refusal; `None` where it may go on.
    pub refusal: Option<Refusal<'a>>,
}

/// Raises the alert that a refusal gives cause for; what may go on resolves it. Refusals that only the operator has to
/// know of raise none.
///
/// # Errors
/// When the control database refuses.
pub async fn report_attempt(
    control: &mut ControlSession,
    plan: &Plan,
    attempt: Attempt<'_>,
    now: i64,
) -> Result<(), StoreError> {
    match attempt.refusal {
        None => {
            resolve_approval_alerts(control, plan, Some(attempt.action), now).await?;
            report_disk(control, plan, None, now).await
        }
        Some(Refusal { code: "approval-needed", message }) => {
            let notice = unapproved(plan, &attempt, message);
            raise(control, plan, notice, now).await.map(drop)
        }
        refusal => report_disk(control, plan, refusal, now).await,
    }
}

/// Resolves the alerts about missing approvals to `action`, or to anything of the plan, which may go on.
///
/// # Errors
/// When the control database refuses.
pub async fn resolve_approval_alerts(
    control: &mut ControlSession,
    plan: &Plan,
    action: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    for alert in control.alerts(&plan.name).await? {
        let kind = match NoticeKind::parse(&alert.kind) {
            Some(NoticeKind::Unauthorised) if action.is_none_or(|action| action == alert.cause) => {
                NoticeKind::Unauthorised
            }
            Some(NoticeKind::ApprovalNeeded) if action.is_none_or(|action| action == SCHEDULED) => {
                NoticeKind::ApprovalNeeded
            }
            _ => continue,
        };
        resolve(control, plan, kind, &alert.cause, now).await?;
    }
    Ok(())
}

/// What a schedule tries.
const SCHEDULED: &str = "run";

/// The notice about an attempt without approval. A schedule that comes before its approvals means no harm, but where one
/// of them does not count somebody should check it.
fn unapproved(plan: &Plan, attempt: &Attempt<'_>, message: &str) -> Notice {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let request = first.strip_prefix("request ").and_then(|asked| asked.split_once(": "));
    match request.filter(|_| attempt.scheduled && lines.next().is_none()) {
        Some((request, approvals)) => {
            Notice::new(NoticeKind::ApprovalNeeded, &plan.name, &format!("request {request}"), "")
                .with("request", request)
                .with("approvals", approvals)
        }
        None => Notice::new(NoticeKind::Unauthorised, &plan.name, attempt.action, "")
            .with("action", attempt.action)
            .with("operator", attempt.operator)
            .with("reason", first),
    }
}

/// Raises the alert that the disk is nearly full, where a refusal says so; room resolves it.
///
/// # Errors
/// When the control database refuses.
pub async fn report_disk(
    control: &mut ControlSession,
    plan: &Plan,
    refusal: Option<Refusal<'_>>,
    now: i64,
) -> Result<(), StoreError> {
    const DISK: &str = "disk";
    match refusal {
        None => resolve(control, plan, NoticeKind::Disk, DISK, now).await.map(drop),
        Some(Refusal { code: "disk-full", message }) => {
            let first = message.lines().next().unwrap_or_default();
            let notice = Notice::new(NoticeKind::Disk, &plan.name, DISK, "").with("reason", first);
            raise(control, plan, notice, now).await.map(drop)
        }
        Some(_) => Ok(()),
    }
}
