//! Sections that this version reads and does not act on: typed by form alone.
//!
//! Quantities, cron lines and templates in them are texts still. The issue that brings a section to life gives it
//! types of meaning and takes its line out of `Plan::unsupported`.

#![allow(dead_code, reason = "nothing reads what only has to have the right form")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Named, Source};

/// Steps before, during and after a run.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hooks {
    /// Once per run, after preflight and approvals, before the first write.
    before: Vec<Step>,
    /// After the first batch; if it fails, that batch is rolled back.
    canary: Vec<Step>,
    /// After a clean sweep of the whole plan.
    after: Vec<Step>,
    /// Whenever the engine exits unfinished.
    on_stop: Vec<Step>,
    /// When a run fails or was rolled back.
    on_failure: Vec<Step>,
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
    sql: String,
    /// Only in this case.
    when: Option<When>,
    /// Also in runs of a part of the plan.
    #[serde(default)]
    scoped: bool,
}

/// A program.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandStep {
    /// The program and its arguments; no shell.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// Variables that the program may see beside PATH, HOME and LANG.
    env: Option<StepEnv>,
    /// How long it may take: `60s`.
    timeout: Option<String>,
    /// Only in this case.
    when: Option<When>,
    /// Also in runs of a part of the plan.
    #[serde(default)]
    scoped: bool,
}

/// The case that a step of `on_failure` is for.
#[derive(Deserialize, JsonSchema)]
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

/// An empty map.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Who hears of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Ways to notify, by name.
    via: BTreeMap<String, Via>,
    /// Groups: addresses by way.
    #[serde(default)]
    to: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Which groups hear of an event.
    #[serde(default)]
    on: BTreeMap<String, Audience>,
}

/// A way to notify.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    /// Mail.
    Smtp(Smtp),
    /// An HTTP POST.
    Webhook(Webhook),
    /// Reseal's own log.
    Log(Nothing),
}

/// Mail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smtp {
    /// A source of the server's URL.
    url: Source,
    /// The sender.
    from: String,
}

/// An HTTP POST.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// A source of the URL.
    url: Source,
    /// The shape of the message: `slack`, for instance.
    shape: Option<String>,
}

/// Who hears of an event.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// Groups.
    Groups(Vec<String>),
    /// Groups, some time before or after.
    Timed(Timed),
}

/// Groups that hear of an event some time before or after.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// This long before: `7d`.
    before: Option<String>,
    /// This long after: `30m`.
    after: Option<String>,
    /// The groups.
    to: Vec<String>,
}
