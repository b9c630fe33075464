//! A table on its way back: as the run had it, and with the old key as the primary.

use std::sync::Arc;

use reseal_core::{Key, Part};
use reseal_store::{RunRow, Session};

use super::other_runs::Held;
use crate::cell::field::FieldTarget;
use crate::cell::layout::layout;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::job::Job;
use crate::job::scope::Scope;

/// A table on its way back.
#[derive(Clone)]
pub(super) struct Table {
    /// The table as the run had it.
    pub(super) target: Arc<Target>,
    /// The same with the old key as the primary.
    pub(super) back: Arc<Target>,
    /// What other runs have moved.
    pub(super) held: Arc<Held>,
    /// The fields whose keyset has no old key.
    without: Arc<Vec<usize>>,
}

/// The tables of a run, as they are laid out on either way.
pub(super) struct Layouts {
    pub(super) targets: Vec<Arc<Target>>,
    back: Vec<Arc<Target>>,
}

impl Layouts {
    pub(super) async fn of(
        session: &mut Session,
        job: &Arc<Job>,
        back: &Arc<Job>,
        scope: &Scope,
    ) -> Result<Layouts, RunError> {
        let targets = layout(session, job, scope).await?;
        Ok(Layouts { targets, back: layout(session, back, scope).await? })
    }

    /// The tables, with what other runs than this have moved.
    pub(super) async fn tables(&self, session: &mut Session, run: &RunRow) -> Result<Vec<Table>, RunError> {
        let held = Arc::new(Held::read(session, run, &self.targets).await?);
        let both = self.targets.iter().zip(&self.back);
        Ok(both.map(|(target, back)| Table::new(target.clone(), back.clone(), held.clone())).collect())
    }
}

impl Table {
    fn new(target: Arc<Target>, back: Arc<Target>, held: Arc<Held>) -> Table {
        let primary = |target: &Target, at: usize| {
            target.table().fields[at].to.keyset.primary().map(|key: &Key| key.id().to_owned())
        };
        let same = |at: &usize| primary(&back, *at) == primary(&target, *at);
        let without = (0..target.table().fields.len()).filter(same).collect();
        Table { target, back, held, without: Arc::new(without) }
    }

    /// Whether there is an old key for the cells of a field.
    pub(super) fn has_way_back(&self, field: &FieldTarget) -> bool {
        !self.without.contains(&field.at)
    }
}

/// Whether the cells of a field name their key; else only opening them tells.
pub(super) fn is_marked(field: &FieldTarget) -> bool {
    field.place_of(Part::Key).is_some() || field.job().to.format.marked
}
