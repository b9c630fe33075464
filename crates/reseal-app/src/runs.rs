//! Watching and steering runs: `runs`, `status`, `pause`, `cancel`, `quarantine`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reseal_control::LetterCounts;
use reseal_core::RunState;
use reseal_core::audit::{Event, EventKind};
use reseal_engine::is_held;
use reseal_store::{Quarantined, Request, RollbackRow, RunRow, StepRow};

use crate::caller::Caller;
use crate::{Failure, control, notices, open, trail};

/// The runs that are listed at the most.
const LISTED: u64 = 100;

/// A plan's runs.
#[derive(Clone, Debug)]
pub struct RunList {
    /// The plan's name.
    pub plan: String,
    /// Its runs, newest first.
    pub runs: Vec<ListedRun>,
}

/// A run among others.
#[derive(Clone, Debug)]
pub struct ListedRun {
    /// The run.
    pub run: RunRow,
    /// The steps that it carried out.
    pub steps: Vec<StepRow>,
    /// The run that rolls it back, where there is one.
    pub rollback: Option<RollbackRow>,
}

/// Lists a plan's runs, newest first.
///
/// # Errors
/// When the plan cannot be read, or its database refuses.
pub async fn list(path: &Path) -> Result<RunList, Failure> {
    let plan = open::plan(path)?;
    let mut session = open::database(&plan).await?.connect().await?;
    let mut runs = Vec::new();
    if session.version().await?.is_some() {
        for run in session.runs(Some(&plan.name), LISTED).await? {
            let steps = session.steps(&run.id).await?;
            let rollback = session.rollback_of(&run.id).await?;
            runs.push(ListedRun { run, steps, rollback });
        }
    }
    Ok(RunList { plan: plan.name, runs })
}

/// The run that a command is about.
#[derive(Clone, Debug)]
pub struct RunSelector {
    /// The plan.
    pub plan: PathBuf,
    /// The run; none for the latest.
    pub run: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Debug)]
pub struct RunStatus {
    /// The run.
    pub run: RunRow,
    /// The steps that it carried out.
    pub steps: Vec<StepRow>,
    /// The run that rolls it back, where there is one.
    pub rollback: Option<RollbackRow>,
    /// The run that it rolls back, where it is a rollback.
    pub rolls_back: Option<String>,
    /// When an emergency must be over, in milliseconds since 1970.
    pub deadline: Option<i64>,
    /// How many notices stand where; none where the plan notifies nobody, or they cannot be counted.
    pub notices: Option<LetterCounts>,
}

/// Where a run stands, or with `wait` how it ended.
///
/// # Errors
/// When there is no such run, or the plan's database refuses.
pub async fn status(selector: &RunSelector, wait: bool) -> Result<RunStatus, Failure> {
    let found = open::latest(&selector.plan, selector.run.as_deref()).await?;
    let (plan, mut session, mut run) = (found.plan, found.session, found.run);
    while wait && is_in_progress(&run) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        run = session.run_by_id(&run.id).await?.unwrap_or(run);
    }
    let steps = session.steps(&run.id).await?;
    let rollback = session.rollback_of(&run.id).await?;
    let rolls_back = session.rolls_back(&run.id).await?;
    let deadline = if run.emergency { deadline(&run).await } else { None };
    Ok(RunStatus { run, steps, rollback, rolls_back, deadline, notices: notices::counts(&plan).await })
}

fn is_in_progress(run: &RunRow) -> bool {
    matches!(run.state, RunState::Prepared | RunState::Running | RunState::RollingBack)
        && run.lease_left_ms > 0
}

/// When an emergency run must be over: the control database knows, if it can be asked.
async fn deadline(run: &RunRow) -> Option<i64> {
    let mut control = control::database().ok()?.connect().await.ok()?;
    control.emergency(&run.id).await.ok()??.deadline
}

/// What came of steering a run.
#[derive(Clone, Debug)]
pub struct Steered {
    /// The run.
    pub run: RunRow,
    /// Whether the process that works on it was asked; else nobody works on it.
    pub asked: bool,
}

/// Asks a run to pause, or where it is being rolled back, its rollback.
///
/// # Errors
/// When there is no such run, or the plan's database refuses.
pub async fn pause(caller: &Caller, selector: &RunSelector) -> Result<Steered, Failure> {
    let found = open::latest(&selector.plan, selector.run.as_deref()).await?;
    let (mut session, mut run) = (found.session, found.run);
    if run.state == RunState::RollingBack
        && let Some(rollback) = session.rollback_of(&run.id).await?
    {
        run = rollback.run;
    }
    let asked = run.state == RunState::Running && is_held(&run);
    if asked {
        session.ask(&run.id, Request::Pause).await?;
        note_steered(caller, &run, "pause").await;
    }
    Ok(Steered { run, asked })
}

/// Cancels a run: at once where nobody works on it, else after the current batch.
///
/// # Errors
/// When there is no such run, it is over or being rolled back, it moved on, or the plan's database refuses.
pub async fn cancel(caller: &Caller, selector: &RunSelector) -> Result<Steered, Failure> {
    let found = open::latest(&selector.plan, selector.run.as_deref()).await?;
    let (mut session, run) = (found.session, found.run);
    if run.state.is_over() {
        let message = format!("run {} is already {}", run.id, run.state);
        return Err(Failure::usage("run-over", message, "list runs with `reseal runs PLAN`"));
    }
    let message = match session.rolls_back(&run.id).await? {
        Some(of) => Some(format!("run {} is the rollback of run {of}", run.id)),
        None if run.state == RunState::RollingBack => Some(format!("run {} is being rolled back", run.id)),
        None => None,
    };
    if let Some(message) = message {
        return Err(Failure::refused("rolling-back", message, "finish the rollback with `reseal rollback`"));
    }
    if run.state == RunState::Running && is_held(&run) {
        session.ask(&run.id, Request::Cancel).await?;
        note_steered(caller, &run, "cancel").await;
        return Ok(Steered { run, asked: true });
    }
    if !session.cancel_run(&run, "cancelled by an operator").await? {
        let message = format!("the state of run {} has changed", run.id);
        return Err(Failure::stopped("run-held", message, "try again"));
    }
    let run = session.run_by_id(&run.id).await?.unwrap_or(run);
    let rotated = run.counts.cells_rotated;
    let about = |event: Event| of_run(event, &run).with("state", "cancelled").with("cells_rotated", rotated);
    trail::note(&caller.operator, EventKind::RunCancelled, about).await;
    Ok(Steered { run, asked: false })
}

/// Somebody asked the engine at work on a run for something; what came of it, the engine records.
async fn note_steered(caller: &Caller, run: &RunRow, asked: &str) {
    let about = |event: Event| of_run(event, run).with("asked", asked);
    trail::note(&caller.operator, EventKind::RunSteered, about).await;
}

fn of_run(event: Event, run: &RunRow) -> Event {
    event.of_plan(&run.plan, &run.plan_digest).of_run(&run.id)
}

/// The quarantine of a run.
#[derive(Clone, Debug)]
pub struct Quarantine {
    /// The run.
    pub run_id: String,
    /// Its cells that could not be opened or written.
    pub cells: Vec<Quarantined>,
}

/// Lists the quarantine of a run; of one that is rolled back, what its rollback has left.
///
/// # Errors
/// When there is no such run, or the plan's database refuses.
pub async fn quarantine(selector: &RunSelector) -> Result<Quarantine, Failure> {
    let found = open::latest(&selector.plan, selector.run.as_deref()).await?;
    let (mut session, run) = (found.session, found.run);
    let rollback = session.rollback_of(&run.id).await?.map(|rollback| rollback.run.id);
    let mut cells = session.quarantined(rollback.as_ref().unwrap_or(&run.id)).await?;
    // By number where row keys are numbers: the ledger keeps them as text.
    cells.sort_by(|a, b| (&a.table, &a.field, &a.row).cmp(&(&b.table, &b.field, &b.row)));
    Ok(Quarantine { run_id: run.id, cells })
}
