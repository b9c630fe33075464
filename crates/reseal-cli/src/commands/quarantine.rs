//! `reseal quarantine`: what could not be opened or written, and why.

use std::path::Path;

use serde_json::{Value, json};

use super::run::resume;
use crate::exit::{CLEAN, Done, Outcome};
use crate::open;
use crate::output::table;

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
            let rows =
                cells.into_iter().map(|cell| vec![cell.table, cell.field, cell.row.to_string(), cell.reason]);
            table(&["table", "field", "row", "reason"], &[], rows.collect())
        }
    };
    Ok(Done::new(CLEAN, json!({ "run_id": row.id, "cells": documents }), text))
}
