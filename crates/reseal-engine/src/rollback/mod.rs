//! Back to the old cells: exactly, where the new ones still stand; re-encrypted to the old key, where the application
//! has written since; never to plaintext.

mod other_runs;
mod plan;
mod reencrypt;
mod undo;

use std::sync::Arc;
use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Acquired, Counts, RunLease, RunRow, Session};

use crate::cell::layout::layout;
use crate::cell::target::Target;
use crate::commit::restore::restore;
use crate::commit::{Commit, guard};
use crate::environment::Environment;
use crate::error::{Busy, RunError};
use crate::job::Job;
use crate::job::hooks::{Phase, When};
use crate::job::options::RollbackOptions;
use crate::job::reversed::{of_run, turned_back};
use crate::job::scope::Scope;
use crate::observer::{RollbackBegins, RollbackEnd};
use crate::preflight::identity;
use crate::progress::{self, Progress};
use crate::report::Report;
use crate::rotate::pace::Pacer;
use crate::run::lease::{LEASE_MS, Renewal, holder, is_held};
use crate::run::reopen;
use crate::run::resume::{claims, held_by};
use crate::run::steps::{Steps, takes_back_after};
use crate::stop::Stopper;
use other_runs::Held;
pub use plan::to_roll_back;
use plan::{may_send_plaintext, newest};
use reencrypt::Anew;
pub use undo::drop_undo;

/// Rolls the newest run of a plan back. Safe to be interrupted and begun again.
///
/// # Errors
/// When there is nothing to roll back, a newer run stands before it, or the database refuses.
pub async fn rollback(
    job: &Arc<Job>,
    options: &RollbackOptions,
    environment: &Environment,
) -> Result<Report, RunError> {
    let begun = Instant::now();
    let Environment { database, progress, stop, observer } = environment;
    let mut session = database.connect().await?;
    let run = newest(&mut session, job, options).await?;
    let job = &Arc::new(of_run(job, &run)?);
    let scope = Scope::from_json(&run.scope);
    may_send_plaintext(&mut session, job).await?;
    let back = Arc::new(turned_back(job, &options.to_keys)?);
    let targets = layout(&mut session, job, &scope).await?;
    let targets_back = layout(&mut session, &back, &scope).await?;
    let found = identity::compare(&mut session, &run, &targets, &options.accept_tables).await?;
    let takes_back_after = takes_back_after(&mut session, job, &run).await?;
    let tables = &found.changed;
    observer
        .rollback_began(RollbackBegins { job, reversed: &back, run: &run, tables, takes_back_after })
        .await?;
    let lease = acquire(&mut session, job, &run, &scope).await?;
    Commit::new(&mut session, &lease).tables(&found.changed, &found.columns, &options.operator).await?;
    let pacer = Arc::new(Pacer::new(&job.pace));
    let renewal = Renewal::start(database.clone(), lease.clone(), pacer, None, stop.clone());
    guard::take_away(&mut session, &lease, &targets).await?;
    let outcome = put_back(&mut session, &run, &lease, &targets, &targets_back, progress, stop).await;
    let mut session = reopen(session, database).await?;
    let (counts, reason) = outcome?;
    let mut steps = Steps::of(&mut session, environment, job, &run, &lease, &options.operator).await?;
    steps.stands(RunState::RolledBack, run.counts.cells_rotated);
    // Before the state says so: a crash among them repeats them, and loses none.
    steps.play_all(&mut session, Phase::OnFailure, Some(When::RolledBack)).await;
    if !session.end_rollback(&lease).await? {
        return Err(RunError::Superseded);
    }
    // A lease that cannot be given back ends by itself.
    let _ = renewal.end(&mut session, &lease).await;
    let runs = session.runs(Some(&job.plan), 1000).await?;
    let end = RollbackEnd { job, reversed: &back, run: &run, runs: &runs, counts: &counts };
    observer.rolled_back(end).await;
    Ok(Report {
        run_id: run.id.clone(),
        state: RunState::RolledBack,
        reason,
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: scope.json(),
        dry_run: false,
        stopped: false,
        steps_failed: false,
        steps: session.steps(&run.id).await?,
        counts,
        shared_nonces: job.shared_nonces(),
        cells_old: 0,
        seconds: begun.elapsed().as_secs_f64(),
        estimate_seconds: None,
    })
}

/// Acquires the run and its columns, so that its old engine, if it still lives, can commit nothing.
async fn acquire(
    session: &mut Session,
    job: &Job,
    run: &RunRow,
    scope: &Scope,
) -> Result<RunLease, RunError> {
    if is_held(run) {
        return Err(Busy::AtWork { run: run.id.clone() }.into());
    }
    let columns = claims(session, job, scope).await?;
    match session.acquire_rollback(run, &holder(), LEASE_MS, &columns).await? {
        Acquired::Yes(lease) => Ok(lease),
        Acquired::Changed => Err(Busy::MovedOn { run: run.id.clone() }.into()),
        Acquired::HeldBy { column, run_id } => Err(held_by(session, column, run_id).await?),
    }
}

async fn put_back(
    session: &mut Session,
    run: &RunRow,
    lease: &RunLease,
    targets: &[Arc<Target>],
    targets_back: &[Arc<Target>],
    progress: &Progress,
    stop: &Stopper,
) -> Result<(Counts, Option<String>), RunError> {
    progress.begin(progress::Phase::Rollback, 0, session.undo_cells(&run.id).await?);
    let held = Arc::new(Held::read(session, run, targets).await?);
    let anew = |(target, back): (&Arc<Target>, &Arc<Target>)| Anew {
        target: target.clone(),
        back: back.clone(),
        held: held.clone(),
    };
    let tables: Vec<Anew> = targets.iter().zip(targets_back).map(anew).collect();
    let mut counts = Counts::default();
    Commit::new(session, lease).clear_quarantine().await?;
    let mut after = None;
    while let Some(batch) = session.next_undo(&run.id, after).await? {
        after = Some(batch.place());
        let Some(table) = tables.iter().find(|table| table.target.label() == batch.table) else { continue };
        let restored = restore(session, lease, &table.target, &batch).await?;
        counts.rows_scanned += batch.cells;
        counts.cells_rotated += restored.cells;
        counts.cells_raced += table.rows(session, lease, &restored.rewritten).await?;
        progress.add(batch.cells, 0);
        interrupted(stop)?;
    }
    let mut left = 0;
    for table in &tables {
        let of_table = table.all(session, lease, stop).await?;
        counts.cells_raced += of_table.resealed;
        left += of_table.left;
    }
    counts.cells_quarantined = session.quarantined(&run.id).await?.len() as u64;
    Ok((counts, reason(counts.cells_quarantined, left, &held)))
}

/// What is not back, and why.
fn reason(listed: u64, left: u64, held: &Held) -> Option<String> {
    let listed = (listed > 0).then(|| format!("{listed} cells stay as they are: see `reseal quarantine`"));
    let left = held.runs.first().filter(|_| left > 0).map(|newest| {
        let (run, plan) = (&newest.id, &newest.plan);
        format!("{left} cells were moved by run {run} of plan {plan}, or one before it: roll that back too")
    });
    let both: Vec<String> = listed.into_iter().chain(left).collect();
    (!both.is_empty()).then(|| both.join("; "))
}

fn interrupted(stop: &Stopper) -> Result<(), RunError> {
    match stop.asked() {
        None => Ok(()),
        Some(stop) => Err(Busy::RollbackStopped(stop).into()),
    }
}
