//! Rows that a plan's `where:` leaves out, though a column of theirs holds a cell that a key of the plan opens.

use std::sync::Arc;

use reseal_store::Session;

use crate::cell::condition::of_condition;
use crate::cell::deks::{Stage, prepare};
use crate::cell::layout::layout;
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::error::RunError;
use crate::finding::Finding;
use crate::job::Job;
use crate::job::scope::Scope;

/// Maximum number of rows of a table that are looked at, and of their bytes.
const ROWS: usize = 200;
const BYTES: usize = 4 << 20;

/// Warns of cells that no run of the plan would move.
pub(super) async fn check(
    session: &mut Session,
    job: &Arc<Job>,
    passed: &[Arc<Target>],
) -> Result<Vec<Finding>, RunError> {
    let mut findings = Vec::new();
    let Some(job) = job.of_rows_left_out() else { return Ok(findings) };
    // Whether the tables are what the plan says was judged before.
    let Ok(targets) = layout(session, &job, &Scope::default()).await else { return Ok(findings) };
    let passed = |target: &&Arc<Target>| passed.iter().any(|other| other.label() == target.label());
    for target in targets.iter().filter(passed) {
        let rows = session.page(&target.shape, None, None, ROWS, BYTES).await;
        let rows = rows.map_err(|error| of_condition(target, error))?;
        let Ok(deks) = prepare(target, &rows, Stage::Open).await else { continue };
        for field in &target.fields {
            let opens = |row: &&reseal_store::Row| match field.open(row, Trust::Nothing, deks.as_deref()) {
                Opening::Opened(opened) => opened.key.is_some() && opened.text.is_authenticated(),
                _ => false,
            };
            let opened = rows.iter().filter(opens).count();
            if opened > 0 {
                let place = format!("{}.{}", target.label(), field.job().name);
                findings.push(Finding::warning(
                    "rows-left-out",
                    format!(
                        "{place}: of {} rows that `where:` excludes, {opened} have a cell that opens under a \
                         key of the plan, but no run rotates it",
                        rows.len()
                    ),
                    "extend `where:` to these rows, or keep the old keys",
                ));
            }
        }
    }
    Ok(findings)
}
