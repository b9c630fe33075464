//! swap + checkpoint: what a batch writes, in short transactions in the target database.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use reseal_store::{
    Counts, Quarantined, RowKey, Session, ShardAdvance, StoreError, Swap, Trouble, UndoBatch,
};
use zeroize::Zeroizing;

use crate::batch::chunk::{Batch, Chunk};
use crate::batch::packed::Packed;
use crate::batch::swaps::{Moved, Swaps};
use crate::batch::work::Work;
use crate::batch::work_through;
use crate::cell::open::Trust;
use crate::cell::reason::quarantined;
use crate::cell::target::Target;
use crate::cell::undo::{self, UndoKey};
use crate::error::EngineError;

/// How often a transaction that deadlocked, or found a lock taken, is begun again.
pub(crate) const RETRIES: u32 = 10;
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
    End(EngineError),
}

/// What the last transaction of a batch commits beside its swaps.
pub(crate) struct Closing<'a> {
    pub(crate) checkpoint: Option<&'a RowKey>,
    pub(crate) done: bool,
}

/// Writes the batches of one shard.
pub(crate) struct Writer<'w> {
    pub(crate) session: &'w mut Session,
    pub(crate) run_id: &'w str,
    pub(crate) epoch: i64,
    pub(crate) target: Arc<Target>,
    pub(crate) shard: i64,
    /// Transactions that this shard has seen, as the ledger counts them.
    pub(crate) batches: i64,
    /// Whether old cells are kept.
    pub(crate) undo: bool,
    /// The key that kept cells are sealed under, in an emergency.
    pub(crate) undo_key: Option<UndoKey>,
}

impl<'w> Writer<'w> {
    /// Commits a batch: every swap that holds, and at the very last the checkpoint. Rows that another writer changed
    /// meanwhile are read, opened and swapped again until none is left. Gives the number of cells swapped.
    ///
    /// A crash leaves any of the transactions committed and the checkpoint where it was: the batch is read again, and
    /// what is under the primary by then is left.
    pub(crate) async fn commit(&mut self, batch: Batch, closing: &Closing<'_>) -> Result<u64, Halt> {
        let Batch { chunk, mut counts, mut broken, .. } = batch;
        let mut rotated = 0;
        let swaps = match chunk {
            Chunk::Packed(parts) => {
                let end = (closing, &counts, broken.as_slice());
                match self.transaction(Attempt::Whole(&parts), Some(end)).await {
                    Ok(done) if done.closed => return Ok(done.cells),
                    // A row was changed meanwhile or is refused, or the shard is another engine's: which of them is
                    // found out row by row.
                    Ok(_) | Err(Refusal::Row) => Chunk::Packed(parts).rows(),
                    Err(Refusal::Halt(halt)) => return Err(halt),
                }
            }
            Chunk::Rows(swaps) => swaps,
        };
        let mut queue = VecDeque::from([swaps]);
        let mut races = 0;
        let mut lost: Vec<RowKey> = Vec::new();
        while let Some(mut chunk) = queue.pop_front() {
            let last = queue.is_empty() && lost.is_empty();
            let end = last.then_some((closing, &counts, broken.as_slice()));
            match self.transaction(Attempt::Rows { swaps: &chunk, first: races == 0 }, end).await {
                Ok(done) => {
                    rotated += done.cells;
                    if done.closed {
                        return Ok(rotated);
                    }
                    lost.extend(done.lost);
                }
                Err(Refusal::Row) if chunk.len() <= 1 => {
                    // Only this row's new cells are refused; the batch goes on without it.
                    let refused = chunk.all.iter().zip(&chunk.moved);
                    refused.for_each(|(swap, moved)| broken.extend(self.refused(swap, moved)));
                    counts.cells_quarantined += chunk.cells();
                }
                Err(Refusal::Row) => {
                    let right = chunk.split_off(chunk.len() / 2);
                    queue.push_front(right);
                    queue.push_front(chunk);
                }
                Err(Refusal::Halt(halt)) => return Err(halt),
            }
            if queue.is_empty() {
                races += u32::from(!lost.is_empty());
                if races > RACES {
                    let message = format!(
                        "rows of {} are rewritten faster than they can be swapped",
                        self.target.label()
                    );
                    return Err(Halt::End(EngineError::stopped(
                        "raced",
                        message,
                        "run again at a quieter time",
                    )));
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

    /// Reads lost rows again: what is under the primary by now is done, what is gone is gone, the rest is swapped again.
    async fn read_again(&mut self, keys: Vec<RowKey>) -> Result<Work, Halt> {
        if keys.is_empty() {
            return Ok(Work::default());
        }
        let rows = self.session.rows_by_key(&self.target.shape, &keys).await.map_err(halt)?;
        work_through(self.target.clone(), rows, Trust::Marks).await.map_err(Halt::End)
    }

    /// The fields of a row that the database refuses to hold.
    fn refused(&self, swap: &Swap, moved: &Moved) -> Vec<Quarantined> {
        let fields = (0..self.target.fields.len()).filter(|at| moved.writes(*at));
        fields.map(|at| quarantined(&self.target, at, &swap.key, "constraint")).collect()
    }

    async fn transaction(&mut self, what: Attempt<'_>, end: Option<End<'_>>) -> Result<Done, Refusal> {
        let mut pause = Duration::from_millis(20);
        for attempt in 0.. {
            let outcome = match what {
                Attempt::Whole(parts) => self.whole(parts, end).await,
                Attempt::Rows { swaps, first } => self.attempt(swaps, first, end).await,
            };
            let error = match outcome {
                Ok(done) => return Ok(done),
                Err(Failure::Superseded) => {
                    let _ = self.session.rollback().await;
                    return Err(Refusal::Halt(Halt::End(EngineError::superseded())));
                }
                Err(Failure::Engine(error)) => {
                    let _ = self.session.rollback().await;
                    return Err(Refusal::Halt(Halt::End(error)));
                }
                Err(Failure::Store(error)) => error,
            };
            if error.trouble != Trouble::ConnectionLost {
                self.session.rollback().await.map_err(|error| Refusal::Halt(halt(error)))?;
            }
            match error.trouble {
                Trouble::Constraint if what.has_swaps() => return Err(Refusal::Row),
                Trouble::Retry if attempt < RETRIES => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                _ => return Err(Refusal::Halt(halt(error))),
            }
        }
        Ok(Done { cells: 0, lost: Vec::new(), closed: false })
    }

    /// One transaction: swaps, kept old cells, counts, and the checkpoint if nothing was lost.
    async fn attempt(&mut self, chunk: &Swaps, first: bool, end: Option<End<'_>>) -> Result<Done, Failure> {
        // The first time rows are compared by version, which needs no old value at the server; a row that lost is
        // compared by value, since only other columns may have changed. Plaintext never travels back.
        let by_version = first || chunk.any_plain();
        if chunk.len() > 0 {
            self.session.stage(&self.target.shape, &chunk.all).await?;
        }
        self.session.begin().await?;
        let mut held = vec![false; chunk.len()];
        for at in self.session.swap(&self.target.shape, &chunk.all, by_version).await? {
            held[at] = true;
        }
        self.keep(chunk, &held).await?;
        let cells_where = |wanted: bool| -> u64 {
            let of = chunk.moved.iter().zip(&held).filter(|(_, held)| **held == wanted);
            of.map(|(moved, _)| moved.cells()).sum()
        };
        let (cells, raced) = (cells_where(true), cells_where(false));
        let lost: Vec<RowKey> = chunk
            .all
            .iter()
            .zip(&held)
            .filter(|(_, held)| !**held)
            .map(|(swap, _)| swap.key.clone())
            .collect();
        let mut add = Counts { cells_rotated: cells, cells_raced: raced, ..Counts::default() };
        let end = end.filter(|_| lost.is_empty());
        if let Some((_, counts, broken)) = end {
            add.add(counts);
            self.session.quarantine(self.run_id, broken).await?;
        }
        let advance = self.advance(end.map(|(closing, ..)| closing), add);
        if !self.session.advance_shard(&advance).await? {
            return Err(Failure::Superseded);
        }
        self.session.commit().await?;
        self.batches += 1;
        Ok(Done { cells, lost, closed: end.is_some() })
    }

    /// The whole batch in one round trip, if every row still stands; else nothing of it.
    async fn whole(&mut self, parts: &[Packed], end: Option<End<'_>>) -> Result<Done, Failure> {
        let nothing = Done { cells: 0, lost: Vec::new(), closed: false };
        let Some((closing, counts, [])) = end else { return Ok(nothing) };
        let cells = parts.iter().map(Packed::cells).sum();
        let mut add = Counts { cells_rotated: cells, ..Counts::default() };
        add.add(counts);
        let undo = match self.undo {
            true => Some(self.kept_of(parts, cells)?),
            false => None,
        };
        let advance = self.advance(Some(closing), add);
        let columns: Vec<_> = parts.iter().map(Packed::columns).collect();
        if !self.session.swap_whole(&self.target.shape, &columns, undo, &advance).await? {
            return Ok(nothing);
        }
        self.batches += 1;
        Ok(Done { cells, closed: true, ..nothing })
    }

    fn advance<'a>(&self, closing: Option<&'a Closing<'_>>, add: Counts) -> ShardAdvance<'a>
    where
        'w: 'a,
    {
        ShardAdvance {
            run_id: self.run_id,
            number: self.shard,
            epoch: self.epoch,
            checkpoint: closing.and_then(|closing| closing.checkpoint),
            done: closing.is_some_and(|closing| closing.done),
            add,
        }
    }

    async fn keep(&mut self, chunk: &Swaps, held: &[bool]) -> Result<(), Failure> {
        if !self.undo || !held.contains(&true) {
            return Ok(());
        }
        let of = chunk.moved.iter().zip(held);
        let batch = self.kept(of.filter(|(_, held)| **held).map(|(moved, _)| moved).collect())?;
        self.session.keep_undo(self.run_id, batch).await?;
        Ok(())
    }

    /// The old cells of these swaps, as the ledger keeps them.
    fn kept(&self, swaps: Vec<&Moved>) -> Result<UndoBatch, Failure> {
        if swaps.iter().any(|moved| moved.entry.is_empty()) {
            return Err(not_packed());
        }
        let packed = undo::pack(swaps.len(), swaps.iter().map(|moved| moved.entry.as_slice()));
        self.undo_batch(packed, swaps.iter().map(|moved| moved.cells()).sum())
    }

    fn kept_of(&self, parts: &[Packed], cells: u64) -> Result<UndoBatch, Failure> {
        if !parts.iter().all(Packed::has_entries) {
            return Err(not_packed());
        }
        let rows = parts.iter().map(Packed::len).sum();
        self.undo_batch(undo::pack(rows, parts.iter().map(Packed::all_entries)), cells)
    }

    fn undo_batch(&self, packed: Zeroizing<Vec<u8>>, cells: u64) -> Result<UndoBatch, Failure> {
        Ok(UndoBatch {
            shard: self.shard,
            batch: self.batches,
            table: self.target.label().to_owned(),
            cells,
            payload: undo::close(packed, self.undo_key.as_ref()).map_err(Failure::Engine)?,
        })
    }
}

fn not_packed() -> Failure {
    Failure::Engine(EngineError::failed("undo", "old cells that are to be kept were not packed"))
}

/// What the last transaction of a batch ends it with: the checkpoint, the counts of its group, its broken cells.
type End<'e> = (&'e Closing<'e>, &'e Counts, &'e [Quarantined]);

/// How swaps are tried.
#[derive(Clone, Copy)]
enum Attempt<'a> {
    /// All of them at once, or none.
    Whole(&'a [Packed]),
    /// Each for itself; the first time, or again.
    Rows { swaps: &'a Swaps, first: bool },
}

impl Attempt<'_> {
    fn has_swaps(self) -> bool {
        match self {
            Attempt::Whole(parts) => parts.iter().any(|part| part.len() > 0),
            Attempt::Rows { swaps, .. } => swaps.len() > 0,
        }
    }
}

struct Done {
    cells: u64,
    lost: Vec<RowKey>,
    closed: bool,
}

enum Refusal {
    Row,
    Halt(Halt),
}

enum Failure {
    Superseded,
    Store(StoreError),
    Engine(EngineError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

pub(crate) fn halt(error: StoreError) -> Halt {
    match error.trouble {
        Trouble::ConnectionLost => Halt::Reload(error),
        Trouble::Timeout => Halt::Smaller(error),
        _ => Halt::End(error.into()),
    }
}
