//! Rules that hold for every rotation of a plan.

use std::time::Duration;

use super::{PlanPath, SourceSpec};

/// Rules that hold for every rotation of a plan. Without the section, nothing is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The most a key may age from when it was made active.
    pub max_key_age: Option<Duration>,
    /// The least the active key must have aged before a rotation to another.
    pub min_key_age: Option<Duration>,
    /// A key that expires within this time may be replaced however young it is.
    pub or_expires_within: Option<Duration>,
    /// How long before a key expires somebody is warned, the longest first.
    pub warn: Vec<Duration>,
    /// How long a retired key is kept before it may be destroyed; `None`: it may be at once.
    pub keep_retired: Option<Keep>,
    /// How long the old cells of a run are kept before they may be dropped.
    pub keep_undo: Option<Duration>,
    /// The most keys that may be active at once; more are worth a warning.
    pub max_active_keys: Option<u32>,
    /// How many people must agree to what.
    pub approvals: Approvals,
    /// The file that names those who may agree, and their public keys.
    pub approvers: Option<PlanPath>,
    /// The plan's folder, in which programs of the policy are started.
    pub folder: String,
    /// Proof that a backup is fresh, asked for before a run's first write.
    pub backup: Option<BackupProof>,
    /// Proof that the disk has room, asked for before a run's first write.
    pub disk: Option<DiskProof>,
}

impl Policy {
    /// The path of the file of approvers; empty where the plan names none.
    #[must_use]
    pub fn approvers_file(&self) -> &str {
        self.approvers.as_ref().map_or("", PlanPath::as_str)
    }
}

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For this long.
    For(Duration),
    /// For ever.
    Forever,
}

/// How many people must agree; none, where it says 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// To a run.
    pub run: u32,
    /// To a rollback.
    pub rollback: u32,
    /// To the destruction of a key.
    pub destroy: u32,
    /// To an emergency run.
    pub emergency: u32,
}

impl Approvals {
    /// Whether anybody has to agree to anything.
    #[must_use]
    pub fn any(&self) -> bool {
        [self.run, self.rollback, self.destroy, self.emergency].iter().any(|needed| *needed > 0)
    }
}

/// Proof that a backup is fresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupProof {
    /// What tells when the newest backup was made.
    pub proof: Proof,
    /// The most it may have aged.
    pub max_age: Duration,
    /// Where the identity is kept that decrypts a backup of keys.
    pub identity: Option<SourceSpec>,
}

/// What tells when the newest backup was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A program and its arguments, which prints the time (RFC 3339).
    Command(Vec<String>),
    /// The backup itself: the time at which the file was last written.
    File(PlanPath),
}

/// Proof that the disk has room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskProof {
    /// A program and its arguments, which prints the free share in percent.
    pub command: Vec<String>,
    /// The least free share in percent.
    pub min_free: u32,
}
