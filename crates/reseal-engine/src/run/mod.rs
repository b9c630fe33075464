//! The main flow. Read this file first.
//!
//! plan → check → connect → preflight → shards → ┌ page → open → seal → reopen → swap + checkpoint ┐ → sweep → complete

pub(crate) mod canary;
pub(crate) mod conclude;
pub(crate) mod first_use;
pub(crate) mod lease;
pub(crate) mod opening;
pub(crate) mod resume;
pub(crate) mod steps;
pub(crate) mod unfinished;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use reseal_store::{RunLease, RunRow, Session, ShardRow};
use tracing::info;

use crate::cell::target::Target;
use crate::cell::undo::UndoKey;
use crate::commit::last_error::write_last_error;
use crate::commit::{Commit, guard};
use crate::environment::Environment;
use crate::error::{Busy, RunError, TableError};
use crate::job::options::RunOptions;
use crate::job::{Job, pins};
use crate::preflight::{self, identity};
use crate::progress::Phase;
use crate::report::Report;
use crate::rotate::lag::LagWatch;
use crate::rotate::pace::Pacer;
use crate::rotate::reconnect::{RECONNECTS, ensure_connected};
use crate::rotate::shards::cut;
use crate::rotate::shared::Shared;
use crate::rotate::workers::rotate;
use crate::run::canary::Sent;
use crate::run::conclude::{Outcome, conclude};
use crate::run::lease::Renewal;
use crate::run::opening::{Opened, Ready};
use crate::run::resume::{Held, is_under_way, started_with, take};
use crate::run::steps::Steps;
use crate::run::unfinished::owed;
use crate::sweep::census::Census;
use crate::sweep::listing::{Listing, Refused};
use crate::sweep::{Swept, dry_run, sweep};

/// Rounds of rotate and sweep before the run says that an application still seals with an old key.
const ROUNDS: i64 = 3;

/// Carries a plan out, or goes on with a run of it that is not over.
///
/// # Errors
/// When it is refused, stopped or fails; a run that ended with cells left is no error but a [`Report`].
pub async fn run(
    job: &Arc<Job>,
    options: &RunOptions,
    environment: &Environment,
) -> Result<Report, RunError> {
    let begun = Instant::now();
    let Environment { database, progress, stop, observer } = environment;
    let opened = if options.dry_run { database.read_only() } else { database.clone() };
    let mut session = opened.connect().await?;
    if let Some(report) = owed(&mut session, job, options, environment).await? {
        return Ok(report);
    }
    let is_accepted = options.dry_run || options.accepted.outage;
    preflight::application(job, is_accepted || is_under_way(&mut session, job).await?)?;
    let options = &started_with(&mut session, job, options).await?;
    let job = &job.at_pace(options.pace);
    progress.begin(Phase::Preflight, 0, 0);
    let mut looked = opening::look(&mut session, job, options).await?;
    if options.dry_run {
        return dry_run::dry_run(job, database, &looked.targets, options, progress).await;
    }
    let pacer = Arc::new(Pacer::new(&job.pace));
    if !pacer.is_open(Timestamp::now()) {
        return Err(Busy::WindowClosed.into());
    }
    if options.until.is_some_and(|until| until <= Timestamp::now()) {
        return Err(Busy::UntilPassed.into());
    }
    session.migrate().await?;
    pins::check(&mut session, job).await?;
    let Held { run, lease } = take(&mut session, job, options, &mut looked, observer.as_ref()).await?;
    info!(run = run.id, epoch = lease.epoch(), "run acquired");
    let mut steps = Steps::of(&mut session, environment, job, &run, &lease, &options.operator).await?;
    let renewal = renewal(environment, &lease, &pacer, options);
    let opened = opening::open(&mut session, &mut steps, looked, &run, &lease, options, environment).await;
    let outcome = match opened {
        Ok(Opened::Ready(ready)) => {
            let mut outcome =
                work(&mut session, &steps, environment, &run, &lease, &ready, pacer.clone()).await;
            // The ledger tells what was done: the rounds begin again where they stood, as a resumed run does.
            for _ in 0..RECONNECTS {
                // Workers that gave up have asked for a stop: what they say stands.
                let lost = outcome.as_ref().is_err_and(RunError::is_connection_lost);
                if !lost || stop.asked().is_some() {
                    break;
                }
                ensure_connected(database, stop, &mut session).await?;
                outcome = work(&mut session, &steps, environment, &run, &lease, &ready, pacer.clone()).await;
            }
            outcome
        }
        Ok(Opened::Stopped(stop)) => Ok(Outcome::Stopped(stop)),
        Err(error) => Err(error),
    };
    ensure_connected(database, stop, &mut session).await?;
    let report = conclude(&mut session, &mut steps, options, &run, &lease, outcome, begun).await;
    // A lease that cannot be given back ends by itself.
    let _ = renewal.end(&mut session).await;
    report
}

/// Keeps the lease while the run lasts.
fn renewal(environment: &Environment, lease: &RunLease, pacer: &Arc<Pacer>, options: &RunOptions) -> Renewal {
    let Environment { database, stop, .. } = environment;
    Renewal::start(database.clone(), vec![lease.clone()], pacer.clone(), options.until, stop.clone())
}

/// The rounds, once nothing stands before the first write.
async fn work(
    session: &mut Session,
    steps: &Steps,
    environment: &Environment,
    run: &RunRow,
    lease: &RunLease,
    ready: &Ready,
    pacer: Arc<Pacer>,
) -> Result<Outcome, RunError> {
    let targets = &ready.targets;
    match run.whole {
        true => guard::take_away(session, lease, targets).await?,
        false => guard::repair(session, lease, &run.plan, targets).await?,
    }
    let job = steps.job();
    let undo_key = undo_key(job, run.emergency).await?;
    let shared = Arc::new(Shared {
        database: environment.database.clone(),
        lease: lease.clone(),
        undo: job.undo,
        undo_key,
        pins: ready.pins.clone(),
        pacer: pacer.clone(),
        progress: environment.progress.clone(),
        stop: environment.stop.clone(),
        idle: std::sync::Mutex::default(),
    });
    let _lag = LagWatch::start(environment.database.clone(), pacer);
    let outcome = rounds(&shared, session, steps, run, targets).await?;
    if let Outcome::Clean(_) = outcome {
        first_use::pin_what_is_shown(session, lease, ready).await?;
    }
    Ok(outcome)
}

/// The key that old cells are kept under when the old key is known to others.
pub(crate) async fn undo_key(job: &Job, emergency: bool) -> Result<Option<UndoKey>, RunError> {
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
    steps: &Steps,
    run: &RunRow,
    targets: &[Arc<Target>],
) -> Result<Outcome, RunError> {
    let job = steps.job();
    let mut round = run.round;
    let mut tables: Vec<&Arc<Target>> = targets.iter().collect();
    let last = round + ROUNDS - 1;
    let mut guarded = false;
    loop {
        let shards = shards_of(shared, session, job, &tables, round).await?;
        let shards = match canary::sent_ahead(shared, session, steps, targets, shards).await? {
            Sent::Ahead(shards) => shards,
            Sent::Stopped(stop) => return Ok(Outcome::Stopped(stop)),
        };
        if let Some(stop) = rotate(shared, targets, shards).await? {
            return Ok(Outcome::Stopped(stop));
        }
        let swept = sweep_all(shared, session, targets).await?;
        // What another table holds says nothing of the run's, and is not rotated.
        identity::still_there(session, &shared.lease, run, targets).await?;
        let census = Census { plan: job.plan.clone(), ..swept.census.clone() };
        steps.observer().swept(job, run, &census).await;
        let next = round + i64::from(swept.old + swept.broken > 0);
        if !session.note_sweep(&shared.lease, next, swept.old).await? {
            return Err(RunError::Superseded);
        }
        if swept.broken > 0 {
            write_last_error(session, &shared.lease, targets).await?;
        }
        if swept.old == 0 && swept.broken == 0 {
            if guarded {
                guard::prove(session, job, targets).await?;
            }
            if !run.whole || guarded || guard::put_up(session, &shared.lease, job, targets).await? {
                return Ok(Outcome::Clean(swept.facts()));
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
        info!(round, old = swept.old, "the sweep found cells under an old key; rotating them");
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
) -> Result<Vec<ShardRow>, RunError> {
    let known = session.shards(shared.lease.run_id()).await?;
    let of_round: Vec<&ShardRow> = known.iter().filter(|shard| shard.round == round).collect();
    if of_round.is_empty() {
        shared.progress.begin(Phase::Shards, 0, 0);
        let first = known.iter().map(|shard| shard.number + 1).max().unwrap_or(0);
        let cut = cut(session, tables, job.pace.workers, first, round).await?;
        too_many_seals(tables, &cut)?;
        Commit::new(session, &shared.lease).shards(&cut).await?;
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
fn too_many_seals(tables: &[&Arc<Target>], shards: &[ShardRow]) -> Result<(), RunError> {
    for target in tables {
        let rows: u64 =
            shards.iter().filter(|s| s.table == target.label()).map(|s| s.counts.rows_total).sum();
        for field in &target.table().fields {
            if field.to.format.max_seals.is_some_and(|max| rows > max)
                && field.to.kdf.is_none()
                && field.to.envelope.is_none()
            {
                return Err(TableError::TooManySeals { table: target.label().to_owned(), rows }.into());
            }
        }
    }
    Ok(())
}

/// The sweep of all tables. It writes nothing but the quarantine, so where its connection is lost it begins again.
async fn sweep_all(
    shared: &Shared,
    session: &mut Session,
    targets: &[Arc<Target>],
) -> Result<Swept, RunError> {
    let (_, total) = shared.progress.rows();
    let mut attempt = 0;
    ensure_connected(&shared.database, &shared.stop, session).await?;
    let refused = Refused::by(session, shared.lease.run_id()).await?;
    loop {
        ensure_connected(&shared.database, &shared.stop, session).await?;
        shared.progress.begin(Phase::Sweep, 0, total);
        let listing = Listing::begin(session, &shared.lease, &refused).await?;
        match sweep(&shared.database, shared.take_idle(), targets, &shared.progress, Some(listing)).await {
            Err(error) if error.is_connection_lost() && attempt < RECONNECTS => attempt += 1,
            outcome => return outcome,
        }
    }
}
