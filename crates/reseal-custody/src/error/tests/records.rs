//! The key catalogue, approvals and the audit trail.

use reseal_core::KeyState;
use reseal_core::audit::EventKind;
use reseal_engine::Class::{self, Refused, Stopped};
use reseal_store::Trouble;

use super::super::*;
use super::{Case, case, s};

pub(super) fn of_records() -> Vec<Case> {
    of_keys().into_iter().chain(of_trail()).collect()
}

fn record(
    error: RecordsError,
    class: Class,
    code: &'static str,
    message: &'static str,
    help: &'static str,
) -> Case {
    case(RunError::from(error), class, code, message, help)
}

fn of_keys() -> Vec<Case> {
    let (keyset, key, state) = (|| s("main"), || s("v1"), KeyState::Retired);
    vec![
        record(
            RecordsError::CatalogueBusy,
            Stopped,
            "catalogue-busy",
            "other processes keep changing the key catalogue",
            "try again",
        ),
        record(
            RecordsError::PrimaryGivenUp { keyset: keyset(), key: key(), state },
            Refused,
            "key-given-up",
            "keyset main: the primary v1 is retired and must not seal new data",
            "generate a new key with `reseal keys generate` and make it the primary",
        ),
        record(
            RecordsError::OldKeyGivenUp { keyset: keyset(), key: key(), state },
            Refused,
            "key-given-up",
            "keyset main: v1 is retired, and the rollback would seal cells under it",
            "pass another key of the keyset with `--to-key`",
        ),
        record(
            RecordsError::PrimaryRetiredOutside { keyset: keyset(), key: key(), state: s("disabled") },
            Refused,
            "key-given-up",
            "keyset main: the primary v1 is disabled in the application's table and must not seal new data",
            "make another key the primary, or change its state in that table",
        ),
        record(
            RecordsError::OldKeyRetiredOutside { keyset: keyset(), key: key(), state: s("retired") },
            Refused,
            "key-given-up",
            "keyset main: v1 is retired in the application's table, and the rollback would seal cells under it",
            "change its state in that table if the application may seal with it again",
        ),
        record(
            RecordsError::ApprovalUsed { request: s("q1") },
            Stopped,
            "approval-used",
            "request q1 was used by another process",
            "run the same command again; it makes a new request",
        ),
    ]
}

fn of_trail() -> Vec<Case> {
    vec![
        record(
            RecordsError::ControlDatabaseBehind { run: s("r1"), event: 15, tail: 12 },
            Refused,
            "control-database-behind",
            "the control database does not contain event 15 of the audit trail, which started run r1: its trail ends \
             at event 12, so it is another database or was restored from a backup",
            "check RESEAL_DATABASE_URL, or restore a newer backup",
        ),
        record(
            RecordsError::AuditTrail {
                kind: EventKind::RunStarted,
                source: StoreError::new(Trouble::Retry, "why"),
            },
            Stopped,
            "audit-trail",
            "cannot record run-started in the audit trail: why",
            "another process has locked the control database (RESEAL_DATABASE_URL); run the command again when it has \
             finished",
        ),
        record(
            RecordsError::AuditTrail {
                kind: EventKind::RunStarted,
                source: StoreError::new(Trouble::Unwritable, "why"),
            },
            Refused,
            "audit-trail",
            "cannot record run-started in the audit trail: why",
            "make the control database (RESEAL_DATABASE_URL) writable, then run the command again",
        ),
    ]
}
