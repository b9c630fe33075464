//! The sweep of a rollback: in one snapshot, what was kept of each cell is compared with what is there, and every cell in
//! scope is looked at that may be under the new key.
//!
//! A cell is back (its kept bytes), under an old key (sealed again, or written so by the application), gone, or listed with
//! a reason. What was kept of a cell that is listed stays.

use std::collections::VecDeque;
use std::sync::Arc;

use reseal_store::{Database, RunLease, Session, UndoPlace, UndoShard};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, channel};

use super::batches::{JudgedBatch, Judges, KeptBatch};
use super::judge::JudgeOfNew;
use super::strays;
use super::table::Table;
use crate::batch::joined;
use crate::error::RunError;
use crate::progress::{Phase, Progress};
use crate::sweep::listing::{Listing, Refused};
use crate::sweep::scan::snapshot;

/// What a sweep found.
#[derive(Default)]
pub(super) struct Proof {
    /// Cells under the new key that can be sealed again.
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

impl Proof {
    /// What is not back, and why.
    pub(super) fn reason(&self, listed: u64) -> Option<String> {
        let listed = match listed {
            0 => None,
            1 => Some("1 cell was not restored: see `reseal quarantine`".to_owned()),
            listed => Some(format!("{listed} cells were not restored: see `reseal quarantine`")),
        };
        let others = self.other_run.as_ref().filter(|_| self.others > 0).map(|other| {
            let cells = self.others;
            format!("{cells} cells were rotated by {other} or an earlier run: roll that back too")
        });
        let both: Vec<String> = listed.into_iter().chain(others).collect();
        match (both.is_empty(), self.kept.is_empty()) {
            (false, _) => Some(both.join("; ")),
            (true, true) => None,
            (true, false) => Some("some kept old cells are still needed by another run".to_owned()),
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

/// Sweeps.
pub(super) struct Prover<'p> {
    pub(super) database: &'p Database,
    pub(super) progress: &'p Arc<Progress>,
    /// The run that is rolled back.
    pub(super) of_run: &'p str,
    pub(super) tables: &'p [Table],
    pub(super) workers: usize,
    /// Cells that were refused when they were to be written.
    pub(super) refused: &'p Refused,
    /// Whether what could be sealed again is listed: it was tried often enough.
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
        let mut readers = snapshot(self.database, idle, self.workers).await?.readers;
        let held = self.tables.first().and_then(|table| table.held.newest());
        let mut proof = Proof { other_run: held, ..Proof::default() };
        let shards = readers[0].undo_shards(self.of_run).await?;
        self.progress.begin(Phase::Sweep, 0, shards.iter().map(|shard| shard.cells).sum());
        let judge = JudgeOfNew { refused: self.refused.clone(), lists_strays: self.lists_strays };
        let mut readers = self.judge_kept(readers, shards, &judge, &mut proof, &mut listing).await?;
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

    /// Holds what was kept against what stands there, with a task for each connection; gives the connections back.
    async fn judge_kept(
        &self,
        readers: Vec<Session>,
        shards: Vec<UndoShard>,
        judge: &JudgeOfNew,
        proof: &mut Proof,
        listing: &mut Listing<'_>,
    ) -> Result<Vec<Session>, RunError> {
        let judges = Judges {
            of_run: self.of_run.into(),
            tables: self.tables.into(),
            of_new: judge.clone(),
            progress: self.progress.clone(),
        };
        let queue = Arc::new(Mutex::new(VecDeque::from(shards)));
        let (judged, found) = channel(readers.len());
        let tasks: Vec<_> = readers
            .into_iter()
            .map(|reader| tokio::spawn(judges.clone().go_through(reader, queue.clone(), judged.clone())))
            .collect();
        drop(judged);
        collect(found, proof, listing).await?;
        let mut readers = Vec::new();
        for task in tasks {
            readers.push(joined(task).await?);
        }
        Ok(readers)
    }
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
