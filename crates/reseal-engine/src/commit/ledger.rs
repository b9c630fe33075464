//! What the ledger notes of a run beside its swaps: one transaction each.

use std::collections::BTreeMap;

use reseal_core::audit::TrailHead;
use reseal_store::{ColumnName, NotedTable, Pin, Quarantined, ShardRow, StepDone, StepKey, UndoBatch};

use super::{Commit, finish};
use crate::error::RunError;

/// What a step is.
#[derive(Clone, Copy)]
pub(crate) struct StepName<'s> {
    pub(crate) key: &'s StepKey,
    /// The step in messages.
    pub(crate) label: &'s str,
    /// Digest of what the plan says of it.
    pub(crate) digest: &'s str,
}

impl Commit<'_> {
    /// Writes the shards of a round.
    pub(crate) async fn shards(mut self, shards: &[ShardRow]) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.add_shards(shards).await;
        finish(guarded, outcome).await
    }

    /// Records tables that the run was found to have by now, and claims its columns of them.
    pub(crate) async fn tables(
        mut self,
        tables: &[NotedTable],
        columns: &[ColumnName],
        operator: &str,
    ) -> Result<(), RunError> {
        if tables.is_empty() {
            return Ok(());
        }
        let mut guarded = self.begin().await?;
        let outcome = guarded.note_tables(tables, columns, operator).await;
        finish(guarded, outcome).await
    }

    /// Puts the shards of a run back to their beginnings; what it kept of old cells is back in place by now.
    pub(crate) async fn restart(mut self) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.restart_shards().await;
        finish(guarded, outcome).await
    }

    /// Drops the old cells that were kept.
    pub(crate) async fn drop_undo(mut self) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.drop_undo().await;
        finish(guarded, outcome).await
    }

    /// Forgets what the run met under the new key.
    pub(crate) async fn drop_stood(mut self) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.drop_stood().await;
        finish(guarded, outcome).await
    }

    /// Drops batches of a shard that the run has kept which this one rolls back.
    pub(crate) async fn drop_undo_of(
        mut self,
        run_id: &str,
        shard: i64,
        batches: &[i64],
    ) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.drop_undo_of(run_id, shard, batches).await;
        finish(guarded, outcome).await
    }

    /// Puts another payload in the place of a batch that the run has kept which this one rolls back.
    pub(crate) async fn replace_undo_of(mut self, run_id: &str, batch: UndoBatch) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.replace_undo_of(run_id, batch).await;
        finish(guarded, outcome).await
    }

    /// Puts other digests in the place of what the run met under the new key which this one rolls back.
    pub(crate) async fn replace_stood_of(mut self, run_id: &str, digests: &[u8]) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.replace_stood_of(run_id, digests).await;
        finish(guarded, outcome).await
    }

    /// Pins keys that the plan has not used before.
    pub(crate) async fn pins(mut self, plan: &str, pins: &[Pin]) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let mut outcome = Ok(());
        for pin in pins {
            outcome = guarded.pin(plan, pin).await;
            if outcome.is_err() {
                break;
            }
        }
        finish(guarded, outcome).await
    }

    /// Notes the event with which the run begins in the records of the observer.
    pub(crate) async fn trail_mark(mut self, plan: &str, at: TrailHead) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.note_trail_mark(plan, at).await;
        finish(guarded, outcome).await
    }

    /// Lists cells in the quarantine.
    pub(crate) async fn quarantine(mut self, cells: &[Quarantined]) -> Result<(), RunError> {
        if cells.is_empty() {
            return Ok(());
        }
        let mut guarded = self.begin().await?;
        let outcome = guarded.quarantine(cells).await;
        finish(guarded, outcome).await
    }

    /// Empties the quarantine.
    pub(crate) async fn clear_quarantine(mut self) -> Result<(), RunError> {
        self.session.clear_aside().await?;
        let mut guarded = self.begin().await?;
        let outcome = guarded.clear_quarantine().await;
        finish(guarded, outcome).await
    }

    /// Brings what was put aside while a snapshot was read into the quarantine.
    pub(crate) async fn quarantine_from_aside(mut self) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.quarantine_from_aside().await;
        finish(guarded, outcome).await
    }

    /// Notes steps that are to follow once the run is clean.
    pub(crate) async fn owe_step(mut self, step: StepName<'_>) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.owe_step(step.key, step.label, step.digest).await;
        finish(guarded, outcome).await
    }

    /// Notes that a step begins.
    pub(crate) async fn begin_step(mut self, step: StepName<'_>) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.begin_step(step.key, step.label, step.digest).await;
        finish(guarded, outcome).await
    }

    /// Notes how a step ended.
    pub(crate) async fn end_step(mut self, key: &StepKey, done: &StepDone<'_>) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.end_step(key, done).await;
        finish(guarded, outcome).await
    }

    /// Notes the variables of the run.
    pub(crate) async fn vars(mut self, vars: &BTreeMap<String, String>) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.note_vars(vars).await;
        finish(guarded, outcome).await
    }

    /// Forgets the variables of the run.
    pub(crate) async fn drop_vars(mut self) -> Result<(), RunError> {
        let mut guarded = self.begin().await?;
        let outcome = guarded.drop_vars().await;
        finish(guarded, outcome).await
    }
}
