//! One poll of a plan: notices about its runs are posted, and letters that are due go out.

use std::time::Duration;

use reseal_control::{ControlDatabase, ControlSession};
use reseal_core::quantity::{millis, readable};
use reseal_core::{Notice, NoticeKind};
use reseal_plan::Plan;
use reseal_store::{Database, RunRow, StoreError};

use crate::alert::{raise, resolve};
use crate::deliver::{Delivered, Outbox};
use crate::letter::post;
use crate::prune::OLD_NEWS;
use crate::runs;

/// What a poll of a plan needs.
pub struct Tick<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The database that it rotates, with the ledger.
    pub target: &'a Database,
    /// The control database, with its tables.
    pub control: &'a ControlDatabase,
    /// Why the plan's run waits, where it runs in this very process and does.
    pub waiting: Option<&'a str>,
    /// From 0 to 1, another each time.
    pub jitter: &'a (dyn Fn() -> f64 + Sync),
    /// How long attempts may be begun.
    pub within: Duration,
}

/// Posts notices about a plan's runs, raises and resolves its alerts, and delivers what is due. `now` is in
/// milliseconds since 1970. Nothing in it waits for a rotation, and no rotation waits for it.
///
/// # Errors
/// When the control database refuses. That the plan's own database cannot be reached is an alert, no error.
pub async fn tick(tick: &Tick<'_>, now: i64) -> Result<Delivered, StoreError> {
    if tick.plan.notify.is_none() {
        return Ok(Delivered::default());
    }
    let mut control = tick.control.connect().await?;
    let polled = poll_runs(tick, &mut control, now).await;
    update_reachability_alert(tick.plan, &mut control, polled.as_ref().err(), now).await?;
    drop(control);
    let Tick { plan, control, jitter, .. } = *tick;
    Outbox { plan, control, jitter, early: false }.deliver(now, tick.within).await
}

/// Which database failed the poll. The plan's own is an alert; errors of the control database are let through.
enum PollError {
    Target(StoreError),
    Control(StoreError),
}

async fn poll_runs(tick: &Tick<'_>, control: &mut ControlSession, now: i64) -> Result<(), PollError> {
    let mut ledger = tick.target.connect().await.map_err(PollError::Target)?;
    let clock = ledger.now_ms().await.map_err(PollError::Target)?;
    // What ended before the plan named anybody to notify is old news.
    let from = format!("from {}", tick.plan.name);
    let from = control.seen_since(&from, "", clock).await.map_err(PollError::Control)?;
    if ledger.version().await.map_err(PollError::Target)?.is_none() {
        return Ok(());
    }
    let name = Some(tick.plan.name.as_str());
    let mut runs = ledger.runs(name, runs::RUNS).await.map_err(PollError::Target)?;
    let old = clock.max(now) - OLD_NEWS;
    runs.retain(|run| run.updated_at >= from.max(old));
    for run in runs.iter().rev() {
        // Letters go out by the time at which they were posted: what came about first goes first.
        let notices = runs::notices(run, tick.plan.policy.max_key_age);
        for (notice, before) in notices.iter().zip((0..notices.len() as i64).rev()) {
            post(control, tick.plan, notice, now - before).await.map_err(PollError::Control)?;
        }
    }
    match runs.first() {
        Some(newest) => update_alerts(tick, control, newest, clock, now).await.map_err(PollError::Control),
        None => Ok(()),
    }
}

/// Raises and resolves what the newest run gives cause for; alerts of runs before it are over.
async fn update_alerts(
    tick: &Tick<'_>,
    control: &mut ControlSession,
    run: &RunRow,
    clock: i64,
    now: i64,
) -> Result<(), StoreError> {
    let Some(notify) = &tick.plan.notify else { return Ok(()) };
    let pulse = format!("pulse {}", run.plan);
    let unchanged_since = control.seen_since(&pulse, &runs::progress_mark(run), clock).await?;
    let mut findings = runs::findings(run, notify, clock, unchanged_since);
    findings.extend(throttled(tick, control, run, clock).await?);
    let held_back = findings.iter().any(|found| found.holds && found.notice.kind == NoticeKind::Throttled);
    let emergency = if run.emergency { control.emergency(&run.id).await? } else { None };
    let deadline = emergency.and_then(|emergency| emergency.deadline);
    if let Some(near) = deadline.and_then(|at| runs::deadline(run, tick.plan, at, clock)) {
        post(control, tick.plan, &near, now).await?;
    }
    let bound = findings.iter().map(|found| found.notice.kind).collect::<Vec<_>>();
    for found in findings {
        // Who is held back makes no progress, and one notice says so.
        let holds = found.holds && !(held_back && found.notice.kind == NoticeKind::NoProgress);
        if holds {
            raise(control, tick.plan, found.notice, now).await?;
        } else {
            resolve(control, tick.plan, found.notice.kind, &run.id, now).await?;
        }
    }
    for alert in control.alerts(&run.plan).await? {
        let kind = NoticeKind::parse(&alert.kind).filter(|kind| bound.contains(kind));
        if let Some(kind) = kind.filter(|_| alert.cause != run.id) {
            resolve(control, tick.plan, kind, &alert.cause, now).await?;
        }
    }
    Ok(())
}

/// Whether the run in this process is held back for too long. Another process's is not known to be.
async fn throttled(
    tick: &Tick<'_>,
    control: &mut ControlSession,
    run: &RunRow,
    clock: i64,
) -> Result<Option<runs::Finding>, StoreError> {
    let event = tick.plan.notify.as_ref().and_then(|notify| notify.event(NoticeKind::Throttled.event()));
    let Some(limit) = event.and_then(|event| event.time) else { return Ok(None) };
    let name = format!("waiting {}", run.plan);
    let seen = if tick.waiting.is_some() { run.id.as_str() } else { "" };
    let since = control.seen_since(&name, seen, clock).await?;
    let why = tick.waiting.unwrap_or_default();
    let notice = Notice::new(NoticeKind::Throttled, &run.plan, &run.id, "")
        .with("run", &run.id)
        .with("why", why)
        .with("waiting_for", readable(millis(clock - since)));
    Ok(Some(runs::Finding { notice, holds: tick.waiting.is_some() && clock - since >= runs::ms(limit) }))
}

/// Raises or resolves the alert that the plan's database cannot be reached.
async fn update_reachability_alert(
    plan: &Plan,
    control: &mut ControlSession,
    polled: Option<&PollError>,
    now: i64,
) -> Result<(), StoreError> {
    const CAUSE: &str = "database";
    let kind = NoticeKind::ConnectionErrors;
    let error = match polled {
        Some(PollError::Control(error)) => return Err(error.clone()),
        Some(PollError::Target(error)) => Some(error),
        None => None,
    };
    let event = plan.notify.as_ref().and_then(|notify| notify.event(kind.event()));
    let Some(limit) = event.and_then(|event| event.time) else {
        if let Some(error) = error {
            tracing::warn!(plan = plan.name, "the plan's database is unreachable: {error}");
        }
        return Ok(());
    };
    let seen = if error.is_some() { "gone" } else { "there" };
    let since = control.seen_since(&format!("target {}", plan.name), seen, now).await?;
    match error {
        Some(error) if now - since >= runs::ms(limit) => {
            let notice = Notice::new(kind, &plan.name, CAUSE, "")
                .with("for", readable(millis(now - since)))
                .with("error", error.to_string());
            raise(control, plan, notice, now).await.map(drop)
        }
        Some(_) => Ok(()),
        None => resolve(control, plan, kind, CAUSE, now).await.map(drop),
    }
}
