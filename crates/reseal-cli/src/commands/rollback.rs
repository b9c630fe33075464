//! `reseal rollback` and `reseal undo drop`.

use std::path::Path;

use reseal_app::Caller;
use reseal_app::rollback::{DropUndoRequest, RollbackRequest};
use reseal_core::RunState;
use reseal_engine::Report;
use serde_json::json;

use crate::args::RollbackArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::{cells, state};

/// Puts the old cells of the latest run back.
pub(crate) async fn rollback(caller: &Caller, args: &RollbackArgs) -> Outcome {
    let plan = args.plan.path()?;
    let request = RollbackRequest {
        plan: plan.clone(),
        run: args.run.clone(),
        confirm: args.confirm.clone(),
        to_keys: args.to_key.clone(),
        accept_tables: args.accept_table.clone(),
        accept_plaintext_in_log: args.accept_plaintext_in_log,
    };
    let report = reseal_app::rollback::rollback(caller, &request).await?;
    let counts = &report.counts;
    // A reason says that cells remain: listed, or moved by another run.
    let code = if counts.cells_quarantined > 0 || report.reason.is_some() { REMAIN } else { CLEAN };
    let mut document = report.json();
    document["cells_restored"] = counts.cells_rotated.into();
    document["cells_resealed"] = counts.cells_raced.into();
    Ok(Done::new(code, document, text(&report, &plan)))
}

fn text(report: &Report, plan: &Path) -> String {
    let counts = &report.counts;
    let mut text =
        format!("{} is {}\n  {} restored", report.plan, state(report.state), cells(counts.cells_rotated));
    if counts.cells_raced > 0 {
        text += &format!(
            "\n  {} sealed again under the old key: written since the run, or without old bytes",
            cells(counts.cells_raced)
        );
    }
    if counts.cells_current > 0 {
        let before = cells(counts.cells_current);
        text += &format!(
            "\n  {before} under the new key since before the run, left unchanged\n  next: move them too with \
             `reseal run {} --primary KEY`, before an application loses the new key",
            plan.display()
        );
    }
    for reason in report.reason.iter().flat_map(|reason| reason.split("; ")) {
        text += &format!("\n  {reason}");
    }
    text
}

/// Drops kept old cells.
pub(crate) async fn drop_undo(caller: &Caller, request: &DropUndoRequest) -> Outcome {
    let dropped = reseal_app::rollback::drop_undo(caller, request).await?;
    let id = &dropped.run.id;
    let then = match dropped.run.state {
        RunState::RolledBack if dropped.cells > 0 => {
            "the run was rolled back except for these cells; they stay unchanged"
        }
        RunState::RolledBack => "the run was rolled back and no longer needs them",
        _ => "an exact rollback is no longer possible; its cells can only be sealed again under the old key",
    };
    let text = format!("deleted the old bytes of {} of run {id}\n  {then}", cells(dropped.cells));
    Ok(Done::new(CLEAN, json!({ "run_id": id, "cells_dropped": dropped.cells }), text))
}
