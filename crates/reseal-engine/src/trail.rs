//! The audit trail, as runs write it.
//!
//! **Invariant:** a run that a control database follows swaps nothing before its beginning is in the trail. Its end can
//! only be a warning where it cannot be recorded, since the work is done by then; whoever takes the plan up next reads
//! that end from the ledger, and records it before anything else.

use reseal_control::{ControlSession, host};
use reseal_core::RunState;
use reseal_core::audit::{Detail, Event, EventKind};
use reseal_store::{Counts, RunRow, Session, StoreError};
use tracing::warn;

use crate::catalogue::Custody;
use crate::error::EngineError;
use crate::job::Job;
use crate::job::options::RunOptions;

/// The events that say where the latest run of a plan stands.
const OF_RUNS: [EventKind; 8] = [
    EventKind::RunStarted,
    EventKind::RunResumed,
    EventKind::RunFinished,
    EventKind::RunPaused,
    EventKind::RunFailed,
    EventKind::RunCancelled,
    EventKind::RollbackStarted,
    EventKind::RunRolledBack,
];

/// A run begins, or goes on: its columns are held and its keys are pinned, and nothing is swapped yet. `run` is as it was
/// found, so its state tells which of the two it is; `session` is one to the target database.
pub(crate) async fn begins(
    session: &mut Session,
    job: &Job,
    run: &RunRow,
    options: &RunOptions,
) -> Result<(), EngineError> {
    let Some(custody) = &options.custody else { return Ok(()) };
    let mut control = custody.control.connect().await?;
    catch_up(&mut control, session, job, run, &options.operator).await?;
    let plan = (job.plan.as_str(), job.digest.as_str(), custody.said.full_digest.as_str());
    if let Some(event) = plan_changed(&mut control, plan, &options.operator).await? {
        record(&mut control, &event).await?;
    }
    let begun = [EventKind::RunStarted, EventKind::RunResumed];
    let last = control.latest_event(&job.plan, &begun).await?.map(|entry| entry.event);
    if run.emergency && last.is_none_or(|last| last.run_id != run.id) {
        let event = emergency(&mut control, job, run, options, custody).await?;
        record(&mut control, &event).await?;
    }
    let kind = if run.state == RunState::Prepared { EventKind::RunStarted } else { EventKind::RunResumed };
    let mut event = event(&mut control, kind, job, &options.operator).await?.of_run(&run.id);
    event = primaries(event, job).with("scope", run.scope.as_str());
    event = event
        .with("emergency", i64::from(run.emergency))
        .with("full_digest", custody.said.full_digest.as_str());
    event = match custody.said.max_key_age {
        Some(limit) => event.with("max_key_age_seconds", limit.as_secs()),
        None => event.with("max_key_age_seconds", "none"),
    };
    if kind == EventKind::RunResumed {
        event = event.with("was", run.state.name());
    }
    event = agreed(event, custody);
    event = custody.brought.iter().fold(event, |event, key| event.with("brought", key.as_str()));
    for pin in session.pins(&job.plan).await? {
        let digest = format!("{}:{}:{}", pin.method, pin.salt, pin.fingerprint);
        event = event.of_key(&pin.keyset, &pin.key_id, &digest);
    }
    record(&mut control, &event).await
}

/// The event that a plan is not what it was when the trail last noted it; `None` where nothing has changed. A plan is its
/// name, its digest, and the digest of all that it says.
///
/// # Errors
/// When the control database refuses.
pub async fn plan_changed(
    control: &mut ControlSession,
    (name, digest, full): (&str, &str, &str),
    operator: &str,
) -> Result<Option<Event>, StoreError> {
    let noted = [EventKind::RunStarted, EventKind::RunResumed, EventKind::PlanChanged];
    let Some(last) = control.latest_event(name, &noted).await?.map(|entry| entry.event) else {
        return Ok(None);
    };
    let before = last.text("full_digest").or(last.text("after"));
    let (changed, before, after) = match before {
        _ if last.plan_digest != digest => ("what is rotated", last.plan_digest.as_str(), digest),
        Some(before) if before != full => ("pace, schedule or notices", before, full),
        _ => return Ok(None),
    };
    let event = Event::new(EventKind::PlanChanged, control.now_ms().await?, operator, &host());
    let event =
        event.of_plan(name, digest).with("changed", changed).with("before", before).with("after", after);
    Ok(Some(event.with("full_digest", full)))
}

async fn emergency(
    control: &mut ControlSession,
    job: &Job,
    run: &RunRow,
    options: &RunOptions,
    custody: &Custody,
) -> Result<Event, EngineError> {
    let event = event(control, EventKind::EmergencyDeclared, job, &options.operator).await?.of_run(&run.id);
    let event = custody.skipped.iter().fold(event, |event, rule| event.with("set_aside", rule.as_str()));
    let deadline = custody.deadline.map(|deadline| deadline.as_secs());
    Ok(deadline.into_iter().fold(event, |event, seconds| event.with("deadline_seconds", seconds)))
}

/// Records the end of the run that the trail last saw begin, if the ledger knows it and the trail does not.
async fn catch_up(
    control: &mut ControlSession,
    session: &mut Session,
    job: &Job,
    run: &RunRow,
    operator: &str,
) -> Result<(), EngineError> {
    let Some(last) = control.latest_event(&job.plan, &OF_RUNS).await?.map(|entry| entry.event) else {
        return Ok(());
    };
    let begun = [EventKind::RunStarted, EventKind::RunResumed, EventKind::RollbackStarted];
    if !begun.contains(&last.kind) {
        return Ok(());
    }
    // The run in hand was taken up a moment ago; how it was found says how it ended before.
    let row = match last.run_id == run.id {
        true => Some(run.clone()),
        false => session.run_by_id(&last.run_id).await?,
    };
    let working = [RunState::Prepared, RunState::Running, RunState::RollingBack];
    let Some(row) = row.filter(|row| !working.contains(&row.state)) else { return Ok(()) };
    let event = event(control, kind_of_end(row.state), job, operator).await?.of_run(&row.id);
    let event = end(event, row.state, row.reason.as_deref(), &row.counts, row.cells_old);
    record(control, &event.with("late", "from the ledger").with("ended_ms", row.updated_at)).await
}

/// A run stopped or is over, and the ledger says how.
pub(crate) async fn ended(session: &mut Session, job: &Job, run_id: &str, options: &RunOptions) {
    let Some(custody) = &options.custody else { return };
    let recorded = async {
        let Some(row) = session.run_by_id(run_id).await? else { return Ok(()) };
        let mut counts = row.counts;
        counts.cells_quarantined = session.quarantined(run_id).await?.len() as u64;
        let mut control = custody.control.connect().await?;
        let event = event(&mut control, kind_of_end(row.state), job, &options.operator).await?.of_run(run_id);
        let event = end(event, row.state, row.reason.as_deref(), &counts, row.cells_old);
        record(&mut control, &primaries(event, job).with("scope", row.scope.as_str())).await
    };
    if let Err(error) = recorded.await {
        unrecorded(run_id, &error);
    }
}

/// A step of the plan, and what it came to.
pub(crate) struct Stepped<'a> {
    pub(crate) phase: &'a str,
    /// Its place in the phase, from 1; 0 for all of them.
    pub(crate) number: i64,
    pub(crate) label: &'a str,
    pub(crate) result: &'a str,
}

/// A step is about to begin, or was carried out. What it printed is in the ledger alone.
pub(crate) async fn stepped(
    custody: &Custody,
    job: &Job,
    run_id: &str,
    operator: &str,
    step: Stepped<'_>,
) -> Result<(), EngineError> {
    let mut control = custody.control.connect().await?;
    let event = event(&mut control, EventKind::HookStep, job, operator).await?.of_run(run_id);
    let event = event.with("phase", step.phase).with("number", step.number);
    record(&mut control, &event.with("step", step.label).with("result", step.result)).await
}

/// A rollback begins, or goes on; nothing is put back yet.
pub(crate) async fn rolls_back(
    control: &mut ControlSession,
    job: &Job,
    run: &RunRow,
    (custody, operator): (&Custody, &str),
) -> Result<(), EngineError> {
    let event = event(control, EventKind::RollbackStarted, job, operator).await?.of_run(&run.id);
    record(control, &agreed(event.with("was", run.state.name()), custody)).await
}

/// An event with what people agreed to, and who did.
fn agreed(event: Event, custody: &Custody) -> Event {
    let Some(approval) = &custody.approval else { return event };
    let event = event.with("approval", approval.as_str());
    custody.approved_by.iter().fold(event, |event, name| event.with("approved_by", name.as_str()))
}

/// A run was rolled back.
pub(crate) async fn rolled_back(
    control: &mut ControlSession,
    job: &Job,
    run: &RunRow,
    counts: &Counts,
    operator: &str,
) {
    let recorded = async {
        let event = event(control, EventKind::RunRolledBack, job, operator).await?.of_run(&run.id);
        let event = event
            .with("state", RunState::RolledBack.name())
            .with("cells_restored", counts.cells_rotated)
            .with("cells_resealed", counts.cells_raced)
            .with("cells_quarantined", counts.cells_quarantined);
        record(control, &event).await
    };
    if let Err(error) = recorded.await {
        unrecorded(&run.id, &error);
    }
}

fn unrecorded(run_id: &str, error: &EngineError) {
    warn!("how run {run_id} ended is not in the audit trail yet ({error}): the plan's next run records it");
}

async fn event(
    control: &mut ControlSession,
    kind: EventKind,
    job: &Job,
    operator: &str,
) -> Result<Event, EngineError> {
    let now = control.now_ms().await?;
    Ok(Event::new(kind, now, operator, &host()).of_plan(&job.plan, &job.digest))
}

async fn record(control: &mut ControlSession, event: &Event) -> Result<(), EngineError> {
    control.record(event).await.map(drop).map_err(|error| {
        let message = format!("{} is not in the audit trail, and nothing runs without: {error}", event.kind);
        let help = "see that the control database (RESEAL_DATABASE_URL) takes writes, then run again";
        EngineError::refused("audit-trail", message, help)
    })
}

/// Which key each keyset seals with.
fn primaries(event: Event, job: &Job) -> Event {
    let sealing = job.keysets.iter().filter_map(|keyset| Some((keyset, keyset.keyset.primary()?)));
    sealing.fold(event, |mut event, (keyset, primary)| {
        event.fields.push((format!("primary.{}", keyset.keyset.name()), Detail::from(primary.id())));
        event
    })
}

fn kind_of_end(state: RunState) -> EventKind {
    match state {
        RunState::Complete | RunState::ScopeDone => EventKind::RunFinished,
        RunState::Paused => EventKind::RunPaused,
        RunState::Cancelled => EventKind::RunCancelled,
        RunState::RolledBack => EventKind::RunRolledBack,
        RunState::Prepared | RunState::Running | RunState::RollingBack | RunState::Failed => {
            EventKind::RunFailed
        }
    }
}

fn end(event: Event, state: RunState, reason: Option<&str>, counts: &Counts, cells_old: u64) -> Event {
    event
        .with("state", state.name())
        .with("reason", reason.unwrap_or_default())
        .with("rows_scanned", counts.rows_scanned)
        .with("cells_rotated", counts.cells_rotated)
        .with("cells_current", counts.cells_current)
        .with("cells_null", counts.cells_null)
        .with("cells_raced", counts.cells_raced)
        .with("cells_quarantined", counts.cells_quarantined)
        .with("cells_old", cells_old)
}
