//! Steps around a run.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Named, Source};

/// Steps before, during and after a run.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hooks {
    /// Once per run, after preflight and approvals, before the first write.
    pub(crate) before: Vec<Step>,
    /// After the first batch; if it fails, that batch is rolled back.
    pub(crate) canary: Vec<Step>,
    /// After a clean sweep of the whole plan.
    pub(crate) after: Vec<Step>,
    /// Each time that work on a run begins again: before the first write of a resumed run, and of a rollback.
    pub(crate) on_resume: Vec<Step>,
    /// Whenever the engine exits unfinished.
    pub(crate) on_stop: Vec<Step>,
    /// When a run fails or was rolled back.
    pub(crate) on_failure: Vec<Step>,
}

/// One step.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Step {
    /// An SQL statement.
    Sql(SqlStep),
    /// A program.
    Command(CommandStep),
}

/// An SQL statement.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlStep {
    /// The statement; holes are bound, never spliced.
    #[schemars(length(min = 1))]
    pub(crate) sql: String,
    /// How long it may take: `60s`.
    pub(crate) timeout: Option<String>,
    /// Only in this case.
    pub(crate) when: Option<When>,
    /// Also in runs of a part of the plan.
    #[serde(default)]
    pub(crate) scoped: bool,
    /// What `undoes:` calls the step by.
    pub(crate) name: Option<String>,
    /// The steps that this one undoes, by their names: it is carried out only where one of them was.
    #[serde(default)]
    pub(crate) undoes: Vec<String>,
}

/// A program.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandStep {
    /// The program and its arguments; no shell.
    #[schemars(length(min = 1))]
    pub(crate) command: Vec<String>,
    /// Variables that the program may see beside PATH, HOME and LANG.
    pub(crate) env: Option<StepEnv>,
    /// How long it may take: `60s`.
    pub(crate) timeout: Option<String>,
    /// Only in this case.
    pub(crate) when: Option<When>,
    /// Also in runs of a part of the plan.
    #[serde(default)]
    pub(crate) scoped: bool,
    /// What `undoes:` calls the step by.
    pub(crate) name: Option<String>,
    /// The steps that this one undoes, by their names: it is carried out only where one of them was.
    #[serde(default)]
    pub(crate) undoes: Vec<String>,
}

/// The case that a step of `on_failure` is for.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// The run failed and can be resumed.
    Failed,
    /// The run was rolled back.
    RolledBack,
}

/// Variables of a step.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum StepEnv {
    /// Names of variables that are passed on.
    Pass(Vec<String>),
    /// Variables with sources of their own.
    Set(Named<Source>),
}
