//! How a run or a rollback is to be carried out.

use jiff::Timestamp;
use reseal_store::AskedPace;

use super::scope::Scope;

/// How a run is to be carried out.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// What it is narrowed to.
    pub scope: Scope,
    /// Who runs it, for the trail.
    pub operator: String,
    /// Whether everything is opened and sealed and nothing at all written.
    pub dry_run: bool,
    /// Whether rows may be unreadable to the application for a while.
    pub accept_outage: bool,
    /// Whether an old key is known to others: old cells are then kept under the new primary only.
    pub emergency: bool,
    /// When to stop.
    pub until: Option<Timestamp>,
    /// What is asked for in place of the plan's own pace.
    pub pace: AskedPace,
    /// Tables that somebody says are the run's, though the database says otherwise.
    pub accept_tables: Vec<String>,
}

/// How a rollback is to be carried out.
#[derive(Clone, Debug, Default)]
pub struct RollbackOptions {
    /// The run; `None` for the plan's newest.
    pub run_id: Option<String>,
    /// The keys that cells written since are re-encrypted to, one for each keyset that has several to choose from.
    pub to_keys: Vec<String>,
    /// Who rolls back, for the trail.
    pub operator: String,
    /// Tables that somebody says are the run's, though the database says otherwise.
    pub accept_tables: Vec<String>,
}
