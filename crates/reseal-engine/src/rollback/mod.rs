//! A rollback is a run of its own: kept cells go back where the new ones still stand, what the application has written since
//! is sealed again under the old key, and a sweep proves it. What was kept of a cell is dropped only then; never is
//! anything sealed turned to plaintext.
//!
//! acquire → ┌ kept cells, newest first → sweep ┐ → drop what was kept → rolled back
//!           └──── sealed again, ←── written since ┘

mod batches;
mod before;
mod conclude;
mod give_up;
mod judge;
mod kept;
mod other_runs;
mod plan;
mod proof;
mod rounds;
mod strays;
mod table;
mod tables;
mod undo;

use std::sync::Arc;
use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Acquired, ColumnName, NewRollback, RollbackLease, RollbackRow, RunRow, Session};
use tracing::info;

use crate::commit::{Commit, guard};
use crate::environment::Environment;
use crate::error::{Busy, RunError};
use crate::job::options::RollbackOptions;
use crate::job::reversed::{of_run, turned_back};
use crate::job::scope::Scope;
use crate::job::{Job, pins};
use crate::observer::RollbackBegins;
use crate::preflight::identity;
use crate::report::Report;
use crate::rotate::lag::LagWatch;
use crate::rotate::pace::Pacer;
use crate::rotate::reconnect::{RECONNECTS, ensure_connected};
use crate::run::lease::{LEASE_MS, Renewal, holder, is_held};
use crate::run::opening;
use crate::run::resume::held_by;
use crate::run::steps::{Steps, takes_back_after};
use crate::stop::Stop;
use conclude::{Rolled, conclude};
use plan::{accepted_logs, newest};
pub use plan::{may_roll_back, to_roll_back};
use rounds::{Rounds, Through};
use table::Layouts;
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
    let Environment { database, stop, observer, .. } = environment;
    let mut session = database.connect().await?;
    let run = newest(&mut session, job, options).await?;
    let job = &Arc::new(of_run(job, &run)?);
    let scope = Scope::from_json(&run.scope);
    let accepted_logs = accepted_logs(&mut session, job, options.accept_plaintext_in_log).await?;
    let back = Arc::new(turned_back(job, &options.to_keys)?);
    let layouts = Layouts::of(&mut session, job, &back, &scope).await?;
    let jobs = Jobs { of_run: job, back: &back };
    session.migrate().await?;
    let known = session.rollback_of(&run.id).await?;
    is_free(&run)?;
    let found = identity::compare(&mut session, &run, &layouts.targets, &options.accept_tables).await?;
    let takes_back_after = takes_back_after(&mut session, job, &run).await?;
    let tables = &found.changed;
    let logs = &accepted_logs;
    let begins =
        RollbackBegins { job, reversed: &back, run: &run, tables, accepted_logs: logs, takes_back_after };
    observer.rollback_began(begins).await?;
    let lease = acquire(&mut session, jobs, &run, known.as_ref(), &found.columns, options).await?;
    Commit::new(&mut session, &lease.of).tables(&found.changed, &[], &options.operator).await?;
    info!(rollback = lease.own.run_id(), of = run.id, epoch = lease.own.epoch(), "rollback acquired");
    let pacer = Arc::new(Pacer::new(&job.pace));
    let leases = vec![lease.own.clone(), lease.of.clone()];
    let renewal = Renewal::start(database.clone(), leases, pacer.clone(), None, stop.clone());
    let _lag = LagWatch::start(database.clone(), pacer.clone());
    let rounds = Rounds { environment, run: &run, lease: &lease, pacer };
    let through = match pause_again(&mut session, environment, job, &run, &lease, options).await {
        Ok(None) => put_back(&mut session, &rounds, &layouts).await,
        Ok(Some(stop)) => Ok(Through::Stopped(stop)),
        Err(error) => Err(error),
    };
    ensure_connected(database, stop, &mut session).await?;
    let rolled = Rolled { environment, jobs, run: &run, lease: &lease, options, begun };
    let report = conclude(&mut session, rolled, through).await;
    // Leases that cannot be given back end by themselves.
    let _ = renewal.end(&mut session).await;
    report
}

/// The job as the run had it, and the same on its way back.
#[derive(Clone, Copy)]
struct Jobs<'j> {
    of_run: &'j Arc<Job>,
    back: &'j Arc<Job>,
}

/// The steps of `on_resume`: what must stand still while cells move stands still while they go back. Gives the reason, if it
/// was stopped.
async fn pause_again(
    session: &mut Session,
    environment: &Environment,
    job: &Arc<Job>,
    run: &RunRow,
    lease: &RollbackLease,
    options: &RollbackOptions,
) -> Result<Option<Stop>, RunError> {
    if job.hooks.on_resume.is_empty() || run.counts.cells_rotated == 0 {
        return Ok(None);
    }
    let steps = Steps::of(session, environment, job, run, &lease.of, &options.operator).await?;
    opening::pause_again(session, &steps, environment).await
}

/// The rounds; where a connection is lost they begin again where they stood, as the ledger tells.
async fn put_back(
    session: &mut Session,
    rounds: &Rounds<'_>,
    layouts: &Layouts,
) -> Result<Through, RunError> {
    let Environment { database, stop, .. } = rounds.environment;
    let mut outcome = begin(session, rounds, layouts).await;
    for _ in 0..RECONNECTS {
        // Workers that gave up have asked for a stop: what they say stands.
        let lost = outcome.as_ref().is_err_and(RunError::is_connection_lost);
        if !lost || stop.asked().is_some() {
            break;
        }
        ensure_connected(database, stop, session).await?;
        outcome = begin(session, rounds, layouts).await;
    }
    outcome
}

async fn begin(session: &mut Session, rounds: &Rounds<'_>, layouts: &Layouts) -> Result<Through, RunError> {
    guard::take_away(session, &rounds.lease.own, &layouts.targets).await?;
    let tables = layouts.tables(session, rounds.run).await?;
    // While all that the run wrote is still known: once some of it is dropped, nobody could tell any more.
    if let Some(before) = tables.first().map(|table| &table.held.before).filter(|before| before.is_less) {
        let digests = before.digests.concat();
        Commit::new(session, &rounds.lease.own).replace_stood_of(&rounds.run.id, &digests).await?;
    }
    rounds.go_through(session, &tables).await
}

/// Refuses a run that another process works on: the run itself, what follows it, or a rollback of it.
fn is_free(run: &RunRow) -> Result<(), RunError> {
    let id = || run.id.clone();
    match run.state {
        _ if !is_held(run) => Ok(()),
        RunState::Complete | RunState::ScopeDone => Err(Busy::LastSteps { run: id() }.into()),
        RunState::RollingBack | RunState::RolledBack => {
            Err(Busy::RollingBack { run: id(), holder: run.holder.for_people() }.into())
        }
        _ => Err(Busy::AtWork { run: id() }.into()),
    }
}

/// Acquires the run, its rollback and its columns, so that an old engine, if it still lives, can commit nothing.
async fn acquire(
    session: &mut Session,
    jobs: Jobs<'_>,
    run: &RunRow,
    known: Option<&RollbackRow>,
    columns: &[ColumnName],
    options: &RollbackOptions,
) -> Result<RollbackLease, RunError> {
    let id = uuid::Uuid::now_v7().to_string();
    let primaries = pins::keys_of_run(jobs.back, &id)?.to_string();
    let new = NewRollback { id: &id, primaries: &primaries, operator: &options.operator };
    match session.acquire_rollback(run, known, &new, &holder(), LEASE_MS, columns).await? {
        Acquired::Yes(lease) => Ok(lease),
        Acquired::Changed => Err(Busy::MovedOn { run: run.id.clone() }.into()),
        Acquired::HeldBy { column, run_id } => Err(held_by(session, column, run_id).await?),
    }
}
