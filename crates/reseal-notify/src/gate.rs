//! What is told of attempts: those that were refused, and that the cause of a refusal is over.

use reseal_core::{Notice, NoticeKind};
use reseal_plan::Plan;
use reseal_store::{Session, StoreError};

use crate::alert::{raise, resolve};

/// Somebody tried something that the plan's policy has a say in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What was tried: `run`, `rollback`.
    pub action: &'a str,
    /// Who tried.
    pub operator: &'a str,
    /// Code and message of the refusal; `None` where it may go on.
    pub refusal: Option<(&'a str, &'a str)>,
}

/// Raises the alert that a refusal gives cause for; what may go on resolves it. Refusals that only the operator has to
/// know of raise none.
///
/// # Errors
/// When the control database refuses.
pub async fn gate(
    control: &mut Session,
    plan: &Plan,
    attempt: Attempt<'_>,
    now: i64,
) -> Result<(), StoreError> {
    let Some((code, message)) = attempt.refusal else {
        resolve(control, plan, (NoticeKind::Unauthorised, attempt.action), now).await?;
        return disk(control, plan, None, now).await;
    };
    if code != "approval-needed" {
        return disk(control, plan, attempt.refusal, now).await;
    }
    let notice = Notice::new(NoticeKind::Unauthorised, &plan.name, attempt.action, "")
        .with("action", attempt.action)
        .with("operator", attempt.operator)
        .with("reason", message.lines().next().unwrap_or_default());
    raise(control, plan, notice, now).await.map(drop)
}

/// Raises the alert that the disk is nearly full, where a refusal (code and message) says so; room resolves it.
///
/// # Errors
/// When the control database refuses.
pub async fn disk(
    control: &mut Session,
    plan: &Plan,
    refusal: Option<(&str, &str)>,
    now: i64,
) -> Result<(), StoreError> {
    const DISK: &str = "disk";
    match refusal {
        None => resolve(control, plan, (NoticeKind::Disk, DISK), now).await.map(drop),
        Some(("disk-full", message)) => {
            let first = message.lines().next().unwrap_or_default();
            let notice = Notice::new(NoticeKind::Disk, &plan.name, DISK, "").with("reason", first);
            raise(control, plan, notice, now).await.map(drop)
        }
        Some(_) => Ok(()),
    }
}
