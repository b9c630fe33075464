//! The canary: one batch alone, then the steps that judge it, then all the rest. A batch that is judged bad is put back.

use std::sync::Arc;

use reseal_store::{Quarantined, RowKey, Session, ShardRow, Trouble};

use crate::batch::{work_first, work_through};
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::commit::Commit;
use crate::commit::planner::Onward;
use crate::commit::restore::restore;
use crate::commit::rows::Closing;
use crate::commit::writer::{Halt, Writer};
use crate::error::{PutBack, RunError};
use crate::job::hooks::Phase;
use crate::rotate::shared::Shared;
use crate::run::steps::{Cut, Steps};
use crate::stop::Stop;

/// What came of the canary.
pub(crate) enum Sent {
    /// It lives: the shards that are left of the round.
    Ahead(Vec<ShardRow>),
    /// A stop came first.
    Stopped(Stop),
}

/// Puts the canary before the rest of the first round, unless it lived already.
pub(crate) async fn sent_ahead(
    shared: &Shared,
    session: &mut Session,
    steps: &Steps,
    targets: &[Arc<Target>],
    shards: Vec<ShardRow>,
) -> Result<Sent, RunError> {
    if steps.are_done(session, Phase::Canary).await? {
        return Ok(Sent::Ahead(shards));
    }
    // A batch that an engine before this one has written is judged as it is.
    if session.undo_cells(shared.lease.run_id()).await? == 0 {
        first_batch(shared, targets, &shards).await?;
    }
    match steps.play(session, Phase::Canary, Some(&shared.stop)).await {
        Ok(()) => {}
        Err(Cut::Stopped(stop)) => return Ok(Sent::Stopped(stop)),
        Err(Cut::Failed(error)) => {
            let back = match put_back(shared, session, targets).await {
                Ok(back) => back,
                Err(why) if is_refusal(&why) => PutBack::Failed(Box::new(why)),
                Err(error) => return Err(error),
            };
            return Err(RunError::Canary { error: Box::new(error), back });
        }
    }
    if !shared.undo {
        Commit::new(session, &shared.lease).drop_undo().await?;
    }
    let round = shards.first().map_or(1, |shard| shard.round);
    let known = session.shards(shared.lease.run_id()).await?;
    Ok(Sent::Ahead(known.into_iter().filter(|shard| shard.round == round && !shard.done).collect()))
}

/// Writes the first batch that has something to write, with its old cells kept whatever the plan says.
async fn first_batch(shared: &Shared, targets: &[Arc<Target>], shards: &[ShardRow]) -> Result<(), RunError> {
    let mut session = shared.database.connect().await?;
    for shard in shards {
        let Some(target) = targets.iter().find(|target| target.label() == shard.table) else { continue };
        let cursor = shard.checkpoint.clone().or_else(|| shard.after.clone());
        let (rows, bytes) = (shared.pacer.rows(), shared.pacer.bytes());
        let page = session.page(&target.shape, cursor.as_ref(), shard.upto.as_ref(), rows, bytes).await?;
        let Some(last) = page.last().map(|row| row.key.clone()) else { continue };
        let count = page.len() as u64;
        let work = work_first(target.clone(), page, shared.undo && shard.round == 1).await?;
        if work.swaps.is_empty() {
            continue;
        }
        let mut writer = Writer {
            session: &mut session,
            lease: &shared.lease,
            target: target.clone(),
            planner: Arc::new(Onward(target.clone())),
            shard: shard.number,
            batches: shard.batches,
            undo: true,
            undo_key: shared.undo_key.clone(),
            pins: shared.pins.clone(),
            read_back: true,
        };
        let closing = Closing { checkpoint: Some(&last), done: false };
        let cells = writer.commit(work.into(), &closing).await.map_err(Halt::error)?;
        shared.progress.add(count, cells);
        return Ok(());
    }
    Ok(())
}

/// Whether the database refuses to hold what is put back.
fn is_refusal(error: &RunError) -> bool {
    match error {
        RunError::Stored(_) => true,
        RunError::Store(error) => error.trouble == Trouble::Constraint,
        _ => false,
    }
}

/// Puts the one batch back to its old bytes, and its shard to the beginning. Cells that the application has written
/// since are its own, and stay. Where a row is refused, or cells hold neither, nothing is dropped of what was kept.
async fn put_back(
    shared: &Shared,
    session: &mut Session,
    targets: &[Arc<Target>],
) -> Result<PutBack, RunError> {
    let run_id = shared.lease.run_id();
    let (mut refused, mut lost) = (false, 0);
    for shard in session.undo_shards(run_id).await? {
        let mut before = None;
        while let Some(batch) = session.undo_before(run_id, shard.number, before).await? {
            before = Some(batch.batch);
            if let Some(target) = targets.iter().find(|target| target.label() == batch.table) {
                let restored = restore(session, &shared.lease, target, &batch).await?;
                refused |= restored.refused;
                lost += damaged(shared, session, target, &restored.rows).await?;
            }
        }
    }
    match (lost, refused) {
        (0, false) => Commit::new(session, &shared.lease).restart().await.map(|()| PutBack::Whole),
        (0, true) => Ok(PutBack::Refused),
        _ => Ok(PutBack::Damaged(lost)),
    }
}

/// How many cells of these rows do not open, though they did when the batch was written: no application wrote them.
async fn damaged(
    shared: &Shared,
    session: &mut Session,
    target: &Arc<Target>,
    keys: &[RowKey],
) -> Result<u64, RunError> {
    let listed = session.quarantined(shared.lease.run_id()).await?;
    let rows = session.rows_by_key(&target.unscoped, keys).await?;
    let work = work_through(target.clone(), rows, Trust::Nothing).await?;
    let is_listed = |cell: &Quarantined| listed.iter().any(|listed| listed.cell == cell.cell);
    Ok(work.broken.iter().filter(|cell| !is_listed(cell)).count() as u64)
}
