//! One shard, from its checkpoint to its end: reading ahead, crypto on all cores and writing overlap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use reseal_core::Key;
use reseal_store::{Database, RowKey, Rows, Session, ShardRow, StoreError, Trouble};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tracing::debug;

use crate::catalogue::Custody;
use crate::cruncher::Cruncher;
use crate::error::EngineError;
use crate::lease::Stopper;
use crate::pace::Pacer;
use crate::progress::Progress;
use crate::reconnect::{current, reload};
use crate::stripes::Group;
use crate::target::Target;
use crate::undo::UndoKey;
use crate::write::{Closing, Halt, Writer, halt};

/// Cells of one field that may fail in a row, with none between them that opens, before the run stops.
pub(crate) const BREAKER: u64 = 1000;

/// What the workers of a run share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) run_id: String,
    pub(crate) epoch: i64,
    pub(crate) undo: bool,
    pub(crate) undo_key: Option<UndoKey>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: Stopper,
    /// What ties the run to the control database.
    pub(crate) custody: Option<Custody>,
    /// Connections that read and have nothing to read at the moment: a new one costs the server milliseconds.
    pub(crate) idle: std::sync::Mutex<Vec<Session>>,
}

impl Shared {
    /// A connection to read with.
    async fn reader(&self) -> Result<Session, StoreError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        match idle {
            Some(session) => Ok(session),
            None => self.database.connect().await,
        }
    }

    /// All connections that have nothing to read.
    pub(crate) fn take_idle(&self) -> Vec<Session> {
        self.idle.lock().map(|mut idle| std::mem::take(&mut *idle)).unwrap_or_default()
    }

    /// A connection for a writer. A batch is committed with its checkpoint, so it need not be on disk at once; what
    /// ends a run is committed on another connection, and brings all before it to disk.
    pub(crate) async fn connect(&self) -> Result<Session, StoreError> {
        let mut session = self.database.connect().await?;
        session.relax().await?;
        Ok(session)
    }
}

/// How work on a shard ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The range is through.
    Done,
    /// A stop was asked for; the checkpoint stands behind the last group that was finished.
    Stopped,
}

/// Works a shard through. A lost connection, or a batch that was too slow, starts again from the ledger.
pub(crate) async fn pump(
    shared: &Arc<Shared>,
    session: &mut Session,
    target: &Arc<Target>,
    shard: &ShardRow,
    fails: &Arc<Vec<AtomicU64>>,
) -> Result<Ended, EngineError> {
    let mut shard = shard.clone();
    let mut reconnects = 0;
    loop {
        let before = shard.batches;
        match pump_once(shared, session, target, &mut shard, fails).await {
            Ok(ended) => return Ok(ended),
            Err(Halt::End(error)) => return Err(error),
            Err(Halt::Smaller(error)) => {
                if !shared.pacer.halve() {
                    return Err(error.into());
                }
                shard = current(session, shared, shard.number).await?;
            }
            Err(Halt::Reload(error)) => {
                // A connection that breaks after work was done is a new trouble, not the same one again.
                reconnects = if shard.batches > before { 1 } else { reconnects + 1 };
                shard = reload(shared, session, shard.number, reconnects, error).await?;
            }
        }
        if shard.done {
            return Ok(Ended::Done);
        }
    }
}

async fn pump_once(
    shared: &Arc<Shared>,
    session: &mut Session,
    target: &Arc<Target>,
    shard: &mut ShardRow,
    fails: &[AtomicU64],
) -> Result<Ended, Halt> {
    let (rows_in, rows_out) = channel(1);
    let (groups_in, mut groups) = channel(1);
    let stripes = session.stripes();
    let reader = spawn_reader(shared.clone(), target.clone(), shard.clone(), stripes, rows_in);
    let cruncher = Cruncher {
        pacer: shared.pacer.clone(),
        target: target.clone(),
        stripes,
        packed: session.swaps_whole(),
        windows: rows_out,
        sparse: false,
    };
    let cruncher = cruncher.spawn(groups_in);
    let ended = write_groups(shared, session, target, shard, fails, &mut groups).await;
    reader.abort();
    cruncher.abort();
    ended
}

async fn write_groups(
    shared: &Shared,
    session: &mut Session,
    target: &Arc<Target>,
    shard: &mut ShardRow,
    fails: &[AtomicU64],
    groups: &mut Receiver<Result<Group, Halt>>,
) -> Result<Ended, Halt> {
    let mut writer = Writer {
        session,
        run_id: &shared.run_id,
        epoch: shared.epoch,
        target: target.clone(),
        shard: shard.number,
        batches: shard.batches,
        undo: shared.undo,
        undo_key: shared.undo_key.clone(),
    };
    loop {
        if shared.stop.asked().is_some() {
            return Ok(Ended::Stopped);
        }
        let begun = Instant::now();
        // KEKs may take their time; nothing of what is waited for was written.
        let group = tokio::select! {
            group = groups.recv() => group,
            () = shared.stop.wait() => return Ok(Ended::Stopped),
        };
        let group = match group {
            Some(group) => group?,
            None => return Err(Halt::Reload(StoreError::new(Trouble::ConnectionLost, "the reader stopped"))),
        };
        breaker(target, fails, &group.opened).map_err(Halt::End)?;
        let (done, batches) = (group.done, group.batches.len());
        let waited = begun.elapsed();
        let outcome = write_group(shared, &mut writer, group).await;
        shard.batches = writer.batches;
        debug!(shard = shard.number, batches, ?waited, took = ?begun.elapsed(), "group written");
        if outcome? == Ended::Stopped {
            return Ok(Ended::Stopped);
        }
        if done {
            return Ok(Ended::Done);
        }
    }
}

/// Commits the batches of a group; the last of them moves the checkpoint. A stop is heard before the first batch, and
/// while replicas or a pause file hold the group back: elsewhere its few batches are finished, and no longer at the
/// plan's rate, so that no row is counted again when the run goes on.
async fn write_group(shared: &Shared, writer: &mut Writer<'_>, group: Group) -> Result<Ended, Halt> {
    let (last, done, mut left) = (group.last, group.done, group.batches.len());
    let mut in_hand = false;
    for batch in group.batches {
        left -= 1;
        let rows = batch.rows;
        let kept = shared.pacer.clear(&shared.progress, &shared.stop).await
            && (shared.pacer.keep_rate(rows as usize, &shared.stop).await || in_hand);
        if !kept {
            return Ok(Ended::Stopped);
        }
        in_hand = true;
        let begun = Instant::now();
        let closing = match left {
            0 => Closing { checkpoint: last.as_ref(), done },
            _ => Closing { checkpoint: None, done: false },
        };
        let cells = writer.commit(batch, &closing).await?;
        if rows > 0 {
            shared.pacer.observe(begun.elapsed());
        }
        shared.progress.add(rows, cells);
    }
    Ok(Ended::Done)
}

/// Tells whether a pager comes by the same place again (Brent's way: one place is remembered, for twice as long each
/// time). A database that compares row keys in another way than it sorts them would else be read for ever.
#[derive(Default)]
struct Circle {
    remembered: Option<RowKey>,
    steps: u64,
}

impl Circle {
    fn is_closed_by(&mut self, key: &RowKey) -> bool {
        let closed = self.remembered.as_ref() == Some(key);
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.remembered = Some(key.clone());
        }
        closed
    }
}

fn in_circles(target: &Target) -> EngineError {
    let columns: Vec<&str> = target.shape.key.iter().map(|column| column.name.as_str()).collect();
    EngineError::refused(
        "row-key-order",
        format!(
            "{}: the same rows come again; the database does not sort ({}) as it compares them",
            target.label(),
            columns.join(", ")
        ),
        "name another row key: integers sort the same everywhere",
    )
}

/// Reads windows ahead of the writer, on a connection of its own.
fn spawn_reader(
    shared: Arc<Shared>,
    target: Arc<Target>,
    shard: ShardRow,
    stripes: usize,
    windows: Sender<Result<Rows, Halt>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut session = match shared.reader().await {
            Ok(session) => session,
            Err(error) => {
                let error = StoreError { trouble: Trouble::ConnectionLost, ..error };
                let _ = windows.send(Err(halt(error))).await;
                return;
            }
        };
        let mut cursor = shard.checkpoint.or(shard.after);
        let mut circle = Circle::default();
        loop {
            let (rows, bytes) = (shared.pacer.window(stripes), shared.pacer.bytes());
            let range = (cursor.as_ref(), shard.upto.as_ref());
            let page = session.page_as_sent(&target.shape, range, rows, bytes).await;
            match page.and_then(|page| page.last().map(|last| (page, last))) {
                Ok((page, Some(last))) => {
                    if circle.is_closed_by(&last.key) {
                        let _ = windows.send(Err(Halt::End(in_circles(&target)))).await;
                        return;
                    }
                    cursor = Some(last.key);
                    if windows.send(Ok(page)).await.is_err() {
                        return;
                    }
                }
                Ok((_, None)) => break,
                Err(error) => {
                    let _ = windows.send(Err(halt(error))).await;
                    return;
                }
            }
        }
        if let Ok(mut idle) = shared.idle.lock() {
            idle.push(session);
        }
        let _ = windows.send(Ok(Rows::default())).await;
    })
}

/// Stops a run whose cells of one field fail one after the other: the key is wrong, not the cells.
fn breaker(target: &Target, fails: &[AtomicU64], counts: &[(u64, u64)]) -> Result<(), EngineError> {
    for (at, (opened, failed)) in counts.iter().enumerate() {
        let Some(count) = fails.get(at) else { continue };
        if *opened > 0 {
            count.store(0, Ordering::Relaxed);
        } else if count.fetch_add(*failed, Ordering::Relaxed) + failed >= BREAKER {
            return Err(wrong_key(target, at, count.load(Ordering::Relaxed)));
        }
    }
    Ok(())
}

/// The refusal of a field of which cell after cell opens under no key.
pub(crate) fn wrong_key(target: &Target, field: usize, cells: u64) -> EngineError {
    let job = &target.table().fields[field];
    let mut keys: Vec<String> = Vec::new();
    for seal in std::iter::once(&job.to).chain(&job.from) {
        let ids: Vec<&str> = seal.keyset.keys().iter().map(Key::id).collect();
        if !ids.is_empty() {
            keys.push(format!("{} ({})", seal.name, ids.join(", ")));
        }
    }
    EngineError::refused(
        "wrong-key",
        format!(
            "{}.{}: {cells} cells in a row, none opens under {}",
            target.label(),
            job.name,
            keys.join(", ")
        ),
        "check which key these cells are under, and that the plan's format, AAD and key derivation are the \
         application's own",
    )
}

#[cfg(test)]
mod tests {
    use reseal_core::Value;

    use super::*;

    /// Watches the pager: where the keys lead back, it stops soon; where they go on, it never does.
    #[test]
    fn a_circle_is_told_from_a_long_way() {
        for (lead, round) in [(0_i64, 1_i64), (0, 7), (1000, 1), (1000, 300)] {
            let mut circle = Circle::default();
            let keys = (0..).map(|n| if n < lead { n } else { lead + (n - lead) % round });
            let steps = keys.take_while(|n| !circle.is_closed_by(&RowKey(vec![Value::Int(*n)]))).count();
            assert!(steps as i64 <= 4 * (lead + round), "{lead} {round}: {steps}");
        }
        let mut circle = Circle::default();
        assert!((0..100_000).all(|n| !circle.is_closed_by(&RowKey(vec![Value::Int(n)]))));
    }
}
