//! `reseal quarantine`: what could not be opened or written, and why.

use std::collections::BTreeSet;
use std::path::Path;

use reseal_app::runs::RunSelector;
use reseal_engine::explain_reason;
use reseal_store::Quarantined;
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, Outcome};
use crate::table::table;

/// Lists the quarantine of a run.
pub(crate) async fn quarantine(plan: &Path, run: Option<&str>) -> Outcome {
    let selector = RunSelector { plan: plan.to_owned(), run: run.map(str::to_owned) };
    let quarantine = reseal_app::runs::quarantine(&selector).await?;
    let (run, cells) = (quarantine.run_id, quarantine.cells);
    let documents: Vec<Value> = cells
        .iter()
        .map(|cell| json!({ "table": cell.table, "field": cell.field, "row": cell.row.to_string(), "reason": cell.reason }))
        .collect();
    let text = match cells.is_empty() {
        true => format!("run {run} has no cells in quarantine"),
        false => {
            let reasons = explained(&cells);
            let rows =
                cells.into_iter().map(|cell| vec![cell.table, cell.field, cell.row.to_string(), cell.reason]);
            let shown = table(&["table", "field", "row", "reason"], &[], rows.collect());
            let plan = plan.display();
            let next = format!("next: look at a row with `reseal inspect {plan} --table TABLE --row ROW`");
            format!("{}\n\n{reasons}\n{next}", shown.trim_end())
        }
    };
    Ok(Done::new(CLEAN, json!({ "run_id": run, "cells": documents }), text))
}

/// Each reason once, with what it means and what to do.
fn explained(cells: &[Quarantined]) -> String {
    let reasons: BTreeSet<&str> = cells.iter().map(|cell| cell.reason.as_str()).collect();
    let lines: Vec<String> =
        reasons.into_iter().map(|reason| format!("{reason}: {}", explain_reason(reason))).collect();
    lines.join("\n")
}
