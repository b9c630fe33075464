//! What other runs have moved to the same keys: their own rollback puts it back exactly.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_core::Value;
use reseal_store::{RunRow, Session, TableName, Trouble};

use crate::cell::target::Target;
use crate::cell::undo::{self, Fingerprint};
use crate::commit::restore::entries;
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
    before: Arc<Vec<Fingerprint>>,
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
        let before = Arc::new(before(session, &run.id).await?);
        Ok(Held { written: Arc::new(written), before, runs })
    }

    /// All that stays as it is where others are sealed anew.
    pub(super) fn all(&self) -> Arc<Vec<Fingerprint>> {
        if self.before.is_empty() {
            return self.written.clone();
        }
        let mut all = [&self.written[..], &self.before[..]].concat();
        all.sort_unstable();
        Arc::new(all)
    }

    /// Whether what these places of a row hold was there before the run.
    pub(super) fn was_before(&self, values: &[Value], places: &[usize]) -> bool {
        !self.before.is_empty()
            && self.before.binary_search(&undo::digest(values, places, &mut Vec::new())).is_ok()
    }

    /// The newest of the runs, as people are told of it.
    pub(super) fn newest(&self) -> Option<String> {
        self.runs.first().map(|run| format!("run {} of plan {}", run.id, run.plan))
    }

    /// Whether another run wrote what these places of a row hold.
    pub(super) fn has(&self, values: &[Value], places: &[usize]) -> bool {
        !self.written.is_empty()
            && self.written.binary_search(&undo::digest(values, places, &mut Vec::new())).is_ok()
    }
}

/// The digests of what was under the new key before a run came to it, sorted.
async fn before(session: &mut Session, run_id: &str) -> Result<Vec<Fingerprint>, RunError> {
    let (mut before, mut after) = (Vec::new(), None);
    while let Some(batch) = session.next_stood(run_id, after).await? {
        after = Some(batch.place);
        before.extend(batch.digests.as_chunks().0);
    }
    before.sort_unstable();
    Ok(before)
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
        let Some(target) = tables.find(session, &batch.table).await? else { continue };
        let entries = match entries(target, &batch).await {
            // Sealed under a key that this plan does not have: then its cells are not under this run's key either.
            Err(RunError::Undo(UndoError::Unreadable)) if stranger => continue,
            entries => entries?,
        };
        written.extend(entries.into_iter().flat_map(|entry| entry.new).map(|(_, digest)| digest));
    }
    Ok(())
}

/// The tables of a rollback, by the names that runs call them.
struct Tables<'t> {
    targets: &'t [Arc<Target>],
    own_names: Vec<TableName>,
    known: HashMap<String, Option<usize>>,
}

impl<'t> Tables<'t> {
    async fn of(session: &mut Session, targets: &'t [Arc<Target>]) -> Result<Self, RunError> {
        let mut own_names = Vec::new();
        for target in targets {
            own_names.push(session.describe(&target.shape.table).await?.name);
        }
        let known = targets.iter().enumerate().map(|(at, target)| (target.label().to_owned(), Some(at)));
        Ok(Tables { targets, own_names, known: known.collect() })
    }

    /// Whether a run worked on any of them.
    async fn any_of(&mut self, session: &mut Session, run_id: &str) -> Result<bool, RunError> {
        for shard in session.shards(run_id).await? {
            if self.find(session, &shard.table).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The table that a run calls by this label: other plans may spell its name in another way.
    async fn find(
        &mut self,
        session: &mut Session,
        label: &str,
    ) -> Result<Option<&'t Arc<Target>>, RunError> {
        if !self.known.contains_key(label) {
            let at = self.look_up(session, label).await?;
            self.known.insert(label.to_owned(), at);
        }
        Ok(self.known[label].map(|at| &self.targets[at]))
    }

    async fn look_up(&self, session: &mut Session, label: &str) -> Result<Option<usize>, RunError> {
        let whole = TableName { schema: None, name: label.to_owned() };
        let in_schema = label
            .split_once('.')
            .map(|(schema, name)| TableName { schema: Some(schema.to_owned()), name: name.to_owned() });
        for name in std::iter::once(whole).chain(in_schema) {
            match session.describe(&name).await {
                Ok(facts) => return Ok(self.own_names.iter().position(|own| *own == facts.name)),
                Err(error) if error.trouble == Trouble::ConnectionLost => return Err(error.into()),
                // It is not there, or in a schema that is closed to this user: then it is none of the rollback's.
                Err(_) => {}
            }
        }
        Ok(None)
    }
}
