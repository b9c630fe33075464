//! `census`, `verify` and `inspect`: looking, never writing.

use std::path::Path;

use reseal_app::Caller;
use reseal_app::census::{CensusRequest, InspectRequest};
use reseal_engine::{Census, CensusLine};
use serde_json::{Value, json};

use crate::args::ScopeArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::number;
use crate::table::table;

/// Counts cells; only reports.
pub(crate) async fn census(caller: &Caller, plan: &Path, open: bool, scope: &ScopeArgs) -> Outcome {
    let request = CensusRequest { plan: plan.to_owned(), open, primary: None, scope: scope.scope() };
    let census = reseal_app::census::census(caller, &request).await?;
    Ok(Done::new(CLEAN, census.json(), text(&census)))
}

/// The sweep alone; exit 1 where a cell is not under the primary.
pub(crate) async fn verify(
    caller: &Caller,
    plan: &Path,
    primary: Option<&str>,
    scope: &ScopeArgs,
) -> Outcome {
    let request = CensusRequest {
        plan: plan.to_owned(),
        open: true,
        primary: primary.map(str::to_owned),
        scope: scope.scope(),
    };
    let census = reseal_app::census::census(caller, &request).await?;
    let verdict = match census.clean {
        true => "clean: every cell opened under its primary key, in one snapshot".to_owned(),
        false => {
            format!(
                "not clean: some cells do not open under their primary key{}",
                next(&census, plan, primary)
            )
        }
    };
    let code = if census.clean { CLEAN } else { REMAIN };
    Ok(Done::new(code, census.json(), format!("{}\n{verdict}", text(&census))))
}

/// What to do about cells under old keys, and about cells that do not open.
fn next(census: &Census, plan: &Path, primary: Option<&str>) -> String {
    let plan = plan.display();
    let primary = primary.map(|primary| format!(" --primary {primary}")).unwrap_or_default();
    let mut lines = census.fields.iter().flat_map(|field| &field.counts);
    let is_broken = |line: &CensusLine| line.key.is_none() && !line.is_old;
    let mut text = String::new();
    if lines.clone().any(|line| line.is_old) {
        text += &format!(
            "\nnext: rotate what is under an old key with `reseal run {plan}{primary}`; if such cells come back, an application \
             still seals with that key"
        );
    }
    if lines.any(is_broken) {
        text += &format!(
            "\nnext: a run leaves cells that do not open unchanged; list them with `reseal quarantine {plan}` after it"
        );
    }
    text
}

/// A census as people read it.
pub(crate) fn text(census: &Census) -> String {
    let mut rows = Vec::new();
    for field in &census.fields {
        let mut name = format!("{}.{}", field.table, field.field);
        if field.counts.is_empty() {
            rows.push(vec![name.clone(), "-".into(), "-".into(), "0".into()]);
        }
        for line in &field.counts {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            let lacks = line.lacks.map(|lacks| format!(" (no {lacks})")).unwrap_or_default();
            rows.push(vec![
                std::mem::take(&mut name),
                or_dash(&line.seal) + &lacks,
                match line.key.is_none() && !line.is_old && census.by == "opened" {
                    true => "does not open".to_owned(),
                    false => or_dash(&line.key),
                },
                number(line.cells),
            ]);
        }
    }
    table(&["field", "seal", "key", "cells"], &[3], rows)
}

/// One row's formats and keys.
pub(crate) async fn inspect(plan: &Path, name: &str, row: &str) -> Outcome {
    let request = InspectRequest { plan: plan.to_owned(), table: name.to_owned(), row: row.to_owned() };
    let inspection = reseal_app::census::inspect(&request).await?;
    let documents: Vec<Value> = inspection
        .cells
        .iter()
        .map(|cell| json!({ "field": cell.field, "seal": cell.seal, "key": cell.key, "state": cell.state, "bytes": cell.bytes }))
        .collect();
    let rows = inspection.cells.into_iter().map(|cell| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        vec![cell.field, or_dash(cell.seal), or_dash(cell.key), cell.state, number(cell.bytes as u64)]
    });
    let text = table(&["field", "seal", "key", "state", "bytes"], &[4], rows.collect());
    Ok(Done::new(CLEAN, json!({ "table": inspection.table, "row": row, "cells": documents }), text))
}
