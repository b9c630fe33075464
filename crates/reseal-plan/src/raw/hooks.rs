//! Steps around a run.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Named, Source};

/// Steps to execute before, during and after a run.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hooks {
    /// Steps to execute once per run, after preflight and approvals and before the first write. Default: none.
    pub(crate) before: Vec<Step>,
    /// Steps to execute after the first batch; if one fails, the batch is rolled back. Default: none.
    pub(crate) canary: Vec<Step>,
    /// Steps to execute after a clean sweep of the whole plan. Default: none.
    pub(crate) after: Vec<Step>,
    /// Steps to execute each time a run is resumed or rolled back, before the first write. Default: none.
    pub(crate) on_resume: Vec<Step>,
    /// Steps to execute each time Reseal exits before the run is finished. Default: none.
    pub(crate) on_stop: Vec<Step>,
    /// Steps to execute after a run has failed or was rolled back. Default: none.
    pub(crate) on_failure: Vec<Step>,
}

/// A step.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Step {
    /// A step that executes an SQL statement.
    Sql(SqlStep),
    /// A step that starts a program.
    Command(CommandStep),
}

/// A step that executes an SQL statement.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlStep {
    /// The SQL statement. Holes such as `{run.id}` and `{vars.NAME}` become bound parameters.
    #[schemars(length(min = 1))]
    pub(crate) sql: String,
    /// Time limit, such as `60s`. Default: 5 minutes.
    pub(crate) timeout: Option<String>,
    /// In `on_failure`: execute the step only in this case. Default: in both cases.
    pub(crate) when: Option<When>,
    /// In `after`: execute the step also after a run of a part of the plan. Default: `false`.
    #[serde(default)]
    pub(crate) scoped: bool,
    /// Name of the step, which `undoes` refers to. Default: none.
    pub(crate) name: Option<String>,
    /// In `on_failure`: names of the steps that this step undoes. It is executed only if one of them succeeded.
    /// Default: none.
    #[serde(default)]
    pub(crate) undoes: Vec<String>,
}

/// A step that starts a program.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandStep {
    /// The program and its arguments. No shell is involved; holes such as `{run.id}` are filled in.
    #[schemars(length(min = 1))]
    pub(crate) command: Vec<String>,
    /// Environment variables that the program gets in addition to PATH, HOME and LANG. Default: none.
    pub(crate) env: Option<StepEnv>,
    /// Time limit, such as `60s`. Default: 5 minutes.
    pub(crate) timeout: Option<String>,
    /// In `on_failure`: execute the step only in this case. Default: in both cases.
    pub(crate) when: Option<When>,
    /// In `after`: execute the step also after a run of a part of the plan. Default: `false`.
    #[serde(default)]
    pub(crate) scoped: bool,
    /// Name of the step, which `undoes` refers to. Default: none.
    pub(crate) name: Option<String>,
    /// In `on_failure`: names of the steps that this step undoes. It is executed only if one of them succeeded.
    /// Default: none.
    #[serde(default)]
    pub(crate) undoes: Vec<String>,
}

/// When to execute a step of `on_failure`.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// The run failed and can be resumed.
    Failed,
    /// The run was rolled back.
    RolledBack,
}

/// Environment variables of a step.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum StepEnv {
    /// Names of variables to pass on.
    Pass(Vec<String>),
    /// Variables with a source for each value.
    Set(Named<Source>),
}
