//! The tables of a rollback, as other runs call them.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_store::{Session, TableName, Trouble, UndoBatch};

use crate::cell::target::Target;
use crate::cell::undo::Fingerprint;
use crate::commit::restore::entries;
use crate::error::RunError;

/// The tables of a rollback, by the names that runs call them.
pub(super) struct Tables<'t> {
    targets: &'t [Arc<Target>],
    own_names: Vec<TableName>,
    known: HashMap<String, Option<usize>>,
}

impl<'t> Tables<'t> {
    pub(super) async fn of(session: &mut Session, targets: &'t [Arc<Target>]) -> Result<Self, RunError> {
        let mut own_names = Vec::new();
        for target in targets {
            own_names.push(session.describe(&target.shape.table).await?.name);
        }
        let known = targets.iter().enumerate().map(|(at, target)| (target.label().to_owned(), Some(at)));
        Ok(Tables { targets, own_names, known: known.collect() })
    }

    /// The digests of what a run wrote of which a batch keeps the old cells; none where it is of another table.
    pub(super) async fn written(
        &mut self,
        session: &mut Session,
        batch: &UndoBatch,
    ) -> Result<Vec<Fingerprint>, RunError> {
        let Some(target) = self.find(session, &batch.table).await? else { return Ok(Vec::new()) };
        let entries = entries(target, batch).await?;
        Ok(entries.into_iter().flat_map(|entry| entry.new).map(|(_, digest)| digest).collect())
    }

    /// Whether a run worked on any of them.
    pub(super) async fn any_of(&mut self, session: &mut Session, run_id: &str) -> Result<bool, RunError> {
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
