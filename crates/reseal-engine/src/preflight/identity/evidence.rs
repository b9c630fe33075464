//! What the data says of a table: whether what a run wrote stands there.

use reseal_core::{RunState, Value};
use reseal_store::{RowKey, Session, ShardRow, UndoPlace};

use super::OfTable;
use crate::cell::deks::{Stage, prepare};
use crate::cell::open::{Opening, Trust};
use crate::cell::undo::{self, Entry, OldValue};
use crate::commit::restore::entries;
use crate::error::{IdentityRefused, OtherTable, RunError};

/// Batches of undo that are looked into, and rows of each, spread over all of them.
const BATCHES: usize = 8;
const ROWS_OF_A_BATCH: usize = 25;
/// Cells of a batch that say something together.
const TELLING: usize = 10;
/// Rows of a shard that are looked at where no undo is kept.
const ROWS_OF_A_SHARD: usize = 25;
/// Bytes of a page of those.
const PAGE_BYTES: usize = 1 << 20;

/// What the data says of a table.
pub(super) enum Evidence {
    /// The run has moved nothing in it.
    Untouched,
    /// The run is rolled back, and nothing is kept of what it moved.
    GivenUp,
    /// Cells that the run wrote were looked up.
    Undo(Looked),
    /// No old cells are kept: cells were looked at where the run has been.
    Cells(Looked),
}

/// Cells that were looked up.
#[derive(Clone, Copy, Default)]
pub(super) struct Looked {
    pub(super) looked: usize,
    pub(super) stand: usize,
    /// Of rows that are there.
    present: usize,
    /// Those that hold what they held before the run.
    back: usize,
    /// Whether there is a batch of which nothing stands there.
    barren: bool,
}

impl Looked {
    /// Whether so much stands there that the table was rebuilt and is no other. A run that continued in another table
    /// has whole batches that were never written there.
    pub(super) fn is_most(self) -> bool {
        self.stand > 0 && self.stand * 2 >= self.looked && !self.barren
    }

    /// Whether the cells could have become what they are in the table itself: an application writes over what the run wrote, and
    /// a table that was restored from an older copy holds what stood there before the run.
    pub(super) fn is_later(self) -> bool {
        self.stand > 0 || self.present > 0 && self.back * 2 < self.present
    }

    /// Why the table is another.
    pub(super) fn refused(self, table: OtherTable) -> IdentityRefused {
        let Looked { looked, stand, .. } = self;
        IdentityRefused::OtherCells { table, looked, stand }
    }

    fn add(&mut self, batch: Looked) {
        self.looked += batch.looked;
        self.stand += batch.stand;
        self.present += batch.present;
        self.back += batch.back;
        self.barren |= batch.looked >= TELLING && batch.stand == 0;
    }
}

impl OfTable<'_> {
    /// What the data says of the table.
    pub(super) async fn evidence(&self, session: &mut Session) -> Result<Evidence, RunError> {
        let places = session.undo_places(&self.run.id, &self.now.label).await?;
        if !places.is_empty() {
            return Ok(Evidence::Undo(self.in_undo(session, &places).await?));
        }
        if self.run.state == RunState::RolledBack {
            return Ok(Evidence::GivenUp);
        }
        let moved = |shard: &&ShardRow| shard.table == self.now.label && shard.counts.cells_rotated > 0;
        let shards: Vec<&ShardRow> = self.shards.iter().filter(moved).collect();
        match shards.is_empty() {
            true => Ok(Evidence::Untouched),
            false => Ok(Evidence::Cells(self.under_the_new_key(session, &shards).await?)),
        }
    }

    /// Looks up what undo keeps of cells: what the run wrote or, once a rollback began, what that put back. What is kept behind a
    /// rollback is of cells that hold neither: of those the rows are all that can be looked for.
    async fn in_undo(&self, session: &mut Session, places: &[UndoPlace]) -> Result<Looked, RunError> {
        let mut all = Looked::default();
        for place in spread(places, BATCHES) {
            let Some(batch) = session.undo_at(&self.run.id, *place).await? else { continue };
            let entries = entries(self.target, &batch).await?;
            let entries: Vec<&Entry> = spread(&entries, ROWS_OF_A_BATCH).collect();
            let keys: Vec<RowKey> = entries.iter().map(|entry| entry.key.clone()).collect();
            let rows = session.rows_by_key(&self.target.unscoped, &keys).await?;
            let (mut scratch, mut of_batch) = (Vec::new(), Looked::default());
            for entry in entries {
                let row = rows.iter().find(|row| row.key == entry.key);
                for (at, written) in &entry.new {
                    let group = self.target.groups.get(*at).map(Vec::as_slice).unwrap_or_default();
                    of_batch.looked += 1;
                    let Some(row) = row else { continue };
                    let back = is_back(entry, &row.values, group);
                    of_batch.present += 1;
                    of_batch.back += usize::from(back);
                    of_batch.stand += usize::from(
                        undo::digest(&row.values, group, &mut scratch) == *written
                            || self.is_going_back() && back
                            || self.run.state == RunState::RolledBack,
                    );
                }
            }
            all.add(of_batch);
        }
        Ok(all)
    }

    fn is_going_back(&self) -> bool {
        self.run.state == RunState::RollingBack
    }

    /// Looks at cells of ranges in which the run has moved some: whether there are any under the new key.
    async fn under_the_new_key(
        &self,
        session: &mut Session,
        shards: &[&ShardRow],
    ) -> Result<Looked, RunError> {
        let mut all = Looked::default();
        for shard in spread(shards, BATCHES) {
            let (after, upto) = (shard.after.as_ref(), shard.upto.as_ref());
            let shape = &self.target.shape;
            let rows = session.page(shape, after, upto, ROWS_OF_A_SHARD, PAGE_BYTES).await?;
            let deks = prepare(self.target, &rows, Stage::Open).await?;
            for row in &rows {
                for field in &self.target.fields {
                    match field.open(row, Trust::Nothing, deks.as_deref()) {
                        Opening::Opened(opened) => {
                            all.looked += 1;
                            all.stand += usize::from(opened.current);
                        }
                        // Its DEK was wrapped under the primary where it is kept.
                        Opening::Shut(_) => {
                            all.looked += 1;
                            all.stand += 1;
                        }
                        Opening::Broken(_) => all.looked += 1,
                        Opening::Null | Opening::Marked => {}
                    }
                }
            }
        }
        Ok(all)
    }
}

/// Whether a group of values is what it was before the run.
fn is_back(entry: &Entry, values: &[Value], group: &[usize]) -> bool {
    group.iter().all(|place| match entry.old.get(*place) {
        Some(OldValue::Kept(old)) => values.get(*place) == Some(old),
        Some(OldValue::Same) => true,
        Some(OldValue::Reopen { .. }) | None => false,
    })
}

/// Up to `most` of these, spread over all of them.
fn spread<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let taken = all.len().min(most);
    (0..taken).map(move |at| &all[at * all.len() / taken.max(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_is_spread_over_all() {
        let of =
            |n: usize, most: usize| spread(&(0..n).collect::<Vec<_>>(), most).copied().collect::<Vec<_>>();
        assert_eq!(of(0, 4), Vec::<usize>::new());
        assert_eq!(of(3, 4), [0, 1, 2]);
        assert_eq!(of(10, 4), [0, 2, 5, 7]);
    }
}
