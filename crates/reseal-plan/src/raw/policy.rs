//! Rules that hold for every rotation of a plan.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OneOrMany, Source};

/// Ages, approvals and other rules.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// The most a primary may age: `365d`.
    pub(crate) max_key_age: Option<String>,
    /// The least a primary must have aged before a rotation.
    pub(crate) min_key_age: Option<String>,
    /// A primary that expires within this time may be rotated though it is younger than `min_key_age`.
    pub(crate) or_expires_within: Option<String>,
    /// How long before `max_key_age` a warning goes out.
    pub(crate) warn: Vec<String>,
    /// How long retired keys are kept, or `forever`.
    pub(crate) keep_retired: Option<String>,
    /// How long old cells are kept.
    pub(crate) keep_undo: Option<String>,
    /// The most keys that may be active at once.
    #[schemars(range(min = 1))]
    pub(crate) max_active_keys: Option<u32>,
    /// How many people must agree.
    pub(crate) approvals: Option<Approvals>,
    /// Who may agree.
    pub(crate) approvers: Option<Approvers>,
    /// Proof that a backup is fresh.
    pub(crate) backup: Option<Backup>,
    /// Proof that the disk has room.
    pub(crate) disk: Option<Disk>,
}

/// How many people must agree.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Approvals {
    /// To anything.
    All(u32),
    /// To each of these.
    Each(EachApproval),
}

/// How many people must agree to what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EachApproval {
    /// A run.
    pub(crate) run: Option<u32>,
    /// A rollback.
    pub(crate) rollback: Option<u32>,
    /// The destruction of a key.
    pub(crate) destroy: Option<u32>,
    /// An emergency run.
    pub(crate) emergency: Option<u32>,
}

/// Who may agree.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approvers {
    /// A file outside the plan, or the operator could add himself.
    pub(crate) file: String,
}

/// Proof that a backup is fresh.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// A program that prints the time of the newest backup (RFC 3339).
    pub(crate) command: Option<OneOrMany>,
    /// The newest backup itself.
    pub(crate) file: Option<String>,
    /// Where that file is a backup of keys: where the identity is kept that decrypts it, for `do: restore-test`.
    pub(crate) identity: Option<Source>,
    /// The most it may have aged: `24h`.
    pub(crate) max_age: String,
}

/// Proof that the disk has room.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disk {
    /// A program that prints the free share in percent.
    pub(crate) command: OneOrMany,
    /// The least free share in percent.
    #[schemars(range(min = 0, max = 100))]
    pub(crate) min_free: u32,
}
