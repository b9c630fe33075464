//! One shard, from its checkpoint to its end: reading ahead, crypto on all cores and writing overlap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reseal_core::Key;
use reseal_store::{Database, Row, RowKey, Session, ShardRow, StoreError, Trouble};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::batch::{Work, work_through};
use crate::cell::Trust;
use crate::error::EngineError;
use crate::lease::Stopper;
use crate::pace::Pacer;
use crate::progress::Progress;
use crate::target::Target;
use crate::write::{Closing, Halt, Writer, halt};

/// Cells of one field that may fail in a row, with none between them that opens, before the run stops.
pub(crate) const BREAKER: u64 = 1000;
/// How often a lost connection is made anew before the run stops; it can be resumed.
const RECONNECTS: u32 = 6;

/// What the workers of a run share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) run_id: String,
    pub(crate) epoch: i64,
    pub(crate) undo: bool,
    pub(crate) undo_key: Option<Key>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: Stopper,
}

/// How work on a shard ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The range is through.
    Done,
    /// A stop was asked for; the checkpoint stands behind the batch in hand.
    Stopped,
}

struct Page {
    work: Work,
    last: Option<RowKey>,
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
            }
            Err(Halt::Reload(error)) => {
                // A connection that breaks after work was done is a new trouble, not the same one again.
                reconnects = if shard.batches > before { 1 } else { reconnects + 1 };
                *session = reconnect(shared, reconnects, error).await?;
            }
        }
        shard = current(session, shared, shard.number).await?;
        if shard.done {
            return Ok(Ended::Done);
        }
    }
}

async fn reconnect(shared: &Shared, attempt: u32, error: StoreError) -> Result<Session, EngineError> {
    for attempt in attempt..=RECONNECTS {
        tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        if let Ok(session) = shared.database.connect().await {
            return Ok(session);
        }
        if shared.stop.asked().is_some() {
            break;
        }
    }
    Err(error.into())
}

async fn current(session: &mut Session, shared: &Shared, number: i64) -> Result<ShardRow, EngineError> {
    let shards = session.shards(&shared.run_id).await?;
    let shard = shards.into_iter().find(|shard| shard.number == number);
    match shard {
        Some(shard) if shard.epoch == shared.epoch => Ok(shard),
        _ => Err(EngineError::superseded()),
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
    let (work_in, mut work_out) = channel(1);
    let reader = spawn_reader(shared.clone(), target.clone(), shard.clone(), rows_in);
    let cruncher = spawn_cruncher(target.clone(), rows_out, work_in);
    let ended = write_pages(shared, session, target, shard, fails, &mut work_out).await;
    reader.abort();
    cruncher.abort();
    ended
}

async fn write_pages(
    shared: &Shared,
    session: &mut Session,
    target: &Arc<Target>,
    shard: &mut ShardRow,
    fails: &[AtomicU64],
    pages: &mut Receiver<Result<Page, StoreError>>,
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
        let page = match pages.recv().await {
            Some(page) => page.map_err(halt)?,
            None => return Err(Halt::Reload(StoreError::new(Trouble::ConnectionLost, "the reader stopped"))),
        };
        breaker(target, fails, &page.work).map_err(Halt::End)?;
        let rows = page.work.counts.rows_scanned;
        shared.pacer.admit(rows as usize, &shared.progress, &shared.stop).await;
        let begun = Instant::now();
        let closing = Closing { checkpoint: page.last.as_ref(), done: page.last.is_none() };
        let cells = writer.commit(page.work, &closing).await;
        shard.batches = writer.batches;
        let cells = cells?;
        if rows > 0 {
            shared.pacer.observe(begun.elapsed());
        }
        shared.progress.add(rows, cells);
        if closing.done {
            return Ok(Ended::Done);
        }
    }
}

/// Reads pages ahead of the writer, on a connection of its own.
fn spawn_reader(
    shared: Arc<Shared>,
    target: Arc<Target>,
    shard: ShardRow,
    pages: Sender<Result<Vec<Row>, StoreError>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut session = match shared.database.connect().await {
            Ok(session) => session,
            Err(error) => {
                let error = StoreError { trouble: Trouble::ConnectionLost, ..error };
                let _ = pages.send(Err(error)).await;
                return;
            }
        };
        let mut cursor = shard.checkpoint.or(shard.after);
        loop {
            let (rows, bytes) = (shared.pacer.rows(), shared.pacer.bytes());
            let page = session.page(&target.shape, cursor.as_ref(), shard.upto.as_ref(), rows, bytes).await;
            let end = match &page {
                Ok(rows) => match rows.last() {
                    Some(last) => {
                        cursor = Some(last.key.clone());
                        false
                    }
                    None => true,
                },
                Err(_) => true,
            };
            if pages.send(page).await.is_err() || end {
                return;
            }
        }
    })
}

/// Opens and seals between reader and writer. A page without rows is the end of the range.
fn spawn_cruncher(
    target: Arc<Target>,
    mut pages: Receiver<Result<Vec<Row>, StoreError>>,
    work: Sender<Result<Page, StoreError>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(page) = pages.recv().await {
            let page = match page {
                Ok(rows) => {
                    let last = rows.last().map(|row| row.key.clone());
                    Ok(Page { work: work_through(target.clone(), rows, Trust::Marks).await, last })
                }
                Err(error) => Err(error),
            };
            if work.send(page).await.is_err() {
                return;
            }
        }
    })
}

/// Stops a run whose cells of one field fail one after the other: the key is wrong, not the cells.
fn breaker(target: &Target, fails: &[AtomicU64], work: &Work) -> Result<(), EngineError> {
    for (at, (opened, failed)) in work.opened.iter().enumerate() {
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
