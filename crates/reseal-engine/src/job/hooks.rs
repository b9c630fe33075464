//! Steps around a run, as the job brings them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reseal_core::StepPiece;
use zeroize::Zeroizing;

use crate::error::RunError;
use crate::job::Job;

/// Steps before, during and after a run, each list in the order in which it is carried out.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Once per run, after preflight, before the first write.
    pub before: Vec<Step>,
    /// After the first batch.
    pub canary: Vec<Step>,
    /// After a clean sweep.
    pub after: Vec<Step>,
    /// Each time that work on a run begins again: before the first write of a resumed run, and of a rollback.
    pub on_resume: Vec<Step>,
    /// Whenever the engine exits unfinished.
    pub on_stop: Vec<Step>,
    /// When the run failed or was rolled back.
    pub on_failure: Vec<Step>,
    /// Reads keys and variables when it is time to; none for a plan that is not asked again.
    pub resolver: Option<Arc<dyn Resolver>>,
}

/// One step.
#[derive(Clone)]
pub struct Step {
    /// The step in messages: what it is and where the plan names it. Never an argument.
    pub label: String,
    /// Digest of what the plan says of it.
    pub digest: String,
    /// For a step of `on_failure`: the one case that it is for.
    pub when: Option<When>,
    /// For a step of `after`: whether it is also for runs of a part of the plan.
    pub scoped: bool,
    /// For a step of `on_failure`: the steps that it undoes. It is carried out only where one of them was.
    pub undoes: Vec<StepPlace>,
    /// How long it may take.
    pub limit: Duration,
    /// What is done.
    pub deed: Deed,
}

/// Which step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPlace {
    /// Its phase, as plan and ledger name it.
    pub phase: String,
    /// Its place in the phase, from 1.
    pub number: i64,
}

/// The case that a step of `on_failure` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The run failed and can be resumed.
    Failed,
    /// The run was rolled back.
    RolledBack,
}

/// What a step does.
#[derive(Clone)]
pub enum Deed {
    /// A statement for the target database, in a transaction of its own; holes become bound parameters.
    Sql(Vec<StepPiece>),
    /// A program with its arguments.
    Command {
        /// The words of the command line; holes become a part of their own word.
        words: Vec<Vec<StepPiece>>,
        /// What starts it.
        runner: Arc<dyn Runner>,
    },
}

/// Starts programs, which the engine itself does not.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Runs a program to its end, or kills it with all that it started once `limit` is over.
    async fn run(&self, words: &[String], limit: Duration) -> Ran;
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Whether it did what it was asked to.
    pub ok: bool,
    /// How it ended, in words.
    pub status: String,
    /// The end of what it printed, without the secrets that the runner handed it, and else as it was printed.
    pub output: Zeroizing<Vec<u8>>,
}

impl Ran {
    /// A program that was not started.
    #[must_use]
    pub fn failed(status: impl Into<String>) -> Ran {
        Ran { ok: false, status: status.into(), output: Zeroizing::default() }
    }
}

/// Reads what a run is built from, once it is time to.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Reads the keys as they are now, and builds the job with them.
    async fn job(&self) -> Result<Job, RunError>;

    /// Reads the plan's variables.
    async fn vars(&self) -> Result<BTreeMap<String, String>, RunError>;
}

/// When steps are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Before,
    Canary,
    After,
    OnResume,
    OnStop,
    OnFailure,
}

impl Phase {
    /// The phase as plan and ledger name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Before => "before",
            Phase::Canary => "canary",
            Phase::After => "after",
            Phase::OnResume => "on_resume",
            Phase::OnStop => "on_stop",
            Phase::OnFailure => "on_failure",
        }
    }

    /// Whether its steps are done once in a run, however often engines take it up.
    pub(crate) fn is_once(self) -> bool {
        matches!(self, Phase::Before | Phase::Canary | Phase::After)
    }
}

impl Hooks {
    pub(crate) fn of(&self, phase: Phase) -> &[Step] {
        match phase {
            Phase::Before => &self.before,
            Phase::Canary => &self.canary,
            Phase::After => &self.after,
            Phase::OnResume => &self.on_resume,
            Phase::OnStop => &self.on_stop,
            Phase::OnFailure => &self.on_failure,
        }
    }
}
