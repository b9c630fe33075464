//! Before the rounds: a run that is not over is gone on with, as it stands or not at all; else a new one is written.

use reseal_core::RunState;
use reseal_store::{Claimed, NewRun, RunLease, RunRow, Session};

use crate::commit::Commit;
use crate::error::{Busy, ColumnHolder, KnownHolder, LedgerFault, ResumeRefused, RunError};
use crate::job::options::RunOptions;
use crate::job::scope::Scope;
use crate::job::{Job, pins};
use crate::observer::RunObserver;
use crate::preflight::identity::{self, Resolved};
use crate::run::lease::{LEASE_MS, holder, is_held};
use crate::run::opening::Looked;

/// The options with the pace that an unfinished run of the plan was started with, where this command asks for nothing else.
pub(crate) async fn started_with(
    session: &mut Session,
    job: &Job,
    options: &RunOptions,
) -> Result<RunOptions, RunError> {
    let mut options = options.clone();
    if options.dry_run || session.version().await?.is_none() {
        return Ok(options);
    }
    let latest = session.runs(Some(&job.plan), 1).await?.pop();
    if let Some(run) = latest.filter(|run| !run.state.is_over()) {
        let kept = session.asked_pace(&run.id).await?;
        options.pace.workers = options.pace.workers.or(kept.workers);
        options.pace.batch_rows = options.pace.batch_rows.or(kept.batch_rows);
    }
    Ok(options)
}

/// Whether the plan's latest run is not over and has moved cells: what an application cannot read since then was accepted
/// when that run began, and comes to an end by going on.
pub(crate) async fn is_under_way(session: &mut Session, job: &Job) -> Result<bool, RunError> {
    if session.version().await?.is_none() {
        return Ok(false);
    }
    let latest = session.runs(Some(&job.plan), 1).await?.pop();
    Ok(latest.is_some_and(|run| !run.state.is_over() && run.counts.cells_rotated > 0))
}

/// The run of this plan that is not over, if it may go on as it stands, else a new one.
async fn find_or_write(
    session: &mut Session,
    job: &Job,
    options: &RunOptions,
    observer: &dyn RunObserver,
) -> Result<RunRow, RunError> {
    let latest = session.runs(Some(&job.plan), 1).await?.pop();
    if let Some(run) = latest.filter(|run| !run.state.is_over()) {
        may_resume(job, options, &run)?;
        return Ok(run);
    }
    let id = uuid::Uuid::now_v7().to_string();
    // Steps of `before` may change which keys there are: then they are noted after those.
    let keys = match job.hooks.before.is_empty() {
        true => pins::keys_of_run(job, &id)?.to_string(),
        false => String::new(),
    };
    let tables = identity::resolve(session, job, &options.scope).await?;
    let new = NewRun {
        id: id.clone(),
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: options.scope.json().to_string(),
        whole: options.scope.is_whole(),
        primaries: keys,
        operator: options.operator.clone(),
        emergency: options.emergency,
        pace: options.pace,
        holder: holder(),
        // Until it is acquired, the run is nobody's: a crash in between must not keep the next engine waiting.
        lease_ms: 0,
        columns: identity::claims(&tables),
        tables: tables.into_iter().map(|Resolved { table, .. }| table).collect(),
    };
    observer.before_run_created(&id).await?;
    match session.create_run(&new).await? {
        Claimed::Yes => {}
        Claimed::HeldBy { column, run_id } => return Err(held_by(session, column, run_id).await?),
    }
    let run = session.run_by_id(&id).await?;
    run.ok_or_else(|| LedgerFault::RunMissing.into())
}

/// The refusal of a run or a rollback whose columns another run holds.
pub(crate) async fn held_by(
    session: &mut Session,
    column: String,
    run: String,
) -> Result<RunError, RunError> {
    let known = session.run_by_id(&run).await?.map(|run| KnownHolder {
        plan: run.plan,
        state: run.state,
        holder: run.holder.for_people(),
    });
    Ok(Busy::Column { column, by: ColumnHolder { run, known } }.into())
}

fn may_resume(job: &Job, options: &RunOptions, run: &RunRow) -> Result<(), RunError> {
    let id = || run.id.clone();
    if run.state == RunState::RollingBack {
        return Err(ResumeRefused::RollingBack { run: id() }.into());
    }
    if run.plan_digest != job.digest {
        return Err(ResumeRefused::PlanChanged { run: id(), state: run.state }.into());
    }
    if Scope::from_json(&run.scope) != options.scope {
        let (state, scope) = (run.state, run.scope.clone());
        return Err(ResumeRefused::ScopeChanged { run: id(), state, scope }.into());
    }
    if run.primaries.is_empty() {
        return Ok(());
    }
    if let Some(error) = &job.keys_missing {
        return Err(error.clone());
    }
    if !pins::has_those_of(job, run)? {
        return Err(ResumeRefused::KeysChanged { run: id() }.into());
    }
    Ok(())
}

/// Refuses to go on with a run by keys that it has not noted: for where people agreed to its keys.
///
/// # Errors
/// When there are such keys.
pub fn has_no_new_keys(job: &Job, run: &RunRow) -> Result<(), RunError> {
    match run.primaries.is_empty() || !pins::has_unnoted(job, run) {
        true => Ok(()),
        false => Err(ResumeRefused::KeysChanged { run: run.id.clone() }.into()),
    }
}

/// A run that this engine holds.
pub(crate) struct Held {
    pub(crate) run: RunRow,
    pub(crate) lease: RunLease,
}

/// Finds the run to resume, or writes a new one, and acquires it. A run that is resumed works on the tables that it began
/// with, or not at all.
pub(crate) async fn take(
    session: &mut Session,
    job: &Job,
    options: &RunOptions,
    looked: &mut Looked,
    observer: &dyn RunObserver,
) -> Result<Held, RunError> {
    let run = find_or_write(session, job, options, observer).await?;
    let found = identity::compare(session, &run, &looked.targets, &options.accepted.tables).await?;
    if !found.changed.is_empty()
        && let Some(Claimed::HeldBy { column, run_id }) =
            session.holder_of_any(&found.columns, &[&run.id]).await?
    {
        return Err(held_by(session, column, run_id).await?);
    }
    let lease = acquire(session, &run).await?;
    Commit::new(session, &lease).tables(&found.changed, &found.columns, &options.operator).await?;
    looked.changed = found.changed;
    Ok(Held { run, lease })
}

/// Acquires the run under a new epoch, unless another engine is at work on it.
async fn acquire(session: &mut Session, run: &RunRow) -> Result<RunLease, RunError> {
    if is_held(run) {
        return Err(busy(run));
    }
    match session.acquire(run, &holder(), LEASE_MS).await? {
        Some(lease) => Ok(lease),
        None => {
            let now = session.run_by_id(&run.id).await?;
            Err(busy(now.as_ref().unwrap_or(run)))
        }
    }
}

fn busy(run: &RunRow) -> RunError {
    Busy::Run { run: run.id.clone(), holder: run.holder.for_people() }.into()
}
