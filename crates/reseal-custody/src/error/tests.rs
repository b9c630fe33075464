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
    let (made, witness) = (jiff::Timestamp::UNIX_EPOCH, || s("file /b"));
    let proof = |error: ProofError, code, message, help| case(error, Refused, code, message, help);
    vec![
        proof(
            ProofError::BackupInTheFuture { made, witness: witness() },
            "backup-in-the-future",
            "the latest backup, according to file /b, has a time in the future: 1970-01-01T00:00:00Z",
            "check the clocks of both machines",
        ),
        proof(
            ProofError::BackupOld { made, witness: witness() },
            "backup-old",
            "the latest backup, according to file /b, was made at 1970-01-01T00:00:00Z and is older than the policy \
             allows",
            "make a backup, then run again",
        ),
        proof(
            ProofError::BackupMissing { path: s("/b"), why: s("it is not a regular file") },
            "backup-missing",
            "cannot use the backup /b: it is not a regular file",
            "make a backup, or correct `policy.backup.file`",
        ),
        proof(
            ProofError::BackupUnknown { command: s("date") },
            "backup-unknown",
            "the command `date` did not print a time",
            "make it print the time of the backup, such as 2026-01-31T06:00:00Z",
        ),
        proof(
            ProofError::DiskUnknown { command: s("df") },
            "disk-unknown",
            "the command `df` did not print a percentage",
            "make it print the free space in percent, from 0 to 100",
        ),
        proof(
            ProofError::DiskFull { free: 7.5, least: 20.0 },
            "disk-full",
            "7.5 % of the disk is free, and the policy requires 20 %",
            "free space, then run again",
        ),
        proof(
            ProofError::Program { place: "policy.disk.command", message: s("no such program") },
            "proof",
            "policy.disk.command: no such program",
            "run the command yourself to see its error",
        ),
    ]
}

fn cases() -> impl Iterator<Item = Case> {
    let of_engine = vec![case(
        RunError::from(Busy::WindowClosed),
        Stopped,
        "window",
        "the current time is outside the plan's windows",
        "wait for the next window",
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
        copies::of_identities(),
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
