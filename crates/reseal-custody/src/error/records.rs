//! What keeps a run from beginning in the control database: the key catalogue, approvals, the audit trail.

use std::sync::Arc;

use reseal_core::KeyState;
use reseal_core::audit::EventKind;
use reseal_engine::{Advice, Advise, RunError};
use reseal_store::{StoreError, Trouble};
use thiserror::Error;

/// What keeps a run from beginning in the control database.
#[derive(Clone, Debug, Error)]
pub enum RecordsError {
    /// Other processes change the catalogue all the time.
    #[error("other processes keep changing the key catalogue")]
    CatalogueBusy,
    /// A primary was given up.
    #[error("keyset {keyset}: {key} is {state}, and would seal")]
    PrimaryGivenUp {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// The key that cells written since a run would go back to was given up.
    #[error("keyset {keyset}: {key} is {state}, and cells written since would be sealed under it")]
    OldKeyGivenUp {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// A primary was given up by the application.
    #[error("keyset {keyset}: {key} is {state} by the application's own table, and would seal")]
    PrimaryRetiredOutside {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state, in the application's word.
        state: String,
    },
    /// The key that cells written since a run would go back to was given up by the application.
    #[error(
        "keyset {keyset}: {key} is {state} by the application's own table, and cells written since would be sealed under it"
    )]
    OldKeyRetiredOutside {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state, in the application's word.
        state: String,
    },
    /// What people agreed to once was done once.
    #[error("request {request} was made use of meanwhile")]
    ApprovalUsed {
        /// The request.
        request: String,
    },
    /// The control database does not know the event with which the plan's newest run began.
    #[error(
        "the control database does not know event {event} of the audit trail, with which run {run} began: its trail ends at \
         event {tail}, so that it is another one or was restored from a backup"
    )]
    ControlDatabaseBehind {
        /// The run.
        run: String,
        /// The event.
        event: u64,
        /// Where its trail ends.
        tail: u64,
    },
    /// An event could not be recorded, and nothing runs without.
    #[error("{kind} is not in the audit trail, and nothing runs without: {source}")]
    AuditTrail {
        /// What was to be recorded.
        kind: EventKind,
        /// Why it could not be.
        source: StoreError,
    },
}

impl Advise for RecordsError {
    fn advice(&self) -> Advice {
        match self {
            RecordsError::CatalogueBusy => Advice::stopped("catalogue-busy", "try again"),
            RecordsError::PrimaryGivenUp { .. } => Advice::refused(
                "key-given-up",
                "generate a new key with `reseal keys generate`, and make it the primary",
            ),
            RecordsError::OldKeyGivenUp { .. } => Advice::refused(
                "key-given-up",
                "there is no way back to it; another key of the keyset: --to-key",
            ),
            RecordsError::PrimaryRetiredOutside { .. } => Advice::refused(
                "key-given-up",
                "make another key the primary, or set its state back in that table",
            ),
            RecordsError::OldKeyRetiredOutside { .. } => Advice::refused(
                "key-given-up",
                "set its state back in that table if the application may seal with it again, or pass another key of the \
                 keyset with `--to-key`",
            ),
            RecordsError::ApprovalUsed { .. } => {
                Advice::stopped("approval-used", "the same command again asks for new approvals")
            }
            RecordsError::ControlDatabaseBehind { .. } => Advice::refused(
                "control-database-behind",
                "check RESEAL_DATABASE_URL, or restore a newer backup; `--accept-control-database` goes on without what it has \
                 forgotten (approvals used, states of keys), and the trail records it",
            ),
            RecordsError::AuditTrail { source, .. } if source.trouble == Trouble::Retry => Advice::stopped(
                "audit-trail",
                "another process has locked the control database (RESEAL_DATABASE_URL): run again when it is done",
            ),
            RecordsError::AuditTrail { .. } => Advice::refused(
                "audit-trail",
                "see that the control database (RESEAL_DATABASE_URL) takes writes, then run again",
            ),
        }
    }
}

impl From<RecordsError> for RunError {
    fn from(error: RecordsError) -> Self {
        RunError::Outer(Arc::new(error))
    }
}
