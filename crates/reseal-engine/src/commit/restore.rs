//! The exact old bytes, where the new ones still stand: cell by cell, or row by row where one column holds the key of all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use reseal_core::{Key, Value};
use reseal_store::{Row, RowKey, RunLease, Session, Swap, UndoBatch};

use super::settle::{WayBack, settle};

use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::error_column::is_reason;
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::cell::undo::{self, Entry, OldValue};
use crate::error::{RunError, UndoError};

/// One batch of old cells, on its way back.
struct Exact {
    target: Arc<Target>,
    wanted: HashMap<RowKey, Entry>,
    /// Rows of which the application has rewritten something since.
    rewritten: HashSet<RowKey>,
}

/// What came of putting a batch back.
pub(crate) struct Restored {
    /// How many cells are back.
    pub(crate) cells: u64,
    /// The rows of which the application has rewritten something since.
    pub(crate) rewritten: Vec<RowKey>,
}

/// Puts the old cells of one batch back where the new ones still stand.
pub(crate) async fn restore(
    session: &mut Session,
    lease: &RunLease,
    target: &Arc<Target>,
    batch: &UndoBatch,
) -> Result<Restored, RunError> {
    let entries = entries(target, batch).await?;
    let wanted: HashMap<RowKey, Entry> =
        entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let keys: Vec<RowKey> = wanted.keys().cloned().collect();
    // Whatever narrowed the run, a row that it swapped goes back.
    let rows = session.rows_by_key(&target.unscoped, &keys).await?;
    let mut way = Exact { target: target.clone(), wanted, rewritten: HashSet::new() };
    let cells = settle(session, lease, &mut way, rows).await?;
    Ok(Restored { cells, rewritten: way.rewritten.into_iter().collect() })
}

/// The entries of a batch.
pub(crate) async fn entries(target: &Target, batch: &UndoBatch) -> Result<Vec<Entry>, RunError> {
    let keys: Vec<&Key> = target.job.keysets.iter().filter_map(|keyset| keyset.keyset.primary()).collect();
    let packed = undo::disclose(&batch.payload, &keys, &target.job.deks).await?;
    packed.and_then(|packed| undo::unpack(&packed)).ok_or_else(|| UndoError::Unreadable.into())
}

#[async_trait]
impl WayBack for Exact {
    fn table(&self) -> &Target {
        &self.target
    }

    async fn swaps(&mut self, rows: Vec<Row>) -> Result<Vec<Swap>, RunError> {
        let reopens = |entry: &Entry| entry.old.iter().any(|value| matches!(value, OldValue::Reopen { .. }));
        let deks = match self.wanted.values().any(reopens) {
            true => prepare(&self.target, &rows, Stage::Open).await?,
            false => None,
        };
        let mut swaps = Vec::new();
        for row in rows {
            let Some(entry) = self.wanted.get(&row.key) else { continue };
            let back = old_values(&self.target, &row, entry, deks.as_deref());
            if back.rewritten {
                self.rewritten.insert(row.key.clone());
            }
            if back.values[..] != row.values[..back.values.len()] {
                let (new, version, unopened) = (back.values, row.version, back.stays);
                swaps.push(Swap { key: row.key, old: row.values, new, version, unopened });
            }
        }
        Ok(swaps)
    }
}

/// A row as it goes back.
struct Back {
    values: Vec<Value>,
    /// Whether a group does not hold what the run wrote there.
    rewritten: bool,
    /// Whether there is a value that the run did not touch: perhaps one that it could not open.
    stays: bool,
}

/// The old values of a row, group by group; those that were plaintext are what its new cells open to.
fn old_values(target: &Target, row: &Row, entry: &Entry, deks: Option<&Deks>) -> Back {
    let values = row.values[..target.shape.cells.len()].to_vec();
    let stays = values.iter().zip(&entry.old).any(|(now, old)| *old == OldValue::Same && !now.is_null());
    let mut back = Back { values, rewritten: false, stays };
    let mut scratch = Vec::new();
    for (at, written) in &entry.new {
        let group = target.groups.get(*at).map(Vec::as_slice).unwrap_or_default();
        let stands = undo::digest(&row.values, group, &mut scratch) == *written;
        let old: Option<Vec<(usize, Value)>> = match stands {
            true => group.iter().map(|place| old_value(target, row, entry, *place, deks)).collect(),
            false => None,
        };
        match old {
            Some(old) => old.into_iter().for_each(|(place, value)| back.values[place] = value),
            None => back.rewritten = true,
        }
    }
    reasons(target, row, entry, &mut back);
    back
}

fn old_value(
    target: &Target,
    row: &Row,
    entry: &Entry,
    place: usize,
    deks: Option<&Deks>,
) -> Option<(usize, Value)> {
    let value = match entry.old.get(place)? {
        OldValue::Kept(value) => value.clone(),
        OldValue::Same => row.values[place].clone(),
        OldValue::Reopen { text } => {
            let opened = reopened(target, row, place, deks)?;
            if *text { Value::Text(String::from_utf8(opened).ok()?) } else { Value::Bytes(opened) }
        }
    };
    Some((place, value))
}

/// A reason that stood beside a cell comes back with it, though the cell was mended meanwhile: a rollback gives the row as
/// it was when it was swapped, and says nothing of what has become true since. The next run that moves the cell clears it
/// again. What the application wrote there since is its own.
fn reasons(target: &Target, row: &Row, entry: &Entry, back: &mut Back) {
    if back.rewritten {
        return;
    }
    for place in target.error_columns() {
        let now = row.values[place].text();
        if now.is_none_or(|now| is_reason(&now))
            && let Some(OldValue::Kept(value)) = entry.old.get(place)
        {
            back.values[place] = value.clone();
        }
    }
}

fn reopened(target: &Target, row: &Row, place: usize, deks: Option<&Deks>) -> Option<Vec<u8>> {
    match target.field_of_ciphertext(place)?.open(row, Trust::Nothing, deks) {
        Opening::Opened(opened) => Some(opened.text.expose().to_vec()),
        _ => None,
    }
}
