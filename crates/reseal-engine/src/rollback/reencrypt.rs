//! Cells that the application wrote under the new key: sealed anew under the old one, or listed where that cannot be.
//! Cells that another run has moved, and that its own rollback puts back exactly, are left to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use reseal_core::{Part, Value};
use reseal_store::{Quarantined, Row, RowKey, RunLease, Session, Swap};

use super::other_runs::Held;
use crate::batch::work_through;
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::field::FieldTarget;
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::commit::Commit;
use crate::commit::settle::{WayBack, settle};
use crate::error::RunError;
use crate::reason::Reason;
use crate::stop::Stopper;

/// Rows and bytes of a page at the most.
const PAGE: (usize, usize) = (500, 2 << 20);
/// How often a table is gone through for cells that the application writes meanwhile.
const PASSES: u32 = 3;

/// A table on its way back.
pub(super) struct Anew {
    /// The table as the run had it.
    pub(super) target: Arc<Target>,
    /// The same with the old key as the primary.
    pub(super) back: Arc<Target>,
    pub(super) held: Arc<Held>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Counts {
    /// Cells that were sealed anew.
    pub(super) resealed: u64,
    /// Cells that another run has moved.
    pub(super) left: u64,
}

/// The way back of rows under the old key.
struct ToOldKey<'a>(&'a Anew);

#[async_trait]
impl WayBack for ToOldKey<'_> {
    fn table(&self) -> &Target {
        &self.0.back
    }

    async fn swaps(&mut self, rows: Vec<Row>) -> Result<Vec<Swap>, RunError> {
        self.0.planned(rows).await
    }
}

impl Anew {
    /// Goes through the table until nothing under the new key is left, then once more to list what has no way back.
    pub(super) async fn all(
        &self,
        session: &mut Session,
        lease: &RunLease,
        stop: &Stopper,
    ) -> Result<Counts, RunError> {
        let mut counts = Counts::default();
        let mut moved = 0;
        for _ in 0..PASSES {
            moved = 0;
            let mut cursor = None;
            while let Some(rows) = self.page(session, &mut cursor, stop).await? {
                moved += settle(session, lease, &mut ToOldKey(self), rows).await?;
            }
            counts.resealed += moved;
            if moved == 0 {
                break;
            }
        }
        let mut cursor = None;
        while let Some(rows) = self.page(session, &mut cursor, stop).await? {
            counts.left += self.list(session, lease, rows, moved == 0).await?;
        }
        Ok(counts)
    }

    /// The same for these rows, which may lie outside of what the run was narrowed to.
    pub(super) async fn rows(
        &self,
        session: &mut Session,
        lease: &RunLease,
        keys: &[RowKey],
    ) -> Result<u64, RunError> {
        let shape = &self.target.unscoped;
        let rows = session.rows_by_key(shape, keys).await?;
        let resealed = settle(session, lease, &mut ToOldKey(self), rows).await?;
        let rows = session.rows_by_key(shape, keys).await?;
        self.list(session, lease, rows, false).await?;
        Ok(resealed)
    }

    async fn page(
        &self,
        session: &mut Session,
        cursor: &mut Option<RowKey>,
        stop: &Stopper,
    ) -> Result<Option<Vec<Row>>, RunError> {
        super::interrupted(stop)?;
        let rows = session.page(&self.target.shape, cursor.as_ref(), None, PAGE.0, PAGE.1).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        *cursor = Some(last.key.clone());
        Ok(Some(rows))
    }

    async fn planned(&self, rows: Vec<Row>) -> Result<Vec<Swap>, RunError> {
        let work = work_through(self.back.clone(), rows, Trust::Marks).await?;
        let moved = work.swaps.into_iter().filter(|planned| planned.moved.cells() > 0);
        Ok(moved.filter_map(|planned| self.without_held(planned.swap)).collect())
    }

    /// A swap without what another run holds; `None` where nothing is left of it.
    fn without_held(&self, mut swap: Swap) -> Option<Swap> {
        if !self.held.is_empty() {
            for group in self.target.groups.iter().filter(|group| self.held.has(&swap.old, group)) {
                group.iter().for_each(|place| swap.new[*place] = swap.old[*place].clone());
            }
        }
        let changed = swap.new[..] != swap.old[..swap.new.len()];
        changed.then_some(swap)
    }

    /// Lists the cells that are still under the new key; gives how many of another run there are. `moved`: what can be sealed
    /// anew was, so that only marks and fields without a way back are left to look at.
    async fn list(
        &self,
        session: &mut Session,
        lease: &RunLease,
        rows: Vec<Row>,
        moved: bool,
    ) -> Result<u64, RunError> {
        let without: Vec<usize> = has_no_way_back(&self.target, &self.back).collect();
        let deks = match without.is_empty() {
            true => None,
            false => prepare(&self.target, &rows, Stage::Open).await?,
        };
        let mut left = 0;
        let mut listed: BTreeMap<String, Quarantined> = BTreeMap::new();
        let mut list = |field: &FieldTarget, key: &RowKey| {
            let no_way = without.contains(&field.at);
            let reason = if no_way { Reason::NoKeyToRollBackTo } else { Reason::StillUnderTheNewKey };
            let cell = field.quarantined(key, reason);
            listed.insert(cell.cell.clone(), cell);
        };
        for row in &rows {
            for field in &self.target.fields {
                if self.is_held(field, &row.values) {
                    left += 1;
                } else if (is_marked(field) || without.contains(&field.at))
                    && is_under_the_new_key(field, row, deks.as_deref())
                {
                    list(field, &row.key);
                }
            }
        }
        for swap in if moved { Vec::new() } else { self.planned(rows).await? } {
            let changed = |field: &&FieldTarget| {
                field.parts.iter().any(|part| swap.old[part.place] != swap.new[part.place])
            };
            self.target.fields.iter().filter(changed).for_each(|field| list(field, &swap.key));
        }
        let listed: Vec<Quarantined> = listed.into_values().collect();
        Commit::new(session, lease).quarantine(&listed).await?;
        Ok(left)
    }

    fn is_held(&self, field: &FieldTarget, values: &[Value]) -> bool {
        self.held.has(values, &self.target.groups[field.group])
    }
}

/// Whether the cells of a field name their key; else only opening them tells.
fn is_marked(field: &FieldTarget) -> bool {
    field.place_of(Part::Key).is_some() || field.job().to.format.marked
}

fn is_under_the_new_key(field: &FieldTarget, row: &Row, deks: Option<&Deks>) -> bool {
    match field.open(row, Trust::Marks, deks) {
        Opening::Marked => true,
        Opening::Opened(opened) => opened.current,
        _ => false,
    }
}

/// The fields whose keyset has no old key.
fn has_no_way_back(target: &Target, back: &Target) -> impl Iterator<Item = usize> {
    let primary = |target: &Target, at: usize| {
        target.table().fields[at].to.keyset.primary().map(|key| key.id().to_owned())
    };
    let same = move |at: &usize| primary(back, *at) == primary(target, *at);
    (0..target.table().fields.len()).filter(same)
}
