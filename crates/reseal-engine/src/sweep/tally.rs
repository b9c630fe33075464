//! A table's cells counted by seal and key, on all cores.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use reseal_store::{Quarantined, Rows, Session, StoreError};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use super::classify::{By, Line, marked, opened};
use super::listing::{Listing, Refused};
use super::scan::scan;
use crate::batch::{cores, joined, with_deks};
use crate::cell::condition::of_condition;
use crate::cell::deks::{Deks, Stage};
use crate::cell::field::FieldTarget;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::progress::Progress;

/// Cells of one field by seal and key.
pub(super) type Tally = BTreeMap<SealAndKey, u64>;

/// A seal by its position among the field's, a key by its id, and whether nothing authenticates the cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SealAndKey {
    pub(super) seal: Option<usize>,
    pub(super) key: Option<String>,
    pub(super) unauthenticated: bool,
}

/// Cells that open and were refused when they were to be written.
#[derive(Clone, Copy, Default)]
pub(super) struct RefusedCells {
    /// Under an old key.
    pub(super) old: u64,
    /// Under the primary, with a mirror that could not be filled.
    pub(super) unfilled: u64,
}

/// What a table comes to.
pub(super) struct TableTally {
    /// The tallies of its fields, in their order.
    pub(super) fields: Vec<Tally>,
    pub(super) refused: RefusedCells,
}

/// Counts the cells of a table, and lists those that are broken or were refused before.
pub(super) async fn tally_table(
    readers: &mut [Session],
    target: &Arc<Target>,
    by: By,
    progress: &Progress,
    listing: Option<&mut Listing<'_>>,
) -> Result<TableTally, RunError> {
    let (chunks_in, chunks) = channel(1);
    let slices = readers[0].slices(&target.shape, readers.len()).await?;
    let refused = listing.as_ref().map(|listing| listing.refused().clone()).unwrap_or_default();
    let table =
        TableTally { fields: vec![Tally::new(); target.fields.len()], refused: RefusedCells::default() };
    let mut counter = Counter { target, by, progress, listing, refused, running: VecDeque::new(), table };
    let (read, counted) =
        tokio::join!(scan(readers, &target.shape, &slices, chunks_in), counter.count(chunks));
    counted?;
    read.map_err(|error| of_condition(target, error))?;
    Ok(counter.table)
}

/// Counts chunks of rows on all cores.
struct Counter<'c, 'l> {
    target: &'c Arc<Target>,
    by: By,
    progress: &'c Progress,
    listing: Option<&'c mut Listing<'l>>,
    /// What was refused before.
    refused: Refused,
    /// Chunks that are being counted, the oldest first.
    running: VecDeque<JoinHandle<Result<ChunkTally, StoreError>>>,
    table: TableTally,
}

impl Counter<'_, '_> {
    /// Counts until no more chunks come. The readers end when this does.
    async fn count(&mut self, mut chunks: Receiver<Rows>) -> Result<(), RunError> {
        while let Some(rows) = chunks.recv().await {
            self.progress.add(rows.len() as u64, 0);
            self.begin(rows).await?;
            while self.running.len() > cores() {
                self.finish_one().await?;
            }
        }
        while !self.running.is_empty() {
            self.finish_one().await?;
        }
        Ok(())
    }

    async fn begin(&mut self, rows: Rows) -> Result<(), RunError> {
        let (target, by, refused) = (self.target.clone(), self.by, self.refused.clone());
        let (rows, deks) = match by {
            By::Opened => with_deks(&target, rows, Stage::Open).await?,
            By::Mark => (rows, None),
        };
        self.running.push_back(tokio::task::spawn_blocking(move || {
            ChunkTally::of(&target, rows, by, deks.as_deref(), &refused)
        }));
        Ok(())
    }

    async fn finish_one(&mut self) -> Result<(), RunError> {
        let Some(task) = self.running.pop_front() else { return Ok(()) };
        let chunk = joined(task).await?;
        for (all, part) in self.table.fields.iter_mut().zip(chunk.fields) {
            part.into_iter().for_each(|(line, cells)| *all.entry(line).or_default() += cells);
        }
        self.table.refused.old += chunk.refused.old;
        self.table.refused.unfilled += chunk.refused.unfilled;
        if let Some(listing) = self.listing.as_deref_mut() {
            listing.add(&chunk.listed).await?;
        }
        Ok(())
    }
}

/// What a chunk of rows comes to.
struct ChunkTally {
    fields: Vec<Tally>,
    /// Cells for the quarantine.
    listed: Vec<Quarantined>,
    /// How many of them open, and were refused before.
    refused: RefusedCells,
}

impl ChunkTally {
    fn of(
        target: &Target,
        rows: Rows,
        by: By,
        deks: Option<&Deks>,
        refused: &Refused,
    ) -> Result<Self, StoreError> {
        let mut lines: Vec<FieldLines<'_>> = target.fields.iter().map(FieldLines::of).collect();
        let mut listed = Vec::new();
        let mut refused_here = RefusedCells::default();
        for row in rows {
            let row = &row?;
            for FieldLines { field, lines } in &mut lines {
                let line = match by {
                    By::Mark => marked(field, row),
                    By::Opened => opened(field, row, deks).unwrap_or_else(|fault| {
                        listed.push(field.quarantined(&row.key, fault.reason));
                        Some(Line { seal: fault.seal, key: None, unauthenticated: false })
                    }),
                };
                let Some(line) = line else { continue };
                lines.add(line);
                let is_old = line.is_old(field);
                if (is_old || field.mirror_unfilled(&row.values))
                    && let Some(entry) = refused.entry(field, &row.key)
                {
                    listed.push(entry);
                    *if is_old { &mut refused_here.old } else { &mut refused_here.unfilled } += 1;
                }
            }
        }
        let fields = lines.into_iter().map(|field| field.lines.tally()).collect();
        Ok(ChunkTally { fields, listed, refused: refused_here })
    }
}

/// A field, and what was counted of it.
struct FieldLines<'j> {
    field: &'j FieldTarget,
    lines: Lines<'j>,
}

impl<'j> FieldLines<'j> {
    fn of(field: &'j FieldTarget) -> Self {
        FieldLines { field, lines: Lines::default() }
    }
}

/// Cells by seal and key: a handful of lines, met in runs.
#[derive(Default)]
struct Lines<'j>(Vec<Counted<'j>>);

struct Counted<'j> {
    line: Line<'j>,
    cells: u64,
}

impl<'j> Lines<'j> {
    fn add(&mut self, line: Line<'j>) {
        let same = |other: &Line<'_>| {
            (other.seal, other.key_id(), other.unauthenticated)
                == (line.seal, line.key_id(), line.unauthenticated)
        };
        match self.0.iter_mut().find(|counted| same(&counted.line)) {
            Some(counted) => counted.cells += 1,
            None => self.0.push(Counted { line, cells: 1 }),
        }
    }

    fn tally(self) -> Tally {
        let lines = self.0.into_iter();
        lines
            .map(|Counted { line, cells }| {
                let key = line.key_id().map(str::to_owned);
                (SealAndKey { seal: line.seal, key, unauthenticated: line.unauthenticated }, cells)
            })
            .collect()
    }
}
