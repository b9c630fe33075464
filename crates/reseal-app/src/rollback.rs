//! `rollback` and `undo drop`: putting the old cells of a run back, or doing without them.

use std::path::PathBuf;

use reseal_control::ControlDatabase;
use reseal_core::RunState;
use reseal_core::audit::{Event, EventKind};
use reseal_core::quantity::{coarse, millis};
use reseal_engine::{Environment, Report, RollbackOptions};
use reseal_plan::Plan;
use reseal_registry::Overrides;
use reseal_store::{RunRow, Session};

use crate::caller::Caller;
use crate::open::{self, Opened};
use crate::{Failure, control, trail};

/// What is rolled back.
#[derive(Clone, Debug)]
pub struct RollbackRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The run; none for the latest.
    pub run: Option<String>,
    /// The plan's name, as whoever asks typed it.
    pub confirm: Option<String>,
    /// The old keys for cells written since, one for each keyset that has several.
    pub to_keys: Vec<String>,
    /// Tables that are the run's, though the database says otherwise.
    pub accept_tables: Vec<String>,
    /// Whether plaintext that is put back may reach a log of the server.
    pub accept_plaintext_in_log: bool,
}

/// Puts the old cells of the latest run back.
///
/// # Errors
/// When it is not confirmed, the plan or its keys cannot be read, policy or engine refuse, or it fails.
pub async fn rollback(caller: &Caller, request: &RollbackRequest) -> Result<Report, Failure> {
    let plan = open::plan(&request.plan)?;
    confirmed(
        &plan,
        request.confirm.as_deref(),
        "a rollback overwrites the current cells with the old ones",
    )?;
    // A run that stopped among its steps of `before` may have left no key active: going back needs none then.
    let opened = open::job_for_run(&request.plan, &Overrides::default()).await?;
    let control = control::database()?;
    let options = RollbackOptions {
        run_id: request.run.clone(),
        to_keys: request.to_keys.clone(),
        operator: caller.operator.clone(),
        accept_tables: request.accept_tables.clone(),
        accept_plaintext_in_log: request.accept_plaintext_in_log,
    };
    match restore(caller, &opened, &control, &options).await {
        Ok(report) => {
            trail::sign().await;
            Ok(report)
        }
        Err(failure) => Err(trail::refused(&caller.operator, "rollback", &plan, failure).await),
    }
}

async fn restore(
    caller: &Caller,
    opened: &Opened,
    control: &ControlDatabase,
    options: &RollbackOptions,
) -> Result<Report, Failure> {
    let Opened { plan, job, database } = opened;
    let observer = reseal_custody::before_rollback(plan, job, database, control, options).await?;
    let environment = Environment::new(database.clone()).followed_by(observer);
    caller.frontend.stop_with(&environment.stop);
    let shown = caller.frontend.show(&environment.progress);
    let report = reseal_engine::rollback(job, options, &environment).await;
    drop(shown);
    Ok(report?)
}

/// Refuses what nobody has confirmed by the plan's name.
fn confirmed(plan: &Plan, confirm: Option<&str>, what: &str) -> Result<(), Failure> {
    match confirm == Some(plan.name.as_str()) {
        true => Ok(()),
        false => {
            let message = format!("{what} and needs confirmation");
            Err(Failure::usage("confirm", message, format!("pass `--confirm {}`", plan.name)))
        }
    }
}

/// Whose kept cells are dropped.
#[derive(Clone, Debug)]
pub struct DropUndoRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The plan's name.
    pub confirm: Option<String>,
    /// The run; none for the latest that keeps any.
    pub run: Option<String>,
}

/// Kept cells that were dropped.
#[derive(Clone, Debug)]
pub struct DroppedUndo {
    /// The run that kept them.
    pub run: RunRow,
    /// How many they were.
    pub cells: u64,
}

/// Drops kept old cells.
///
/// # Errors
/// When it is not confirmed, the run is not over, the policy still keeps its cells, or a database refuses.
pub async fn drop_undo(caller: &Caller, request: &DropUndoRequest) -> Result<DroppedUndo, Failure> {
    let plan = open::plan(&request.plan)?;
    confirmed(&plan, request.confirm.as_deref(), "deleting old cells makes an exact rollback impossible")?;
    let found = open::latest(&request.plan, request.run.as_deref()).await?;
    let (plan, mut session) = (found.plan, found.session);
    let run = match request.run {
        Some(_) => found.run,
        None => latest_with_undo(&mut session, &plan).await?.unwrap_or(found.run),
    };
    if !run.state.is_over() || run.state == RunState::RollingBack {
        let message = format!("run {} is {}, and its old cells may still be needed", run.id, run.state);
        return Err(Failure::refused("run-not-over", message, "finish or cancel the run first"));
    }
    let left = kept_until(&plan, &run) - session.now_ms().await?;
    if left > 0 {
        let message =
            format!("the policy keeps the old cells of run {} for another {}", run.id, coarse(millis(left)));
        return Err(Failure::refused("undo-kept", message, "wait, or change `keep_undo` in the plan"));
    }
    let cells = session.undo_cells(&run.id).await?;
    reseal_engine::drop_undo(&mut session, &run).await?;
    let about = |event: Event| event.of_plan(&plan.name, &plan.digest).of_run(&run.id).with("cells", cells);
    trail::note(&caller.operator, EventKind::UndoDropped, about).await;
    Ok(DroppedUndo { run, cells })
}

/// The newest run that keeps something, or that a rollback would be tried of again. A run that moved nothing keeps nothing.
async fn latest_with_undo(session: &mut Session, plan: &Plan) -> Result<Option<RunRow>, Failure> {
    for run in session.runs(Some(&plan.name), 1000).await? {
        let rests = session.rollback_of(&run.id).await?.is_some_and(|back| !back.run.state.is_over());
        if rests || session.undo_cells(&run.id).await? > 0 {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Until when the policy keeps a run's old cells, in milliseconds since 1970.
fn kept_until(plan: &Plan, run: &RunRow) -> i64 {
    let kept = plan.policy.keep_undo.map(|keep| i64::try_from(keep.as_millis()).unwrap_or(i64::MAX / 4));
    kept.map_or(0, |kept| run.completed_at.unwrap_or(run.updated_at) + kept)
}
