//! Every variant with what it says and what it comes to: golden files, scripts and alerts rely on each of these words.

mod approvals;
mod copies;
mod keys;
mod records;

use reseal_engine::Busy;
use reseal_engine::Class::{self, Refused, Stopped};

use super::*;

struct Case {
    error: CustodyError,
    class: Class,
    code: &'static str,
    message: &'static str,
    /// How the help begins; empty where there is none.
    help: &'static str,
}

fn case(
    error: impl Into<CustodyError>,
    class: Class,
    code: &'static str,
    message: &'static str,
    help: &'static str,
) -> Case {
    Case { error: error.into(), class, code, message, help }
}

fn s(text: &str) -> String {
    text.to_owned()
}

fn of_proofs() -> Vec<Case> {
    let (made, witness) = (jiff::Timestamp::UNIX_EPOCH, || s("the file /b"));
    let proof = |error: ProofError, code, message, help| case(error, Refused, code, message, help);
    vec![
        proof(
            ProofError::BackupInTheFuture { made, witness: witness() },
            "backup-in-the-future",
            "the newest backup is of 1970-01-01T00:00:00Z, which is yet to come, says the file /b",
            "compare the clocks",
        ),
        proof(
            ProofError::BackupOld { made, witness: witness() },
            "backup-old",
            "the newest backup is of 1970-01-01T00:00:00Z, says the file /b: older than the policy allows",
            "make a backup, then run again",
        ),
        proof(
            ProofError::BackupMissing { path: s("/b"), why: s("not a file") },
            "backup-missing",
            "the backup /b: not a file",
            "make a backup, or correct `policy.backup.file`",
        ),
        proof(
            ProofError::BackupUnknown { command: s("date") },
            "backup-unknown",
            "the command date printed no time",
            "let it print the backup's time: 2026-01-31T06:00:00Z",
        ),
        proof(
            ProofError::DiskUnknown { command: s("df") },
            "disk-unknown",
            "the command df printed no share in percent",
            "let it print the free share: 0 to 100",
        ),
        proof(
            ProofError::DiskFull { free: 7.5, least: 20.0 },
            "disk-full",
            "7.5 % of the disk is free, and the policy asks for 20 %",
            "free space, then run again",
        ),
        proof(
            ProofError::Program { place: "policy.disk.command", message: s("no such program") },
            "proof",
            "policy.disk.command: no such program",
            "run it by hand and see what it says",
        ),
    ]
}

fn cases() -> impl Iterator<Item = Case> {
    let of_engine = vec![case(
        RunError::from(Busy::WindowClosed),
        Stopped,
        "window",
        "the plan's windows are closed now",
        "wait for the window",
    )];
    [
        of_engine,
        approvals::of_requests(),
        approvals::of_signatures(),
        approvals::of_agreed_keys(),
        approvals::of_approvers(),
        approvals::of_approver_keys(),
        keys::of_policy(),
        of_proofs(),
        records::of_records(),
        keys::of_pins(),
        keys::of_retiring(),
        keys::of_giving_up(),
        keys::of_places(),
        copies::of_copies(),
        copies::of_age(),
    ]
    .into_iter()
    .flatten()
}

#[test]
fn each_error_has_its_code_its_class_and_its_words() {
    for Case { error, class, code, message, help } in cases() {
        let advice = error.advice();
        assert_eq!((error.to_string().as_str(), advice.code, advice.class), (message, code, class));
        let said = advice.help.as_deref().unwrap_or_default();
        assert!(said.starts_with(help) && help.is_empty() == said.is_empty(), "{code}: {said}");
    }
}

#[test]
fn the_engine_carries_an_error_as_it_is() {
    for Case { error, .. } in cases() {
        let (message, advice) = (error.to_string(), error.advice());
        let carried = RunError::from(error);
        assert_eq!((carried.to_string(), carried.advice()), (message, advice));
    }
}
