//! What other runs have moved to the same keys: their own rollback puts it back exactly.

use std::sync::Arc;

use reseal_core::Value;
use reseal_store::{RunRow, Session};

use super::before::Before;
use super::tables::Tables;
use crate::cell::target::Target;
use crate::cell::undo::{self, Fingerprint};
use crate::error::{RunError, UndoError};
use crate::job::{Job, pins};

/// How many runs are looked at, of the plan and of all.
const RUNS: u64 = 1000;

/// Whether a run moved cells to a key that is a primary of the job. Another plan calls its keysets as it likes: there keys
/// are known by their bytes.
fn ends_alike(job: &Job, run: &RunRow, stranger: bool) -> Result<bool, RunError> {
    if !stranger {
        return pins::same_primaries(job, run);
    }
    for keyset in &job.keysets {
        if pins::moved_to_primary(keyset, run)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The digests of what they wrote, sorted: sixteen bytes a cell, for there may be many.
#[derive(Default)]
pub(super) struct Held {
    written: Arc<Vec<Fingerprint>>,
    /// What was under the new key before the run came to it.
    pub(super) before: Before,
    /// The runs: those of the same plan, the newest first, then others.
    runs: Vec<RunRow>,
}

impl Held {
    /// Reads what the runs hold that stand beside `run`, of this plan and of others that have rotated the same tables.
    pub(super) async fn read(
        session: &mut Session,
        run: &RunRow,
        targets: &[Arc<Target>],
    ) -> Result<Held, RunError> {
        let (mut written, mut runs) = (Vec::new(), Vec::new());
        let Some(job) = targets.first().map(|target| target.job.clone()) else { return Ok(Held::default()) };
        let mut tables = Tables::of(session, targets).await?;
        let own = session.runs(Some(&run.plan), RUNS).await?;
        let all = session.runs(None, RUNS).await?;
        let strangers = all.into_iter().filter(|other| other.plan != run.plan);
        for other in own.into_iter().chain(strangers) {
            // Of one that is rolled back something may still be kept.
            if other.id == run.id {
                continue;
            }
            let stranger = other.plan != run.plan;
            if tables.any_of(session, &other.id).await? && ends_alike(&job, &other, stranger)? {
                let before = written.len();
                add(session, &other.id, stranger, &mut tables, &mut written).await?;
                if written.len() > before {
                    runs.push(other);
                }
            }
        }
        written.sort_unstable();
        let before = Before::read(session, &run.id, &mut tables).await?;
        Ok(Held { written: Arc::new(written), before, runs })
    }

    /// All that stays as it is where others are sealed again.
    pub(super) fn all(&self) -> Arc<Vec<Fingerprint>> {
        if self.before.digests.is_empty() {
            return self.written.clone();
        }
        let mut all = [&self.written[..], &self.before.digests[..]].concat();
        all.sort_unstable();
        Arc::new(all)
    }

    /// The newest of the runs, as people are told of it.
    pub(super) fn newest(&self) -> Option<String> {
        self.runs.first().map(|run| format!("run {} of plan `{}`", run.id, run.plan))
    }

    /// Whether another run wrote what these places of a row hold.
    pub(super) fn has(&self, values: &[Value], places: &[usize]) -> bool {
        !self.written.is_empty()
            && self.written.binary_search(&undo::digest(values, places, &mut Vec::new())).is_ok()
    }
}

/// Adds the digests of what a run wrote.
async fn add(
    session: &mut Session,
    run_id: &str,
    stranger: bool,
    tables: &mut Tables<'_>,
    written: &mut Vec<Fingerprint>,
) -> Result<(), RunError> {
    let mut after = None;
    while let Some(batch) = session.next_undo(run_id, after).await? {
        after = Some(batch.place());
        match tables.written(session, &batch).await {
            // Sealed under a key that this plan does not have: then its cells are not under this run's key either.
            Err(RunError::Undo(UndoError::Unreadable)) if stranger => {}
            digests => written.extend(digests?),
        }
    }
    Ok(())
}
