//! Who follows a run from outside, and may refuse it before anything is written.
//!
//! **Invariant:** an observer is told and asked; it never writes to the database that is rotated. What the engine cannot
//! do without (ledger, undo, quarantine) is not its business.

use async_trait::async_trait;
use reseal_core::audit::TrailHead;
use reseal_store::{Counts, NotedTable, Pin, RunRow, Session};

use crate::error::RunError;
use crate::job::Job;
use crate::sweep::census::{Census, SweepFacts};

/// What follows runs and rollbacks from outside: a key catalogue, an audit trail, people who must agree.
///
/// Methods that give a `Result` come before something is done, and an error ends the run or the rollback there. The
/// others tell of what is done already: an observer that cannot keep it warns, and the run goes on.
#[async_trait]
pub trait RunObserver: Send + Sync {
    /// A new run is about to be written into the ledger.
    ///
    /// # Errors
    /// When the run may not begin.
    async fn before_run_created(&self, run_id: &str) -> Result<(), RunError>;

    /// The keys of a run are read, after the steps of `before` where there are any. They are not noted with the run yet.
    ///
    /// # Errors
    /// When a run with these keys may not go on.
    async fn keys_read(&self, job: &Job) -> Result<(), RunError>;

    /// A run begins or resumes: its columns are held and its keys are noted, and no cell is swapped yet. `session` is
    /// one to the database that is rotated, to read its ledger.
    ///
    /// # Errors
    /// When nothing may be written before it is recorded.
    async fn before_first_write(
        &self,
        session: &mut Session,
        begins: RunBegins<'_>,
    ) -> Result<Recorded, RunError>;

    /// A step is about to begin, or was carried out.
    ///
    /// # Errors
    /// When it could not be recorded. That stops a run only before the steps of `before`.
    async fn stepped(&self, event: StepEvent<'_>) -> Result<(), RunError>;

    /// A sweep counted the cells of a run's scope, under the keys of its job.
    async fn swept(&self, job: &Job, run: &RunRow, census: &Census);

    /// A run stopped or is over, and the ledger says how.
    async fn ended(&self, end: RunEnd<'_>);

    /// A rollback begins or resumes: nothing is put back yet.
    ///
    /// # Errors
    /// When it may not begin.
    async fn rollback_began(&self, rollback: RollbackBegins<'_>) -> Result<(), RunError>;

    /// A run is rolled back.
    async fn rolled_back(&self, end: RollbackEnd<'_>);
}

/// When a run must be over, in milliseconds since 1970; `None` where nobody set a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline(pub Option<i64>);

/// What came of recording that a run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// When the run must be over.
    pub deadline: Deadline,
    /// The event that records it, for the ledger to keep; `None` where nobody records anything.
    pub event: Option<TrailHead>,
}

/// A run that begins or resumes.
#[derive(Clone, Copy)]
pub struct RunBegins<'a> {
    /// The plan with its keys.
    pub job: &'a Job,
    /// The run as it was found, so that its state tells whether it is new.
    pub run: &'a RunRow,
    /// Its tables that are not as they were recorded: rebuilt since, or accepted.
    pub tables: &'a [NotedTable],
    /// The pins of its keys: those that the ledger has, and those that its first swap writes.
    pub pins: &'a [Pin],
    /// Keysets of which the operator says that each key has its own id.
    pub accepted_keys: &'a [String],
    /// Weak primaries that the operator accepts, each as `keyset/key`.
    pub weak_keys: &'a [String],
}

/// A run that stopped or is over.
#[derive(Clone, Copy)]
pub struct RunEnd<'a> {
    /// The plan with its keys.
    pub job: &'a Job,
    /// The run as the ledger has it now.
    pub run: &'a RunRow,
    /// Its counts, with the cells that are in quarantine now.
    pub counts: &'a Counts,
    /// The sweep that it ended with; `None` where it stopped before one.
    pub sweep: Option<SweepFacts>,
}

/// A step of the plan, and what it came to.
#[derive(Clone, Copy)]
pub struct StepEvent<'a> {
    /// The plan with its keys.
    pub job: &'a Job,
    /// The run.
    pub run_id: &'a str,
    /// The phase, as the plan names it.
    pub phase: &'a str,
    /// Its place in the phase, from 1; 0 for all of them.
    pub number: i64,
    /// How the plan names it.
    pub label: &'a str,
    /// What it came to.
    pub result: StepResult,
}

/// What a step came to. What it printed is in the ledger alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It is about to begin.
    Begun,
    /// It succeeded.
    Done,
    /// It failed.
    Failed,
}

impl StepResult {
    /// One word for records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StepResult::Begun => "begun",
            StepResult::Done => "done",
            StepResult::Failed => "failed",
        }
    }
}

/// A rollback that begins or resumes.
#[derive(Clone, Copy)]
pub struct RollbackBegins<'a> {
    /// The plan with the keys that the run had.
    pub job: &'a Job,
    /// The same with the old keys as primaries.
    pub reversed: &'a Job,
    /// The run as it was found.
    pub run: &'a RunRow,
    /// Its tables that are not as they were recorded: rebuilt since, or accepted.
    pub tables: &'a [NotedTable],
    /// The settings by which plaintext that is put back reaches a log of the server, which the operator accepts.
    pub accepted_logs: &'a [String],
    /// Whether the run carried out steps of `after`, and steps of `on_failure` are to follow that undo what it did.
    pub takes_back_after: bool,
}

/// A rollback that is done.
#[derive(Clone, Copy)]
pub struct RollbackEnd<'a> {
    /// The plan with the keys that the run had.
    pub job: &'a Job,
    /// The same with the old keys as primaries.
    pub reversed: &'a Job,
    /// The run as it was found.
    pub run: &'a RunRow,
    /// The runs of the plan, newest first.
    pub runs: &'a [RunRow],
    /// What was put back.
    pub counts: &'a Counts,
}

/// Nobody follows the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

#[async_trait]
impl RunObserver for NoObserver {
    async fn before_run_created(&self, _: &str) -> Result<(), RunError> {
        Ok(())
    }

    async fn keys_read(&self, _: &Job) -> Result<(), RunError> {
        Ok(())
    }

    async fn before_first_write(&self, _: &mut Session, _: RunBegins<'_>) -> Result<Recorded, RunError> {
        Ok(Recorded::default())
    }

    async fn stepped(&self, _: StepEvent<'_>) -> Result<(), RunError> {
        Ok(())
    }

    async fn swept(&self, _: &Job, _: &RunRow, _: &Census) {}

    async fn ended(&self, _: RunEnd<'_>) {}

    async fn rollback_began(&self, _: RollbackBegins<'_>) -> Result<(), RunError> {
        Ok(())
    }

    async fn rolled_back(&self, _: RollbackEnd<'_>) {}
}
