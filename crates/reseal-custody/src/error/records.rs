//! Records in the control database that keep a run from starting: key catalogue, approvals, audit trail.

use std::sync::Arc;

use reseal_core::KeyState;
use reseal_core::audit::EventKind;
use reseal_engine::{Advice, Advise, RunError};
use reseal_store::{StoreError, Trouble};
use thiserror::Error;

/// A record in the control database keeps a run from starting.
#[derive(Clone, Debug, Error)]
pub enum RecordsError {
    /// Other processes keep changing the catalogue.
    #[error("other processes keep changing the key catalogue")]
    CatalogueBusy,
    /// The primary is retired or destroyed.
    #[error("keyset {keyset}: the primary {key} is {state} and must not seal new data")]
    PrimaryGivenUp {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// The key for cells written since the run is retired or destroyed.
    #[error("keyset {keyset}: {key} is {state}, and the rollback would seal cells under it")]
    OldKeyGivenUp {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// The primary is retired in the application's table.
    #[error(
        "keyset {keyset}: the primary {key} is {state} in the application's table and must not seal new data"
    )]
    PrimaryRetiredOutside {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state, as the application names it.
        state: String,
    },
    /// The key for cells written since the run is retired in the application's table.
    #[error(
        "keyset {keyset}: {key} is {state} in the application's table, and the rollback would seal cells under it"
    )]
    OldKeyRetiredOutside {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state, as the application names it.
        state: String,
    },
    /// The approval was used by another process.
    #[error("request {request} was used by another process")]
    ApprovalUsed {
        /// The request.
        request: String,
    },
    /// The control database lacks the event that started the plan's latest run.
    #[error(
        "the control database does not contain event {event} of the audit trail, which started run {run}: its trail \
         ends at event {tail}, so it is another database or was restored from a backup"
    )]
    ControlDatabaseBehind {
        /// The run.
        run: String,
        /// The event.
        event: u64,
        /// Where its trail ends.
        tail: u64,
    },
    /// An event could not be recorded; without it, nothing runs.
    #[error("cannot record {kind} in the audit trail: {source}")]
    AuditTrail {
        /// The kind of the event.
        kind: EventKind,
        /// The cause.
        source: StoreError,
    },
}

impl Advise for RecordsError {
    fn advice(&self) -> Advice {
        match self {
            RecordsError::CatalogueBusy => Advice::stopped("catalogue-busy", "try again"),
            RecordsError::PrimaryGivenUp { .. } => Advice::refused(
                "key-given-up",
                "generate a new key with `reseal keys generate` and make it the primary",
            ),
            RecordsError::OldKeyGivenUp { .. } => {
                Advice::refused("key-given-up", "pass another key of the keyset with `--to-key`")
            }
            RecordsError::PrimaryRetiredOutside { .. } => Advice::refused(
                "key-given-up",
                "make another key the primary, or change its state in that table",
            ),
            RecordsError::OldKeyRetiredOutside { .. } => Advice::refused(
                "key-given-up",
                "change its state in that table if the application may seal with it again, or pass another key of the \
                 keyset with `--to-key`",
            ),
            RecordsError::ApprovalUsed { .. } => {
                Advice::stopped("approval-used", "run the same command again; it makes a new request")
            }
            RecordsError::ControlDatabaseBehind { .. } => Advice::refused(
                "control-database-behind",
                "check RESEAL_DATABASE_URL, or restore a newer backup; pass `--accept-control-database` to continue \
                 without the records it has lost (used approvals, key states), which the trail then records",
            ),
            RecordsError::AuditTrail { source, .. } if source.trouble == Trouble::Retry => Advice::stopped(
                "audit-trail",
                "another process has locked the control database (RESEAL_DATABASE_URL); run the command again when it \
                 has finished",
            ),
            RecordsError::AuditTrail { .. } => Advice::refused(
                "audit-trail",
                "make the control database (RESEAL_DATABASE_URL) writable, then run the command again",
            ),
        }
    }
}

impl From<RecordsError> for RunError {
    fn from(error: RecordsError) -> Self {
        RunError::Outer(Arc::new(error))
    }
}
