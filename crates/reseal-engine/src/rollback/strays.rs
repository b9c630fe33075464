//! Every cell in scope, in the snapshot of a rollback's sweep: those that are under the new key, whoever wrote them.

use std::collections::VecDeque;

use reseal_store::{Quarantined, Row, Rows, Session, StoreError};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use super::judge::{JudgeOfNew, New, still_marked};
use super::table::Table;
use crate::batch::{cores, joined, with_deks};
use crate::cell::condition::of_condition;
use crate::cell::deks::{Deks, Stage};
use crate::cell::open::{Opening, Trust};
use crate::error::RunError;
use crate::sweep::listing::Listing;
use crate::sweep::scan::scan;

/// What is left of a table under the new key.
#[derive(Default)]
pub(super) struct OfTable {
    /// Cells that can be sealed again.
    pub(super) strays: u64,
    /// Cells that other runs have moved.
    pub(super) others: u64,
    /// Cells that were there before the run.
    pub(super) before: u64,
}

/// Reads a table, each connection a slice of it, and looks at its cells on all cores.
pub(super) async fn look(
    readers: &mut [Session],
    table: &Table,
    judge: &JudgeOfNew,
    listing: &mut Listing<'_>,
) -> Result<OfTable, RunError> {
    let shape = &table.target.shape;
    let (chunks_in, chunks) = channel(1);
    let slices = readers[0].slices(shape, readers.len()).await?;
    let mut looking = Looking { table, judge, listing, running: VecDeque::new(), found: OfTable::default() };
    let (read, looked) = tokio::join!(scan(readers, shape, &slices, chunks_in), looking.all(chunks));
    looked?;
    read.map_err(|error| of_condition(&table.target, error))?;
    Ok(looking.found)
}

/// Looks at chunks of rows on all cores.
struct Looking<'l, 's> {
    table: &'l Table,
    judge: &'l JudgeOfNew,
    listing: &'l mut Listing<'s>,
    /// Chunks that are looked at, the oldest first.
    running: VecDeque<JoinHandle<Result<OfChunk, StoreError>>>,
    found: OfTable,
}

impl Looking<'_, '_> {
    async fn all(&mut self, mut chunks: Receiver<Rows>) -> Result<(), RunError> {
        while let Some(rows) = chunks.recv().await {
            let (rows, deks) = with_deks(&self.table.back, rows, Stage::Open).await?;
            let (table, judge) = (self.table.clone(), self.judge.clone());
            self.running.push_back(tokio::task::spawn_blocking(move || {
                OfChunk::of(&table, &judge, rows, deks.as_deref())
            }));
            while self.running.len() > cores() {
                self.finish_one().await?;
            }
        }
        while !self.running.is_empty() {
            self.finish_one().await?;
        }
        Ok(())
    }

    async fn finish_one(&mut self) -> Result<(), RunError> {
        let Some(task) = self.running.pop_front() else { return Ok(()) };
        let chunk = joined(task).await?;
        self.found.strays += chunk.found.strays;
        self.found.others += chunk.found.others;
        self.found.before += chunk.found.before;
        self.listing.add(&chunk.listed).await
    }
}

/// What a chunk of rows comes to.
#[derive(Default)]
struct OfChunk {
    found: OfTable,
    listed: Vec<Quarantined>,
}

impl OfChunk {
    fn of(table: &Table, judge: &JudgeOfNew, rows: Rows, deks: Option<&Deks>) -> Result<OfChunk, StoreError> {
        let mut chunk = OfChunk::default();
        for row in rows {
            chunk.add(table, judge, &row?, deks);
        }
        Ok(chunk)
    }

    fn add(&mut self, table: &Table, judge: &JudgeOfNew, row: &Row, deks: Option<&Deks>) {
        for (field, back) in table.target.fields.iter().zip(&table.back.fields) {
            // What is under the old key is so by its mark: most cells are.
            let is_new = match back.open(row, Trust::Marks, deks) {
                // Without an old key, the field's way back leads to the new one.
                Opening::Marked => !table.has_way_back(field),
                Opening::Opened(opened) => opened.current != table.has_way_back(field),
                // It is none of the rollback's, unless it names the new key.
                Opening::Broken(_) => {
                    let listed = still_marked(field, row).map(|reason| field.quarantined(&row.key, reason));
                    self.listed.extend(listed);
                    false
                }
                Opening::Null | Opening::Shut(_) => false,
            };
            if !is_new {
                continue;
            }
            match judge.cell(table, field, row) {
                New::Others => self.found.others += 1,
                New::Before => self.found.before += 1,
                New::Stray => self.found.strays += 1,
                New::Listed(cell) => self.listed.push(cell),
            }
        }
    }
}
