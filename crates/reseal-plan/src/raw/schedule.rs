//! The schedule as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Named, Source};

/// Scheduled jobs.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Schedule {
    /// Time zone of all jobs: an IANA name such as `Europe/Berlin`.
    #[schemars(length(min = 1))]
    pub(crate) zone: String,
    /// Environment variable that enables the schedule. Default: always enabled.
    pub(crate) enabled: Option<Enabled>,
    /// The jobs, by name.
    #[serde(flatten)]
    pub(crate) jobs: Named<ScheduledJob>,
}

/// Environment variable that enables the schedule.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enabled {
    /// Name of the variable.
    #[schemars(length(min = 1))]
    pub(crate) env: String,
    /// Value of the variable that enables the schedule.
    pub(crate) is: String,
}

/// A scheduled job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduledJob {
    /// Cron line: minute, hour, day of month, month, day of week. Use either `cron` or `every`.
    #[schemars(length(min = 1))]
    pub(crate) cron: Option<String>,
    /// Interval of at least 1 minute, such as `90d`. Use either `cron` or `every`. For a `run` without `from`, this is the age at
    /// which the key is replaced.
    #[schemars(length(min = 1))]
    pub(crate) every: Option<String>,
    /// Start of the first interval of `every`, in the schedule's time zone: `2026-01-15` or `2026-01-15T04:00`. Default: for a
    /// `run`, when the primary key became active; for other jobs, `1970-01-01T00:00`.
    #[schemars(length(min = 1))]
    pub(crate) from: Option<String>,
    /// What to do about missed executions. Default: `once`.
    #[serde(default)]
    pub(crate) misfire: Misfire,
    /// Whether the job may start while its previous execution is still running. Default: `forbid`.
    #[serde(default)]
    pub(crate) overlap: Overlap,
    /// Maximum delay of each execution, such as `10m`; the delay is fixed per execution. Default: no delay.
    #[schemars(length(min = 1))]
    pub(crate) jitter: Option<String>,
    /// What the job does.
    pub(crate) r#do: Do,
}

/// What to do about missed executions.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Misfire {
    /// Skip them.
    Skip,
    /// Execute the job once for all of them.
    #[default]
    Once,
    /// Execute the job once for each of them.
    All,
}

/// Whether a job may start while its previous execution is still running.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Overlap {
    /// The next execution counts as missed, and `misfire` applies.
    #[default]
    Forbid,
    /// Both executions run at the same time.
    Allow,
}

/// What a job does.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Do {
    /// An action without options.
    Word(DoWord),
    /// An action with options.
    Map(DoMap),
}

/// What a job does, without options.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DoWord {
    /// Send a reminder.
    Remind,
    /// Check the age of keys against the policy.
    KeyAge,
    /// Count cells by their marks.
    Census,
    /// Open every cell.
    Verify,
    /// Test whether keys can be restored from their backup.
    RestoreTest,
    /// Back up the keys.
    KeysBackup,
    /// Rotate.
    Run,
}

/// What a job does.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DoMap {
    /// Send a reminder with this template.
    Remind(#[schemars(length(min = 1))] String),
    /// Count cells.
    Census(CensusJob),
    /// Open every cell.
    Verify(Nothing),
    /// Test whether keys can be restored from their backup.
    RestoreTest(RestoreTestJob),
    /// Back up the keys.
    KeysBackup(KeysBackupJob),
    /// Write a report on the audit trail.
    Report(ReportJob),
    /// Rotate.
    Run(RunJob),
}

/// How to count cells.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CensusJob {
    /// Whether to open every cell instead of trusting its mark. Default: `false`.
    #[serde(default)]
    pub(crate) open: bool,
}

/// Which backup to test.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreTestJob {
    /// Path of the backup. With `{slot}` in its name, the latest of these files. Default: `policy.backup.file`.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// Where the age identity that decrypts the backup is stored. Default: `policy.backup.identity`.
    pub(crate) identity: Option<Source>,
}

/// How to back up keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysBackupJob {
    /// The age recipients who can decrypt the backup.
    pub(crate) to: Recipients,
    /// Path of the backup, with `{slot}` in its name for the time at which the job was due.
    #[schemars(length(min = 1))]
    pub(crate) file: String,
}

/// The age recipients who can decrypt a backup.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Recipients {
    /// A list of age recipients.
    Listed(#[schemars(length(min = 1))] Vec<String>),
    /// Where the age recipients are stored, one per line.
    Source(Source),
}

/// What to report, and where to write the report.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportJob {
    /// Standard that the report is written for.
    pub(crate) standard: Standard,
    /// Reporting period: the last complete `month`, `quarter` or `year`, or a duration before the job was due, such as
    /// `90d`.
    #[schemars(length(min = 1))]
    pub(crate) period: String,
    /// Path of the HTML report. `{slot}` in its name stands for the time at which the job was due.
    #[schemars(length(min = 1))]
    pub(crate) out: String,
}

/// Standard that a report is written for.
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

/// Options of a scheduled run.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunJob {
    /// Weekly hours in the schedule's time zone (`Sat 22:00-06:00`), or how long the run may wait before it starts
    /// (`7d`). Default: the run starts when the job is due.
    #[schemars(length(min = 1))]
    pub(crate) window: Option<String>,
    /// Number of people who must approve the run; at most `policy.approvals`. Default: `policy.approvals`.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) approvals: Option<u32>,
}

/// An empty map.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}
