//! What the daemon sees around runs, whether one is under way or not: a disk that fills up, somebody who tried what he may
//! not, a trail that does not hold together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reseal_control::{ControlDatabase, ControlSession};
use reseal_core::audit::{Entry, EventKind};
use reseal_core::{Notice, NoticeKind};
use reseal_custody::{CustodyError, ProofError};
use reseal_engine::Advise;
use reseal_notify::{Attempt, Refusal};
use reseal_plan::Plan;
use reseal_serve::Clock;
use reseal_store::StoreError;

use crate::audit::trail_fault;
use crate::trail;

/// How often the disk is checked.
const DISK: SignedDuration = SignedDuration::from_mins(5);
/// How often the whole trail is read.
const TRAIL: SignedDuration = SignedDuration::from_hours(24);
/// How long the program may take that measures the disk; it has a time limit of its own.
const PATIENCE: Duration = Duration::from_secs(120);

/// Watches over a plan that notifies somebody.
pub(crate) struct HealthMonitor {
    plan: Plan,
    control: ControlDatabase,
    clock: Clock,
    disk_at: Timestamp,
    trail_at: Timestamp,
    /// Up to which event attempts were looked for; none before the first check.
    read_to: Option<i64>,
}

impl HealthMonitor {
    pub(crate) fn new(plan: Plan, control: ControlDatabase, clock: Clock) -> HealthMonitor {
        HealthMonitor {
            plan,
            control,
            clock,
            disk_at: Timestamp::MIN,
            trail_at: Timestamp::MIN,
            read_to: None,
        }
    }

    /// Checks what is due. A failure is a warning: the next check comes soon.
    pub(crate) async fn check(&mut self) {
        if let Err(error) = self.check_all().await {
            tracing::warn!(plan = self.plan.name, "alerts are delayed: {error}");
        }
    }

    async fn check_all(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut control = self.control.connect().await?;
        if (self.notifies(NoticeKind::Unauthorised) || self.notifies(NoticeKind::ApprovalNeeded))
            && let Some(last) = self.last_attempt(&mut control).await?
        {
            attempt(&mut control, &self.plan, last, now.as_millisecond()).await?;
        }
        if self.notifies(NoticeKind::Disk) && self.plan.policy.disk.is_some() && now >= self.disk_at {
            self.disk_at = now.checked_add(DISK).unwrap_or(now);
            disk(&mut control, &self.plan, now.as_millisecond()).await?;
        }
        if self.notifies(NoticeKind::AuditBroken) && now >= self.trail_at {
            self.trail_at = now.checked_add(TRAIL).unwrap_or(now);
            trail(&mut control, &self.plan, now.as_millisecond()).await?;
        }
        Ok(())
    }

    /// The last refusal, or what settles one, of those that came since the last check: a trail of years is read once.
    async fn last_attempt(&mut self, control: &mut ControlSession) -> Result<Option<Entry>, StoreError> {
        const PAGE: u64 = 1000;
        let end = i64::try_from(control.trail_head().await?.sequence).unwrap_or(i64::MAX);
        let Some(mut from) = self.read_to else {
            let last = control.latest_event(&self.plan.name, &OF_ATTEMPTS).await?;
            self.read_to = Some(end);
            return Ok(last);
        };
        let mut last = None;
        while from < end {
            let page = control.trail_after(from, PAGE).await?;
            let Some(newest) = page.last() else { break };
            from = newest.sequence;
            let mut entries = page.into_iter().rev().filter_map(|recorded| recorded.entry.ok());
            let ours =
                |entry: &Entry| entry.event.plan == self.plan.name && OF_ATTEMPTS.contains(&entry.event.kind);
            last = entries.find(ours).or(last);
        }
        self.read_to = Some(from);
        Ok(last)
    }

    fn notifies(&self, kind: NoticeKind) -> bool {
        self.plan.notify.as_ref().is_some_and(|notify| notify.event(kind.event()).is_some())
    }
}

/// The trail knows every refusal, whichever command it came from; what may begin settles it.
const OF_ATTEMPTS: [EventKind; 5] = [
    EventKind::ApprovalRefused,
    EventKind::RunStarted,
    EventKind::RunResumed,
    EventKind::RollbackStarted,
    EventKind::KeyDestroyed,
];

async fn attempt(control: &mut ControlSession, plan: &Plan, last: Entry, now: i64) -> Result<(), StoreError> {
    // Each event once, also over restarts: what was settled a moment ago may have its own event still to come.
    let seen = control.seen_since(&format!("attempt {}", plan.name), &last.sequence.to_string(), now).await?;
    if seen != now {
        return Ok(());
    }
    let event = last.event;
    let begun = match event.kind {
        EventKind::ApprovalRefused => None,
        EventKind::RollbackStarted => Some("rollback"),
        EventKind::KeyDestroyed => Some("keys destroy"),
        _ => Some("run"),
    };
    if let Some(action) = begun {
        return reseal_notify::resolve_approval_alerts(control, plan, action, now).await;
    }
    let refused = Attempt {
        action: event.text("command").unwrap_or("approve"),
        operator: &event.operator,
        scheduled: event.text("scheduled") == Some(trail::SCHEDULED),
        refusal: Some(Refusal {
            code: "approval-needed",
            message: event.text("message").unwrap_or_default(),
        }),
    };
    reseal_notify::report_attempt(control, plan, refused, now).await
}

async fn disk(control: &mut ControlSession, plan: &Plan, now: i64) -> Result<(), StoreError> {
    let asked = tokio::time::timeout(PATIENCE, reseal_custody::disk(&plan.policy)).await;
    let (is_full, refusal) = match &asked {
        Ok(Ok(())) => (false, None),
        Ok(Err(error)) => {
            let is_full = matches!(error, CustodyError::Proof(ProofError::DiskFull { .. }));
            (is_full, Some((error.advice().code, error.to_string())))
        }
        Err(_) => (false, Some(("proof", "the program in `policy.disk` did not end in time".to_owned()))),
    };
    if let Some((code, message)) = refusal.as_ref().filter(|_| !is_full) {
        tracing::warn!(plan = plan.name, "the disk could not be checked: {code}: {message}");
    }
    let refusal = refusal.as_ref().map(|(code, message)| Refusal { code, message });
    reseal_notify::report_disk(control, plan, refusal, now).await
}

async fn trail(control: &mut ControlSession, plan: &Plan, now: i64) -> Result<(), StoreError> {
    const CAUSE: &str = "trail";
    let kind = NoticeKind::AuditBroken;
    match trail_fault(control).await {
        Ok(None) => reseal_notify::resolve(control, plan, kind, CAUSE, now).await.map(drop),
        Ok(Some((sequence, message))) => {
            let notice = Notice::new(kind, &plan.name, CAUSE, "")
                .with("sequence", sequence.to_string())
                .with("reason", message);
            reseal_notify::raise(control, plan, notice, now).await.map(drop)
        }
        Err(failure) => {
            tracing::warn!("cannot read the audit trail: {}", failure.message);
            Ok(())
        }
    }
}
