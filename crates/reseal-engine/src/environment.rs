//! What a run or a rollback works in: its database, and who watches, stops and follows it.

use std::sync::Arc;

use reseal_store::Database;

use crate::observer::{NoObserver, RunObserver};
use crate::progress::Progress;
use crate::stop::Stopper;

/// What a run or a rollback works in.
#[derive(Clone)]
pub struct Environment {
    /// The database that is rotated.
    pub database: Database,
    /// Where it shows what it is doing.
    pub progress: Arc<Progress>,
    /// Where it is asked to stop.
    pub stop: Stopper,
    /// Who follows it.
    pub observer: Arc<dyn RunObserver>,
}

impl Environment {
    /// A database, and nobody who watches, stops or follows.
    #[must_use]
    pub fn new(database: Database) -> Environment {
        Environment {
            database,
            progress: Arc::default(),
            stop: Stopper::default(),
            observer: Arc::new(NoObserver),
        }
    }

    /// The same with somebody who follows.
    #[must_use]
    pub fn followed_by(self, observer: Arc<dyn RunObserver>) -> Environment {
        Environment { observer, ..self }
    }
}
