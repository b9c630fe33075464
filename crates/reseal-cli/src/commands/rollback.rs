//! `reseal rollback` and `reseal undo drop`.

use std::path::Path;

use reseal_core::RunState;
use reseal_core::audit::{Event, EventKind};
use reseal_core::quantity::{coarse, millis};
use reseal_engine::{Environment, RollbackOptions};
use reseal_registry::Overrides;
use serde_json::json;

use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::number;
use crate::signals;
use crate::view::View;
use reseal_app::Failure;
use reseal_app::operator;
use reseal_app::{control, open, trail};

/// Puts the old cells of the newest run back.
pub(crate) async fn rollback(
    path: &Path,
    run: Option<&str>,
    confirm: Option<&str>,
    to_keys: Vec<String>,
) -> Outcome {
    let plan = open::plan(path)?;
    if confirm != Some(plan.name.as_str()) {
        let message = "a rollback puts old cells back: say so with the plan's name";
        return Err(Failure::usage("confirm", message, format!("--confirm {}", plan.name)));
    }
    let opened = open::job(path, &Overrides::default()).await?;
    let (job, database, control) = (&opened.job, &opened.database, control::database()?);
    let options = RollbackOptions { run_id: run.map(str::to_owned), to_keys, operator: operator() };
    let observer = reseal_custody::before_rollback(&opened.plan, job, database, &control, &options).await;
    let observer = match observer {
        Ok(observer) => observer,
        Err(error) => return Err(trail::refused("rollback", &plan, error.into()).await),
    };
    let environment = Environment::new(database.clone()).followed_by(observer);
    signals::watch(&environment.stop);
    let view = View::start(&environment.progress);
    let report = reseal_engine::rollback(job, &options, &environment).await;
    drop(view);
    let report = match report {
        Ok(report) => report,
        Err(error) => return Err(trail::refused("rollback", &plan, error.into()).await),
    };
    trail::sign().await;
    let counts = &report.counts;
    let mut text = format!(
        "{} is {}\n  {} cells are back as they were",
        report.plan,
        report.state,
        number(counts.cells_rotated)
    );
    if counts.cells_raced > 0 {
        text +=
            &format!("\n  {} cells written since were sealed under the old key", number(counts.cells_raced));
    }
    for reason in report.reason.iter().flat_map(|reason| reason.split("; ")) {
        text += &format!("\n  {reason}");
    }
    let code = if counts.cells_quarantined > 0 { REMAIN } else { CLEAN };
    let mut document = report.json();
    document["cells_restored"] = counts.cells_rotated.into();
    document["cells_resealed"] = counts.cells_raced.into();
    Ok(Done::new(code, document, text))
}

/// Drops kept old cells.
pub(crate) async fn drop_undo(path: &Path, run: Option<&str>) -> Outcome {
    let (plan, _, mut session, mut row) = open::latest(path, run).await?;
    if run.is_none() {
        // A run that moved nothing keeps nothing.
        for other in session.runs(Some(&plan.name), 1000).await? {
            if session.undo_cells(&other.id).await? > 0 {
                row = other;
                break;
            }
        }
    }
    if !row.state.is_over() || row.state == RunState::RollingBack {
        let message = format!("run {} is {}: its old cells may still be needed", row.id, row.state);
        return Err(Failure::refused("run-not-over", message, "finish or cancel it first"));
    }
    let kept = plan.policy.keep_undo.map(|keep| i64::try_from(keep.as_millis()).unwrap_or(i64::MAX / 4));
    let left = kept.map_or(0, |kept| row.completed_at.unwrap_or(row.updated_at) + kept);
    let left = left - session.now_ms().await?;
    if left > 0 {
        let message =
            format!("the policy keeps the old cells of run {} for another {}", row.id, coarse(millis(left)));
        return Err(Failure::refused("undo-kept", message, "wait, or change `keep_undo` in the plan"));
    }
    let cells = session.undo_cells(&row.id).await?;
    reseal_engine::drop_undo(&mut session, &row).await?;
    let about = |event: Event| event.of_plan(&plan.name, &plan.digest).of_run(&row.id).with("cells", cells);
    trail::note(EventKind::UndoDropped, about).await;
    let then = match row.state {
        RunState::RolledBack => "the run was rolled back: nothing needs them",
        _ => "its cells can no longer be put back exactly, only sealed anew under the old key",
    };
    let text = format!("{} old cells of run {} are dropped\n  {then}", number(cells), row.id);
    Ok(Done::new(CLEAN, json!({ "run_id": row.id, "cells_dropped": cells }), text))
}
