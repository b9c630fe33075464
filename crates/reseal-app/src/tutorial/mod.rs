//! `tutorial`: a database to practise on, an application that writes to it, and a cell that breaks.

mod application;

use std::path::{Path, PathBuf};

use reseal_store::{Database, Session};

use crate::Failure;
use crate::demo::clinic;

pub use application::{Application, Tally, Verdict};

const STEPS: &str = include_str!("steps.txt");
/// Slow enough that there is time to kill the run.
const PACE: &str = "\nthrottle: { rows_per_second: 500 }\nbatch: { rows: 100 }\n";
/// The row whose cell breaks. The application leaves rows with even numbers alone.
const DAMAGED: i64 = 4710;

/// A tutorial in its folder.
pub struct Tutorial {
    directory: PathBuf,
}

impl Tutorial {
    /// The tutorial in a folder, which is made where it does not exist: keys, plan, database and a backup of it.
    ///
    /// # Errors
    /// When the folder holds something else, or cannot be filled.
    pub async fn open_or_make(directory: &Path) -> Result<Tutorial, Failure> {
        if !directory.exists() {
            let made = clinic::make(directory, "tutorial", PACE)?;
            clinic::fill(&made).await?;
            let tutorial = Tutorial { directory: made };
            let backup = tutorial.backup().display().to_string();
            tutorial.connect().await?.script(&[format!("VACUUM INTO {}", quoted(&backup))]).await?;
        }
        Tutorial::open(directory)
    }

    /// The tutorial that a folder holds.
    ///
    /// # Errors
    /// When it holds none.
    pub fn open(directory: &Path) -> Result<Tutorial, Failure> {
        let tutorial = Tutorial { directory: directory.to_owned() };
        match tutorial.backup().is_file() {
            true => Ok(tutorial),
            false => Err(Failure::refused(
                "no-tutorial",
                format!("{} does not contain a tutorial", directory.display()),
                "create one in a new directory with `reseal tutorial DIRECTORY`",
            )),
        }
    }

    /// What to do, step by step.
    #[must_use]
    pub fn steps(&self) -> String {
        let plan = self.directory.join("plan.yaml").display().to_string();
        let directory = self.directory.display().to_string();
        let names = [("PLAN", plan), ("DIRECTORY", directory), ("ROW", DAMAGED.to_string())];
        let steps = STEPS.replacen("DIRECTORY holds", &format!("{} holds", names[1].1), 1);
        steps.lines().map(|line| filled(line, &names) + "\n").collect()
    }

    /// The clinic's application.
    ///
    /// # Errors
    /// When the database or a key cannot be read.
    pub async fn application(&self) -> Result<Application, Failure> {
        Application::new(&self.directory, self.connect().await?)
    }

    /// Damages a cell of one row; gives its number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn damage(&self) -> Result<i64, Failure> {
        let damage = format!(
            "UPDATE patients SET history = substr(history, 1, 40) || 'AAAA' || substr(history, 45) WHERE id = {DAMAGED}"
        );
        self.connect().await?.script(&[damage]).await?;
        Ok(DAMAGED)
    }

    /// Restores that row from the backup; gives its number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn repair(&self) -> Result<i64, Failure> {
        let backup = self.backup().canonicalize().unwrap_or_else(|_| self.backup());
        let attach = format!("ATTACH {} AS backup", quoted(&backup.display().to_string()));
        let restore = format!(
            "UPDATE patients SET (name, phone, history) =
             (SELECT name, phone, history FROM backup.patients WHERE id = {DAMAGED}) WHERE id = {DAMAGED}"
        );
        self.connect().await?.script(&[attach, restore, "DETACH backup".to_owned()]).await?;
        Ok(DAMAGED)
    }

    fn backup(&self) -> PathBuf {
        self.directory.join("backup.db")
    }

    async fn connect(&self) -> Result<Session, Failure> {
        let url = format!("sqlite://{}", self.directory.join("clinic.db").display());
        Ok(Database::parse(&url)?.connect().await?)
    }
}

/// A line of the steps with names in place of what stands for them; sentences have none, commands do.
fn filled(line: &str, names: &[(&str, String)]) -> String {
    let is_command = line.contains("reseal ");
    let put = |line: String, (name, value): &(&str, String)| line.replace(name, value);
    if is_command { names.iter().fold(line.to_owned(), put) } else { line.to_owned() }
}

/// A text for SQLite.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_name_the_folder_and_fit_a_terminal() {
        let steps = Tutorial { directory: "try".into() }.steps();
        assert!(steps.starts_with("try holds the database"), "{steps}");
        assert!(steps.contains("reseal run try/plan.yaml\n") && steps.contains("--row 4710\n"), "{steps}");
        assert!(!["PLAN", "DIRECTORY", "ROW"].iter().any(|name| steps.contains(name)), "{steps}");
        assert!(steps.lines().all(|line| line.len() <= 80), "{steps}");
    }
}
