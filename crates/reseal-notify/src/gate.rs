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
    const DISK: &str = "disk";
    let Some((code, message)) = attempt.refusal else {
        resolve(control, plan, (NoticeKind::Unauthorised, attempt.action), now).await?;
        return resolve(control, plan, (NoticeKind::Disk, DISK), now).await.map(drop);
    };
    let first = message.lines().next().unwrap_or_default();
    let notice = match code {
        "approval-needed" => Notice::new(NoticeKind::Unauthorised, &plan.name, attempt.action, "")
            .with("action", attempt.action)
            .with("operator", attempt.operator)
            .with("reason", first),
        "disk-full" => Notice::new(NoticeKind::Disk, &plan.name, DISK, "").with("reason", first),
        _ => return Ok(()),
    };
    raise(control, plan, notice, now).await.map(drop)
}
