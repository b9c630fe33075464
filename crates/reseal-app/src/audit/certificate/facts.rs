//! What the trail says of one run.

use reseal_core::audit::{Detail, Entry, Event, EventKind};
use reseal_store::RunRow;
use serde_json::Value;

use super::error::CertificateError;

/// What the trail says of a run that is complete.
#[derive(Debug)]
pub(super) struct Facts<'t> {
    /// The run's id.
    pub(super) run: &'t str,
    /// Its beginning, or where it was resumed last: with its database, tables, fields and keys.
    pub(super) begun: &'t Event,
    /// When it began.
    pub(super) began_ms: i64,
    /// Its end.
    pub(super) finished: &'t Event,
    /// The database, as its own identity says.
    pub(super) database: Value,
    /// When the snapshot of its last sweep was begun.
    pub(super) swept_ms: i64,
    /// The request that people agreed to, where they had to.
    pub(super) request: Option<&'t str>,
    /// Those whose agreement counted.
    pub(super) approvals: Vec<Approval<'t>>,
}

/// Somebody agreed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Approval<'t> {
    /// By the name in the file of approvers.
    pub(super) approver: &'t str,
    /// The public key of the signature, base64.
    pub(super) key: &'t str,
    /// When the agreement was recorded; none where that failed.
    pub(super) at: Option<i64>,
}

impl<'t> Facts<'t> {
    /// What a sound trail says of a run that is complete by the ledger.
    pub(super) fn of(entries: &'t [Entry], run: &RunRow) -> Result<Facts<'t>, CertificateError> {
        let id = || run.id.clone();
        let of_run: Vec<&Event> =
            entries.iter().map(|entry| &entry.event).filter(|event| event.run_id == run.id).collect();
        let back = [EventKind::RollbackStarted, EventKind::RunRolledBack];
        if of_run.iter().any(|event| back.contains(&event.kind)) {
            return Err(CertificateError::RolledBack { run: id() });
        }
        let missing = || CertificateError::NotInTrail { run: id() };
        let end =
            of_run.iter().rposition(|event| event.kind == EventKind::RunFinished).ok_or_else(missing)?;
        let (before, finished) = (&of_run[..end], of_run[end]);
        let begins = [EventKind::RunStarted, EventKind::RunResumed];
        let mut begins = before.iter().copied().filter(|event| begins.contains(&event.kind));
        let first = begins.next().ok_or_else(missing)?;
        let begun = begins.next_back().unwrap_or(first);
        let not_recorded = |what| CertificateError::NotRecorded { run: id(), what };
        let swept_ms = finished.integer("swept_ms").ok_or_else(|| not_recorded("the sweep"))?;
        let database = begun.text("database").and_then(|text| serde_json::from_str(text).ok());
        let database = database.ok_or_else(|| not_recorded("the database"))?;
        agrees(finished, run)?;
        let agreed = before.iter().find(|event| event.text("approval").is_some());
        Ok(Facts {
            run: &finished.run_id,
            begun,
            began_ms: first.time_ms,
            finished,
            database,
            swept_ms,
            request: agreed.and_then(|event| event.text("approval")),
            approvals: agreed.map(|event| approvals(entries, event)).unwrap_or_default(),
        })
    }

    /// The fields of the beginning whose names begin so, each with the rest of its name.
    pub(super) fn named(&self, prefix: &str) -> impl Iterator<Item = Named<'t>> {
        self.begun.fields.iter().filter_map(move |(name, value)| match value {
            Detail::Text(text) => Some(Named { name: name.strip_prefix(prefix)?, text }),
            Detail::Integer(_) => None,
        })
    }

    /// The fingerprint of a key; none where the trail has none of it.
    pub(super) fn fingerprint(&self, keyset: &str, key: &str) -> Option<&'t str> {
        let keys = &self.begun.keys;
        let found = keys.iter().find(|print| (print.keyset.as_str(), print.key.as_str()) == (keyset, key))?;
        Some(found.digest.as_str()).filter(|digest| !digest.is_empty())
    }
}

/// A field of an event, without the prefix of its name.
pub(super) struct Named<'t> {
    /// The rest of its name.
    pub(super) name: &'t str,
    /// What it says.
    pub(super) text: &'t str,
}

/// Holds the ledger's word on a run against the trail's.
fn agrees(finished: &Event, run: &RunRow) -> Result<(), CertificateError> {
    let rotated = finished.integer("cells_rotated").and_then(|cells| u64::try_from(cells).ok());
    let pairs = [
        ("the plan's name", finished.plan == run.plan),
        ("the plan's digest", finished.plan_digest == run.plan_digest),
        ("the state", finished.text("state") == Some(run.state.name())),
        ("the scope", finished.text("scope") == Some(run.scope.as_str())),
        ("the cells", rotated == Some(run.counts.cells_rotated)),
    ];
    match pairs.into_iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(CertificateError::Disagree { run: run.id.clone(), what }),
        None => Ok(()),
    }
}

/// Those whose agreement counted when a run began, with the times at which they gave it.
fn approvals<'t>(entries: &'t [Entry], begun: &'t Event) -> Vec<Approval<'t>> {
    let request = begun.text("approval");
    let given_at = |approver: &str, key: &str| {
        let is_it = |event: &&Event| {
            event.kind == EventKind::ApprovalGiven
                && event.text("request") == request
                && event.text("approver") == Some(approver)
                && event.text("approver_key") == Some(key)
        };
        entries.iter().map(|entry| &entry.event).rfind(is_it).map(|event| event.time_ms)
    };
    let pairs = begun.texts("approved_by").zip(begun.texts("approver_key"));
    pairs.map(|(approver, key)| Approval { approver, key, at: given_at(approver, key) }).collect()
}
