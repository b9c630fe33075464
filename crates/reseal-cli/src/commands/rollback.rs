//! `reseal rollback` and `reseal undo drop`.

use reseal_app::Caller;
use reseal_app::rollback::{DropUndoRequest, RollbackRequest};
use reseal_core::RunState;
use reseal_engine::Report;
use serde_json::json;

use crate::args::RollbackArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::number;

/// Puts the old cells of the latest run back.
pub(crate) async fn rollback(caller: &Caller, args: &RollbackArgs) -> Outcome {
    let request = RollbackRequest {
        plan: args.plan.clone(),
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
    Ok(Done::new(code, document, text(&report)))
}

fn text(report: &Report) -> String {
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
    if counts.cells_current > 0 {
        let before = number(counts.cells_current);
        text += &format!("\n  {before} cells were under the new key before the run, and stay");
    }
    for reason in report.reason.iter().flat_map(|reason| reason.split("; ")) {
        text += &format!("\n  {reason}");
    }
    text
}

/// Drops kept old cells.
pub(crate) async fn drop_undo(caller: &Caller, request: &DropUndoRequest) -> Outcome {
    let dropped = reseal_app::rollback::drop_undo(caller, request).await?;
    let (id, cells) = (&dropped.run.id, dropped.cells);
    let then = match dropped.run.state {
        RunState::RolledBack if cells > 0 => {
            "the run was rolled back, but for those cells: they stay as they are"
        }
        RunState::RolledBack => "the run was rolled back: nothing needs them",
        _ => "its cells can no longer be put back exactly, only sealed anew under the old key",
    };
    let text = format!("{} old cells of run {id} are dropped\n  {then}", number(cells));
    Ok(Done::new(CLEAN, json!({ "run_id": id, "cells_dropped": cells }), text))
}
