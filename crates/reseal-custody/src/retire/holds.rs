//! Whether anything that can be looked at still holds a cell of a key.

use reseal_control::ControlSession;
use reseal_core::Key;
use reseal_engine::{Census, KeysetJob, Progress, Scope};
use reseal_store::RunRow;

use super::{Custodian, Found};
use crate::census::{CountedScope, keep_census};
use crate::error::{CustodyError, Held, RetireError};
use crate::trail;

/// What no look at the tables can tell of a key.
pub(super) struct Unseen {
    /// Cells that do not open, as somebody accepts.
    pub(super) unreadable: u64,
    /// What could not be looked at.
    pub(super) places: Vec<String>,
}

impl Custodian<'_> {
    /// Refuses as long as a sweep, rows that the plan leaves out, kept old cells, or a column that nobody thought of holds
    /// cells of a key; and as long as there are more cells that do not open than somebody accepts. Gives what could not be
    /// looked at, and how many cells were accepted.
    pub(super) async fn holds_nothing(
        &self,
        control: &mut ControlSession,
        found: &Found,
        accepted: u64,
        progress: &Progress,
    ) -> Result<Unseen, CustodyError> {
        self.no_run_goes_on().await?;
        let census =
            reseal_engine::census(self.job, self.database, &Scope::default(), true, progress).await?;
        let scope = Scope::default().json().to_string();
        keep_census(control, self.job, &census, CountedScope { text: &scope, whole: true }).await?;
        let mut held = self.in_fields(&census, found);
        let left_out = reseal_engine::left_out(self.job, self.database, progress).await?;
        held.extend(self.in_rows_left_out(&left_out, found));
        held.extend(self.in_undo(control, found).await?);
        let key = self.key_in_plan(found).map(|(_, key)| key);
        let outside = reseal_engine::outside(self.job, self.database, key).await?;
        held.extend(outside.findings.into_iter().map(Held::Outside));
        let unreadable = unreadable(&held);
        if unreadable <= accepted {
            held.retain(|held| !matches!(held, Held::Unreadable { .. }));
        }
        match held.is_empty() {
            true => Ok(Unseen { unreadable, places: outside.unseen }),
            false => Err(RetireError::Held { key: found.row.key_id.clone(), held }.into()),
        }
    }

    /// No key is given up while a run can be gone on with: it may still move cells to it or from it.
    pub(super) async fn no_run_goes_on(&self) -> Result<(), CustodyError> {
        let mut session = self.database.connect().await?;
        if session.version().await?.is_none() {
            return Ok(());
        }
        match session.runs(Some(&self.plan.name), 1).await?.pop() {
            Some(run) if !run.state.is_over() => {
                Err(RetireError::RunNotOver { run: run.id, state: run.state }.into())
            }
            _ => Ok(()),
        }
    }

    /// What lies under the key in rows that the plan's conditions leave out. What opens under no key may be anything there:
    /// such a column is only sometimes sealed.
    fn in_rows_left_out(&self, census: &Census, found: &Found) -> Vec<Held> {
        let known = |held| match held {
            Held::InField { field, cells } => Some(Held::InRowsLeftOut { field, cells }),
            _ => None,
        };
        self.in_fields(census, found).into_iter().filter_map(known).collect()
    }

    /// What the sweep found under the key. Where the plan no longer has the key, cells that open under none may be its.
    fn in_fields(&self, census: &Census, Found { row, in_plan, .. }: &Found) -> Vec<Held> {
        let keyset_of = |seal: &str| {
            let seal = self.plan.seals.iter().find(|other| other.name == seal)?;
            Some(self.plan.keyset_of(seal)?.name.as_str())
        };
        let mut held = Vec::new();
        for field in &census.fields {
            let place = format!("{}.{}", field.table, field.field);
            for line in &field.counts {
                let its_keyset = line.seal.as_deref().and_then(keyset_of) == Some(row.keyset.as_str());
                let under = *in_plan && its_keyset && line.key.as_deref() == Some(row.key_id.as_str());
                let unopened =
                    line.cells > 0 && line.key.is_none() && line.seal.as_deref() != Some("plaintext");
                let may_need_it = unopened && field.keysets.contains(&row.keyset);
                let (field, cells) = (place.clone(), line.cells);
                if under {
                    held.push(Held::InField { field, cells });
                } else if unopened && !in_plan {
                    held.push(Held::Unknown { field, cells });
                } else if may_need_it {
                    held.push(Held::Unreadable { field, cells });
                }
            }
        }
        held
    }

    /// Runs whose kept old cells may be under the key, of whatever plan and by whatever name.
    async fn in_undo(&self, control: &mut ControlSession, found: &Found) -> Result<Vec<Held>, CustodyError> {
        let mut session = self.database.connect().await?;
        let mut held = Vec::new();
        if session.version().await?.is_none() {
            return Ok(held);
        }
        for run in session.runs(None, 1000).await? {
            let cells = session.undo_cells(&run.id).await?;
            if cells > 0 && self.moved_away(control, found, &run).await? {
                held.push(Held::InUndo { run: run.id, cells });
            }
        }
        Ok(held)
    }
}

/// How many cells do not open.
fn unreadable(held: &[Held]) -> u64 {
    let cells = |held: &Held| if let Held::Unreadable { cells, .. } = held { *cells } else { 0 };
    held.iter().map(cells).sum()
}

impl Custodian<'_> {
    /// The key with its keyset, where the plan has it.
    pub(super) fn key_in_plan(&self, found: &Found) -> Option<(&KeysetJob, &Key)> {
        let keyset = self.job.keysets.iter().find(|keyset| keyset.keyset.name() == found.row.keyset)?;
        let key = keyset.keyset.by_id(&found.row.key_id)?;
        found.in_plan.then_some((keyset, key))
    }

    /// Whether a run may have moved cells away from the key: by its bytes, or where nobody has them, by the fingerprint that the
    /// trail noted with the run, and where that noted none, by its id.
    async fn moved_away(
        &self,
        control: &mut ControlSession,
        found: &Found,
        run: &RunRow,
    ) -> Result<bool, CustodyError> {
        if let Some((_, key)) = self.key_in_plan(found) {
            return Ok(reseal_engine::moved_away_from(key, run)?);
        }
        if self.has_roles(&found.row.keyset) {
            // Of a run of another plan, the trail's fingerprints say nothing of this plan's keys.
            if let Some(moved) = trail::moved_away(control, &found.row, &run.id).await? {
                return Ok(moved);
            }
        }
        let noted: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
        let mut of_keysets = noted.as_object().into_iter().flatten().map(|(_, of_run)| of_run);
        Ok(of_keysets.any(|of_run| of_run["keys"].get(&found.row.key_id).is_some()))
    }
}
