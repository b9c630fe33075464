//! The schedule of a plan.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reseal_core::quantity::exact;

use super::{PlanPath, SourceSpec};
use crate::{CronLine, Window};

/// What happens when.
#[derive(Clone, Debug)]
pub struct ScheduleSpec {
    /// The IANA name of the time zone.
    pub zone_name: String,
    /// The time zone of all jobs.
    pub zone: TimeZone,
    /// The switch outside the plan, if there is one.
    pub enabled: Option<Switch>,
    /// The jobs, in the order of the file.
    pub jobs: Vec<JobSpec>,
}

/// A switch outside the plan: a variable and what it must hold for the schedule to fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The variable's name.
    pub variable: String,
    /// What it must hold.
    pub value: String,
}

impl ScheduleSpec {
    /// Whether the switch is on, or there is none; `read` gives a variable's value.
    pub fn is_on(&self, read: impl Fn(&str) -> Option<String>) -> bool {
        self.enabled.as_ref().is_none_or(|switch| read(&switch.variable).as_deref() == Some(&switch.value))
    }
}

/// A job of the schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// The job's name.
    pub name: String,
    /// When it fires.
    pub timing: Timing,
    /// What happens to firings that were missed.
    pub misfire: Misfire,
    /// What happens while the firing before is not over.
    pub overlap: Overlap,
    /// Up to how much later it fires.
    pub jitter: Option<Duration>,
    /// What is done.
    pub action: Action,
    /// Line in the file, from 1.
    pub line: usize,
}

/// When a job fires.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// At the times of a cron line, on the wall clock of the zone.
    Cron(CronLine),
    /// At a fixed distance, counted from a fixed time and not from the last firing: so all daemons agree, and what will
    /// fire can be told in advance. Whole days are days of the wall clock, anything else is time that passes.
    Every {
        /// The distance; a minute at the least.
        interval: Duration,
        /// From when it counts, on the wall clock of the zone.
        from: DateTime,
    },
    /// At a fixed distance, counted from when the oldest of the keys that seal became active: a rotation that names no other
    /// beginning. Days and other lengths are as those of [`Timing::Every`].
    KeyAge {
        /// The distance; a minute at the least.
        interval: Duration,
    },
}

impl std::fmt::Display for Timing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Timing::Cron(line) => write!(f, "{line}"),
            Timing::Every { interval, from } => {
                write!(f, "every {} from {from}", exact(*interval))
            }
            Timing::KeyAge { interval } => write!(f, "every {} of the key's age", exact(*interval)),
        }
    }
}

/// What happens to firings that were missed: the daemon was down, or the one before was not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// One firing stands for all of them.
    Once,
    /// Each is caught up, in order, up to a bound.
    All,
}

/// What happens while the firing before is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The next one waits.
    Forbid,
    /// Both go on side by side.
    Allow,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Sends a reminder, by this template or the usual one.
    Remind(Option<String>),
    /// Compares the age of keys with the policy.
    KeyAge,
    /// Counts cells; with `open`, opens each instead of believing its mark.
    Census {
        /// Whether every cell is opened.
        open: bool,
    },
    /// Opens every cell in one snapshot.
    Verify,
    /// Tries whether keys can be restored from their backup.
    RestoreTest {
        /// The backup; with [`SLOT`] in it, the newest of those.
        file: PlanPath,
        /// Where the identity is kept that decrypts it.
        identity: SourceSpec,
    },
    /// Backs the keys up.
    KeysBackup {
        /// Who can read it.
        to: Recipients,
        /// The file, with [`SLOT`] in its name.
        file: PlanPath,
    },
    /// Writes a report of the audit trail.
    Report {
        /// The standard that it answers to.
        standard: Standard,
        /// The time that it is about.
        period: Period,
        /// The file, perhaps with [`SLOT`] in its name.
        out: PlanPath,
    },
    /// Rotates.
    Run {
        /// When the rotation may work.
        window: Option<RunWindow>,
        /// How many people must agree.
        approvals: Option<u32>,
    },
}

impl Action {
    /// The action's word in the plan language.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Action::Remind(_) => "remind",
            Action::KeyAge => "key-age",
            Action::Census { .. } => "census",
            Action::Verify => "verify",
            Action::RestoreTest { .. } => "restore-test",
            Action::KeysBackup { .. } => "keys-backup",
            Action::Report { .. } => "report",
            Action::Run { .. } => "run",
        }
    }

    /// Whether it reads or writes age files, which a build may have been made without.
    #[must_use]
    pub fn needs_age(&self) -> bool {
        matches!(self, Action::RestoreTest { .. } | Action::KeysBackup { .. })
    }
}

/// What stands for the time that a job was due, in the names of the files that it writes.
pub const SLOT: &str = "{slot}";

/// Who can read a backup.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipients {
    /// Recipients of age.
    Listed(Vec<String>),
    /// Where they are kept, one a line.
    Source(SourceSpec),
}

/// The time that a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// So long, up to when it was due.
    Last(Duration),
    /// The last whole month.
    Month,
    /// The last whole quarter.
    Quarter,
    /// The last whole year.
    Year,
}

/// When a scheduled rotation may work.
#[derive(Clone, Debug, PartialEq)]
pub enum RunWindow {
    /// In these hours of the week.
    Hours(Window),
    /// It may wait this long to start.
    Within(Duration),
}

/// The standard that a report answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// PCI DSS.
    PciDss,
    /// HIPAA.
    Hipaa,
    /// SOC 2.
    Soc2,
    /// GDPR.
    Gdpr,
}

impl Standard {
    /// The standard's word in the plan language and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Standard::PciDss => "pci-dss",
            Standard::Hipaa => "hipaa",
            Standard::Soc2 => "soc2",
            Standard::Gdpr => "gdpr",
        }
    }
}
