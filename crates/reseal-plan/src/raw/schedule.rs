//! The schedule as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Named, Source};

/// What happens when.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Schedule {
    /// The time zone of all jobs: an IANA name.
    #[schemars(length(min = 1))]
    pub(crate) zone: String,
    /// A switch outside the plan.
    pub(crate) enabled: Option<Enabled>,
    /// The jobs, by name.
    #[serde(flatten)]
    pub(crate) jobs: Named<ScheduledJob>,
}

/// A switch outside the plan.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enabled {
    /// The variable.
    #[schemars(length(min = 1))]
    pub(crate) env: String,
    /// What it must hold.
    pub(crate) is: String,
}

/// A job of the schedule.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduledJob {
    /// A cron line: minute, hour, day of month, month, day of week.
    #[schemars(length(min = 1))]
    pub(crate) cron: Option<String>,
    /// An interval: `90d`. Of a `run`, the age at which the key is replaced, unless `from` names another beginning.
    #[schemars(length(min = 1))]
    pub(crate) every: Option<String>,
    /// From when `every` counts, in the schedule's zone: `2026-01-15`, or `2026-01-15T04:00`. Without it, a `run` counts from
    /// when the key that seals became active, and any other job from 1970-01-01.
    #[schemars(length(min = 1))]
    pub(crate) from: Option<String>,
    /// What happens to firings that were missed; `once` if left out.
    #[serde(default)]
    pub(crate) misfire: Misfire,
    /// What happens while the firing before is not over; `forbid` if left out.
    #[serde(default)]
    pub(crate) overlap: Overlap,
    /// Up to how much later it fires, by an amount that is fixed for each firing: `10m`.
    #[schemars(length(min = 1))]
    pub(crate) jitter: Option<String>,
    /// What is done.
    pub(crate) r#do: Do,
}

/// What happens to firings that were missed.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Misfire {
    /// Left out.
    Skip,
    /// Caught up once.
    #[default]
    Once,
    /// Caught up one by one.
    All,
}

/// What happens while the firing before is not over.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Overlap {
    /// The next one waits, and `misfire` says what becomes of it.
    #[default]
    Forbid,
    /// Both go on side by side.
    Allow,
}

/// What a job does.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Do {
    /// What needs no more words.
    Word(DoWord),
    /// What is said more of.
    Map(DoMap),
}

/// What a job does, in a word.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DoWord {
    /// Sends a reminder.
    Remind,
    /// Compares the age of keys with the policy.
    KeyAge,
    /// Counts cells by what they say of their keys.
    Census,
    /// Opens every cell.
    Verify,
    /// Tries whether keys can be restored from their backup.
    RestoreTest,
    /// Backs the keys up.
    KeysBackup,
    /// Rotates.
    Run,
}

/// What a job does.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DoMap {
    /// Sends a reminder by this template.
    Remind(#[schemars(length(min = 1))] String),
    /// Counts cells.
    Census(CensusJob),
    /// Opens every cell.
    Verify(Nothing),
    /// Tries whether keys can be restored from their backup.
    RestoreTest(RestoreTestJob),
    /// Backs the keys up.
    KeysBackup(KeysBackupJob),
    /// Writes a report of the audit trail.
    Report(ReportJob),
    /// Rotates.
    Run(RunJob),
}

/// How cells are counted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CensusJob {
    /// Open every cell instead of believing marks.
    #[serde(default)]
    pub(crate) open: bool,
}

/// Which backup is tried.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreTestJob {
    /// The backup; with `{slot}` in its name, the newest of those. `policy.backup.file` if left out.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// Where the identity is kept that decrypts it. `policy.backup.identity` if left out.
    pub(crate) identity: Option<Source>,
}

/// Where keys are backed up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysBackupJob {
    /// Who can read the file: recipients of age.
    pub(crate) to: Recipients,
    /// The file; `{slot}` in its name is the time that it was due.
    #[schemars(length(min = 1))]
    pub(crate) file: String,
}

/// Who can read a backup.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Recipients {
    /// Recipients of age.
    Listed(#[schemars(length(min = 1))] Vec<String>),
    /// Where they are kept, one a line.
    Source(Source),
}

/// What is reported, and where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportJob {
    /// The standard that it answers to.
    pub(crate) standard: Standard,
    /// The last whole `month`, `quarter` or `year`, or a length of time up to when it was due: `90d`.
    #[schemars(length(min = 1))]
    pub(crate) period: String,
    /// The file for the page; `{slot}` in its name is the time that it was due.
    #[schemars(length(min = 1))]
    pub(crate) out: String,
}

/// The standard that a report answers to.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standard {
    /// PCI DSS.
    PciDss,
    /// HIPAA.
    Hipaa,
    /// SOC 2.
    Soc2,
    /// GDPR.
    Gdpr,
}

/// How a scheduled rotation runs.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunJob {
    /// Weekly hours in the schedule's zone (`Sat 22:00-06:00`), or how long the run may wait to start (`7d`).
    #[schemars(length(min = 1))]
    pub(crate) window: Option<String>,
    /// How many people must agree.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) approvals: Option<u32>,
}

/// An empty map.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}
