//! `census`, `verify` and `inspect`: looking, never writing.

use std::path::Path;
use std::sync::Arc;

use reseal_core::Key;
use reseal_core::audit::{Event, EventKind};
use reseal_engine::{Census, Progress, Scope};
use reseal_registry::Overrides;
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::{number, table};
use crate::view::View;
use reseal_app::Failure;
use reseal_app::{control, open, trail};

/// Counts cells; only reports.
pub(crate) async fn census(plan: &Path, opened: bool, scope: &Scope) -> Outcome {
    let census = count(plan, opened, scope).await?;
    Ok(Done::new(CLEAN, census.json(), tell(&census)))
}

/// The sweep alone; exit 1 where a cell is not under the primary.
pub(crate) async fn verify(plan: &Path, scope: &Scope) -> Outcome {
    let census = count(plan, true, scope).await?;
    let verdict = match census.clean {
        true => "clean: every cell opened under its primary, in one snapshot",
        false => "not clean: there are cells that do not open under their primary",
    };
    let code = if census.clean { CLEAN } else { REMAIN };
    Ok(Done::new(code, census.json(), format!("{}\n{verdict}", tell(&census))))
}

async fn count(plan: &Path, opened: bool, scope: &Scope) -> Result<Census, Failure> {
    let at = open::job(plan, &Overrides::default()).await?;
    let scope = &open::scoped(&at.plan, scope);
    let progress = Arc::new(Progress::default());
    let view = View::start(&progress);
    let census = reseal_engine::census(&at.job, &at.database, scope, opened, &progress).await;
    drop(view);
    let census = census?;
    keep(&census, scope).await;
    tell_trail(&at, &census, scope).await;
    Ok(census)
}

/// What the trail keeps of a count: cells by seal and key over all fields, and how many are under their primary.
async fn tell_trail(at: &open::Opened, census: &Census, scope: &Scope) {
    let kind = if census.by == "opened" { EventKind::Sweep } else { EventKind::Census };
    let mut counts: Vec<(String, u64)> =
        ["cells_current", "cells_old", "cells_quarantined"].map(|name| (name.to_owned(), 0)).into();
    let mut add = |name: String, more: u64| match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, cells)) => *cells += more,
        None => counts.push((name, more)),
    };
    for field in &census.fields {
        let to = at.job.tables.iter().filter(|table| table.name.to_string() == field.table);
        let to =
            to.flat_map(|table| &table.fields).find(|other| other.name == field.field).map(|field| &field.to);
        let current = to.map(|to| (Some(to.name.as_str()), to.keyset.primary().map(Key::id)));
        for line in &field.counts {
            let found = (line.seal.as_deref(), line.key.as_deref());
            let sum = match found {
                (None, _) => "cells_quarantined",
                found if Some(found) == current => "cells_current",
                _ => "cells_old",
            };
            add(sum.to_owned(), line.cells);
            add(format!("cells.{}.{}", found.0.unwrap_or("none"), found.1.unwrap_or("none")), line.cells);
        }
    }
    let about = |event: Event| {
        let event = event.of_plan(&at.plan.name, &at.plan.digest).with("scope", scope.json().to_string());
        let event = event.with("clean", if census.clean { "yes" } else { "no" });
        counts.into_iter().fold(event, |event, (name, cells)| event.with(&name, cells))
    };
    trail::note(kind, about).await;
}

/// Keeps what was counted for `reseal keys list`. The count does not depend on it.
async fn keep(census: &Census, scope: &Scope) {
    let kept = async {
        let mut control = control::database()?.connect().await?;
        control.migrate().await?;
        let document = census.json().to_string();
        Ok::<_, Failure>(
            control.keep_census(&census.plan, &scope.json().to_string(), scope.is_whole(), &document).await?,
        )
    };
    if let Err(error) = kept.await {
        tracing::warn!("the count is not in the control database: {}", error.message);
    }
}

/// A census as people read it.
pub(crate) fn tell(census: &Census) -> String {
    let mut rows = Vec::new();
    for field in &census.fields {
        let mut name = format!("{}.{}", field.table, field.field);
        if field.counts.is_empty() {
            rows.push(vec![name.clone(), "-".into(), "-".into(), "0".into()]);
        }
        for line in &field.counts {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            rows.push(vec![
                std::mem::take(&mut name),
                or_dash(&line.seal),
                or_dash(&line.key),
                number(line.cells),
            ]);
        }
    }
    table(&["field", "seal", "key", "cells"], &[3], rows)
}

/// One row's formats and keys.
pub(crate) async fn inspect(plan: &Path, name: &str, row: &str) -> Outcome {
    let at = open::job(plan, &Overrides::default()).await?;
    let name = open::table(&at.plan, name);
    let cells = reseal_engine::inspect(&at.job, &at.database, &name, row).await?;
    let documents: Vec<Value> = cells
        .iter()
        .map(|cell| json!({ "field": cell.field, "seal": cell.seal, "key": cell.key, "state": cell.state, "bytes": cell.bytes }))
        .collect();
    let rows = cells.into_iter().map(|cell| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        vec![cell.field, or_dash(cell.seal), or_dash(cell.key), cell.state, number(cell.bytes as u64)]
    });
    let text = table(&["field", "seal", "key", "state", "bytes"], &[4], rows.collect());
    Ok(Done::new(CLEAN, json!({ "table": name, "row": row, "cells": documents }), text))
}
