//! Whether the longest cells still fit once they are sealed again: into their columns, into the indexes on them, and into a
//! statement.

use std::sync::Arc;

use reseal_core::Value;
use reseal_store::{ColumnFacts, IndexFacts, Session, Swap, TableFacts};

use crate::batch::work_through;
use crate::cell::condition::of_condition;
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::finding::Finding;

/// Longest cells that are tried.
const LONGEST: u64 = 20;
/// A part of what a statement may hold that is left to all that is sent beside the values.
const BESIDE: u64 = 8;

pub(super) async fn check(
    session: &mut Session,
    target: &Arc<Target>,
    facts: &TableFacts,
    packet: Option<u64>,
) -> Result<Vec<Finding>, RunError> {
    let mut findings = Vec::new();
    let packet = packet.map(|packet| packet - packet / BESIDE);
    for (place, column) in target.shape.cells.iter().enumerate() {
        let Some(column_facts) = facts.column(&column.name) else { continue };
        let indexes: Vec<&IndexFacts> =
            facts.indexes.iter().filter(|index| bounds(index, column_facts)).collect();
        let packet = packet.filter(|packet| column_facts.max_length.is_none_or(|max| max > packet / 4));
        if column_facts.max_length.is_none() && indexes.is_empty() && packet.is_none() {
            continue;
        }
        let rows = session.longest(&target.shape, column, LONGEST).await;
        let rows = rows.map_err(|error| of_condition(target, error))?;
        let work = work_through(target.clone(), rows, Trust::Nothing).await?;
        let swaps: Vec<&Swap> = work.swaps.iter().map(|planned| &planned.swap).collect();
        let place = Place { target, column: &column.name, at: place };
        findings.extend(column_facts.max_length.and_then(|max| place.too_narrow(&swaps, max)));
        findings.extend(indexes.iter().filter_map(|index| place.too_long(&swaps, index)));
        findings.extend(packet.and_then(|packet| place.too_large(&swaps, packet)));
    }
    Ok(findings)
}

/// Whether an index bounds the length of a column.
fn bounds(index: &IndexFacts, column: &ColumnFacts) -> bool {
    index.max_bytes.is_some() && index.columns.iter().flatten().any(|name| *name == column.name)
}

/// The column of a cell.
struct Place<'p> {
    target: &'p Target,
    column: &'p str,
    at: usize,
}

impl Place<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.target.label(), self.column)
    }

    fn too_narrow(&self, swaps: &[&Swap], max: u64) -> Option<Finding> {
        let needed = swaps.iter().map(|swap| length(&swap.new[self.at])).max().unwrap_or(0);
        (needed > max).then(|| {
            Finding::refusal(
                "too-narrow",
                format!(
                    "column `{}` has a maximum length of {max}, but new cells need up to {needed}",
                    self.name()
                ),
                "widen the column before the run",
            )
        })
    }

    /// Old cells that are too long themselves stand in the index all the same: the database compresses what it can.
    fn too_long(&self, swaps: &[&Swap], index: &IndexFacts) -> Option<Finding> {
        let max = index.max_bytes?;
        let size = |value: &Value| value.size() as u64;
        let grows = |swap: &&&Swap| size(&swap.old[self.at]) <= max && size(&swap.new[self.at]) > max;
        let what = format!("index `{}` on `{}` is limited to {max} bytes per row", index.name, self.name());
        few_or_all(
            swaps.len(),
            swaps.iter().filter(grows).count(),
            "index-row-too-long",
            &what,
            "drop the index",
        )
    }

    fn too_large(&self, swaps: &[&Swap], packet: u64) -> Option<Finding> {
        let size =
            |swap: &Swap| swap.old.iter().chain(&swap.new).map(|value| value.size() as u64 + 9).sum::<u64>();
        let large = swaps.iter().filter(|swap| size(swap) > packet).count();
        let what =
            format!("the server accepts at most {packet} bytes of values per statement (max_allowed_packet)");
        few_or_all(
            swaps.len(),
            large,
            "packet-too-small",
            &what,
            "increase the limit with SET GLOBAL max_allowed_packet = …",
        )
    }
}

/// A refusal where all of the longest rows are too long, since there will be more of them. Where it is some, those alone
/// will be listed.
fn few_or_all(rows: usize, too_long: usize, code: &'static str, what: &str, help: &str) -> Option<Finding> {
    let message = |many: &str| format!("{what}, but {many} need more for their new cells");
    match too_long {
        0 => None,
        few if few < rows || rows == 1 => Some(Finding::warning(
            code,
            message(&format!("{few} of the {rows} longest rows")),
            format!("{help}; otherwise these rows keep their old cells and are listed in the quarantine"),
        )),
        _ => Some(Finding::refusal(code, message(&format!("all of the {rows} longest rows")), help)),
    }
}

/// Length as the column counts it: characters of a text, bytes of a binary value.
fn length(value: &Value) -> u64 {
    match value {
        Value::Text(text) => text.chars().count() as u64,
        other => other.size() as u64,
    }
}
