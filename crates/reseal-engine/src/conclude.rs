//! After the rounds: how the run ended goes into the ledger, and into the report.

use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{RunRow, Session};

use crate::error::{Class, EngineError};
use crate::job::Job;
use crate::lease::Stop;
use crate::report::Report;
use crate::rotate::RunOptions;
use crate::sweep::Swept;
use crate::trail;

/// How the rounds of a run ended.
pub(crate) enum Outcome {
    /// Every cell in scope is under its primary.
    Clean,
    /// The last sweep found cells that are not.
    Left(Swept),
    /// It was stopped before the last sweep.
    Stopped(Stop),
}

/// Writes how the run ended and reports it.
pub(crate) async fn conclude(
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
    trail::ended(&mut session, job, &run.id, options).await;
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
        (0, 1) => "1 cell is in quarantine".to_owned(),
        (0, broken) => format!("{broken} cells are in quarantine"),
        (1, 0) => "1 cell is under an old key: an application still seals with it".to_owned(),
        (old, 0) => format!("{old} cells are under an old key: an application still seals with it"),
        (old, broken) => format!("cells under an old key: {old}; in quarantine: {broken}"),
    }
}
