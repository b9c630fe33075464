//! Steps around a run, and what they may be filled with.

use std::time::Duration;

use reseal_core::StepPiece;

use super::SourceSpec;

/// Steps before, during and after a run, each list in the order in which it is carried out.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// Once per run, after preflight and approvals, before the first write.
    pub before: Vec<StepSpec>,
    /// After the first batch; if one fails, that batch is rolled back.
    pub canary: Vec<StepSpec>,
    /// After a clean sweep of the whole plan.
    pub after: Vec<StepSpec>,
    /// Each time that work on a run begins again: before the first write of a resumed run, and of a rollback.
    pub on_resume: Vec<StepSpec>,
    /// Whenever the engine exits unfinished.
    pub on_stop: Vec<StepSpec>,
    /// When a run failed or was rolled back.
    pub on_failure: Vec<StepSpec>,
}

impl Hooks {
    /// Whether any step is an SQL statement.
    #[must_use]
    pub fn has_sql(&self) -> bool {
        let once = [&self.before, &self.canary, &self.after];
        let phases = once.into_iter().chain([&self.on_resume, &self.on_stop, &self.on_failure]);
        phases.flatten().any(|step| matches!(step.action, StepActionSpec::Sql(_)))
    }
}

/// One step.
#[derive(Clone, Debug)]
pub struct StepSpec {
    /// What is done.
    pub action: StepActionSpec,
    /// For a step of `on_failure`: the one case that it is for.
    pub when: Option<When>,
    /// For a step of `after`: whether it is also for runs of a part of the plan.
    pub scoped: bool,
    /// For a step of `on_failure`: the steps that it undoes. It is carried out only where one of them was.
    pub undoes: Vec<StepPlace>,
    /// How long it may take.
    pub timeout: Duration,
    /// SHA-256 (hex) of what the plan says of the step.
    pub digest: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Which step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPlace {
    /// The phase: `before`, `canary`, `after`.
    pub phase: &'static str,
    /// Its place in the phase, from 0.
    pub at: usize,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepActionSpec {
    /// An SQL statement for the plan's database. Its holes become bound parameters.
    Sql(Vec<StepPiece>),
    /// A program and its arguments, each with its own holes; no shell.
    Command {
        /// The program, which has no holes, and its arguments.
        words: Vec<Vec<StepPiece>>,
        /// What it may see beside PATH, HOME and LANG.
        env: Vec<StepEnvSpec>,
    },
}

/// A variable that a program may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnvSpec {
    /// One of Reseal's own environment.
    Pass(String),
    /// One with a source of its own.
    Set(String, SourceSpec),
}

/// The case that a step of `on_failure` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The run failed and can be resumed.
    Failed,
    /// The run was rolled back.
    RolledBack,
}

/// What differs from rotation to rotation and is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VarSpec {
    /// Its name: `{vars.NAME}`.
    pub name: String,
    /// Where its value is.
    pub source: SourceSpec,
}
