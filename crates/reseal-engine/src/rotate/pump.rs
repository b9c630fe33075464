//! One shard, from its checkpoint to its end: reading ahead, crypto on all cores and writing overlap.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use async_trait::async_trait;
use reseal_store::{Session, ShardRow, StoreError, Trouble};
use tokio::sync::mpsc::{Receiver, channel};
use tracing::debug;

use crate::batch::Way;
use crate::cell::spared::Spared;
use crate::cell::target::Target;
use crate::commit::planner::Planner;
use crate::commit::rows::Closing;
use crate::commit::writer::{Halt, Writer};
use crate::error::RunError;
use crate::rotate::breaker::breaker;
use crate::rotate::cruncher::Cruncher;
use crate::rotate::reader::spawn_reader;
use crate::rotate::reconnect::{current, reload};
use crate::rotate::shared::Shared;
use crate::rotate::stripes::Group;

/// How work on a shard ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The range is done.
    Done,
    /// A stop was asked for; the checkpoint stands behind the last group that was finished.
    Stopped,
}

/// How one shard is worked on.
#[async_trait]
pub(crate) trait ShardWork: Send + Sync {
    /// Goes on from the shard's checkpoint to its end, or to the first halt.
    async fn go_on(
        &self,
        shared: &Arc<Shared>,
        session: &mut Session,
        shard: &mut ShardRow,
    ) -> Result<Ended, Halt>;
}

/// Works a shard through. A lost connection, or a batch that was too slow, starts again from the ledger.
pub(crate) async fn pump(
    shared: &Arc<Shared>,
    session: &mut Session,
    work: &dyn ShardWork,
    shard: &ShardRow,
) -> Result<Ended, RunError> {
    let mut shard = shard.clone();
    let mut reconnects = 0;
    loop {
        let before = shard.batches;
        match work.go_on(shared, session, &mut shard).await {
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

/// A range of row keys whose cells move to the primary of their target.
pub(crate) struct RangeWork {
    pub(crate) target: Arc<Target>,
    pub(crate) planner: Arc<dyn Planner>,
    /// What stays as it is, on the way back.
    pub(crate) spared: Option<Spared>,
    /// For each field the failures in a row; none on the way back, where what does not open is not looked for.
    pub(crate) fails: Option<Arc<Vec<AtomicU64>>>,
}

#[async_trait]
impl ShardWork for RangeWork {
    async fn go_on(
        &self,
        shared: &Arc<Shared>,
        session: &mut Session,
        shard: &mut ShardRow,
    ) -> Result<Ended, Halt> {
        let (rows_in, rows_out) = channel(1);
        let (groups_in, mut groups) = channel(1);
        let stripes = session.stripes();
        let reader = spawn_reader(shared.clone(), self.target.clone(), shard.clone(), stripes, rows_in);
        let cruncher = Cruncher {
            pacer: shared.pacer.clone(),
            target: self.target.clone(),
            // Later rounds meet what this run has moved.
            way: match &self.spared {
                Some(spared) => Way::Back(spared.clone()),
                None => Way::On { notes: shared.undo && shard.round == 1 },
            },
            stripes,
            packed: session.swaps_whole() && !self.target.shape.read_back,
            windows: rows_out,
            sparse: false,
        };
        let cruncher = cruncher.spawn(groups_in);
        let ended = write_groups(shared, session, self, shard, &mut groups).await;
        reader.abort();
        cruncher.abort();
        ended
    }
}

async fn write_groups(
    shared: &Shared,
    session: &mut Session,
    work: &RangeWork,
    shard: &mut ShardRow,
    groups: &mut Receiver<Result<Group, Halt>>,
) -> Result<Ended, Halt> {
    let mut writer = Writer {
        session,
        lease: &shared.lease,
        target: work.target.clone(),
        planner: work.planner.clone(),
        shard: shard.number,
        batches: shard.batches,
        undo: shared.undo,
        undo_key: shared.undo_key.clone(),
        pins: shared.pins.clone(),
        read_back: false,
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
        if let Some(fails) = &work.fails {
            breaker(&work.target, fails, &group.opened).map_err(Halt::End)?;
        }
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
