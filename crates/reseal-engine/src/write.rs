//! swap + checkpoint: what a batch writes, in short transactions in the target database.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use reseal_core::Key;
use reseal_store::{
    Counts, Quarantined, RowKey, Session, ShardAdvance, StoreError, Swap, Trouble, UndoBatch,
};

use crate::batch::{Work, quarantined, work_through};
use crate::cell::Trust;
use crate::error::EngineError;
use crate::target::Target;
use crate::undo;

/// How often a transaction that deadlocked, or found a lock taken, is begun again.
const RETRIES: u32 = 10;
/// How often rows that another writer keeps changing are read again before the run stops; it can be resumed.
const RACES: u32 = 50;

/// Why a batch was not committed.
pub(crate) enum Halt {
    /// Its outcome is unknown, or it must be read again: go on from the ledger.
    Reload(StoreError),
    /// It took too long: read again with fewer rows.
    Smaller(StoreError),
    /// The run ends here.
    End(EngineError),
}

/// A swap with what is to be counted and kept for it.
#[derive(Clone)]
struct Item {
    swap: Swap,
    cells: u64,
    plain: bool,
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
    pub(crate) undo_key: Option<Key>,
}

impl Writer<'_> {
    /// Commits a batch: every swap that holds, and at the very last the checkpoint. Rows that another writer changed
    /// meanwhile are read, opened and swapped again until none is left. Gives the number of cells swapped.
    ///
    /// A crash leaves any of the transactions committed and the checkpoint where it was: the batch is read again, and
    /// what is under the primary by then is left.
    pub(crate) async fn commit(&mut self, work: Work, closing: &Closing<'_>) -> Result<u64, Halt> {
        let mut counts = work.counts;
        let mut broken = work.broken;
        let items = work.swaps.into_iter().zip(work.plain);
        let mut queue = VecDeque::from([items
            .map(|((swap, cells), plain)| Item { swap, cells, plain })
            .collect::<Vec<_>>()]);
        let (mut rotated, mut races) = (0, 0);
        let mut lost: Vec<RowKey> = Vec::new();
        while let Some(chunk) = queue.pop_front() {
            let last = queue.is_empty() && lost.is_empty();
            let end = last.then_some((closing, &counts, broken.as_slice()));
            match self.transaction(&chunk, races == 0, end).await {
                Ok(done) => {
                    rotated += done.cells;
                    if done.closed {
                        return Ok(rotated);
                    }
                    lost.extend(done.lost);
                }
                Err(Refusal::Row) if chunk.len() <= 1 => {
                    // Only this row's new cells are refused; the batch goes on without it.
                    for item in &chunk {
                        broken.extend(self.refused(item));
                        counts.cells_quarantined += item.cells;
                    }
                }
                Err(Refusal::Row) => {
                    let (left, right) = chunk.split_at(chunk.len() / 2);
                    queue.push_front(right.to_vec());
                    queue.push_front(left.to_vec());
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
                let items = again.swaps.into_iter().zip(again.plain);
                queue.push_back(items.map(|((swap, cells), plain)| Item { swap, cells, plain }).collect());
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
        Ok(work_through(self.target.clone(), rows, Trust::Marks).await)
    }

    /// The fields of a row that the database refuses to hold.
    fn refused(&self, item: &Item) -> Vec<Quarantined> {
        let moved = |parts: &[(reseal_core::Part, usize)]| {
            parts.iter().any(|(_, at)| item.swap.old.get(*at) != item.swap.new.get(*at))
        };
        let fields = self.target.fields.iter().enumerate().filter(|(_, parts)| moved(parts));
        fields.map(|(at, _)| quarantined(&self.target, at, &item.swap.key, "constraint")).collect()
    }

    async fn transaction(
        &mut self,
        chunk: &[Item],
        first: bool,
        end: Option<(&Closing<'_>, &Counts, &[Quarantined])>,
    ) -> Result<Done, Refusal> {
        let mut pause = Duration::from_millis(20);
        for attempt in 0.. {
            let error = match self.attempt(chunk, first, end).await {
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
                Trouble::Constraint if !chunk.is_empty() => return Err(Refusal::Row),
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
    async fn attempt(
        &mut self,
        chunk: &[Item],
        first: bool,
        end: Option<(&Closing<'_>, &Counts, &[Quarantined])>,
    ) -> Result<Done, Failure> {
        let swaps: Vec<Swap> = chunk.iter().map(|item| item.swap.clone()).collect();
        // The first time rows are compared by version, which needs no old value at the server; a row that lost is
        // compared by value, since only other columns may have changed. Plaintext never travels back.
        let by_version = first || chunk.iter().any(|item| item.plain);
        if !swaps.is_empty() {
            self.session.stage(&self.target.shape, &swaps).await?;
        }
        self.session.begin().await?;
        let held: HashSet<usize> =
            self.session.swap(&self.target.shape, &swaps, by_version).await?.into_iter().collect();
        self.keep(chunk, &held).await?;
        let cells: u64 = held.iter().map(|at| chunk[*at].cells).sum();
        let lost: Vec<&Item> =
            chunk.iter().enumerate().filter(|(at, _)| !held.contains(at)).map(|(_, i)| i).collect();
        let raced = lost.iter().map(|item| item.cells).sum();
        let mut add = Counts { cells_rotated: cells, cells_raced: raced, ..Counts::default() };
        let end = end.filter(|_| lost.is_empty());
        if let Some((_, counts, broken)) = end {
            add.add(counts);
            self.session.quarantine(self.run_id, broken).await?;
        }
        let advance = ShardAdvance {
            run_id: self.run_id,
            number: self.shard,
            epoch: self.epoch,
            checkpoint: end.and_then(|(closing, ..)| closing.checkpoint),
            done: end.is_some_and(|(closing, ..)| closing.done),
            add,
        };
        if !self.session.advance_shard(&advance).await? {
            return Err(Failure::Superseded);
        }
        self.session.commit().await?;
        self.batches += 1;
        let lost = lost.into_iter().map(|item| item.swap.key.clone()).collect();
        Ok(Done { cells, lost, closed: end.is_some() })
    }

    async fn keep(&mut self, chunk: &[Item], held: &HashSet<usize>) -> Result<(), Failure> {
        if !self.undo || held.is_empty() {
            return Ok(());
        }
        let kept: Vec<&Item> =
            chunk.iter().enumerate().filter(|(at, _)| held.contains(at)).map(|(_, i)| i).collect();
        let packed = undo::pack(kept.iter().map(|item| (&item.swap, item.plain)));
        let batch = UndoBatch {
            shard: self.shard,
            batch: self.batches,
            table: self.target.label(),
            cells: kept.iter().map(|item| item.cells).sum(),
            payload: undo::close(&packed, self.undo_key.as_ref()).map_err(Failure::Engine)?,
        };
        self.session.keep_undo(self.run_id, &batch).await?;
        Ok(())
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
