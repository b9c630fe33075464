//! `census`, `verify` and `inspect`: looking, never writing.

use std::path::PathBuf;
use std::sync::Arc;

use reseal_core::Key;
use reseal_core::audit::{Event, EventKind};
use reseal_custody::CountedScope;
use reseal_engine::{Census, CensusField, CensusLine, Inspected, Progress, Scope};

use crate::caller::Caller;
use crate::open::{self, Opened};
use crate::{Failure, control, trail};

/// What is counted.
#[derive(Clone, Debug)]
pub struct CensusRequest {
    /// The plan.
    pub plan: PathBuf,
    /// Whether every cell is opened instead of believing marks.
    pub open: bool,
    /// The key that cells should be under, instead of the plan's primary.
    pub primary: Option<String>,
    /// What it is narrowed to, with tables as the plan names them.
    pub scope: Scope,
}

/// Counts cells by field, seal and key. What was counted is kept in the control database, and in the trail.
///
/// # Errors
/// When the plan or its keys cannot be read, or the database refuses.
pub async fn census(caller: &Caller, request: &CensusRequest) -> Result<Census, Failure> {
    let opened = open::job_to_look_under(&request.plan, request.primary.as_deref()).await?;
    let scope = &open::scoped(&opened.plan, &request.scope);
    let progress = Arc::new(Progress::default());
    let shown = caller.frontend.show(&progress);
    let census = reseal_engine::census(&opened.job, &opened.database, scope, request.open, &progress).await;
    drop(shown);
    let census = census?;
    keep(&opened, &census, scope).await;
    note(caller, &opened, &census, request, scope).await;
    Ok(census)
}

/// Keeps what was counted for `keys list`. The count does not depend on it.
async fn keep(opened: &Opened, census: &Census, scope: &Scope) {
    let kept = async {
        let mut control = control::session().await?;
        let text = scope.json().to_string();
        let scope = CountedScope { text: &text, whole: scope.is_whole() };
        Ok::<_, Failure>(reseal_custody::keep_census(&mut control, &opened.job, census, scope).await?)
    };
    if let Err(error) = kept.await {
        tracing::warn!("the counts were not saved: {}", error.message);
    }
}

/// What the trail keeps of a count: cells by seal and key over all fields, and how many are under their primary.
async fn note(caller: &Caller, opened: &Opened, census: &Census, request: &CensusRequest, scope: &Scope) {
    let kind = if census.by == "opened" { EventKind::Sweep } else { EventKind::Census };
    let mut sums = Sums::new();
    for field in &census.fields {
        for line in &field.counts {
            sums.add(standing(opened, field, line), line.cells);
            let (seal, key) = (line.seal.as_deref(), line.key.as_deref());
            sums.add(&format!("cells.{}.{}", seal.unwrap_or("none"), key.unwrap_or("none")), line.cells);
        }
    }
    let about = |event: Event| {
        let event =
            event.of_plan(&opened.plan.name, &opened.plan.digest).with("scope", scope.json().to_string());
        let mut event = event.with("clean", if census.clean { "yes" } else { "no" });
        if let Some(primary) = &request.primary {
            event = event.with("primary", primary.as_str());
        }
        sums.0.into_iter().fold(event, |event, sum| event.with(&sum.name, sum.cells))
    };
    trail::note(&caller.operator, kind, about).await;
}

/// Under what an event counts cells that were found so: under the field's primary, an old key, or none.
fn standing(opened: &Opened, field: &CensusField, line: &CensusLine) -> &'static str {
    if line.seal.is_none() {
        return "cells_quarantined";
    }
    let tables = opened.job.tables.iter().filter(|table| table.name.to_string() == field.table);
    let target = tables.flat_map(|table| &table.fields).find(|other| other.name == field.field);
    let is_current = target.is_some_and(|field| {
        let primary = field.to.keyset.primary().map(Key::id);
        line.seal.as_deref() == Some(field.to.name.as_str()) && line.key.as_deref() == primary
    });
    if is_current { "cells_current" } else { "cells_old" }
}

/// Cells by the names under which an event counts them, in the order in which they were first seen.
struct Sums(Vec<Sum>);

struct Sum {
    name: String,
    cells: u64,
}

impl Sums {
    fn new() -> Sums {
        let names = ["cells_current", "cells_old", "cells_quarantined"];
        Sums(names.into_iter().map(|name| Sum { name: name.to_owned(), cells: 0 }).collect())
    }

    fn add(&mut self, name: &str, cells: u64) {
        match self.0.iter_mut().find(|sum| sum.name == name) {
            Some(sum) => sum.cells += cells,
            None => self.0.push(Sum { name: name.to_owned(), cells }),
        }
    }
}

/// The row that is inspected.
#[derive(Clone, Debug)]
pub struct InspectRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The table, as the plan names it.
    pub table: String,
    /// The row key; parts of a composite key are joined by commas.
    pub row: String,
}

/// What a row's cells are under.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The table, as the database names it.
    pub table: String,
    /// The row's cells.
    pub cells: Vec<Inspected>,
}

/// Formats and keys of one row's cells, never their content.
///
/// # Errors
/// When the plan or its keys cannot be read, there is no such row, or the database refuses.
pub async fn inspect(request: &InspectRequest) -> Result<Inspection, Failure> {
    let opened = open::job_to_look(&request.plan).await?;
    let table = open::table(&opened.plan, &request.table);
    let cells = reseal_engine::inspect(&opened.job, &opened.database, &table, &request.row).await?;
    Ok(Inspection { table, cells })
}
