//! The main flow. Read this file first.
//!
//! plan → check → connect → preflight → shards → ┌ page → open → seal → reopen → swap + checkpoint ┐ → sweep → complete

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use jiff::Timestamp;
use reseal_core::{Key, RunState};
use reseal_store::{Claimed, Database, NewRun, RunRow, Session, ShardRow};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::error::{Class, EngineError};
use crate::job::{Job, Scope};
use crate::lease::{LEASE_MS, Renewal, Stop, Stopper, holder, holder_for_people, is_held};
use crate::pace::Pacer;
use crate::preflight::{self, Passed, Severity};
use crate::progress::{Phase, Progress};
use crate::pump::{Ended, Shared, pump};
use crate::report::Report;
use crate::shards::cut;
use crate::sweep::{Listing, Swept, sweep};
use crate::target::Target;
use crate::{estimate, pins};

/// Rounds of rotate and sweep before the run says that an application still seals with an old key.
const ROUNDS: i64 = 3;

/// How a run is to be carried out.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// What it is narrowed to.
    pub scope: Scope,
    /// Who runs it, for the trail.
    pub operator: String,
    /// Whether everything is opened and sealed and nothing at all written.
    pub dry_run: bool,
    /// Whether rows may be unreadable to the application for a while.
    pub accept_outage: bool,
    /// Whether an old key is known to others: old cells are then kept under the new primary only.
    pub emergency: bool,
    /// When to stop.
    pub until: Option<Timestamp>,
}

/// Carries a plan out, or goes on with a run of it that is not over.
///
/// # Errors
/// When it is refused, stopped or fails; a run that ended with cells left is no error but a [`Report`].
pub async fn run(
    job: &Arc<Job>,
    database: &Database,
    options: &RunOptions,
    progress: &Arc<Progress>,
    stop: &Stopper,
) -> Result<Report, EngineError> {
    let begun = Instant::now();
    preflight::application(job, options.accept_outage || options.dry_run)?;
    let mut session = database.connect().await?;
    progress.begin(Phase::Preflight, 0, 0);
    let passed = preflight::look(&mut session, job, &options.scope).await?;
    told(&passed)?;
    if options.dry_run {
        return estimate::dry_run(job, database, &passed.targets, options, progress).await;
    }
    let pacer = Arc::new(Pacer::new(&job.pace));
    if !pacer.is_open(Timestamp::now()) {
        let help = "wait for the window, or change `windows:` in the plan";
        return Err(EngineError::stopped("window", "the plan's windows are closed now", help));
    }
    session.migrate().await?;
    let fresh = pins::check(&mut session, job).await?;
    let run = find_or_write(&mut session, job, options).await?;
    for pin in &fresh {
        session.pin(&job.plan, pin).await?;
    }
    let epoch = take_up(&mut session, &run).await?;
    info!(run = run.id, epoch, "run taken up");
    let shared = Arc::new(Shared {
        database: database.clone(),
        run_id: run.id.clone(),
        epoch,
        undo: job.undo,
        undo_key: undo_key(job, run.emergency),
        pacer: pacer.clone(),
        progress: progress.clone(),
        stop: stop.clone(),
    });
    let renewal =
        Renewal::start(database.clone(), (run.id.clone(), epoch), pacer, options.until, stop.clone());
    let outcome = rounds(&shared, &mut session, job, &run, &passed.targets).await;
    drop(renewal);
    let session = reopen(session, database).await?;
    conclude(session, job, options, &run, epoch, outcome, begun).await
}

/// Passes findings on; refusals end here.
fn told(passed: &Passed) -> Result<(), EngineError> {
    for finding in passed.findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        warn!(code = finding.code, help = finding.help, "{}", finding.message);
    }
    preflight::refusal(&passed.findings).map_or(Ok(()), Err)
}

/// The run of this plan that is not over, if it may go on as it stands, else a new one.
async fn find_or_write(
    session: &mut Session,
    job: &Job,
    options: &RunOptions,
) -> Result<RunRow, EngineError> {
    let latest = session.runs(Some(&job.plan), 1).await?.pop();
    if let Some(run) = latest.filter(|run| !run.state.is_over()) {
        may_resume(job, options, &run)?;
        return Ok(run);
    }
    let id = uuid::Uuid::now_v7().to_string();
    let keys = pins::keys_of_run(job, &id)?;
    let new = NewRun {
        id: id.clone(),
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: options.scope.json().to_string(),
        whole: options.scope.is_whole(),
        primaries: keys.to_string(),
        operator: options.operator.clone(),
        emergency: options.emergency,
        holder: holder(),
        // Until it is taken up, the run is nobody's: a crash in between must not keep the next engine waiting.
        lease_ms: 0,
        columns: claims(job, &options.scope)?,
    };
    match session.create_run(&new).await? {
        Claimed::Yes => {}
        Claimed::HeldBy { column, run_id } => return Err(held_by(session, &column, &run_id).await?),
    }
    let run = session.run_by_id(&id).await?;
    run.ok_or_else(|| EngineError::failed("ledger", "the run that was just written is not there"))
}

async fn held_by(session: &mut Session, column: &str, run_id: &str) -> Result<EngineError, EngineError> {
    let about = match session.run_by_id(run_id).await? {
        Some(run) => format!(
            "run {run_id} of plan {} ({}, held by {})",
            run.plan,
            run.state,
            holder_for_people(&run.holder)
        ),
        None => format!("run {run_id}"),
    };
    let help = format!("wait for it, resume it, or give it up with `reseal cancel --run {run_id}`");
    Ok(EngineError::stopped("column-held", format!("{column} is held by {about}"), help))
}

/// The columns that a run in this scope writes.
pub(crate) fn claims(job: &Job, scope: &Scope) -> Result<Vec<(String, String)>, EngineError> {
    let mut columns = Vec::new();
    for at in preflight::in_scope(job, scope)? {
        let table = &job.tables[at];
        let of_fields = table.fields.iter().flat_map(|field| field.columns.iter().map(|(_, name)| name));
        for name in of_fields.chain(&table.key_column) {
            let column = (table.name.to_string(), name.clone());
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
    }
    Ok(columns)
}

fn may_resume(job: &Job, options: &RunOptions, run: &RunRow) -> Result<(), EngineError> {
    let cancel = format!("put it back, or give the run up with `reseal cancel --run {}`", run.id);
    if run.state == RunState::RollingBack {
        let message = format!("run {} is being rolled back", run.id);
        return Err(EngineError::refused("rolling-back", message, "finish it with `reseal rollback`"));
    }
    if run.plan_digest != job.digest {
        let message = format!("the plan changed since run {} began, and that run is {}", run.id, run.state);
        return Err(EngineError::refused("plan-changed", message, cancel));
    }
    if Scope::from_json(&run.scope) != options.scope {
        let message = format!("run {} is {} in another scope: {}", run.id, run.state, run.scope);
        return Err(EngineError::refused("scope-changed", message, "resume it in its scope, or cancel it"));
    }
    let primaries = pins::keys_of_run(job, &run.id)?.to_string();
    if primaries != run.primaries {
        let message = format!("the keys are not those that run {} began with", run.id);
        return Err(EngineError::refused("keys-changed", message, cancel));
    }
    Ok(())
}

/// Takes the run up under a new epoch, unless another engine is at work on it.
pub(crate) async fn take_up(session: &mut Session, run: &RunRow) -> Result<i64, EngineError> {
    let busy = |run: &RunRow| {
        let message = format!("run {} is held by {}", run.id, holder_for_people(&run.holder));
        EngineError::stopped("run-held", message, "wait for it, or see `reseal status`")
    };
    if is_held(run) {
        return Err(busy(run));
    }
    match session.take_up(run, &holder(), LEASE_MS).await? {
        Some(epoch) => Ok(epoch),
        None => {
            let now = session.run_by_id(&run.id).await?;
            Err(busy(now.as_ref().unwrap_or(run)))
        }
    }
}

/// The key that old cells are kept under when the old key is known to others.
fn undo_key(job: &Job, emergency: bool) -> Option<Key> {
    let primaries = job.keysets.iter().filter_map(|keyset| keyset.keyset.primary());
    emergency.then(|| primaries.into_iter().next().cloned()).flatten()
}

/// How the rounds of a run ended.
enum Outcome {
    Clean,
    Left(Swept),
    Stopped(Stop),
}

/// Rotate, sweep, and again where an application still wrote under an old key.
async fn rounds(
    shared: &Arc<Shared>,
    session: &mut Session,
    job: &Arc<Job>,
    run: &RunRow,
    targets: &[Arc<Target>],
) -> Result<Outcome, EngineError> {
    let mut round = run.round;
    let mut tables: Vec<&Arc<Target>> = targets.iter().collect();
    let last = round + ROUNDS - 1;
    loop {
        let shards = shards_of(shared, session, job, &tables, round).await?;
        if let Some(stop) = rotate(shared, targets, shards).await? {
            return Ok(Outcome::Stopped(stop));
        }
        let swept = sweep_all(shared, session, targets).await?;
        let next = round + i64::from(swept.old + swept.broken > 0);
        if !session.note_sweep((&run.id, shared.epoch), next, swept.old).await? {
            return Err(EngineError::superseded());
        }
        if swept.old == 0 && swept.broken == 0 {
            return Ok(Outcome::Clean);
        }
        if swept.old == 0 || round >= last {
            return Ok(Outcome::Left(swept));
        }
        if let Some(stop) = shared.stop.asked() {
            return Ok(Outcome::Stopped(stop));
        }
        info!(round, old = swept.old, "the sweep found cells under an old key; once more");
        tables = targets.iter().filter(|target| swept.tables_with_old.contains(&target.at)).collect();
        round = next;
    }
}

/// The shards of a round that are not through; written first where there are none yet.
async fn shards_of(
    shared: &Shared,
    session: &mut Session,
    job: &Job,
    tables: &[&Arc<Target>],
    round: i64,
) -> Result<Vec<ShardRow>, EngineError> {
    let known = session.shards(&shared.run_id).await?;
    let of_round: Vec<&ShardRow> = known.iter().filter(|shard| shard.round == round).collect();
    if of_round.is_empty() {
        shared.progress.begin(Phase::Shards, 0, 0);
        let first = known.iter().map(|shard| shard.number + 1).max().unwrap_or(0);
        let cut = cut(session, tables, job.pace.workers, first, round, shared.epoch).await?;
        too_many_seals(tables, &cut)?;
        session.add_shards(&shared.run_id, &cut).await?;
        let total = cut.iter().map(|shard| shard.counts.rows_total).sum();
        shared.progress.begin(Phase::Rotate, 0, total);
        return Ok(cut);
    }
    let total = of_round.iter().map(|shard| shard.counts.rows_total).sum();
    let done = of_round.iter().map(|shard| shard.counts.rows_scanned).sum();
    shared.progress.begin(Phase::Rotate, done, total);
    Ok(of_round.into_iter().filter(|shard| !shard.done).cloned().collect())
}

/// Random nonces repeat: a key that would seal more cells than its format allows is refused.
fn too_many_seals(tables: &[&Arc<Target>], shards: &[ShardRow]) -> Result<(), EngineError> {
    for target in tables {
        let rows: u64 =
            shards.iter().filter(|s| s.table == target.label()).map(|s| s.counts.rows_total).sum();
        for field in &target.table().fields {
            if field.to.format.max_seals.is_some_and(|max| rows > max) && field.to.kdf.is_none() {
                return Err(EngineError::refused(
                    "too-many-seals",
                    format!(
                        "{} has {rows} rows, more than one key may seal with random nonces",
                        target.label()
                    ),
                    "split the table over several keys, or derive a key for each tenant",
                ));
            }
        }
    }
    Ok(())
}

/// By a table's label: its target, and for each field the failures in a row.
type Targets = HashMap<String, (Arc<Target>, Arc<Vec<AtomicU64>>)>;

/// Pumps every shard through, as many at once as there are workers. Gives the reason, if it was stopped.
async fn rotate(
    shared: &Arc<Shared>,
    targets: &[Arc<Target>],
    shards: Vec<ShardRow>,
) -> Result<Option<Stop>, EngineError> {
    let by_label: Arc<Targets> = Arc::new(
        targets
            .iter()
            .map(|target| {
                let fails = target.fields.iter().map(|_| AtomicU64::new(0)).collect();
                (target.label(), (target.clone(), Arc::new(fails)))
            })
            .collect(),
    );
    // SQLite has one writer at a time; a second worker would only wait for the first.
    let single = shared.database.dialect() == reseal_store::Dialect::Sqlite;
    let workers = if single { 1 } else { shards.len().min(targets[0].job.pace.workers) };
    let queue = Arc::new(Mutex::new(VecDeque::from(shards)));
    let tasks: Vec<_> = (0..workers)
        .map(|_| tokio::spawn(work_queue(shared.clone(), queue.clone(), by_label.clone())))
        .collect();
    let mut first: Option<EngineError> = None;
    for task in tasks {
        let outcome = match task.await {
            Ok(outcome) => outcome,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Err(error) = outcome {
            first.get_or_insert(error);
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(shared.stop.asked()),
    }
}

async fn work_queue(
    shared: Arc<Shared>,
    queue: Arc<Mutex<VecDeque<ShardRow>>>,
    targets: Arc<Targets>,
) -> Result<(), EngineError> {
    let outcome = async {
        let mut session = shared.database.connect().await?;
        while let Some(shard) = queue.lock().await.pop_front() {
            let Some((target, fails)) = targets.get(&shard.table) else {
                return Err(EngineError::failed(
                    "ledger",
                    format!("the run has a shard of unknown table {}", shard.table),
                ));
            };
            if pump(&shared, &mut session, target, &shard, fails).await? == Ended::Stopped {
                break;
            }
        }
        Ok(())
    };
    let outcome = outcome.await;
    if outcome.is_err() {
        shared.stop.ask(Stop::Failing);
    }
    outcome
}

async fn sweep_all(
    shared: &Shared,
    session: &mut Session,
    targets: &[Arc<Target>],
) -> Result<Swept, EngineError> {
    let (_, total) = shared.progress.rows();
    shared.progress.begin(Phase::Sweep, 0, total);
    session.clear_quarantine(&shared.run_id).await?;
    let listing = Listing { session, run_id: &shared.run_id };
    sweep(&shared.database, targets, &shared.progress, Some(listing)).await
}

/// The connection may have been lost on the way; what is left to be written needs a living one.
pub(crate) async fn reopen(mut session: Session, database: &Database) -> Result<Session, EngineError> {
    match session.now_ms().await {
        Ok(_) => Ok(session),
        Err(_) => Ok(database.connect().await?),
    }
}

/// Writes how the run ended and reports it.
async fn conclude(
    mut session: Session,
    job: &Job,
    options: &RunOptions,
    run: &RunRow,
    epoch: i64,
    outcome: Result<Outcome, EngineError>,
    begun: Instant,
) -> Result<Report, EngineError> {
    let stopped = matches!(outcome, Ok(Outcome::Stopped(_)));
    let (state, reason, error) = match outcome {
        Ok(Outcome::Clean) if run.whole => (RunState::Complete, None, None),
        Ok(Outcome::Clean) => (RunState::ScopeDone, None, None),
        Ok(Outcome::Left(swept)) => (RunState::Paused, Some(left(&swept)), None),
        Ok(Outcome::Stopped(Stop::Superseded)) => return Err(EngineError::superseded()),
        Ok(Outcome::Stopped(Stop::CancelAsked)) => {
            (RunState::Cancelled, Some(Stop::CancelAsked.reason().to_owned()), None)
        }
        Ok(Outcome::Stopped(stop)) => (RunState::Paused, Some(stop.reason().to_owned()), None),
        Err(error) if error.code == "superseded" => return Err(error),
        Err(error) => {
            let state = if error.class == Class::Failed { RunState::Failed } else { RunState::Paused };
            (state, Some(error.message.clone()), Some(error))
        }
    };
    if !session.move_run((&run.id, epoch), RunState::Running, state, reason.as_deref()).await? {
        return Err(EngineError::superseded());
    }
    if let Some(error) = error {
        return Err(error);
    }
    let row = session.run_by_id(&run.id).await?.unwrap_or_else(|| run.clone());
    let mut counts = row.counts;
    counts.cells_quarantined = session.quarantined(&run.id).await?.len() as u64;
    Ok(Report {
        run_id: run.id.clone(),
        state,
        reason,
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: options.scope.json(),
        dry_run: false,
        stopped,
        counts,
        cells_old: row.cells_old,
        seconds: begun.elapsed().as_secs_f64(),
        estimate_seconds: None,
    })
}

/// Why a run that went through is not complete.
fn left(swept: &Swept) -> String {
    match (swept.old, swept.broken) {
        (0, broken) => format!("{broken} cells are in quarantine"),
        (old, 0) => format!("{old} cells are under an old key: an application still seals with it"),
        (old, broken) => format!("{old} cells are under an old key, {broken} cells are in quarantine"),
    }
}
