//! Watching and steering: `runs`, `status`, `pause`, `cancel`.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reseal_core::RunState;
use reseal_core::audit::{Event, EventKind};
use reseal_core::quantity::{coarse, millis};
use reseal_engine::is_held;
use reseal_store::{Request, RunRow, StepRow};
use serde_json::{Value, json};

use crate::args::SteerArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN, STOPPED};
use crate::output::{cells, number, plain};
use reseal_app::Failure;
use reseal_app::notices;
use reseal_app::{open, trail};

/// Lists runs.
pub(crate) async fn runs(path: &Path) -> Outcome {
    let plan = open::plan(path)?;
    let mut session = open::database(&plan).await?.connect().await?;
    let runs = match session.version().await? {
        Some(_) => session.runs(Some(&plan.name), 100).await?,
        None => Vec::new(),
    };
    let text = match runs.is_empty() {
        true => format!("plan {} has no run yet", plan.name),
        false => runs.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    let mut documents = Vec::new();
    for run in &runs {
        documents.push(with_steps(document(run), &session.steps(&run.id).await?));
    }
    Ok(Done::new(CLEAN, json!({ "runs": documents }), text))
}

/// Shows where a run stands.
pub(crate) async fn status(path: &Path, run: Option<&str>, wait: bool) -> Outcome {
    let (plan, _, mut session, mut row) = open::latest(path, run).await?;
    while wait
        && matches!(row.state, RunState::Prepared | RunState::Running | RunState::RollingBack)
        && row.lease_left_ms > 0
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
        row = session.run_by_id(&row.id).await?.unwrap_or(row);
    }
    let code = match row.state {
        _ if !wait => CLEAN,
        RunState::Complete | RunState::ScopeDone | RunState::RolledBack => CLEAN,
        RunState::Paused if row.cells_old > 0 => REMAIN,
        _ => STOPPED,
    };
    let steps = session.steps(&row.id).await?;
    let (mut shown, mut text) = (with_steps(document(&row), &steps), tell(&row));
    text += &steps.iter().map(step).collect::<String>();
    if row.emergency {
        let deadline = deadline(&row).await;
        shown["deadline"] = deadline.map(time).into();
        text += &deadline.map(|at| due(&row, at)).unwrap_or_default();
    }
    if let Some(counts) = notices::counts(&plan).await {
        shown["notices"] = json!({ "waiting": counts.waiting, "dead": counts.dead });
        if counts.waiting + counts.dead > 0 {
            text += &format!("\n  notices: {} waiting, {} given up", counts.waiting, counts.dead);
        }
    }
    Ok(Done::new(code, shown, text))
}

/// A run among others, for people: what they copy stands first, and nothing is broken over lines.
fn line(run: &RunRow) -> String {
    format!(
        "{}  {}\n  began {} by {}, {} rotated",
        run.id,
        run.state,
        time(run.created_at),
        plain(&run.operator),
        cells(run.counts.cells_rotated)
    )
}

/// A run's document with its steps, where it carried out any.
fn with_steps(mut document: Value, steps: &[StepRow]) -> Value {
    if !steps.is_empty() {
        document["steps"] = reseal_engine::step_documents(steps);
    }
    document
}

/// A step as people read it, with the end of what it printed where it failed.
fn step(row: &StepRow) -> String {
    let status = row.status.as_ref().filter(|status| **status != row.state);
    let status = status.map(|status| format!(": {status}")).unwrap_or_default();
    let mut text = format!("\n  {} {}, {}: {}{status}", row.key.phase, row.key.number, row.label, row.state);
    if row.state == "failed" {
        let output = row.output.iter().flat_map(|output| output.lines());
        output.for_each(|line| text += &format!("\n    {line}"));
    }
    text
}

/// When an emergency run must be over: the control database knows, if it can be asked.
async fn deadline(row: &RunRow) -> Option<i64> {
    let mut control = reseal_app::control::database().ok()?.connect().await.ok()?;
    control.emergency(&row.id).await.ok()??.deadline
}

fn due(row: &RunRow, deadline: i64) -> String {
    let left = deadline - Timestamp::now().as_millisecond();
    match row.completed_at {
        Some(ended) if ended > deadline => format!("\n  it was over after its deadline, {}", time(deadline)),
        Some(_) => format!("\n  it was over before its deadline, {}", time(deadline)),
        None if left < 0 => format!("\n  its deadline has passed: {}", time(deadline)),
        None if left < 3_600_000 => {
            format!("\n  WARNING: its deadline is {}, in {}", time(deadline), coarse(millis(left)))
        }
        None => format!("\n  its deadline is {}, in {}", time(deadline), coarse(millis(left))),
    }
}

fn tell(row: &RunRow) -> String {
    let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let counts = &row.counts;
    let mut lines = vec![
        format!("{} is {}{reason}", row.plan, row.state),
        format!("  run {}, began {}", row.id, time(row.created_at)),
        format!(
            "  {} of {} rows, {} rotated",
            number(counts.rows_scanned),
            number(counts.rows_total),
            cells(counts.cells_rotated)
        ),
    ];
    if matches!(row.state, RunState::Running | RunState::RollingBack) {
        let holder = row.holder.0.split(" · ").take(2).collect::<Vec<_>>().join(", ");
        lines.push(match row.lease_left_ms > 0 {
            true => format!("  held by {holder}"),
            false => format!("  was held by {holder}, which no longer answers: `reseal run` takes it up"),
        });
    }
    lines.join("\n")
}

/// A run with the keys of `run --json`, and what only the ledger knows.
pub(crate) fn document(row: &RunRow) -> Value {
    let scope: Value = serde_json::from_str(&row.scope).unwrap_or_default();
    let end = row.completed_at.unwrap_or(row.updated_at);
    json!({
        "run_id": row.id,
        "state": row.state.name(),
        "reason": row.reason,
        "plan": row.plan,
        "plan_digest": row.plan_digest,
        "scope": scope,
        "dry_run": false,
        "rows_scanned": row.counts.rows_scanned,
        "cells_rotated": row.counts.cells_rotated,
        "cells_current": row.counts.cells_current,
        "cells_null": row.counts.cells_null,
        "cells_quarantined": row.counts.cells_quarantined,
        "cells_raced": row.counts.cells_raced,
        "cells_old": row.cells_old,
        "seconds": (end - row.created_at) as f64 / 1000.0,
        "rows_total": row.counts.rows_total,
        "operator": row.operator,
        "began": time(row.created_at),
        "ended": row.completed_at.map(time),
    })
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// Somebody asked the engine at work on a run for something; what came of it, the engine records.
async fn steered(row: &RunRow, asked: &str) {
    trail::note(EventKind::RunSteered, |event| of_run(event, row).with("asked", asked)).await;
}

fn of_run(event: Event, row: &RunRow) -> Event {
    event.of_plan(&row.plan, &row.plan_digest).of_run(&row.id)
}

/// Asks a run to pause.
pub(crate) async fn pause(args: &SteerArgs) -> Outcome {
    let (_, _, mut session, row) = open::latest(&args.plan, args.run.as_deref()).await?;
    match row.state {
        RunState::Running if is_held(&row) => {
            session.ask(&row.id, Request::Pause).await?;
            steered(&row, "pause").await;
            Ok(Done::new(CLEAN, document(&row), format!("run {} stops after the batch in hand", row.id)))
        }
        state => {
            Ok(Done::new(CLEAN, document(&row), format!("run {} is {state}: nobody works on it", row.id)))
        }
    }
}

/// Gives a run up: at once where nobody works on it, else after the batch in hand.
pub(crate) async fn cancel(args: &SteerArgs) -> Outcome {
    let (_, _, mut session, row) = open::latest(&args.plan, args.run.as_deref()).await?;
    if row.state.is_over() {
        let message = format!("run {} is {} already", row.id, row.state);
        return Err(Failure::usage("run-over", message, "see `reseal runs`"));
    }
    if row.state == RunState::RollingBack {
        let message = format!("run {} is being rolled back", row.id);
        return Err(Failure::refused("rolling-back", message, "finish it with `reseal rollback`"));
    }
    if row.state == RunState::Running && is_held(&row) {
        session.ask(&row.id, Request::Cancel).await?;
        steered(&row, "cancel").await;
        let text = format!("run {} is given up after the batch in hand", row.id);
        return Ok(Done::new(CLEAN, document(&row), text));
    }
    let moved = session.cancel_run(&row, "cancelled by an operator").await?;
    if !moved {
        let message = format!("run {} moved on meanwhile", row.id);
        return Err(Failure::stopped("run-held", message, "try again"));
    }
    let row = session.run_by_id(&row.id).await?.unwrap_or(row);
    let rotated = row.counts.cells_rotated;
    let about = |event: Event| of_run(event, &row).with("state", "cancelled").with("cells_rotated", rotated);
    trail::note(EventKind::RunCancelled, about).await;
    let text = format!(
        "run {} is cancelled\n  {} cells are under the new key; `reseal rollback` puts them back",
        row.id,
        number(row.counts.cells_rotated)
    );
    Ok(Done::new(CLEAN, document(&row), text))
}
