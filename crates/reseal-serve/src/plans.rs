//! The plans that are served: as they were read, until they are read again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use reseal_plan::{Plan, ScheduleSpec};

/// A plan that is served. All of it follows from its text as it was read; commands get that very text.
#[derive(Debug)]
pub struct Served {
    /// Where the plan lies, with its folder as it was resolved when the plan was read.
    pub path: PathBuf,
    /// The text.
    pub text: String,
    /// Whether the file can be read again: a pipe cannot.
    pub is_file: bool,
    /// The plan.
    pub plan: Plan,
    /// Its schedule.
    pub schedule: ScheduleSpec,
    /// Whether the plan's switch is on.
    pub on: bool,
}

/// Reads plans.
pub trait PlanFiles: Send + Sync {
    /// The text of a plan's file as it is now.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn text(&self, path: &Path) -> Result<String, String>;

    /// The plan as its file is now.
    ///
    /// # Errors
    /// Why it cannot be served.
    fn read(&self, path: &Path) -> Result<Served, String>;
}

/// The plans in force, each in its place from the start to the end.
#[derive(Clone, Debug)]
pub struct Plans(Arc<RwLock<Vec<Arc<Served>>>>);

impl Plans {
    /// These plans.
    #[must_use]
    pub fn new(plans: Vec<Served>) -> Plans {
        Plans(Arc::new(RwLock::new(plans.into_iter().map(Arc::new).collect())))
    }

    /// All of them as they are now. What was begun under one holds it until it is over.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The plan in a place.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Takes a plan up in the place of another.
    pub(crate) fn replace(&self, place: usize, served: Served) {
        let mut plans = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get_mut(place) {
            *plan = Arc::new(served);
        }
    }
}
