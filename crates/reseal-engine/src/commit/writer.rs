//! swap + checkpoint: what a batch writes, in short transactions in the target database.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use reseal_store::{
    Counts, Kept, Quarantined, RowKey, RunLease, Session, StoreError, Swap, Trouble, UndoPlace,
};

use super::failure::{Failure, Swallowed};
use super::pins::{DuePins, FreshPins};
use super::planner::Planner;
use super::retries::{About, Next, Tries};
use super::rows::{Closing, Done, End, RowByRow};
use super::undo::{Keeper, Noting};
use crate::batch::chunk::{Batch, Chunk};
use crate::batch::packed::Packed;
use crate::batch::planned::{PlannedSwap, cells};
use crate::batch::work::Work;
use crate::cell::target::Target;
use crate::cell::undo::{Fingerprint, UndoKey};
use crate::error::{Culprit, RunError, StoredError};
use crate::reason::Reason;

/// How often rows that another writer keeps changing are read again before a run or a rollback stops; it can be gone on
/// with.
pub(crate) const RACES: u32 = 50;

/// Why a batch was not committed.
pub(crate) enum Halt {
    /// Its outcome is unknown, or it must be read again: go on from the ledger.
    Reload(StoreError),
    /// It took too long: read again with fewer rows.
    Smaller(StoreError),
    /// The run ends here.
    End(RunError),
}

impl Halt {
    /// The error where nothing is tried again.
    pub(crate) fn error(self) -> RunError {
        match self {
            Halt::End(error) => error,
            Halt::Reload(error) | Halt::Smaller(error) => error.into(),
        }
    }
}

/// Writes the batches of one shard, of a run or of a rollback.
pub(crate) struct Writer<'w> {
    pub(crate) session: &'w mut Session,
    pub(crate) lease: &'w RunLease,
    pub(crate) target: Arc<Target>,
    /// Plans rows again that were lost to another writer.
    pub(crate) planner: Arc<dyn Planner>,
    pub(crate) shard: i64,
    /// Transactions that this shard has seen, as the ledger counts them.
    pub(crate) batches: i64,
    /// Whether old cells are kept.
    pub(crate) undo: bool,
    /// The key that kept cells are sealed under, in an emergency.
    pub(crate) undo_key: Option<UndoKey>,
    /// Pins that wait for the first swap of a cell.
    pub(crate) pins: Arc<FreshPins>,
    /// Whether each batch is read back and compared before it is committed, also where the table had no trigger when the
    /// run began.
    pub(crate) read_back: bool,
}

impl<'w> Writer<'w> {
    /// Commits a batch: every swap that holds, and at the very last the checkpoint. Rows that another writer changed
    /// meanwhile are read, opened and swapped again until none is left. Gives the number of cells swapped.
    ///
    /// A crash leaves any of the transactions committed and the checkpoint where it was: the batch is read again, and
    /// what is under the primary by then is left.
    pub(crate) async fn commit(&mut self, batch: Batch, closing: &Closing<'_>) -> Result<u64, Halt> {
        let Batch { chunk, counts, broken, stood, .. } = batch;
        let swaps = match chunk {
            Chunk::Packed(parts) if self.reads_back() => Chunk::Packed(parts).rows(),
            Chunk::Packed(parts) => {
                let end = End { closing, counts: &counts, broken: &broken, stood: &stood };
                match self.transaction(Attempt::Whole(&parts), Some(end)).await {
                    Ok(done) if done.closed => return Ok(done.cells),
                    // A row was changed or is refused, the table has a trigger by now, or the shard is another
                    // engine's: which of them is found out row by row.
                    Ok(_) | Err(Refusal::Row(_) | Refusal::Swallowed(_)) => Chunk::Packed(parts).rows(),
                    Err(Refusal::Halt(halt)) => return Err(halt),
                }
            }
            Chunk::Rows(swaps) => swaps,
        };
        self.commit_rows(swaps, Told { counts, broken, stood }, closing).await
    }

    /// Commits swaps row by row: those that are refused are found by halving, those that are lost are read again.
    async fn commit_rows(
        &mut self,
        swaps: Vec<PlannedSwap>,
        told: Told,
        closing: &Closing<'_>,
    ) -> Result<u64, Halt> {
        let Told { mut counts, mut broken, stood } = told;
        let (mut rotated, rows, mut refused) = (0, swaps.len(), 0);
        let mut queue = VecDeque::from([swaps]);
        let mut races = 0;
        let mut lost: Vec<RowKey> = Vec::new();
        while let Some(mut chunk) = queue.pop_front() {
            let last = queue.is_empty() && lost.is_empty();
            let end = last.then_some(End { closing, counts: &counts, broken: &broken, stood: &stood });
            match self.transaction(Attempt::Rows { swaps: &chunk, first: races == 0 }, end).await {
                Ok(done) => {
                    rotated += done.cells;
                    if done.closed {
                        return Ok(rotated);
                    }
                    lost.extend(done.lost);
                }
                Err(Refusal::Row(error)) if chunk.len() <= 1 => {
                    refused += chunk.len();
                    self.is_of_one(&error, refused, rows)?;
                    // Only this row's new cells are refused; the batch goes on without it.
                    broken.extend(self.refused(&chunk, Reason::Constraint));
                    counts.cells_quarantined += cells(&chunk);
                }
                Err(Refusal::Swallowed(swallowed)) => {
                    let skipped = self.skipped(&mut chunk, swallowed, rows)?;
                    broken.extend(self.refused(&skipped, Reason::NotStored));
                    counts.cells_quarantined += cells(&skipped);
                    if !chunk.is_empty() {
                        queue.push_front(chunk);
                    }
                }
                Err(Refusal::Row(_)) => {
                    let right = chunk.split_off(chunk.len() / 2);
                    queue.push_front(right);
                    queue.push_front(chunk);
                }
                Err(Refusal::Halt(halt)) => return Err(halt),
            }
            if queue.is_empty() {
                races += u32::from(!lost.is_empty());
                if races > RACES {
                    return Err(self.raced());
                }
                let again = self.read_again(std::mem::take(&mut lost)).await?;
                counts.cells_current += again.counts.cells_current;
                counts.cells_null += again.counts.cells_null;
                counts.cells_quarantined += again.counts.cells_quarantined;
                broken.extend(again.broken);
                queue.push_back(again.swaps);
            }
        }
        Ok(rotated)
    }

    /// Ends the run where every row of a batch is refused, and no constraint says so: it will be every row of the table.
    fn is_of_one(&self, error: &StoreError, refused: usize, rows: usize) -> Result<(), Halt> {
        if error.trouble == Trouble::Constraint || rows == 1 || refused < rows {
            return Ok(());
        }
        let message = format!("{}: {}", self.target.label(), error.message);
        Err(Halt::End(StoreError::new(error.trouble, message).into()))
    }

    fn raced(&self) -> Halt {
        Halt::End(self.planner.raced().into())
    }

    /// Reads lost rows again: what is as it should be by now is done, what is gone is gone, the rest is swapped again.
    async fn read_again(&mut self, keys: Vec<RowKey>) -> Result<Work, Halt> {
        if keys.is_empty() {
            return Ok(Work::default());
        }
        let rows = self.session.rows_by_key(self.planner.reach(), &keys).await.map_err(halt)?;
        self.planner.plan(rows).await.map_err(Halt::End)
    }

    /// Whether batches are read back.
    fn reads_back(&self) -> bool {
        self.read_back || self.target.shape.read_back
    }

    /// Takes the rows out of a chunk that triggers keep from being stored. Where that is every row of the batch, it will be
    /// every row of the table.
    fn skipped(
        &self,
        chunk: &mut Vec<PlannedSwap>,
        swallowed: Swallowed,
        rows: usize,
    ) -> Result<Vec<PlannedSwap>, Halt> {
        if rows > 1 && swallowed.rows.len() == rows {
            let (table, by) = (self.target.label().to_owned(), Culprit(swallowed.by));
            return Err(Halt::End(StoredError::Swallowed { table, rows, by }.into()));
        }
        let mut at = 0;
        let (skipped, kept) = std::mem::take(chunk).into_iter().partition(|_| {
            at += 1;
            swallowed.rows.contains(&(at - 1))
        });
        *chunk = kept;
        Ok(skipped)
    }

    /// The fields of rows that are not stored.
    fn refused(&self, rows: &[PlannedSwap], reason: Reason) -> Vec<Quarantined> {
        let fields = |planned: &PlannedSwap| {
            let fields = self.target.fields.iter().filter(|field| planned.moved.writes(field.at));
            fields.map(|field| field.quarantined(&planned.swap.key, reason)).collect::<Vec<_>>()
        };
        rows.iter().flat_map(fields).collect()
    }

    async fn transaction(&mut self, what: Attempt<'_>, end: Option<End<'_>>) -> Result<Done, Refusal> {
        let pins = self.pins.clone();
        let mut due = match what {
            Attempt::Whole(parts) => pins.due(&self.target, parts.iter().flat_map(Packed::moved)).await,
            Attempt::Rows { swaps, .. } => {
                pins.due(&self.target, swaps.iter().map(|planned| &planned.moved)).await
            }
        };
        if due.is_some() && matches!(what, Attempt::Whole(_)) {
            // Pins are written beside rows that are written one by one.
            return Ok(Done::default());
        }
        let mut tries = Tries::default();
        loop {
            let outcome = match what {
                Attempt::Whole(parts) => self.whole(parts, end).await,
                Attempt::Rows { swaps, first } => {
                    let how = How { by_version: first, holds: tries.holds };
                    self.attempt(swaps, how, end, due.as_ref()).await
                }
            };
            let (error, about) = match outcome {
                Ok(done) => {
                    due.iter_mut().for_each(|due| due.are_written(&done.pinned));
                    return Ok(done);
                }
                Err(Failure::Superseded) => return Err(Refusal::Halt(Halt::End(RunError::Superseded))),
                Err(Failure::Engine(error)) => return Err(Refusal::Halt(Halt::End(error))),
                Err(Failure::Swallowed(swallowed)) => return Err(Refusal::Swallowed(swallowed)),
                Err(Failure::Unwatched) => {
                    self.read_back = true;
                    continue;
                }
                // A constraint may wait for the end of the transaction.
                Err(Failure::Store(error)) if error.trouble != Trouble::Constraint => {
                    (error, About::Transaction)
                }
                Err(Failure::Store(error) | Failure::Swap(error)) => (error, what.about()),
            };
            match tries.next(&error, about).await {
                Next::Again => {}
                Next::Refused => return Err(Refusal::Row(error)),
                Next::Halt => return Err(Refusal::Halt(halt(error))),
            }
        }
    }

    /// One transaction: swaps, kept old cells, counts, and the checkpoint if nothing was lost.
    async fn attempt(
        &mut self,
        chunk: &[PlannedSwap],
        how: How,
        end: Option<End<'_>>,
        pins: Option<&DuePins<'_>>,
    ) -> Result<Done, Failure> {
        let swaps: Vec<&Swap> = chunk.iter().map(|planned| &planned.swap).collect();
        if !swaps.is_empty() {
            self.session.stage(self.planner.reach(), &swaps).await?;
        }
        // Their own copies: the transaction borrows the session.
        let (target, planner, undo_key) = (self.target.clone(), self.planner.clone(), self.undo_key.clone());
        let keeper =
            Keeper { shard: self.shard, batch: self.batches, table: target.label(), key: undo_key.as_ref() };
        let shape = match self.reads_back() {
            true => Cow::Owned(planner.reach().with_read_back()),
            false => Cow::Borrowed(planner.reach()),
        };
        let rows = RowByRow {
            shape: &shape,
            chunk,
            swaps: &swaps,
            by_version: how.by_version,
            holds: how.holds,
            end,
            shard: self.shard,
            place: Noting { place: UndoPlace { shard: self.shard, batch: self.batches } },
            undo: self.undo.then_some(keeper),
            target: &target,
            pins,
        };
        let mut guarded = self.session.guarded_by_shard(self.lease).await?;
        let done = match rows.write(&mut guarded).await {
            Ok(done) => done,
            Err(failure) => {
                let rolled_back = guarded.rollback().await;
                return Err(match failure {
                    // The server rolls back by itself.
                    Failure::Store(error) | Failure::Swap(error)
                        if error.trouble == Trouble::ConnectionLost =>
                    {
                        Failure::Store(error)
                    }
                    failure => rolled_back.err().map_or(failure, Failure::Store),
                });
            }
        };
        guarded.commit().await?;
        self.batches += 1;
        Ok(done)
    }

    /// The whole batch in one round trip, if every row still stands; else nothing of it.
    async fn whole(&mut self, parts: &[Packed], end: Option<End<'_>>) -> Result<Done, Failure> {
        let Some(end) = end.filter(|end| end.broken.is_empty()) else { return Ok(Done::default()) };
        let cells = parts.iter().map(Packed::cells).sum();
        let mut add = Counts { cells_rotated: cells, ..Counts::default() };
        add.add(end.counts);
        let undo = match self.undo {
            true => Some(self.keeper().of_parts(parts, cells)?),
            false => None,
        };
        let noting = Noting { place: UndoPlace { shard: self.shard, batch: self.batches } };
        let kept = Kept { undo, stood: noting.stood(end.stood) };
        let advance = end.closing.advance(self.shard, add);
        let columns: Vec<_> = parts.iter().map(Packed::columns).collect();
        let swapped =
            self.session.swap_whole(self.planner.reach(), &columns, kept, self.lease, &advance).await;
        if !swapped.map_err(Failure::Swap)? {
            return Ok(Done::default());
        }
        self.batches += 1;
        Ok(Done { cells, closed: true, ..Done::default() })
    }

    /// What keeps the old cells of the next transaction.
    fn keeper(&self) -> Keeper<'_> {
        Keeper {
            shard: self.shard,
            batch: self.batches,
            table: self.target.label(),
            key: self.undo_key.as_ref(),
        }
    }
}

/// What is counted, listed and noted with the swaps of a batch.
struct Told {
    counts: Counts,
    broken: Vec<Quarantined>,
    stood: Vec<Fingerprint>,
}

/// How swaps are tried.
#[derive(Clone, Copy)]
enum Attempt<'a> {
    /// All of them at once, or none.
    Whole(&'a [Packed]),
    /// Each for itself; the first time, or again.
    Rows { swaps: &'a [PlannedSwap], first: bool },
}

impl Attempt<'_> {
    /// What an error in the midst of it is about.
    fn about(self) -> About {
        match self {
            Attempt::Whole(parts) if parts.iter().any(|part| part.len() > 0) => About::Rows,
            Attempt::Rows { swaps: [_], .. } => About::Row,
            Attempt::Rows { swaps: [_, ..], .. } => About::Rows,
            _ => About::Transaction,
        }
    }
}

/// How rows are swapped.
#[derive(Clone, Copy)]
struct How {
    /// The first time rows are compared by version, which needs no old value at the server; a row that lost is compared by
    /// value, since only other columns may have changed. Plaintext never travels back.
    by_version: bool,
    /// Whether they are locked first.
    holds: bool,
}

enum Refusal {
    Row(StoreError),
    Swallowed(Swallowed),
    Halt(Halt),
}

pub(crate) fn halt(error: StoreError) -> Halt {
    match error.trouble {
        Trouble::ConnectionLost => Halt::Reload(error),
        Trouble::Timeout => Halt::Smaller(error),
        _ => Halt::End(error.into()),
    }
}
