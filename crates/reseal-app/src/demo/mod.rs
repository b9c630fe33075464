//! `demo`: a small SQLite database with sealed rows.

pub(crate) mod clinic;

use std::path::{Path, PathBuf};

use reseal_engine::{Census, Environment, Progress, Report, RunOptions, Scope};
use reseal_registry::Overrides;

use crate::Failure;
use crate::caller::Caller;
use crate::open::{self, Opened};

pub use clinic::ROWS;

/// A demo that was made.
pub struct Demo {
    /// Its plan.
    pub plan: PathBuf,
    /// Its database.
    pub database: PathBuf,
    opened: Opened,
}

impl Demo {
    /// Makes keys, plan and database in a new folder.
    ///
    /// # Errors
    /// When the folder is there already, or cannot be filled.
    pub async fn make(directory: &Path) -> Result<Demo, Failure> {
        let directory = clinic::make(directory, "demo", "")?;
        let plan = directory.join("plan.yaml");
        clinic::fill(&directory).await?;
        let opened = open::job(&plan, &Overrides::default()).await?;
        Ok(Demo { plan, database: directory.join("clinic.db"), opened })
    }

    /// The plan's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.opened.plan.name
    }

    /// Opens every cell.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn census(&self) -> Result<Census, Failure> {
        let (progress, scope) = (Progress::default(), Scope::default());
        Ok(reseal_engine::census(&self.opened.job, &self.opened.database, &scope, true, &progress).await?)
    }

    /// Rotates.
    ///
    /// # Errors
    /// When the run fails.
    pub async fn rotate(&self, caller: &Caller) -> Result<Report, Failure> {
        let options = RunOptions { operator: "demo".into(), ..RunOptions::default() };
        let environment = Environment::new(self.opened.database.clone());
        let shown = caller.frontend.show(&environment.progress);
        let report = reseal_engine::run(&self.opened.job, &options, &environment).await;
        drop(shown);
        Ok(report?)
    }
}
