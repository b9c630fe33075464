//! Whether anything that can be looked at still holds a cell of a key.

use reseal_core::RunState;
use reseal_engine::{Census, EngineError, Progress, Scope};
use reseal_store::{Book, KeyRow, Session};

use super::Custodian;

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
        control: &mut Session,
        row: &KeyRow,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        self.no_run_goes_on().await?;
        let census =
            reseal_engine::census(self.job, self.database, &Scope::default(), true, progress).await?;
        let document = census.json().to_string();
        control.keep_census(&self.plan.name, &Scope::default().json().to_string(), true, &document).await?;
        let mut held = self.in_fields(&census, row);
        held.extend(self.in_undo(row).await?);
        for finding in reseal_engine::outside(self.job, self.database).await? {
            held.push(Held { code: finding.code, place: finding.message, help: finding.help });
        }
        refuse(row, &held)
    }

    /// No key is given up while a run can be gone on with: it may still move cells to it or from it.
    pub(super) async fn no_run_goes_on(&self) -> Result<(), EngineError> {
        let mut session = self.database.connect().await?;
        if session.version(Book::Ledger).await?.is_none() {
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
    fn in_fields(&self, census: &Census, row: &KeyRow) -> Vec<Held> {
        let readable =
            self.job.keysets.iter().any(|keyset| {
                keyset.keyset.name() == row.keyset && keyset.keyset.by_id(&row.key_id).is_some()
            });
        let keyset_of = |seal: &str| {
            let seal = self.plan.seals.iter().find(|other| other.name == seal)?;
            Some(self.plan.keyset_of(seal)?.name.as_str())
        };
        let mut held = Vec::new();
        for field in &census.fields {
            let place = format!("{}.{}", field.table, field.field);
            for line in &field.counts {
                let its_keyset = line.seal.as_deref().and_then(keyset_of) == Some(row.keyset.as_str());
                let under = its_keyset && line.key.as_deref() == Some(row.key_id.as_str());
                let unknown = !readable && line.key.is_none() && line.seal.as_deref() != Some("plaintext");
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

    /// Runs whose kept old cells may be under the key.
    async fn in_undo(&self, row: &KeyRow) -> Result<Vec<Held>, EngineError> {
        let mut session = self.database.connect().await?;
        let mut held = Vec::new();
        if session.version(Book::Ledger).await?.is_none() {
            return Ok(held);
        }
        for run in session.runs(Some(&self.plan.name), 1000).await? {
            let keysets: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
            let keyset = &keysets[&row.keyset];
            let among = keyset["keys"].get(&row.key_id).is_some();
            let old = keyset["primary"].as_str() != Some(row.key_id.as_str());
            if !among || !old || run.state == RunState::RolledBack {
                continue;
            }
            let cells = session.undo_cells(&run.id).await?;
            if cells > 0 {
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
