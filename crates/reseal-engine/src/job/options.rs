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
    /// Whether an old key is known to others: old cells are then kept under the new primary only.
    pub emergency: bool,
    /// When to stop.
    pub until: Option<Timestamp>,
    /// What is asked for in place of the plan's own pace.
    pub pace: AskedPace,
    /// What is accepted that a run is refused for otherwise.
    pub accepted: Accepted,
}

/// What somebody accepts that a run is refused for otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Rows that are unreadable to the application for a while.
    pub outage: bool,
    /// Tables that are the run's, though the database says otherwise.
    pub tables: Vec<String>,
    /// Keysets whose keys have each its own id, where no cell shows it.
    pub keys: Vec<String>,
    /// New primaries that would be found by guessing.
    pub weak_keys: bool,
    /// A control database that does not know the plan's newest run.
    pub control_database: bool,
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
    /// Whether plaintext that is put back may reach a log of the server.
    pub accept_plaintext_in_log: bool,
    /// Tables that somebody says are the run's, though the database says otherwise.
    pub accept_tables: Vec<String>,
}
