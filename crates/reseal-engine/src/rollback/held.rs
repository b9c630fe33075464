//! What other runs of the plan have moved to the same keys: their own rollback puts it back exactly.

use std::sync::Arc;

use reseal_core::{RunState, Value};
use reseal_store::{RunRow, Session};

use super::exact::entries;
use crate::error::EngineError;
use crate::pins;
use crate::target::Target;
use crate::undo::{self, Fingerprint};

/// The digests of what they wrote, sorted: sixteen bytes a cell, for there may be many.
#[derive(Default)]
pub(super) struct Held {
    written: Vec<Fingerprint>,
    /// The runs, the newest first.
    pub(super) runs: Vec<String>,
}

impl Held {
    /// Reads what the runs hold that stand beside `run`.
    pub(super) async fn read(
        session: &mut Session,
        run: &RunRow,
        targets: &[Arc<Target>],
    ) -> Result<Held, EngineError> {
        let mut held = Held::default();
        let Some(job) = targets.first().map(|target| target.job.clone()) else { return Ok(held) };
        for other in session.runs(Some(&run.plan), 1000).await? {
            let stands = other.id != run.id && other.state != RunState::RolledBack;
            if stands && pins::same_primaries(&job, &other)? {
                let before = held.written.len();
                held.add(session, &other.id, targets).await?;
                if held.written.len() > before {
                    held.runs.push(other.id);
                }
            }
        }
        held.written.sort_unstable();
        Ok(held)
    }

    async fn add(
        &mut self,
        session: &mut Session,
        run_id: &str,
        targets: &[Arc<Target>],
    ) -> Result<(), EngineError> {
        let mut after = (-1, -1);
        while let Some(batch) = session.next_undo(run_id, after).await? {
            after = (batch.shard, batch.batch);
            let Some(target) = targets.iter().find(|target| target.label() == batch.table) else { continue };
            let entries = entries(target, &batch).await?;
            self.written.extend(entries.into_iter().flat_map(|entry| entry.new).map(|(_, written)| written));
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether another run wrote what these places of a row hold.
    pub(super) fn has(&self, values: &[Value], places: &[usize]) -> bool {
        !self.is_empty() && self.written.binary_search(&undo::digest(values, places, &mut Vec::new())).is_ok()
    }
}
