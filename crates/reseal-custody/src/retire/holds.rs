//! Whether anything that can be looked at still holds a cell of a key.

use reseal_control::{ControlSession, KeyRow};
use reseal_core::RunState;
use reseal_engine::{Census, EngineError, Progress, Scope};
use reseal_store::RunRow;

use super::{Custodian, Found};

/// A place that still holds cells of a key, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// A short code.
    pub code: &'static str,
    /// Where and what.
    pub place: String,
    /// What to do about it.
    pub help: String,
}

impl Custodian<'_> {
    /// Refuses as long as a sweep, kept old cells, or a column that nobody thought of holds cells of a key.
    pub(super) async fn holds_nothing(
        &self,
        control: &mut ControlSession,
        found: &Found,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        self.no_run_goes_on().await?;
        let census =
            reseal_engine::census(self.job, self.database, &Scope::default(), true, progress).await?;
        let document = census.json().to_string();
        control.keep_census(&self.plan.name, &Scope::default().json().to_string(), true, &document).await?;
        let mut held = self.in_fields(&census, found);
        held.extend(self.in_undo(found).await?);
        for finding in reseal_engine::outside(self.job, self.database).await? {
            held.push(Held { code: finding.code, place: finding.message, help: finding.help });
        }
        refuse(&found.row, &held)
    }

    /// No key is given up while a run can be gone on with: it may still move cells to it or from it.
    pub(super) async fn no_run_goes_on(&self) -> Result<(), EngineError> {
        let mut session = self.database.connect().await?;
        if session.version().await?.is_none() {
            return Ok(());
        }
        match session.runs(Some(&self.plan.name), 1).await?.pop() {
            Some(run) if !run.state.is_over() => {
                let message = format!("run {} is {}, and can still be gone on with", run.id, run.state);
                Err(EngineError::refused("run-not-over", message, "finish, cancel or roll it back first"))
            }
            _ => Ok(()),
        }
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
                let unknown = !in_plan && line.key.is_none() && line.seal.as_deref() != Some("plaintext");
                if under {
                    held.push(Held {
                        code: "key-in-use",
                        place: format!("{place} holds {} cells under it", line.cells),
                        help: "`reseal run` moves them".into(),
                    });
                } else if unknown && line.cells > 0 {
                    held.push(Held {
                        code: "cells-unknown",
                        place: format!(
                            "{place} holds {} cells that open under no key of the plan",
                            line.cells
                        ),
                        help: "bring the key back into the plan, or mend those cells".into(),
                    });
                }
            }
        }
        held
    }

    /// Runs whose kept old cells may be under the key, of whatever plan and by whatever name.
    async fn in_undo(&self, found: &Found) -> Result<Vec<Held>, EngineError> {
        let mut session = self.database.connect().await?;
        let mut held = Vec::new();
        if session.version().await?.is_none() {
            return Ok(held);
        }
        for run in session.runs(None, 1000).await? {
            if run.state == RunState::RolledBack {
                continue;
            }
            let cells = session.undo_cells(&run.id).await?;
            if cells > 0 && self.moved_away(found, &run)? {
                held.push(Held {
                    code: "undo-holds",
                    place: format!(
                        "undo of run {} holds {cells} old cells, of this key among others",
                        run.id
                    ),
                    help: format!(
                        "when no rollback is needed any more: `reseal undo drop PLAN --run {}`",
                        run.id
                    ),
                });
            }
        }
        Ok(held)
    }
}

impl Custodian<'_> {
    /// Whether a run may have moved cells away from the key: by its bytes, or where nobody has them, by its id.
    fn moved_away(&self, found: &Found, run: &RunRow) -> Result<bool, EngineError> {
        let of_key = self.job.keysets.iter().find(|keyset| keyset.keyset.name() == found.row.keyset);
        let key = of_key.and_then(|keyset| Some((keyset, keyset.keyset.by_id(&found.row.key_id)?)));
        if let Some((keyset, key)) = key.filter(|_| found.in_plan) {
            return reseal_engine::moved_away_from(keyset, key, run);
        }
        let noted: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
        let mut of_keysets = noted.as_object().into_iter().flatten().map(|(_, of_run)| of_run);
        Ok(of_keysets.any(|of_run| of_run["keys"].get(&found.row.key_id).is_some()))
    }
}

fn refuse(row: &KeyRow, held: &[Held]) -> Result<(), EngineError> {
    let Some(first) = held.first() else { return Ok(()) };
    let places: Vec<&str> = held.iter().map(|held| held.place.as_str()).collect();
    let mut helps: Vec<&str> = Vec::new();
    for held in held.iter().filter(|held| !held.help.is_empty()) {
        if !helps.contains(&held.help.as_str()) {
            helps.push(&held.help);
        }
    }
    let message = format!("{} cannot be given up:\n{}", row.key_id, places.join("\n"));
    Err(EngineError::refused(first.code, message, helps.join("\n")))
}
