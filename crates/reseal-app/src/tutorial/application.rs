//! The clinic's application: it knows both keys, opens what it finds, and seals under the new one.

use std::collections::BTreeMap;
use std::path::Path;

use reseal_core::SecretBytes;
use reseal_store::Session;

use crate::Failure;
use crate::demo::clinic::{ROWS, Sealer};

/// What the application did so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Patients that it read and saved.
    pub saved: u64,
    /// Patients whose cell opened under neither key.
    pub unreadable: u64,
}

/// What became of what the application saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Patients that read as they were saved last.
    pub kept: u64,
    /// Patients that read otherwise, or not at all.
    pub lost: u64,
}

/// The application.
pub struct Application {
    session: Session,
    old: Sealer,
    new: Sealer,
    /// What it saved last, by the patient's number.
    saved: BTreeMap<i64, String>,
    tally: Tally,
}

impl Application {
    pub(super) fn new(directory: &Path, session: Session) -> Result<Application, Failure> {
        let (old, new) = (Sealer::new(directory, "v1")?, Sealer::new(directory, "v2")?);
        Ok(Application { session, old, new, saved: BTreeMap::new(), tally: Tally::default() })
    }

    /// What it did so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Reads a patient drawn at random, and saves another visit.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn visit(&mut self) -> Result<(), Failure> {
        let id = odd_row()?;
        self.session.script(&["BEGIN IMMEDIATE".to_owned()]).await?;
        let read = self.history(id).await?;
        let saves = match read {
            Some(history) => vec![self.save(id, &history)?, "COMMIT".to_owned()],
            None => {
                self.tally.unreadable += 1;
                vec!["COMMIT".to_owned()]
            }
        };
        Ok(self.session.script(&saves).await?)
    }

    /// Compares what it saved with what the database holds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn compare(&mut self) -> Result<Verdict, Failure> {
        let mut verdict = Verdict { kept: 0, lost: 0 };
        for (id, saved) in std::mem::take(&mut self.saved) {
            match self.history(id).await? == Some(saved) {
                true => verdict.kept += 1,
                false => verdict.lost += 1,
            }
        }
        Ok(verdict)
    }

    /// The statement that saves a patient with another visit.
    fn save(&mut self, id: i64, history: &str) -> Result<String, Failure> {
        self.tally.saved += 1;
        let (before, _) = history.split_once("; visit ").unwrap_or((history, ""));
        let history = format!("{before}; visit {}", self.tally.saved);
        let cell = self.new.seal(&history)?;
        self.saved.insert(id, history);
        Ok(format!("UPDATE patients SET history = '{cell}' WHERE id = {id}"))
    }

    /// A patient's history; `None` where it opens under neither key.
    async fn history(&mut self, id: i64) -> Result<Option<String>, Failure> {
        let found = self.session.look_up(&format!("SELECT history FROM patients WHERE id = {id}")).await?;
        let cell = found.rows.first().and_then(|row| row.first()?.as_ref()).map(SecretBytes::expose);
        let Some(Ok(cell)) = cell.map(std::str::from_utf8) else { return Ok(None) };
        Ok(self.new.open(cell).or_else(|| self.old.open(cell)))
    }
}

/// A row with an odd number.
fn odd_row() -> Result<i64, Failure> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|_| Failure::failed("tutorial", "no random bytes".to_owned()))?;
    Ok(i64::from(u32::from_le_bytes(random)) % (ROWS as i64 / 2) * 2 + 1)
}
