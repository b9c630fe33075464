//! `reseal quarantine`: what could not be opened or written, and why.

use std::collections::BTreeSet;
use std::path::Path;

use reseal_engine::explain_reason;
use reseal_store::Quarantined;
use serde_json::{Value, json};

use super::run::resume;
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::table;
use reseal_app::open;

/// Lists the quarantine of a run, or tries its cells again.
pub(crate) async fn quarantine(path: &Path, run: Option<&str>, retry: bool) -> Outcome {
    if retry {
        return resume(path, false).await;
    }
    let (_, _, mut session, row) = open::latest(path, run).await?;
    let cells = session.quarantined(&row.id).await?;
    let documents: Vec<Value> = cells
        .iter()
        .map(|cell| json!({ "table": cell.table, "field": cell.field, "row": cell.row.to_string(), "reason": cell.reason }))
        .collect();
    let text = match cells.is_empty() {
        true => format!("run {} has no cell in quarantine", row.id),
        false => {
            let reasons = explained(&cells);
            let rows =
                cells.into_iter().map(|cell| vec![cell.table, cell.field, cell.row.to_string(), cell.reason]);
            let shown = table(&["table", "field", "row", "reason"], &[], rows.collect());
            format!("{shown}\n\n{reasons}")
        }
    };
    Ok(Done::new(CLEAN, json!({ "run_id": row.id, "cells": documents }), text))
}

/// Each reason once, with what it means and what to do.
fn explained(cells: &[Quarantined]) -> String {
    let reasons: BTreeSet<&str> = cells.iter().map(|cell| cell.reason.as_str()).collect();
    let lines: Vec<String> =
        reasons.into_iter().map(|reason| format!("{reason}: {}", explain_reason(reason))).collect();
    lines.join("\n")
}
