//! Which run is rolled back, and whether it may be.

use reseal_core::RunState;
use reseal_store::{RunRow, Session};

use crate::error::{RollbackRefused, RunError};
use crate::job::Job;
use crate::job::options::RollbackOptions;
use crate::job::reversed::{of_run, turned_back};

/// Rolling a first encryption back sends plaintext to the server: refused while the server writes what it is sent to a log,
/// unless somebody accepts that. Gives the settings that were accepted.
pub(super) async fn accepted_logs(
    session: &mut Session,
    job: &Job,
    accepts: bool,
) -> Result<Vec<String>, RunError> {
    if !job.encrypts_plaintext() {
        return Ok(Vec::new());
    }
    let settings = session.logged_by().await?;
    match settings.is_empty() || accepts {
        true => Ok(settings),
        false => Err(RollbackRefused::PlaintextInLog { settings: settings.join(", ") }.into()),
    }
}

/// The run that a rollback is of: the newest that swapped anything or carried out steps, and no other. A run that moved
/// nothing may have changed something by its steps, and `on_failure` undoes what those changed. One that is rolled back but
/// for some cells is tried again.
///
/// # Errors
/// When the database refuses.
pub async fn to_roll_back(session: &mut Session, plan: &str) -> Result<Option<RunRow>, RunError> {
    for run in session.runs(Some(plan), 1000).await? {
        let did = run.counts.cells_rotated > 0 || !session.steps(&run.id).await?.is_empty();
        if did && (run.state != RunState::RolledBack || is_left(session, &run).await?) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// The last run that did anything, where it is rolled back.
async fn last_rolled_back(session: &mut Session, plan: &str) -> Result<Option<String>, RunError> {
    let runs = session.runs(Some(plan), 1000).await?;
    Ok(runs.into_iter().find(|run| run.state == RunState::RolledBack).map(|run| run.id))
}

/// Whether the rollback of a run has left cells that can be tried again: also cells that the application wrote, of which
/// nothing is kept.
async fn is_left(session: &mut Session, run: &RunRow) -> Result<bool, RunError> {
    let rollback = session.rollback_of(&run.id).await?;
    Ok(rollback.is_some_and(|rollback| rollback.run.state != RunState::Complete))
}

/// Refuses a rollback that could not begin whatever people agree to: by another plan, without the run's keys, or where nobody
/// can tell which key cells would go back to.
///
/// # Errors
/// When it is one.
pub fn may_roll_back(job: &Job, run: &RunRow, to_keys: &[String]) -> Result<(), RunError> {
    same_plan(job, run)?;
    turned_back(&of_run(job, run)?, to_keys).map(drop)
}

fn same_plan(job: &Job, run: &RunRow) -> Result<(), RunError> {
    match run.plan_digest == job.digest {
        true => Ok(()),
        false => Err(RollbackRefused::PlanChanged { run: run.id.clone() }.into()),
    }
}

/// The run that is to be rolled back, where it may be.
pub(super) async fn newest(
    session: &mut Session,
    job: &Job,
    options: &RollbackOptions,
) -> Result<RunRow, RunError> {
    let none = |last| RollbackRefused::NoRun { plan: job.plan.clone(), last }.into();
    if session.version().await?.is_none() {
        return Err(none(None));
    }
    let Some(newest) = to_roll_back(session, &job.plan).await? else {
        return Err(none(last_rolled_back(session, &job.plan).await?));
    };
    if let Some(asked) = &options.run_id
        && *asked != newest.id
    {
        let known = session.run_by_id(asked).await?.filter(|run| run.plan == job.plan);
        let asked = asked.clone();
        return Err(match known {
            Some(_) => RollbackRefused::NotNewest { newest: newest.id, asked }.into(),
            None => RollbackRefused::NoSuchRun { asked }.into(),
        });
    }
    same_plan(job, &newest)?;
    // Without keys only a run goes back that came to know none: it moved no cell.
    if let Some(error) = job.keys_missing.as_ref().filter(|_| !newest.primaries.is_empty()) {
        return Err(error.clone());
    }
    Ok(newest)
}
