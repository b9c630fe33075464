//! After the rounds: how the run ended goes into the ledger, and into the report.

use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Counts, RunLease, RunRow, Session};

use tracing::warn;

use crate::commit::Commit;
use crate::error::{Advise, Class, RunError};
use crate::job::hooks::{Phase, When};
use crate::job::options::RunOptions;
use crate::observer::RunEnd;
use crate::report::Report;
use crate::run::steps::{Cut, Steps};
use crate::stop::Stop;
use crate::sweep::Swept;
use crate::sweep::census::SweepFacts;

/// How the rounds of a run ended.
pub(crate) enum Outcome {
    /// Every cell in scope is under its primary.
    Clean(SweepFacts),
    /// The last sweep found cells that are not.
    Left(Swept),
    /// It was stopped before the last sweep.
    Stopped(Stop),
}

impl Outcome {
    /// The sweep that they ended with.
    fn sweep(&self) -> Option<SweepFacts> {
        match self {
            Outcome::Clean(facts) => Some(*facts),
            Outcome::Left(swept) => Some(swept.facts()),
            Outcome::Stopped(_) => None,
        }
    }
}

/// Writes how the run ended, carries out the steps that follow from it, and reports it.
pub(crate) async fn conclude(
    session: &mut Session,
    steps: &mut Steps,
    options: &RunOptions,
    run: &RunRow,
    lease: &RunLease,
    outcome: Result<Outcome, RunError>,
    begun: Instant,
) -> Result<Report, RunError> {
    let stopped = matches!(outcome, Ok(Outcome::Stopped(_)));
    let sweep = outcome.as_ref().ok().and_then(Outcome::sweep);
    let (state, reason, error) = match outcome {
        Ok(Outcome::Clean(_)) if run.whole => (RunState::Complete, None, None),
        Ok(Outcome::Clean(_)) => (RunState::ScopeDone, None, None),
        Ok(Outcome::Left(swept)) => (RunState::Paused, Some(left(&swept)), None),
        Ok(Outcome::Stopped(Stop::Superseded)) => return Err(RunError::Superseded),
        Ok(Outcome::Stopped(Stop::CancelAsked)) => {
            (RunState::Cancelled, Some(Stop::CancelAsked.reason().to_owned()), None)
        }
        Ok(Outcome::Stopped(stop)) => (RunState::Paused, Some(stop.reason().to_owned()), None),
        Err(RunError::Superseded) => return Err(RunError::Superseded),
        Err(error) => (state_after(&error), Some(error.to_string()), Some(error)),
    };
    if matches!(state, RunState::Complete | RunState::ScopeDone) {
        steps.owe(session, run.whole).await?;
    }
    if !session.move_run(lease, RunState::Running, state, reason.as_deref()).await? {
        return Err(RunError::Superseded);
    }
    let (job, row) = (steps.job().clone(), ended(session, lease, run).await?);
    let cells_quarantined = session.quarantined(&run.id).await?.len() as u64;
    let counts = Counts { cells_quarantined, ..row.counts };
    steps.observer().ended(RunEnd { job: &job, run: &row, counts: &counts, sweep }).await;
    steps.stands(state, row.counts.cells_rotated);
    let failed = follow(session, steps, state).await;
    if let Some(error) = error {
        return Err(error);
    }
    Ok(Report {
        run_id: run.id.clone(),
        rollback_id: None,
        state,
        reason: reason.or(failed.as_ref().map(RunError::to_string)),
        plan: run.plan.clone(),
        plan_digest: run.plan_digest.clone(),
        scope: options.scope.json(),
        dry_run: false,
        stopped,
        steps_failed: failed.is_some(),
        steps: session.steps(&run.id).await?,
        counts,
        shared_nonces: job.shared_nonces(),
        cells_old: row.cells_old,
        seconds: begun.elapsed().as_secs_f64(),
        estimate_seconds: None,
    })
}

/// The state of a run that an error stopped.
fn state_after(error: &RunError) -> RunState {
    match error.advice().class == Class::Failed || matches!(error, RunError::Canary { .. }) {
        true => RunState::Failed,
        false => RunState::Paused,
    }
}

/// The run as it ended. One that is over and did nothing can never be rolled back: what it met under the new key needs no
/// note.
async fn ended(session: &mut Session, lease: &RunLease, run: &RunRow) -> Result<RunRow, RunError> {
    let row = session.run_by_id(&run.id).await?.unwrap_or_else(|| run.clone());
    let did = row.counts.cells_rotated > 0 || !session.steps(&run.id).await?.is_empty();
    if row.state.is_over() && !did {
        Commit::new(session, lease).drop_stood().await?;
    }
    Ok(row)
}

/// The steps that follow from how the run ended; gives why one failed that the run still owes. The run's state stays
/// what it is.
async fn follow(session: &mut Session, steps: &Steps, state: RunState) -> Option<RunError> {
    if matches!(state, RunState::Complete | RunState::ScopeDone) {
        return match steps.play(session, Phase::After, None).await {
            Err(Cut::Failed(error)) => {
                warn!(help = error.advice().help.as_deref(), "{error}");
                Some(error)
            }
            _ => None,
        };
    }
    if state == RunState::Failed {
        steps.play_all(session, Phase::OnFailure, Some(When::Failed)).await;
    }
    steps.play_all(session, Phase::OnStop, None).await;
    None
}

/// Why a run that finished its rounds is not complete.
fn left(swept: &Swept) -> String {
    match (swept.old, swept.broken) {
        (0, broken) => format!("{} in quarantine", cells(broken)),
        (old, 0) => format!("{} under an old key: an application still seals with it", cells(old)),
        (old, broken) => format!("{} still under an old key, {} in quarantine", cells(old), cells(broken)),
    }
}

fn cells(count: u64) -> String {
    match count {
        1 => "1 cell is".to_owned(),
        count => format!("{count} cells are"),
    }
}
