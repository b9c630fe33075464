//! Watching and steering: `runs`, `status`, `pause`, `cancel`.

use std::path::Path;

use jiff::Timestamp;
use reseal_app::runs::{ListedRun, RunSelector, RunStatus};
use reseal_app::{Caller, Failure};
use reseal_core::RunState;
use reseal_core::quantity::{coarse, millis};
use reseal_store::{RollbackRow, RunRow, StepRow, StepState};
use serde_json::{Value, json};

use crate::args::SteerArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN, STOPPED};
use crate::output::{self, cells, number, plain, time};

/// Lists runs.
pub(crate) async fn runs(plan: &Path) -> Outcome {
    let list = reseal_app::runs::list(plan).await?;
    let text = match list.runs.is_empty() {
        true => format!("plan {} has no runs yet", list.plan),
        false => list.runs.iter().map(listed).collect::<Vec<_>>().join("\n"),
    };
    let documents: Vec<Value> = list
        .runs
        .iter()
        .map(|listed| listed_document(&listed.run, &listed.steps, listed.rollback.as_ref()))
        .collect();
    Ok(Done::new(CLEAN, json!({ "runs": documents }), text))
}

/// Shows where a run stands.
pub(crate) async fn status(plan: &Path, run: Option<&str>, wait: bool) -> Outcome {
    let selector = RunSelector { plan: plan.to_owned(), run: run.map(str::to_owned) };
    let status = reseal_app::runs::status(&selector, wait).await?;
    let code = match status.run.state {
        _ if !wait => CLEAN,
        RunState::RolledBack if is_left(status.rollback.as_ref()) => REMAIN,
        RunState::Complete | RunState::ScopeDone | RunState::RolledBack => CLEAN,
        RunState::Paused if status.run.cells_old > 0 => REMAIN,
        _ => STOPPED,
    };
    Ok(Done::new(code, status_document(&status), status_text(plan, &status)))
}

fn status_document(status: &RunStatus) -> Value {
    let mut document = listed_document(&status.run, &status.steps, status.rollback.as_ref());
    if let Some(of) = &status.rolls_back {
        document["rolls_back"] = of.as_str().into();
    }
    if status.run.emergency {
        document["deadline"] = status.deadline.map(time).into();
    }
    if let Some(counts) = &status.notices {
        document["notices"] = json!({ "waiting": counts.waiting, "dead": counts.dead });
    }
    document
}

fn status_text(plan: &Path, status: &RunStatus) -> String {
    let mut text = text(plan, &status.run, status.rolls_back.as_deref());
    text += &status.rollback.as_ref().map(rolled_back_by).unwrap_or_default();
    text += &status.steps.iter().map(step).collect::<String>();
    if status.run.emergency {
        text += &status.deadline.map(|at| due(&status.run, at)).unwrap_or_default();
    }
    if let Some(counts) = status.notices.filter(|counts| counts.waiting + counts.dead > 0) {
        text += &format!("\n  notifications: {} waiting, {} undeliverable", counts.waiting, counts.dead);
    }
    text
}

/// A run among others, for people: what they copy stands first, and nothing is broken over lines.
fn line(run: &RunRow) -> String {
    format!(
        "{}  {}\n  started {} by {}, {} rotated",
        run.id,
        state(run),
        time(run.created_at),
        plain(&run.operator),
        cells(run.counts.cells_rotated)
    )
}

/// A run's state, for people: one whose process is gone, or silent for longer than its lease, is interrupted.
fn state(run: &RunRow) -> String {
    if is_interrupted(run) { "interrupted".to_owned() } else { output::state(run.state) }
}

/// Whether the ledger says that somebody works on the run, and nobody does.
fn is_interrupted(run: &RunRow) -> bool {
    matches!(run.state, RunState::Running | RunState::RollingBack) && !reseal_engine::is_held(run)
}

fn listed(listed: &ListedRun) -> String {
    line(&listed.run) + &listed.rollback.as_ref().map(rolled_back_by).unwrap_or_default()
}

/// Whether a rollback has left cells that are not back.
fn is_left(rollback: Option<&RollbackRow>) -> bool {
    rollback.is_some_and(|rollback| rollback.run.state != RunState::Complete || rollback.run.reason.is_some())
}

/// What rolls a run back, for people.
fn rolled_back_by(rollback: &RollbackRow) -> String {
    let run = &rollback.run;
    let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "\n  rollback {} is {}{reason}\n    started {} by {}, {} restored or sealed again",
        run.id,
        state(run),
        time(run.created_at),
        plain(&run.operator),
        cells(run.counts.cells_rotated)
    )
}

/// A run's document with its steps, and with its rollback's, where there is one.
fn listed_document(run: &RunRow, steps: &[StepRow], rollback: Option<&RollbackRow>) -> Value {
    let mut out = with_steps(document(run), steps);
    if let Some(rollback) = rollback {
        out["rollback"] = document(&rollback.run);
    }
    out
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
    let status = row.status.as_ref().filter(|status| *status != row.state.name());
    let status = status.map(|status| format!(": {status}")).unwrap_or_default();
    let mut text =
        format!("\n  {} {}, {}: {}{status}", row.key.phase, row.key.number, row.label, row.state.name());
    if row.state == StepState::Failed {
        let output = row.output.iter().flat_map(|output| output.lines());
        output.for_each(|line| text += &format!("\n    {line}"));
    }
    text
}

fn due(row: &RunRow, deadline: i64) -> String {
    let left = deadline - Timestamp::now().as_millisecond();
    match row.completed_at {
        Some(ended) if ended > deadline => format!("\n  it ended after its deadline, {}", time(deadline)),
        Some(_) => format!("\n  it ended before its deadline, {}", time(deadline)),
        None if left < 0 => format!("\n  its deadline has passed: {}", time(deadline)),
        None if left < 3_600_000 => {
            format!("\n  WARNING: its deadline is {}, in {}", time(deadline), coarse(millis(left)))
        }
        None => format!("\n  its deadline is {}, in {}", time(deadline), coarse(millis(left))),
    }
}

fn text(plan: &Path, row: &RunRow, rolls_back: Option<&str>) -> String {
    let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let counts = &row.counts;
    let mut lines = vec![
        format!("{} is {}{reason}", row.plan, state(row)),
        format!("  run {}, started {}", row.id, time(row.created_at)),
        match rolls_back {
            Some(of) => format!(
                "  rollback of run {of}: {} of {} kept cells, {} restored or sealed again",
                number(counts.rows_scanned),
                number(counts.rows_total),
                cells(counts.cells_rotated)
            ),
            None => format!(
                "  {} of {} rows, {} rotated",
                number(counts.rows_scanned),
                number(counts.rows_total),
                cells(counts.cells_rotated)
            ),
        },
    ];
    if matches!(row.state, RunState::Running | RunState::RollingBack) {
        let holder = row.holder.for_people();
        lines.push(match is_interrupted(row) {
            false => format!("  running on {holder}"),
            true => {
                let rolls_back = rolls_back.is_some() || row.state == RunState::RollingBack;
                let plan = plan.display();
                let command = match rolls_back {
                    true => format!("rollback {plan} --confirm {}", row.plan),
                    false => format!("run {plan}"),
                };
                let why = if row.lease_left_ms > 0 { "has ended" } else { "no longer responds" };
                format!("  was running on {holder}, which {why}: resume with `reseal {command}`")
            }
        });
    }
    lines.join("\n")
}

/// A run with the keys of `run --json`, and what only the ledger knows.
fn document(row: &RunRow) -> Value {
    let scope: Value = serde_json::from_str(&row.scope).unwrap_or_default();
    let end = row.completed_at.unwrap_or(row.updated_at);
    json!({
        "run_id": row.id,
        "state": row.state.name(),
        "interrupted": is_interrupted(row),
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

/// Asks a run to pause.
pub(crate) async fn pause(caller: &Caller, args: &SteerArgs) -> Outcome {
    let steered = reseal_app::runs::pause(caller, &args.selector()?).await?;
    let run = &steered.run;
    let text = match steered.asked {
        true => format!("run {} will pause after the current batch", run.id),
        false => format!("run {} is {} and no process is working on it", run.id, run.state),
    };
    Ok(Done::new(CLEAN, document(run), text))
}

/// Cancels a run: at once where nobody works on it, else after the current batch.
pub(crate) async fn cancel(caller: &Caller, args: &SteerArgs) -> Outcome {
    let steered = reseal_app::runs::cancel(caller, &args.selector()?).await?;
    let run = &steered.run;
    let text = match steered.asked {
        true => format!("run {} will be cancelled after the current batch", run.id),
        false => format!(
            "run {} is cancelled\n  {} cells are under the new key; restore them with `reseal rollback`",
            run.id,
            number(run.counts.cells_rotated)
        ),
    };
    Ok(Done::new(CLEAN, document(run), text))
}

impl SteerArgs {
    fn selector(&self) -> Result<RunSelector, Failure> {
        Ok(RunSelector { plan: self.plan.path()?, run: self.run.clone() })
    }
}
