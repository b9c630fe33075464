//! What was kept of cells that are back or sealed again is dropped, where others are not: what is kept of those stays.

use std::collections::BTreeMap;

use reseal_store::{RunLease, RunRow, Session, UndoBatch};

use super::batches::KeptBatch;
use super::proof::Proof;
use crate::cell::undo::{self, UndoKey};
use crate::commit::Commit;
use crate::commit::restore::entries;
use crate::error::RunError;

/// Batches that are dropped in one transaction.
const AT_ONCE: usize = 200;

/// Giving up what a run has kept.
pub(super) struct GivingUp<'g> {
    pub(super) of_run: &'g RunRow,
    /// Of the rollback.
    pub(super) lease: &'g RunLease,
    /// The key that what is kept is sealed under, in an emergency.
    pub(super) undo_key: Option<UndoKey>,
}

impl GivingUp<'_> {
    /// Drops what a sweep has proven. What a crash leaves undone, the next rollback's sweep proves again.
    pub(super) async fn all_but(&self, session: &mut Session, proof: &Proof) -> Result<(), RunError> {
        for batch in proof.kept.iter().filter(|batch| !batch.is_whole) {
            self.trim(session, batch).await?;
        }
        let mut by_shard: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for place in &proof.proven {
            by_shard.entry(place.shard).or_default().push(place.batch);
        }
        for (shard, batches) in by_shard {
            for batches in batches.chunks(AT_ONCE) {
                Commit::new(session, self.lease).drop_undo_of(&self.of_run.id, shard, batches).await?;
            }
        }
        Ok(())
    }

    /// Takes all cells out of a batch but those that are not back.
    async fn trim(&self, session: &mut Session, kept: &KeptBatch) -> Result<(), RunError> {
        let (run, place) = (&self.of_run.id, kept.place);
        let batch = session.undo_before(run, place.shard, Some(place.batch + 1)).await?;
        let Some(batch) = batch.filter(|batch| batch.batch == place.batch) else { return Ok(()) };
        let target = &kept.target;
        let mut left = Vec::new();
        for (at, mut entry) in entries(target, &batch).await?.into_iter().enumerate() {
            if let Some(groups) = kept.entries.get(&at) {
                entry.keep_only(groups, &target.groups);
                left.push(entry);
            }
        }
        let cells = kept.entries.values().map(Vec::len).sum::<usize>() as u64;
        let payload = undo::close(undo::repack(&left), self.undo_key.as_ref())?;
        let trimmed = UndoBatch { cells, payload, ..batch };
        Commit::new(session, self.lease).replace_undo_of(run, trimmed).await
    }
}
