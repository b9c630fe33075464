//! `notify`: sending notices, and what became of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reseal_control::{AlertRow, LetterCounts, LetterRow, LetterState};
use reseal_core::NoticeKind;
use reseal_notify::{Delivered, Outbox};
use reseal_plan::Plan;

use crate::notices::{check_runs, jitter, now, outbox};
use crate::{Failure, open};

/// How long attempts are begun. Whoever calls from cron wants an end.
const WITHIN: Duration = Duration::from_secs(120);
/// Letters of a state that are listed.
const LISTED: u64 = 100;

/// What a test of the plan's notices came to.
#[derive(Clone, Debug)]
pub struct NotifyTest {
    /// What became of the notices.
    pub delivered: Delivered,
    /// The kinds of notices for which the plan names nobody.
    pub nobody: Vec<&'static str>,
}

/// Sends one notice of each kind to those whom the plan names for it.
///
/// # Errors
/// When the plan notifies nobody, or the control database refuses.
pub async fn test(path: &Path) -> Result<NotifyTest, Failure> {
    let plan = notifying(path)?;
    let (control, mut session) = outbox().await?;
    let now = now();
    // To the millisecond: two tests within a second are two.
    let slot = Timestamp::from_millisecond(now).map(|time| format!("test {time:.3}")).unwrap_or_default();
    let mut nobody = Vec::new();
    for kind in NoticeKind::ALL {
        if plan.notify.as_ref().is_some_and(|notify| notify.recipients(kind).is_empty()) {
            nobody.push(kind.name());
            continue;
        }
        let mut notice = reseal_notify::sample(kind, &plan.name)
            .with("sample", "sent by `reseal notify test`; all other values in this table are examples");
        notice.slot.clone_from(&slot);
        reseal_notify::post(&mut session, &plan, &notice, now).await?;
    }
    drop(session);
    let outbox = Outbox { plan: &plan, control: &control, jitter: &jitter, early: false };
    let delivered = outbox.deliver(now, WITHIN).await?;
    Ok(NotifyTest { delivered, nobody })
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// The plan.
    pub plan: PathBuf,
    /// Also what waits for a later time.
    pub early: bool,
    /// Also what was given up.
    pub dead: bool,
}

/// Posts notices about the plan's runs, and delivers what is due.
///
/// # Errors
/// When the plan notifies nobody, or the control database refuses.
pub async fn send(request: &SendRequest) -> Result<Delivered, Failure> {
    let plan = notifying(&request.plan)?;
    let (control, mut session) = outbox().await?;
    if request.dead {
        session.revive_letters(&plan.name, now()).await?;
    }
    drop(session);
    let target = open::database(&plan).await?;
    // New notices are posted first, without an attempt; then all go out at once.
    check_runs(&plan, &target, &control, None, Duration::ZERO).await?;
    let outbox = Outbox { plan: &plan, control: &control, jitter: &jitter, early: request.early };
    Ok(outbox.deliver(now(), WITHIN).await?)
}

/// A plan's notices and alerts.
#[derive(Clone, Debug)]
pub struct NotifyList {
    /// How many notices stand where.
    pub counts: LetterCounts,
    /// What waits.
    pub waiting: Vec<LetterRow>,
    /// What was given up.
    pub dead: Vec<LetterRow>,
    /// What is wrong.
    pub alerts: Vec<AlertRow>,
}

/// Lists what waits, what was given up, and what is wrong.
///
/// # Errors
/// When the plan notifies nobody, or the control database refuses.
pub async fn list(path: &Path) -> Result<NotifyList, Failure> {
    let plan = notifying(path)?;
    let (_, mut session) = outbox().await?;
    Ok(NotifyList {
        counts: session.letter_counts(Some(&plan.name)).await?,
        waiting: session.letters(&plan.name, LetterState::Waiting, LISTED).await?,
        dead: session.letters(&plan.name, LetterState::Dead, LISTED).await?,
        alerts: session.alerts(&plan.name).await?,
    })
}

/// The plan, if it notifies anybody of anything.
fn notifying(path: &Path) -> Result<Plan, Failure> {
    let plan = open::plan(path)?;
    if plan.notify.is_some() {
        return Ok(plan);
    }
    let message = format!("plan {} has no section `notify:`", plan.name);
    Err(Failure::usage("no-notify", message, "add `notify:` with recipients to the plan"))
}
