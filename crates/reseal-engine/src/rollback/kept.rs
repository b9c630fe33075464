//! The kept cells of one shard, from the newest batch to the oldest: read ahead, and written batch by batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use reseal_core::Value;
use reseal_store::{Counts, Row, RowKey, Session, Shape, ShardRow, StoreError, Trouble};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::table::Table;
use crate::batch::chunk::{Batch, Chunk};
use crate::batch::packed::Packed;
use crate::batch::planned::PlannedSwap;
use crate::batch::work::Work;
use crate::cell::spared::Spared;
use crate::cell::undo::Entry;
use crate::commit::planner::{Anew, Planner};
use crate::commit::restore::{Exact, entries};
use crate::commit::rows::Closing;
use crate::commit::writer::{Halt, Writer, halt};
use crate::rotate::pump::{Ended, ShardWork};
use crate::rotate::shared::Shared;

/// What is done with the cells of a kept batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The old bytes are put back where the new ones still stand.
    Restore,
    /// What the application has written since is sealed again under the old key.
    SealAnew,
}

impl Action {
    const ALL: [Action; 2] = [Action::Restore, Action::SealAnew];

    fn name(self) -> &'static str {
        match self {
            Action::Restore => "restore",
            Action::SealAnew => "seal anew",
        }
    }
}

/// What a rollback's shard says in the place of a row key: it is no range of them, but a shard of the run.
pub(super) fn marker(action: Action, shard: i64) -> RowKey {
    // No row key has a part that is NULL.
    RowKey(vec![Value::Null, Value::Text(action.name().to_owned()), Value::Int(shard)])
}

/// What is done with a shard's kept cells, and which shard of the run keeps them; `None` for a range of row keys.
pub(super) fn read_marker(shard: &ShardRow) -> Option<Marked> {
    match shard.after.as_ref()?.0.as_slice() {
        [Value::Null, Value::Text(name), Value::Int(number)] => {
            let action = Action::ALL.into_iter().find(|action| action.name() == name)?;
            Some(Marked { action, number: *number })
        }
        _ => None,
    }
}

/// A shard of kept cells.
#[derive(Clone, Copy)]
pub(super) struct Marked {
    pub(super) action: Action,
    /// The shard of the run.
    pub(super) number: i64,
}

/// The kept cells of one shard on their way back.
pub(super) struct KeptWork {
    of_run: String,
    number: i64,
    action: Action,
    table: Table,
    spared: Spared,
}

/// Rows of a kept batch that are written together.
struct Piece {
    planner: Arc<dyn Planner>,
    rows: Vec<Row>,
    /// The batch, where this is its last piece.
    closes: Option<Closed>,
}

/// A kept batch that is done.
#[derive(Clone, Copy)]
struct Closed {
    batch: i64,
    cells: u64,
}

impl KeptWork {
    /// The work of a shard that names kept cells.
    pub(super) fn of(shard: &ShardRow, of_run: &str, table: &Table, spared: &Spared) -> Option<KeptWork> {
        let Marked { action, number } = read_marker(shard)?;
        let (table, spared) = (table.clone(), spared.clone());
        Some(KeptWork { of_run: of_run.to_owned(), number, action, table, spared })
    }

    /// How the rows of these entries are written, and which they are.
    fn planner(&self, entries: Vec<Entry>) -> Arc<dyn Planner> {
        match self.action {
            Action::Restore => Arc::new(Exact::new(&self.table.target, entries)),
            Action::SealAnew => {
                let groups = |entry: Entry| (entry.key, entry.new.into_iter().map(|(at, _)| at).collect());
                let only: HashMap<RowKey, Vec<usize>> = entries.into_iter().map(groups).collect();
                let spared = Spared { only: Some(Arc::new(only)), ..self.spared.clone() };
                Arc::new(Anew { back: self.table.back.clone(), spared })
            }
        }
    }

    /// A piece and what it closes, in transactions under the rollback's lease.
    async fn write(
        &self,
        shared: &Shared,
        session: &mut Session,
        shard: &mut ShardRow,
        piece: Piece,
    ) -> Result<u64, Halt> {
        let Piece { planner, rows, closes } = piece;
        let work = planner.plan(rows).await.map_err(Halt::End)?;
        let checkpoint = closes.map(|closed| RowKey(vec![Value::Int(closed.batch)]));
        let mut batch = Batch::from(work);
        if session.swaps_whole() {
            batch.chunk = packed(planner.reach(), batch.chunk);
        }
        batch.counts = Counts {
            // What is kept is counted in cells, once its batch is done.
            rows_scanned: closes.map_or(0, |closed| closed.cells),
            cells_quarantined: batch.counts.cells_quarantined,
            ..Counts::default()
        };
        let closing = Closing { checkpoint: checkpoint.as_ref(), done: false };
        let mut writer = self.writer(shared, session, shard, planner);
        let written = writer.commit(batch, &closing).await;
        shard.batches = writer.batches;
        written
    }

    /// The end of the shard.
    async fn close(&self, shared: &Shared, session: &mut Session, shard: &mut ShardRow) -> Result<(), Halt> {
        let planner = self.planner(Vec::new());
        let closing = Closing { checkpoint: None, done: true };
        let mut writer = self.writer(shared, session, shard, planner);
        writer.commit(Work::default().into(), &closing).await.map(drop)
    }

    fn writer<'w>(
        &self,
        shared: &'w Shared,
        session: &'w mut Session,
        shard: &ShardRow,
        planner: Arc<dyn Planner>,
    ) -> Writer<'w> {
        Writer {
            session,
            lease: &shared.lease,
            target: self.table.target.clone(),
            planner,
            shard: shard.number,
            batches: shard.batches,
            undo: false,
            undo_key: None,
            pins: Arc::default(),
            read_back: false,
        }
    }

    /// Writes pieces as they are read ahead.
    async fn write_all(
        &self,
        shared: &Shared,
        session: &mut Session,
        shard: &mut ShardRow,
        pieces: &mut Receiver<Result<Option<Piece>, Halt>>,
    ) -> Result<Ended, Halt> {
        loop {
            // KEKs may take their time; nothing of what is waited for was written.
            let piece = tokio::select! {
                piece = pieces.recv() => piece,
                () = shared.stop.wait() => return Ok(Ended::Stopped),
            };
            let Some(piece) = piece else {
                return Err(Halt::Reload(StoreError::new(Trouble::ConnectionLost, "the reader stopped")));
            };
            if let Some(ended) = self.step(shared, session, shard, piece?).await? {
                return Ok(ended);
            }
        }
    }

    /// Writes a piece, or ends the shard where there is none any more; tells how the shard ended, where it did.
    async fn step(
        &self,
        shared: &Shared,
        session: &mut Session,
        shard: &mut ShardRow,
        piece: Option<Piece>,
    ) -> Result<Option<Ended>, Halt> {
        if shared.stop.asked().is_some() {
            return Ok(Some(Ended::Stopped));
        }
        let Some(piece) = piece else {
            self.close(shared, session, shard).await?;
            return Ok(Some(Ended::Done));
        };
        let rows = piece.rows.len();
        if !(shared.pacer.clear(&shared.progress, &shared.stop).await
            && shared.pacer.keep_rate(rows, &shared.stop).await)
        {
            return Ok(Some(Ended::Stopped));
        }
        let (begun, closed) = (Instant::now(), piece.closes);
        let cells = self.write(shared, session, shard, piece).await?;
        if rows > 0 {
            shared.pacer.observe(begun.elapsed());
        }
        shared.progress.add(closed.map_or(0, |closed| closed.cells), cells);
        Ok(None)
    }

    /// Reads ahead on a connection of its own.
    async fn read_ahead(
        &self,
        shared: &Shared,
        mut reading: Reading<'_>,
        pieces: Sender<Result<Option<Piece>, Halt>>,
    ) {
        let mut reader = match shared.reader().await {
            Ok(reader) => reader,
            Err(error) => {
                let lost = StoreError { trouble: Trouble::ConnectionLost, ..error };
                // Nobody may take it any more; so it is below.
                let _ = pieces.send(Err(halt(lost))).await;
                return;
            }
        };
        loop {
            let piece = reading.next(&mut reader, shared.pacer.rows()).await;
            let (is_last, failed) = (matches!(piece, Ok(None)), piece.is_err());
            if pieces.send(piece).await.is_err() || failed {
                return;
            }
            if is_last {
                break;
            }
        }
        if let Ok(mut idle) = shared.idle.lock() {
            idle.push(reader);
        }
    }
}

/// Swaps as a writer takes them that commits whole batches; those of which something is not sent go row by row.
fn packed(shape: &Shape, chunk: Chunk) -> Chunk {
    match chunk {
        Chunk::Rows(swaps)
            if !swaps.is_empty() && !swaps.iter().any(|planned| planned.swap.withholds_any()) =>
        {
            let bytes = |planned: &PlannedSwap| planned.swap.new.iter().map(Value::size).sum::<usize>();
            let bytes = swaps.iter().map(bytes).sum();
            let mut part = Packed::with_room(shape, swaps.len(), bytes, false);
            swaps.into_iter().for_each(|planned| part.push(planned));
            Chunk::Packed(vec![part])
        }
        others => others,
    }
}

/// Kept cells as they are read, piece by piece.
struct Reading<'r> {
    work: &'r KeptWork,
    /// The batch before which the next one is looked for.
    before: Option<i64>,
    /// What is left of the batch that was read last.
    rest: Vec<Entry>,
    closes: Option<Closed>,
}

impl Reading<'_> {
    /// The next piece, of at most so many rows; `None` behind the oldest batch.
    async fn next(&mut self, session: &mut Session, rows: usize) -> Result<Option<Piece>, Halt> {
        let work = self.work;
        if self.closes.is_none() {
            let batch = session.undo_before(&work.of_run, work.number, self.before).await.map_err(halt)?;
            let Some(batch) = batch else { return Ok(None) };
            self.rest = entries(&work.table.target, &batch).await.map_err(Halt::End)?;
            self.closes = Some(Closed { batch: batch.batch, cells: batch.cells });
            self.before = Some(batch.batch);
        }
        let tail = self.rest.split_off(rows.min(self.rest.len()));
        let part = std::mem::replace(&mut self.rest, tail);
        let keys: Vec<RowKey> = part.iter().map(|entry| entry.key.clone()).collect();
        let planner = work.planner(part);
        let rows = session.rows_by_key(planner.reach(), &keys).await.map_err(halt)?;
        let closes = if self.rest.is_empty() { self.closes.take() } else { None };
        Ok(Some(Piece { planner, rows, closes }))
    }
}

#[async_trait]
impl ShardWork for KeptWork {
    async fn go_on(
        &self,
        shared: &Arc<Shared>,
        session: &mut Session,
        shard: &mut ShardRow,
    ) -> Result<Ended, Halt> {
        let before = shard.checkpoint.as_ref().and_then(|key| match key.0.first() {
            Some(Value::Int(batch)) => Some(*batch),
            _ => None,
        });
        let mut reading = Reading { work: self, before, rest: Vec::new(), closes: None };
        if !shared.database.capabilities().concurrent_writers {
            // A reader would only keep the writer waiting.
            loop {
                let piece = reading.next(session, shared.pacer.rows()).await?;
                if let Some(ended) = self.step(shared, session, shard, piece).await? {
                    return Ok(ended);
                }
            }
        }
        let (into, mut pieces) = channel(1);
        let read = self.read_ahead(shared, reading, into);
        let write = self.write_all(shared, session, shard, &mut pieces);
        tokio::pin!(read, write);
        tokio::select! {
            ended = &mut write => return ended,
            () = &mut read => {}
        }
        write.await
    }
}
