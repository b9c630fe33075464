//! The exact old bytes, where the new ones still stand: cell by cell, or row by row where one column holds the key of all.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use reseal_core::{Key, Part, Value};
use reseal_store::{MayBePlain, Row, RowKey, RunLease, Session, Shape, Swap, UndoBatch};

use super::planner::Planner;
use super::rows::Closing;
use super::writer::{Halt, Writer};
use crate::batch::planned::{Moved, PlannedSwap};
use crate::batch::work::Work;
use crate::batch::{cores, joined};
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::error_column::is_reason;
use crate::cell::field::PartPlace;
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::cell::undo::{self, Entry, OldValue};
use crate::error::{Busy, RunError, UndoError};

/// Kept cells on their way back.
#[derive(Clone)]
pub(crate) struct Exact {
    target: Arc<Target>,
    wanted: Arc<HashMap<RowKey, Entry>>,
}

impl Exact {
    pub(crate) fn new(target: &Arc<Target>, entries: Vec<Entry>) -> Exact {
        let wanted = entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        Exact { target: target.clone(), wanted: Arc::new(wanted) }
    }

    /// The rows that they belong to.
    pub(crate) fn rows(&self) -> Vec<RowKey> {
        self.wanted.keys().cloned().collect()
    }

    fn planned(&self, row: Row, deks: Option<&Deks>) -> Option<PlannedSwap> {
        let back = old_values(&self.target, &row, self.wanted.get(&row.key)?, deks);
        if back.values[..] == row.values[..back.values.len()] {
            return None;
        }
        let swap = Swap {
            key: row.key,
            old: row.values,
            new: back.values,
            version: row.version,
            may_be_plain: if back.stays { MayBePlain::Kept } else { MayBePlain::Nothing },
        };
        Some(PlannedSwap { moved: moved(&self.target, &swap), swap })
    }
}

#[async_trait]
impl Planner for Exact {
    /// Whatever narrowed the run, a row that it swapped goes back.
    fn reach(&self) -> &Shape {
        &self.target.unscoped
    }

    async fn plan(&self, mut rows: Vec<Row>) -> Result<Work, RunError> {
        let reopens = |entry: &Entry| entry.old.iter().any(|value| matches!(value, OldValue::Reopen { .. }));
        let mut work = Work::default();
        // The order in which applications lock rows: another order causes deadlocks.
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        if !self.wanted.values().any(reopens) {
            work.swaps = rows.into_iter().filter_map(|row| self.planned(row, None)).collect();
            return Ok(work);
        }
        let deks = prepare(&self.target, &rows, Stage::Open).await?;
        let mut tasks = Vec::new();
        let size = rows.len().div_ceil(cores()).max(1);
        while !rows.is_empty() {
            let rest = rows.split_off(size.min(rows.len()));
            let part = std::mem::replace(&mut rows, rest);
            let (exact, deks) = (self.clone(), deks.clone());
            tasks.push(tokio::task::spawn_blocking(move || {
                part.into_iter().filter_map(|row| exact.planned(row, deks.as_deref())).collect::<Vec<_>>()
            }));
        }
        for task in tasks {
            work.swaps.extend(joined(task).await);
        }
        Ok(work)
    }

    fn raced(&self) -> Busy {
        Busy::RacedBack { table: self.target.label().to_owned() }
    }
}

/// What came of putting a batch back.
pub(crate) struct Restored {
    /// Whether the database refused a row.
    pub(crate) refused: bool,
    /// The rows of the batch.
    pub(crate) rows: Vec<RowKey>,
}

/// Puts the old cells of one batch of a run back under the run's own lease, where the new ones still stand.
pub(crate) async fn restore(
    session: &mut Session,
    lease: &RunLease,
    target: &Arc<Target>,
    batch: &UndoBatch,
) -> Result<Restored, RunError> {
    let exact = Arc::new(Exact::new(target, entries(target, batch).await?));
    let keys = exact.rows();
    let rows = session.rows_by_key(&target.unscoped, &keys).await?;
    let work = exact.plan(rows).await?;
    let listed = session.quarantined(lease.run_id()).await?.len();
    let mut writer = Writer {
        session: &mut *session,
        lease,
        target: target.clone(),
        planner: exact,
        shard: batch.shard,
        batches: 0,
        undo: false,
        undo_key: None,
        pins: Arc::default(),
        read_back: false,
    };
    let closing = Closing { checkpoint: None, done: false };
    writer.commit(work.into(), &closing).await.map_err(Halt::error)?;
    let refused = session.quarantined(lease.run_id()).await?.len() > listed;
    Ok(Restored { refused, rows: keys })
}

/// The entries of a batch.
pub(crate) async fn entries(target: &Target, batch: &UndoBatch) -> Result<Vec<Entry>, RunError> {
    let keys: Vec<&Key> = target.job.keysets.iter().filter_map(|keyset| keyset.keyset.primary()).collect();
    let packed = undo::disclose(&batch.payload, &keys, &target.job.deks).await?;
    packed.and_then(|packed| undo::unpack(&packed)).ok_or_else(|| UndoError::Unreadable.into())
}

/// The cells that a swap moves.
fn moved(target: &Target, swap: &Swap) -> Moved {
    let mut moved = Moved::default();
    // A rewrap leaves the ciphertext and moves the wrapped DEK.
    let is_moved = |part: &PartPlace| part.part != Part::Key && swap.old[part.place] != swap.new[part.place];
    for field in target.fields.iter().filter(|field| field.parts.iter().any(is_moved)) {
        moved.fields.insert(field.at);
    }
    moved
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

/// A reason that stood beside a cell comes back with it, though the cell was repaired since: a rollback gives the row as
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
