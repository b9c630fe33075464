//! Swaps one by one, with all that is committed beside them.

use reseal_store::{Counts, Guarded, Pin, Quarantined, RowKey, Shape, ShardAdvance, Swap, Swapped};

use super::failure::{Failure, Swallowed};
use super::pins::DuePins;
use super::undo::{Keeper, Noting};
use crate::batch::planned::{Moved, PlannedSwap};
use crate::cell::target::Target;
use crate::cell::undo::Fingerprint;
use crate::error::StoredError;

/// What the last transaction of a batch commits beside its swaps.
pub(crate) struct Closing<'a> {
    pub(crate) checkpoint: Option<&'a RowKey>,
    pub(crate) done: bool,
}

impl<'c> Closing<'c> {
    /// What it moves a shard by.
    pub(super) fn advance(&self, shard: i64, add: Counts) -> ShardAdvance<'c> {
        ShardAdvance { number: shard, checkpoint: self.checkpoint, done: self.done, add }
    }
}

/// How the last transaction of a batch ends it.
#[derive(Clone, Copy)]
pub(super) struct End<'e> {
    pub(super) closing: &'e Closing<'e>,
    /// The counts of the batch's group.
    pub(super) counts: &'e Counts,
    /// The broken cells of the batch's group.
    pub(super) broken: &'e [Quarantined],
    /// What stood under the primary already in the batch's group.
    pub(super) stood: &'e [Fingerprint],
}

/// What a transaction came to.
#[derive(Default)]
pub(super) struct Done {
    /// How many cells were swapped.
    pub(super) cells: u64,
    /// The rows that another writer has changed.
    pub(super) lost: Vec<RowKey>,
    /// Whether this was the last transaction of its batch.
    pub(super) closed: bool,
    /// The pins that it wrote.
    pub(super) pinned: Vec<Pin>,
}

/// A transaction that writes each row for itself.
pub(super) struct RowByRow<'r> {
    pub(super) shape: &'r Shape,
    pub(super) chunk: &'r [PlannedSwap],
    /// The swaps of `chunk`.
    pub(super) swaps: &'r [&'r Swap],
    pub(super) by_version: bool,
    /// Whether the rows are locked before they are swapped.
    pub(super) holds: bool,
    pub(super) end: Option<End<'r>>,
    pub(super) shard: i64,
    pub(super) place: Noting,
    /// What keeps the old cells, where they are kept.
    pub(super) undo: Option<Keeper<'r>>,
    pub(super) target: &'r Target,
    /// Pins that wait for a swap.
    pub(super) pins: Option<&'r DuePins<'r>>,
}

impl RowByRow<'_> {
    pub(super) async fn write(&self, guarded: &mut Guarded<'_>) -> Result<Done, Failure> {
        let mut held = vec![false; self.chunk.len()];
        if self.holds {
            guarded.hold(self.shape, self.swaps).await?;
        }
        let swapped = guarded.swap(self.shape, self.swaps, self.by_version).await;
        let written = match swapped.map_err(Failure::Swap)? {
            Swapped::Written(written) => written,
            Swapped::Unwatched => return Err(Failure::Unwatched),
            Swapped::Swallowed { rows, by } => return Err(Failure::Swallowed(Swallowed { rows, by })),
            Swapped::Differs(difference) => {
                let table = self.shape.table.to_string();
                return Err(Failure::Engine(StoredError::of(&table, difference).into()));
            }
        };
        written.into_iter().for_each(|at| held[at] = true);
        self.keep(guarded, &held).await?;
        let pinned = match self.pins {
            Some(due) => due.write(guarded, self.target, self.written(&held)).await?,
            None => Vec::new(),
        };
        let (cells, lost) = (self.cells(&held, true), self.lost(&held));
        let mut add =
            Counts { cells_rotated: cells, cells_raced: self.cells(&held, false), ..Counts::default() };
        let end = self.end.filter(|_| lost.is_empty());
        if let Some(end) = end {
            add.add(end.counts);
            guarded.quarantine(end.broken).await?;
            if let Some(batch) = self.place.stood(end.stood) {
                guarded.note_stood(batch).await?;
            }
        }
        let stays = Closing { checkpoint: None, done: false };
        let closing = end.map_or(&stays, |end| end.closing);
        match guarded.advance(&closing.advance(self.shard, add)).await? {
            true => Ok(Done { cells, lost, closed: end.is_some(), pinned }),
            false => Err(Failure::Superseded),
        }
    }

    async fn keep(&self, guarded: &mut Guarded<'_>, held: &[bool]) -> Result<(), Failure> {
        let Some(keeper) = self.undo.as_ref().filter(|_| held.contains(&true)) else { return Ok(()) };
        let batch = keeper.of_rows(&self.written(held).collect::<Vec<_>>())?;
        Ok(guarded.keep_undo(batch).await?)
    }

    /// What the rows that were written move.
    fn written<'h>(&'h self, held: &'h [bool]) -> impl Iterator<Item = &'h Moved> + Clone {
        let written = self.chunk.iter().zip(held).filter(|(_, held)| **held);
        written.map(|(planned, _)| &planned.moved)
    }

    /// Cells of the rows that were written, or of those that were not.
    fn cells(&self, held: &[bool], written: bool) -> u64 {
        let of = self.chunk.iter().zip(held).filter(|(_, held)| **held == written);
        of.map(|(planned, _)| planned.moved.cells()).sum()
    }

    /// The rows that were not written.
    fn lost(&self, held: &[bool]) -> Vec<RowKey> {
        let lost = self.chunk.iter().zip(held).filter(|(_, held)| !**held);
        lost.map(|(planned, _)| planned.swap.key.clone()).collect()
    }
}
