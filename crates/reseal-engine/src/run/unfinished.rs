//! Steps of `after` that a run which is over still owes: they failed, or the engine died among them.

use std::sync::Arc;
use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Session, StepState};

use crate::environment::Environment;
use crate::error::{Busy, RunError};
use crate::job::Job;
use crate::job::hooks::Phase;
use crate::job::options::RunOptions;
use crate::job::scope::Scope;
use crate::report::Report;
use crate::rotate::pace::Pacer;
use crate::run::lease::{LEASE_MS, Renewal, holder, is_held};
use crate::run::steps::{Cut, Steps};

/// Carries out what the plan's latest run owes, where it is over and owes something; else gives `None`, and another run
/// may begin.
pub(crate) async fn owed(
    session: &mut Session,
    job: &Arc<Job>,
    options: &RunOptions,
    environment: &Environment,
) -> Result<Option<Report>, RunError> {
    let begun = Instant::now();
    if options.dry_run || job.hooks.after.is_empty() || session.version().await?.is_none() {
        return Ok(None);
    }
    let latest = session.runs(Some(&job.plan), 1).await?.pop();
    let Some(run) = latest.filter(|run| matches!(run.state, RunState::Complete | RunState::ScopeDone)) else {
        return Ok(None);
    };
    let rows = session.steps(&run.id).await?;
    let in_plan = |number: i64| usize::try_from(number).is_ok_and(|number| number <= job.hooks.after.len());
    let owes = rows.iter().any(|row| {
        row.key.phase == Phase::After.name() && row.state != StepState::Done && in_plan(row.key.number)
    });
    if !owes {
        return Ok(None);
    }
    let busy = || RunError::from(Busy::LastSteps { run: run.id.clone() });
    if is_held(&run) {
        return Err(busy());
    }
    let Some(lease) = session.acquire_as_it_is(&run, &holder(), LEASE_MS).await? else { return Err(busy()) };
    let pacer = Arc::new(Pacer::new(&job.pace));
    let (database, stop) = (environment.database.clone(), environment.stop.clone());
    let renewal = Renewal::start(database, vec![lease.clone()], pacer, None, stop);
    let mut steps = Steps::of(session, environment, job, &run, &lease, &options.operator).await?;
    steps.stands(run.state, run.counts.cells_rotated);
    let outcome = steps.play(session, Phase::After, None).await;
    renewal.end(session).await?;
    let failed = match outcome {
        Ok(()) => None,
        Err(Cut::Failed(error)) => Some(error),
        Err(Cut::Stopped(_)) => None,
    };
    Ok(Some(Report {
        run_id: run.id.clone(),
        rollback_id: None,
        state: run.state,
        reason: failed.as_ref().map(|error| error.to_string()),
        plan: job.plan.clone(),
        plan_digest: run.plan_digest.clone(),
        scope: Scope::from_json(&run.scope).json(),
        dry_run: false,
        stopped: false,
        steps_failed: failed.is_some(),
        steps: session.steps(&run.id).await?,
        counts: run.counts,
        shared_nonces: job.shared_nonces(),
        cells_old: run.cells_old,
        seconds: begun.elapsed().as_secs_f64(),
        estimate_seconds: None,
    }))
}
