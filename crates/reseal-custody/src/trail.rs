//! The audit trail, as runs write it.
//!
//! **Invariant:** a run that a control database follows swaps nothing before its beginning is in the trail. Its end can
//! only be a warning where it cannot be recorded, since the work is done by then; whoever takes the plan up next reads
//! that end from the ledger, and records it before anything else.

mod described;

use reseal_control::{ControlSession, KeyRow, host};
use reseal_core::RunState;
use reseal_core::audit::{Detail, Event, EventKind, Fingerprint, TrailHead};
use reseal_engine::{Job, RollbackBegins, RollbackEnd, RunBegins, RunEnd, RunError, StepEvent};
use reseal_store::{Counts, NotedTable, RunRow, Session, StoreError};
use tracing::warn;

use crate::approvals::Agreed;
use crate::error::RecordsError;
use crate::permit::Permit;

/// A run begins, or goes on: its columns are held and its keys are noted, and nothing is swapped yet. `run` is as it was
/// found, so its state tells which of the two it is; `session` is one to the target database.
pub(crate) async fn run_begins(
    control: &mut ControlSession,
    session: &mut Session,
    RunBegins { job, run, tables, pins, accepted_keys, weak_keys }: RunBegins<'_>,
    permit: &Permit,
) -> Result<TrailHead, RunError> {
    catch_up(control, session, job, run, &permit.operator).await?;
    let (name, digest, full_digest) = (&job.plan, &job.digest, &permit.policy.full_digest);
    let plan = PlanVersion { name, digest, full_digest };
    if let Some(event) = plan_changed(control, plan, &permit.operator).await? {
        record(control, &event).await?;
    }
    let begun = [EventKind::RunStarted, EventKind::RunResumed];
    let last = control.latest_event(&job.plan, &begun).await?.map(|entry| entry.event);
    if run.emergency && last.is_none_or(|last| last.run_id != run.id) {
        let event = emergency(control, job, run, permit).await?;
        record(control, &event).await?;
    }
    let kind = if run.state == RunState::Prepared { EventKind::RunStarted } else { EventKind::RunResumed };
    let mut event = event(control, kind, job, &permit.operator).await?.of_run(&run.id);
    event = primaries(event, job).with("scope", run.scope.as_str());
    event = event
        .with("emergency", i64::from(run.emergency))
        .with("full_digest", permit.policy.full_digest.as_str());
    event = match permit.policy.max_key_age {
        Some(limit) => event.with("max_key_age_seconds", limit.as_secs()),
        None => event.with("max_key_age_seconds", "none"),
    };
    if kind == EventKind::RunResumed {
        event = event.with("was", run.state.name());
    }
    event = found(agreed(event, permit.agreed.as_ref()), tables);
    event = permit.brought.iter().fold(event, |event, key| event.with("brought", key.as_str()));
    event = job.shared_nonces().iter().fold(event, |event, nonce| event.with("shared_nonce", nonce.as_str()));
    event = accepted_keys.iter().fold(event, |event, keyset| event.with("accepted_keys", keyset.as_str()));
    event = weak_keys.iter().fold(event, |event, key| event.with("accepted_weak_key", key.as_str()));
    if let Some(unknown) = &permit.accepted_mark {
        event = event.with("accepted_control_database", unknown.as_str());
    }
    for pin in pins {
        let digest = format!("{}:{}:{}", pin.method, pin.salt, pin.fingerprint);
        event = event.of_key(&pin.keyset, &pin.key_id, &digest);
    }
    let event = described::described(event, control, session, job, run).await?;
    record_at(control, &event).await
}

/// Whether a run moved cells away from a key, by the fingerprint in the catalogue that the beginning of the run has of each key
/// whose label is a role; `None` where it has none, as in events of earlier versions.
pub(crate) async fn moved_away(
    control: &mut ControlSession,
    row: &KeyRow,
    run_id: &str,
) -> Result<Option<bool>, StoreError> {
    let digest = digest_of(row);
    let known: Vec<String> = control.catalogued(&row.plan).await?.iter().map(digest_of).collect();
    let begun = control.events_of_run(run_id, &[EventKind::RunStarted, EventKind::RunResumed]).await?;
    let mut answer = None;
    for event in begun.iter().map(|entry| &entry.event) {
        let is_catalogued = |print: &&Fingerprint| known.contains(&print.digest);
        for print in event.keys.iter().filter(is_catalogued) {
            let primary = event.text(&format!("primary.{}", print.keyset));
            let is_old = print.digest == digest && primary != Some(print.key.as_str());
            answer = Some(answer.unwrap_or(false) || is_old);
        }
    }
    Ok(answer)
}

/// A fingerprint of the catalogue, as events have it.
fn digest_of(row: &KeyRow) -> String {
    format!("{}:{}:{}", row.method, row.salt, row.fingerprint)
}

/// A plan as it is now, to compare with what the trail knows of it.
#[derive(Clone, Copy, Debug)]
pub struct PlanVersion<'a> {
    /// Its name.
    pub name: &'a str,
    /// Digest of what is rotated.
    pub digest: &'a str,
    /// Digest of all that it says, pace and schedule included.
    pub full_digest: &'a str,
}

/// The event that a plan is not what it was when the trail last noted it; `None` where nothing has changed.
///
/// # Errors
/// When the control database refuses.
pub async fn plan_changed(
    control: &mut ControlSession,
    PlanVersion { name, digest, full_digest: full }: PlanVersion<'_>,
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
    permit: &Permit,
) -> Result<Event, RunError> {
    let event = event(control, EventKind::EmergencyDeclared, job, &permit.operator).await?.of_run(&run.id);
    let event = permit.skipped.iter().fold(event, |event, rule| event.with("set_aside", rule.as_str()));
    let deadline = permit.deadline.map(|deadline| deadline.as_secs());
    Ok(deadline.into_iter().fold(event, |event, seconds| event.with("deadline_seconds", seconds)))
}

/// Records the end of the run that the trail last saw begin, if the ledger knows it and the trail does not.
async fn catch_up(
    control: &mut ControlSession,
    session: &mut Session,
    job: &Job,
    run: &RunRow,
    operator: &str,
) -> Result<(), RunError> {
    let Some(last) = control.latest_event(&job.plan, &EventKind::OF_RUNS).await?.map(|entry| entry.event)
    else {
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
    let event = end(event, &row, &row.counts);
    record(control, &event.with("late", "from the ledger").with("ended_ms", row.updated_at)).await
}

/// A run stopped or is over, and the ledger says how.
pub(crate) async fn run_ended(
    control: &mut ControlSession,
    RunEnd { job, run, counts, sweep }: RunEnd<'_>,
    operator: &str,
) -> Result<(), RunError> {
    let event = event(control, kind_of_end(run.state), job, operator).await?.of_run(&run.id);
    let event = match sweep {
        Some(sweep) => {
            end(event, run, counts).with("swept_ms", sweep.began_ms).with("cells_swept", sweep.cells)
        }
        None => end(event, run, counts),
    };
    record(control, &primaries(event, job).with("scope", run.scope.as_str())).await
}

/// A step is about to begin, or was carried out. What it printed is in the ledger alone.
pub(crate) async fn stepped(
    control: &mut ControlSession,
    step: StepEvent<'_>,
    operator: &str,
) -> Result<(), RunError> {
    let event = event(control, EventKind::HookStep, step.job, operator).await?.of_run(step.run_id);
    let event = event.with("phase", step.phase).with("number", step.number);
    record(control, &event.with("step", step.label).with("result", step.result.name())).await
}

/// A rollback begins, or goes on; nothing is put back yet.
pub(crate) async fn rollback_begins(
    control: &mut ControlSession,
    RollbackBegins { job, run, tables, accepted_logs, .. }: RollbackBegins<'_>,
    permit: &Permit,
) -> Result<(), RunError> {
    let event = event(control, EventKind::RollbackStarted, job, &permit.operator).await?.of_run(&run.id);
    let event =
        accepted_logs.iter().fold(event, |event, setting| event.with("accepted_log", setting.as_str()));
    record(control, &found(agreed(event.with("was", run.state.name()), permit.agreed.as_ref()), tables)).await
}

/// An event with the tables that are not as the run recorded them: `accepted_table` where somebody said that they are the
/// run's.
fn found(event: Event, tables: &[NotedTable]) -> Event {
    tables.iter().fold(event, |event, NotedTable { table, found }| {
        let now = format!("{}: {}", table.label, table.identity.for_people());
        event.with(&format!("{}_table", found.name()), now.as_str())
    })
}

/// An event with what people agreed to, who did, and by which keys: the file of approvers may have others by the time that
/// somebody asks.
pub(crate) fn agreed(event: Event, agreed: Option<&Agreed>) -> Event {
    let Some(agreed) = agreed else { return event };
    let event = event.with("approval", agreed.request.as_str());
    agreed.approvers.iter().fold(event, |event, approver| {
        event.with("approved_by", approver.name.as_str()).with("approver_key", approver.key())
    })
}

/// A run was rolled back.
pub(crate) async fn rolled_back(
    control: &mut ControlSession,
    RollbackEnd { job, run, counts, .. }: RollbackEnd<'_>,
    operator: &str,
) -> Result<(), RunError> {
    let event = event(control, EventKind::RunRolledBack, job, operator).await?.of_run(&run.id);
    let event = event
        .with("state", RunState::RolledBack.name())
        .with("cells_restored", counts.cells_rotated)
        .with("cells_resealed", counts.cells_raced)
        .with("cells_quarantined", counts.cells_quarantined);
    record(control, &event).await
}

/// Warns that the end of a run could not be recorded.
pub(crate) fn unrecorded(run_id: &str, error: &RunError) {
    warn!(
        "the end of run {run_id} could not be recorded in the audit trail ({error}); the plan's next run will record it"
    );
}

async fn event(
    control: &mut ControlSession,
    kind: EventKind,
    job: &Job,
    operator: &str,
) -> Result<Event, RunError> {
    let now = control.now_ms().await?;
    Ok(Event::new(kind, now, operator, &host()).of_plan(&job.plan, &job.digest))
}

async fn record(control: &mut ControlSession, event: &Event) -> Result<(), RunError> {
    record_at(control, event).await.map(drop)
}

/// Records an event, and gives where the trail ends then.
async fn record_at(control: &mut ControlSession, event: &Event) -> Result<TrailHead, RunError> {
    control.record(event).await.map_err(|source| RecordsError::AuditTrail { kind: event.kind, source }.into())
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

fn end(event: Event, run: &RunRow, counts: &Counts) -> Event {
    event
        .with("state", run.state.name())
        .with("reason", run.reason.as_deref().unwrap_or_default())
        .with("rows_scanned", counts.rows_scanned)
        .with("cells_rotated", counts.cells_rotated)
        .with("cells_current", counts.cells_current)
        .with("cells_null", counts.cells_null)
        .with("cells_raced", counts.cells_raced)
        .with("cells_quarantined", counts.cells_quarantined)
        .with("cells_old", run.cells_old)
}
