//! Rules for every run of a plan.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OneOrMany, Source};

/// Rules for key ages, approvals, backups and retention.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// Maximum age of a primary, such as `365d`. Default: no limit.
    pub(crate) max_key_age: Option<String>,
    /// Minimum age of a primary before it may be rotated, such as `30d`. Default: no limit.
    pub(crate) min_key_age: Option<String>,
    /// A primary that expires within this time, such as `14d`, may be rotated even if it is younger than `min_key_age`.
    /// Default: none.
    pub(crate) or_expires_within: Option<String>,
    /// How long before `max_key_age` a warning is sent, such as `[14d, 3d]`. Default: no warning.
    pub(crate) warn: Vec<String>,
    /// How long a retired key is kept before it may be destroyed, such as `400d`, or `forever`. Default: no limit.
    pub(crate) keep_retired: Option<String>,
    /// How long old cells are kept before `reseal undo drop` may delete them, such as `30d`. Default: no minimum.
    pub(crate) keep_undo: Option<String>,
    /// Maximum number of active keys per keyset; more keys raise a warning. Default: no limit.
    #[schemars(range(min = 1))]
    pub(crate) max_active_keys: Option<u32>,
    /// Number of people who must approve. Default: 0.
    pub(crate) approvals: Option<Approvals>,
    /// The people who may approve; required with `approvals`.
    pub(crate) approvers: Option<Approvers>,
    /// Required proof of a recent backup before a run. Default: none.
    pub(crate) backup: Option<Backup>,
    /// Required proof of free disk space before a run. Default: none.
    pub(crate) disk: Option<Disk>,
}

/// Number of people who must approve.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Approvals {
    /// The same number for every action.
    All(u32),
    /// A number for each action.
    Each(EachApproval),
}

/// Number of people who must approve each action.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EachApproval {
    /// Approvals for a run. Default: 0.
    pub(crate) run: Option<u32>,
    /// Approvals for a rollback. Default: 0.
    pub(crate) rollback: Option<u32>,
    /// Approvals for destroying a key. Default: 0.
    pub(crate) destroy: Option<u32>,
    /// Approvals for an emergency run. Default: the same number as for `run`.
    pub(crate) emergency: Option<u32>,
}

/// The people who may approve.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approvers {
    /// Path of a file with one `NAME ed25519 PUBLIC-KEY` per line. Operators must not be able to write it.
    pub(crate) file: String,
}

/// Proof of a recent backup.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// A program, with arguments, that prints the time of the latest backup (RFC 3339). Use either `command` or `file`.
    pub(crate) command: Option<OneOrMany>,
    /// Path of the latest backup; its modification time counts. Use either `command` or `file`.
    pub(crate) file: Option<String>,
    /// Where the age identity that decrypts `file` is stored, if `file` is a key backup. `do: restore-test` uses it.
    /// Default: none.
    pub(crate) identity: Option<Source>,
    /// Maximum age of the backup, such as `24h`.
    pub(crate) max_age: String,
}

/// Proof of free disk space.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disk {
    /// A program, with arguments, that prints the free disk space in percent.
    pub(crate) command: OneOrMany,
    /// Minimum free disk space in percent.
    #[schemars(range(min = 0, max = 100))]
    pub(crate) min_free: u32,
}
