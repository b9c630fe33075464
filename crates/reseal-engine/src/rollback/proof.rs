//! The sweep of a rollback: in one snapshot, what was kept of each cell is held against what stands there, and every cell in
//! scope is looked at that may be under the new key.
//!
//! A cell is back (its kept bytes), under an old key (sealed anew, or written so by the application), gone, or listed with
//! a reason. What was kept of a cell that is listed stays.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::future::try_join_all;
use reseal_store::{Database, Quarantined, Row, RowKey, RunLease, Session, UndoBatch, UndoPlace, UndoShard};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::judge::{JudgeOfNew, New, still_marked};
use super::strays;
use super::table::Table;
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::cell::undo::{Entry, OldValue};
use crate::commit::restore::entries;
use crate::error::{LedgerFault, RunError};
use crate::progress::{Phase, Progress};
use crate::sweep::listing::{Listing, Refused};
use crate::sweep::scan::snapshot;

/// What a sweep found.
#[derive(Default)]
pub(super) struct Proof {
    /// Cells under the new key that can be sealed anew.
    pub(super) strays: u64,
    /// Those of them that something was kept of: they may lie outside of the scope.
    pub(super) kept_strays: u64,
    /// The tables (positions among the rollback's) that hold others.
    pub(super) tables: Vec<usize>,
    /// Cells that other runs have moved.
    pub(super) others: u64,
    /// Cells that were under the new key before the run.
    pub(super) before: u64,
    /// What is kept of cells that are not back.
    pub(super) kept: Vec<KeptBatch>,
    /// Batches of which every cell is.
    pub(super) proven: Vec<UndoPlace>,
    /// The newest of the runs that have moved others.
    other_run: Option<String>,
}

/// A kept batch of which some cells are not back.
pub(super) struct KeptBatch {
    pub(super) place: UndoPlace,
    pub(super) target: Arc<Target>,
    /// The groups that are not, by the positions of their entries.
    pub(super) entries: BTreeMap<usize, Vec<usize>>,
    /// Whether none is.
    pub(super) is_whole: bool,
}

impl Proof {
    /// What is not back, and why.
    pub(super) fn reason(&self, listed: u64) -> Option<String> {
        let listed = match listed {
            0 => None,
            1 => Some("1 cell stays as it is: see `reseal quarantine`".to_owned()),
            listed => Some(format!("{listed} cells stay as they are: see `reseal quarantine`")),
        };
        let others = self.other_run.as_ref().filter(|_| self.others > 0).map(|other| {
            let cells = self.others;
            format!("{cells} cells were moved by {other}, or one before it: roll that back too")
        });
        let both: Vec<String> = listed.into_iter().chain(others).collect();
        match (both.is_empty(), self.kept.is_empty()) {
            (false, _) => Some(both.join("; ")),
            (true, true) => None,
            (true, false) => Some("what was kept of some cells is needed by another run".to_owned()),
        }
    }

    fn add(&mut self, batch: JudgedBatch) {
        self.kept_strays += batch.strays;
        self.strays += batch.strays;
        match batch.kept {
            None => self.proven.push(batch.place),
            Some(kept) => self.kept.push(kept),
        }
    }
}

/// What a kept batch comes to.
struct JudgedBatch {
    place: UndoPlace,
    kept: Option<KeptBatch>,
    strays: u64,
    listed: Vec<Quarantined>,
}

/// Sweeps.
pub(super) struct Prover<'p> {
    pub(super) database: &'p Database,
    pub(super) progress: &'p Progress,
    /// The run that is rolled back.
    pub(super) of_run: &'p str,
    pub(super) tables: &'p [Table],
    pub(super) workers: usize,
    /// Cells that were refused when they were to be written.
    pub(super) refused: &'p Refused,
    /// Whether what could be sealed anew is listed: it was tried often enough.
    pub(super) lists_strays: bool,
}

impl Prover<'_> {
    /// Looks at everything in one snapshot. Connections that are open and idle are used before new ones.
    pub(super) async fn prove(
        &self,
        session: &mut Session,
        lease: &RunLease,
        idle: Vec<Session>,
    ) -> Result<Proof, RunError> {
        let mut listing = Listing::begin(session, lease, self.refused).await?;
        let mut readers = snapshot(self.database, idle, self.workers).await?;
        let held = self.tables.first().and_then(|table| table.held.newest());
        let mut proof = Proof { other_run: held, ..Proof::default() };
        let shards = readers[0].undo_shards(self.of_run).await?;
        self.progress.begin(Phase::Sweep, 0, shards.iter().map(|shard| shard.cells).sum());
        let queue = Mutex::new(VecDeque::from(shards));
        let (judged, found) = channel(readers.len());
        let judges: Vec<_> =
            readers.iter_mut().map(|reader| self.judge_shards(reader, &queue, judged.clone())).collect();
        drop(judged);
        let (read, collected) = tokio::join!(try_join_all(judges), collect(found, &mut proof, &mut listing));
        collected?;
        read?;
        let judge = self.judge_of_new();
        for (at, table) in self.tables.iter().enumerate() {
            let of_table = strays::look(&mut readers, table, &judge, &mut listing).await?;
            proof.strays += of_table.strays;
            proof.others += of_table.others;
            proof.before += of_table.before;
            if of_table.strays > 0 {
                proof.tables.push(at);
            }
        }
        for reader in &mut readers {
            reader.end_snapshot().await?;
        }
        listing.end().await?;
        Ok(proof)
    }

    /// Holds the kept cells of shards against what stands there, shard by shard.
    async fn judge_shards(
        &self,
        reader: &mut Session,
        queue: &Mutex<VecDeque<UndoShard>>,
        judged: Sender<JudgedBatch>,
    ) -> Result<(), RunError> {
        loop {
            let next = queue.lock().await.pop_front();
            let Some(shard) = next else { return Ok(()) };
            let Some(table) = self.tables.iter().find(|table| table.target.label() == shard.table) else {
                return Err(LedgerFault::UnknownTable { table: shard.table }.into());
            };
            let mut before = None;
            while let Some(batch) = reader.undo_before(self.of_run, shard.number, before).await? {
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
        let (mut needed, judge) = (false, self.judge_of_new());
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

    fn judge_of_new(&self) -> JudgeOfNew {
        JudgeOfNew { refused: self.refused.clone(), lists_strays: self.lists_strays }
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

/// Takes what is found as it comes.
async fn collect(
    mut found: Receiver<JudgedBatch>,
    proof: &mut Proof,
    listing: &mut Listing<'_>,
) -> Result<(), RunError> {
    while let Some(mut batch) = found.recv().await {
        listing.add(&std::mem::take(&mut batch.listed)).await?;
        proof.add(batch);
    }
    Ok(())
}
