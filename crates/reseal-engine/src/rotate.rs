//! The main flow. Read this file first.
//!
//! plan → check → connect → preflight → shards → ┌ page → open → seal → reopen → swap + checkpoint ┐ → sweep → complete

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use jiff::Timestamp;
use reseal_store::{Book, Database, RunRow, Session, ShardRow};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::catalogue::{self, Custody};
use crate::conclude::{Outcome, conclude};
use crate::error::EngineError;
use crate::job::{Job, Scope};
use crate::lag::LagWatch;
use crate::lease::{Renewal, Stop, Stopper};
use crate::pace::Pacer;
use crate::preflight::{self, Passed, Severity};
use crate::progress::{Phase, Progress};
use crate::pump::{Ended, Shared, pump};
use crate::reconnect::{RECONNECTS, living};
use crate::report::Report;
use crate::resume::{find_or_write, take_up};
use crate::shards::cut;
use crate::sweep::{Listing, Swept, sweep};
use crate::target::Target;
use crate::tell::tell;
use crate::undo::UndoKey;
use crate::{estimate, guard, pins, trail};

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
    /// The control database, and what was agreed to; none for a run that no catalogue follows.
    pub custody: Option<Custody>,
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
    session.migrate(Book::Ledger).await?;
    let fresh = pins::check(&mut session, job).await?;
    let run = find_or_write(&mut session, job, options).await?;
    catalogue::begin(job, &run, options, progress).await?;
    for pin in &fresh {
        session.pin(&job.plan, pin).await?;
    }
    let epoch = take_up(&mut session, &run).await?;
    info!(run = run.id, epoch, "run taken up");
    if let Err(untrailed) = trail::begins(&mut session, job, &run, options).await {
        return conclude(session, job, options, &run, epoch, Err(untrailed), begun).await;
    }
    if run.whole {
        guard::take_away(&mut session, &passed.targets).await?;
    }
    let undo_key = undo_key(job, run.emergency).await?;
    let shared = Arc::new(Shared {
        database: database.clone(),
        run_id: run.id.clone(),
        epoch,
        undo: job.undo,
        undo_key,
        pacer: pacer.clone(),
        progress: progress.clone(),
        stop: stop.clone(),
        custody: options.custody.clone(),
        idle: std::sync::Mutex::default(),
    });
    let lag = LagWatch::start(database.clone(), pacer.clone());
    let renewal =
        Renewal::start(database.clone(), (run.id.clone(), epoch), pacer, options.until, stop.clone());
    let outcome = rounds(&shared, &mut session, job, &run, &passed.targets).await;
    drop((renewal, lag));
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

/// The key that old cells are kept under when the old key is known to others.
async fn undo_key(job: &Job, emergency: bool) -> Result<Option<UndoKey>, EngineError> {
    let mut primaries = job.keysets.iter().filter_map(|keyset| keyset.keyset.primary());
    match primaries.next().filter(|_| emergency) {
        Some(primary) => UndoKey::of(primary, &job.deks).await.map(Some),
        None => Ok(None),
    }
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
    let mut guarded = false;
    loop {
        let shards = shards_of(shared, session, job, &tables, round).await?;
        if let Some(stop) = rotate(shared, targets, shards).await? {
            return Ok(Outcome::Stopped(stop));
        }
        let swept = sweep_all(shared, session, targets).await?;
        catalogue::keep_census(shared.custody.as_ref(), job, run, &swept.census).await;
        let next = round + i64::from(swept.old + swept.broken > 0);
        if !session.note_sweep((&run.id, shared.epoch), next, swept.old).await? {
            return Err(EngineError::superseded());
        }
        if swept.broken > 0 {
            tell(session, &run.id, targets).await?;
        }
        if swept.old == 0 && swept.broken == 0 {
            if !run.whole || guarded || guard::put_up(session, job, targets).await? {
                return Ok(Outcome::Clean);
            }
            // What came in between the sweep and the guard is found by another sweep, and nothing comes after it.
            guarded = true;
            continue;
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
            if field.to.format.max_seals.is_some_and(|max| rows > max)
                && field.to.kdf.is_none()
                && field.to.envelope.is_none()
            {
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
                (target.label().to_owned(), (target.clone(), Arc::new(fails)))
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
        let mut session = shared.connect().await?;
        loop {
            // Taken in a statement of its own: in the head of a loop, the lock would be held for the whole body.
            let next = queue.lock().await.pop_front();
            let Some(shard) = next else { break };
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

/// The sweep of all tables. It writes nothing but the quarantine, so where its connection is lost it begins anew.
async fn sweep_all(
    shared: &Shared,
    session: &mut Session,
    targets: &[Arc<Target>],
) -> Result<Swept, EngineError> {
    let (_, total) = shared.progress.rows();
    let mut attempt = 0;
    loop {
        living(shared, session).await?;
        shared.progress.begin(Phase::Sweep, 0, total);
        session.clear_quarantine(&shared.run_id).await?;
        let listing = Listing { session, run_id: &shared.run_id };
        match sweep((&shared.database, shared.take_idle()), targets, &shared.progress, Some(listing)).await {
            Err(error) if error.code == "connection-lost" && attempt < RECONNECTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

/// The connection may have been lost on the way; what is left to be written needs a living one.
pub(crate) async fn reopen(mut session: Session, database: &Database) -> Result<Session, EngineError> {
    match session.now_ms().await {
        Ok(_) => Ok(session),
        Err(_) => Ok(database.connect().await?),
    }
}
