//! Alerts about attempts: those that were refused, and that the cause of a refusal is over.

use reseal_control::ControlSession;
use reseal_core::{Notice, NoticeKind};
use reseal_plan::Plan;
use reseal_store::StoreError;

use crate::alert::{raise, resolve};
use crate::asked::with_request;

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
            resolve_alerts(control, plan, Began { action: attempt.action, settles_all: false }, now).await?;
            report_disk(control, plan, None, now).await
        }
        Some(Refusal { code: "approval-needed", message }) => {
            let notice = unapproved(control, plan, &attempt, message).await?;
            raise(control, plan, notice, now).await.map(drop)
        }
        refusal => report_disk(control, plan, refusal, now).await,
    }
}

/// Something of a plan began that people had agreed to: resolves what told of attempts without approval, and of requests for
/// `action`.
///
/// # Errors
/// When the control database refuses.
pub async fn resolve_approval_alerts(
    control: &mut ControlSession,
    plan: &Plan,
    action: &str,
    now: i64,
) -> Result<(), StoreError> {
    resolve_alerts(control, plan, Began { action, settles_all: true }, now).await
}

/// What began.
#[derive(Clone, Copy)]
struct Began<'a> {
    /// The command.
    action: &'a str,
    /// Whether that settles attempts without approval to anything else, too.
    settles_all: bool,
}

async fn resolve_alerts(
    control: &mut ControlSession,
    plan: &Plan,
    began: Began<'_>,
    now: i64,
) -> Result<(), StoreError> {
    for alert in control.alerts(&plan.name).await? {
        let cause = alert.cause.as_str();
        let (kind, is_over) = match NoticeKind::parse(&alert.kind) {
            Some(kind @ NoticeKind::Unauthorised) => (kind, began.settles_all || cause == began.action),
            Some(kind @ NoticeKind::ApprovalNeeded) => (kind, !waits(control, cause, began.action).await?),
            _ => continue,
        };
        if is_over {
            resolve(control, plan, kind, cause, now).await?;
        }
    }
    Ok(())
}

/// Whether a request still waits that an alert is about, now that `began` has begun. Requests lapse by the clock of the control
/// database.
async fn waits(control: &mut ControlSession, cause: &str, began: &str) -> Result<bool, StoreError> {
    let id = cause.strip_prefix(REQUEST).unwrap_or_default();
    let Some(request) = control.approval_request(id).await? else { return Ok(false) };
    let is_open = request.used_at.is_none() && request.expires_at > control.now_ms().await?;
    Ok(is_open && action_of(&request.kind) != began)
}

/// How the cause of an alert about a request begins, and the message of whoever asks.
const REQUEST: &str = "request ";

/// The command that a kind of request is for.
fn action_of(kind: &str) -> &str {
    match kind {
        "emergency" => "run",
        "destroy" => "keys destroy",
        kind => kind,
    }
}

/// The notice about an attempt without approval. Whoever comes before his approvals asks for them, and means no harm; where
/// one of them does not count, somebody should check it.
async fn unapproved(
    control: &mut ControlSession,
    plan: &Plan,
    attempt: &Attempt<'_>,
    message: &str,
) -> Result<Notice, StoreError> {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let asked = first.strip_prefix(REQUEST).and_then(|asked| asked.split_once(": "));
    let Some((id, approvals)) = asked.filter(|_| lines.next().is_none()) else {
        let notice = Notice::new(NoticeKind::Unauthorised, &plan.name, attempt.action, "");
        let notice = notice.with("action", attempt.action).with("operator", attempt.operator);
        return Ok(notice.with("reason", first));
    };
    let notice = Notice::new(NoticeKind::ApprovalNeeded, &plan.name, &format!("{REQUEST}{id}"), "");
    let notice = notice.with("request", id).with("approvals", approvals);
    Ok(match control.approval_request(id).await? {
        Some(request) => with_request(notice, &request),
        None => notice,
    })
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
