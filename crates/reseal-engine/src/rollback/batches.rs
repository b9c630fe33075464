//! The kept batches of a run, compared with what is in the snapshot of its rollback's sweep.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use reseal_store::{Quarantined, Row, RowKey, Session, UndoBatch, UndoPlace, UndoShard};
use tokio::sync::Mutex;
use tokio::sync::mpsc::Sender;

use super::judge::{JudgeOfNew, New, still_marked};
use super::table::Table;
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::cell::undo::{Entry, OldValue};
use crate::commit::restore::entries;
use crate::error::{LedgerFault, RunError};
use crate::progress::Progress;

/// A kept batch of which some cells are not back.
pub(super) struct KeptBatch {
    pub(super) place: UndoPlace,
    pub(super) target: Arc<Target>,
    /// The groups that are not, by the positions of their entries.
    pub(super) entries: BTreeMap<usize, Vec<usize>>,
    /// Whether none is.
    pub(super) is_whole: bool,
}

/// What a kept batch comes to.
pub(super) struct JudgedBatch {
    pub(super) place: UndoPlace,
    pub(super) kept: Option<KeptBatch>,
    pub(super) strays: u64,
    pub(super) listed: Vec<Quarantined>,
}

/// Judges kept batches, on a task of its own for each connection.
#[derive(Clone)]
pub(super) struct Judges {
    /// The run that is rolled back.
    pub(super) of_run: Arc<str>,
    pub(super) tables: Arc<[Table]>,
    pub(super) of_new: JudgeOfNew,
    pub(super) progress: Arc<Progress>,
}

impl Judges {
    /// Holds the kept cells of shards against what stands there until no shard is left. Gives the connection back.
    pub(super) async fn go_through(
        self,
        mut reader: Session,
        queue: Arc<Mutex<VecDeque<UndoShard>>>,
        judged: Sender<JudgedBatch>,
    ) -> Result<Session, RunError> {
        self.judge_shards(&mut reader, &queue, &judged).await?;
        Ok(reader)
    }

    /// Holds the kept cells of shards against what stands there, shard by shard.
    async fn judge_shards(
        &self,
        reader: &mut Session,
        queue: &Mutex<VecDeque<UndoShard>>,
        judged: &Sender<JudgedBatch>,
    ) -> Result<(), RunError> {
        loop {
            let next = queue.lock().await.pop_front();
            let Some(shard) = next else { return Ok(()) };
            let Some(table) = self.tables.iter().find(|table| table.target.label() == shard.table) else {
                return Err(LedgerFault::UnknownTable { table: shard.table }.into());
            };
            let mut before = None;
            while let Some(batch) = reader.undo_before(&self.of_run, shard.number, before).await? {
                before = Some(batch.batch);
                let of_batch = self.judge_batch(reader, table, &batch).await?;
                self.progress.add(batch.cells, 0);
                if judged.send(of_batch).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    async fn judge_batch(
        &self,
        reader: &mut Session,
        table: &Table,
        batch: &UndoBatch,
    ) -> Result<JudgedBatch, RunError> {
        let target = &table.target;
        let kept = entries(target, batch).await?;
        let keys: Vec<RowKey> = kept.iter().map(|entry| entry.key.clone()).collect();
        let mut doubtful = Vec::new();
        let mut rows = reader.rows_by_key(&target.unscoped, &keys).await?;
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        for (at, entry) in kept.iter().enumerate() {
            // A row that is gone was deleted by the application: nothing of it can go back.
            let Ok(row) = rows.binary_search_by(|row| row.key.cmp(&entry.key)) else { continue };
            for (group, _) in &entry.new {
                if !is_back(target, &rows[row], entry, *group) {
                    doubtful.push(Doubt { entry: at, row, group: *group });
                }
            }
        }
        let mut of_batch = JudgedBatch { place: batch.place(), kept: None, strays: 0, listed: Vec::new() };
        if doubtful.is_empty() {
            return Ok(of_batch);
        }
        let deks = match target.enveloped {
            true => {
                let rows: Vec<Row> = doubtful.iter().map(|doubt| rows[doubt.row].clone()).collect();
                prepare(target, &rows, Stage::Open).await?
            }
            false => None,
        };
        let mut entries: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for doubt in doubtful {
            if self.judge(table, &rows[doubt.row], doubt.group, deks.as_deref(), &mut of_batch) {
                entries.entry(doubt.entry).or_default().push(doubt.group);
            }
        }
        let groups: usize = kept.iter().map(|entry| entry.new.len()).sum();
        if !entries.is_empty() {
            let is_whole = entries.values().map(Vec::len).sum::<usize>() == groups;
            let (place, target) = (batch.place(), target.clone());
            of_batch.kept = Some(KeptBatch { place, target, entries, is_whole });
        }
        Ok(of_batch)
    }

    /// Judges the cells of a group that are not the kept bytes; gives whether what was kept of them is still needed.
    fn judge(
        &self,
        table: &Table,
        row: &Row,
        group: usize,
        deks: Option<&Deks>,
        found: &mut JudgedBatch,
    ) -> bool {
        let (mut needed, judge) = (false, &self.of_new);
        for field in table.target.fields.iter().filter(|field| field.group == group) {
            match field.open(row, Trust::Nothing, deks) {
                Opening::Opened(opened) if opened.current => match judge.of_run(table, field, row) {
                    New::Others | New::Before => needed = true,
                    New::Stray => (needed, found.strays) = (true, found.strays + 1),
                    New::Listed(cell) => {
                        needed = true;
                        found.listed.push(cell);
                    }
                },
                Opening::Broken(fault) => {
                    needed = true;
                    let reason = still_marked(field, row).unwrap_or(fault.reason);
                    found.listed.push(field.quarantined(&row.key, reason));
                }
                _ => {}
            }
        }
        needed
    }
}

/// A group that does not hold its kept bytes.
struct Doubt {
    /// Position of the entry.
    entry: usize,
    /// Position of the row.
    row: usize,
    group: usize,
}

/// Whether a group holds its kept bytes. Of what was plaintext nothing is kept: it is back where it is plaintext.
fn is_back(target: &Target, row: &Row, entry: &Entry, group: usize) -> bool {
    let places = target.groups.get(group).map(Vec::as_slice).unwrap_or_default();
    places.iter().all(|place| {
        match entry.old.get(*place) {
        Some(OldValue::Kept(value)) => row.values[*place] == *value,
        Some(OldValue::Same) => true,
        Some(OldValue::Reopen { .. }) => target.field_of_ciphertext(*place).is_some_and(|field| {
            matches!(field.open(row, Trust::Nothing, None), Opening::Opened(opened) if opened.key.is_none())
        }),
        None => false,
    }
    })
}
