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
            "keyset main: v1 is retired, and would seal",
            "generate a new key with `reseal keys generate`, and make it the primary",
        ),
        record(
            RecordsError::OldKeyGivenUp { keyset: keyset(), key: key(), state },
            Refused,
            "key-given-up",
            "keyset main: v1 is retired, and cells written since would be sealed under it",
            "there is no way back to it; another key of the keyset: --to-key",
        ),
        record(
            RecordsError::PrimaryRetiredOutside { keyset: keyset(), key: key(), state: s("disabled") },
            Refused,
            "key-given-up",
            "keyset main: v1 is disabled by the application's own table, and would seal",
            "make another key the primary, or set its state back in that table",
        ),
        record(
            RecordsError::OldKeyRetiredOutside { keyset: keyset(), key: key(), state: s("retired") },
            Refused,
            "key-given-up",
            "keyset main: v1 is retired by the application's own table, and cells written since would be sealed under it",
            "set its state back in that table if the application may seal with it again",
        ),
        record(
            RecordsError::ApprovalUsed { request: s("q1") },
            Stopped,
            "approval-used",
            "request q1 was made use of meanwhile",
            "the same command again asks for new approvals",
        ),
    ]
}

fn of_trail() -> Vec<Case> {
    vec![
        record(
            RecordsError::ControlDatabaseBehind { run: s("r1"), event: 15, tail: 12 },
            Refused,
            "control-database-behind",
            "the control database does not know event 15 of the audit trail, with which run r1 began: its trail ends at event \
             12, so that it is another one or was restored from a backup",
            "check RESEAL_DATABASE_URL, or restore a newer backup",
        ),
        record(
            RecordsError::AuditTrail {
                kind: EventKind::RunStarted,
                source: StoreError::new(Trouble::Retry, "why"),
            },
            Stopped,
            "audit-trail",
            "run-started is not in the audit trail, and nothing runs without: why",
            "another process has locked the control database (RESEAL_DATABASE_URL): run again when it is done",
        ),
        record(
            RecordsError::AuditTrail {
                kind: EventKind::RunStarted,
                source: StoreError::new(Trouble::Unwritable, "why"),
            },
            Refused,
            "audit-trail",
            "run-started is not in the audit trail, and nothing runs without: why",
            "see that the control database (RESEAL_DATABASE_URL) takes writes, then run again",
        ),
    ]
}
