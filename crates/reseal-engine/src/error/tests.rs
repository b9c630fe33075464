//! Every variant with what it says and what it comes to: golden files, scripts and alerts rely on each of these words.

mod plan;
mod runs;

use reseal_core::{Key, Keyset, SecretBytes};
use reseal_store::StepKey;

use super::Class::{Failed, Refused, Stopped};
use super::*;

struct Case {
    error: RunError,
    class: Class,
    code: &'static str,
    message: &'static str,
    /// How the help begins; empty where there is none.
    help: &'static str,
}

fn case(
    error: impl Into<RunError>,
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

fn store(trouble: Trouble, class: Class, code: &'static str, help: &'static str) -> Case {
    case(StoreError::new(trouble, "why"), class, code, "why", help)
}

fn of_the_database() -> Vec<Case> {
    let busy = "the database is busy; run again, or slow the run down with `throttle:` in the plan";
    vec![
        store(Trouble::Retry, Stopped, "database-busy", busy),
        store(Trouble::Timeout, Stopped, "database-busy", busy),
        store(
            Trouble::ConnectionLost,
            Stopped,
            "connection-lost",
            "run again to resume once the database is available",
        ),
        store(Trouble::Constraint, Failed, "constraint", "list the row with `reseal quarantine PLAN`"),
        store(
            Trouble::Permission,
            Refused,
            "privilege-missing",
            "grant the privilege to the user of the database URL; see `reseal grants PLAN`",
        ),
        store(
            Trouble::RowSecurity,
            Refused,
            "row-security",
            "run ALTER ROLE … BYPASSRLS for the user of the database URL, or connect as the table's owner; \
             otherwise rows that a policy hides would be missed",
        ),
        store(
            Trouble::Missing,
            Refused,
            "schema-changed",
            "compare the plan with the database schema; a migration may have changed it",
        ),
        store(
            Trouble::Ambiguous,
            Refused,
            "schema-changed",
            "compare the plan with the database schema; a migration may have changed it",
        ),
        store(
            Trouble::Unwritable,
            Stopped,
            "unwritable",
            "free disk space or wait for the end of the failover, then run again to resume",
        ),
        store(Trouble::Other, Failed, "database-error", "run again to resume"),
    ]
}

fn of_connecting() -> Vec<Case> {
    vec![
        store(
            Trouble::Refused,
            Refused,
            "connection-refused",
            "check host, port, database, user and password",
        ),
        store(
            Trouble::Plaintext,
            Refused,
            "plaintext",
            "enable TLS on the server and add sslmode=verify-full",
        ),
        store(
            Trouble::Pooled,
            Refused,
            "pooled-connection",
            "connect directly to the server, or through a pooler with `pool_mode = session`",
        ),
        store(Trouble::Parameter, Refused, "database-url", "correct or remove the parameter"),
        store(
            Trouble::Url,
            Refused,
            "database-url",
            "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, mysql://… or sqlite:///PATH",
        ),
        store(
            Trouble::ForeignLedger,
            Refused,
            "foreign-ledger",
            "connect as that role or as a member of it, or drop the schema if it contains nothing of Reseal",
        ),
        store(
            Trouble::HalfRemoved,
            Refused,
            "half-removed",
            "run `reseal migrate --remove` again to finish the removal",
        ),
        store(
            Trouble::NoFile,
            Refused,
            "connection-refused",
            "check the path in the database URL; Reseal does not create databases",
        ),
    ]
}

fn failed_step(output: &str) -> StepError {
    let key = StepKey { phase: s("canary"), number: 2, turn: 0 };
    StepError::Failed { key, label: s("judge in line 9"), status: s("exit status: 1"), output: s(output) }
}

/// What a step that failed is called.
const STEP: &str = "step 2 of `canary` (judge in line 9) failed: exit status: 1";

fn of_preflight_and_steps() -> Vec<Case> {
    let finding = |message: &str| Finding::refusal("no-such-table", message, "check the name");
    vec![
        case(
            RunError::Preflight(vec![finding("no t"), finding("no u"), finding("no t")]),
            Refused,
            "no-such-table",
            "no t\nno u",
            "check the name",
        ),
        case(
            RunError::Outage,
            Refused,
            "outage",
            "the application knows only one key, so it cannot read rotated rows until it gets the new key",
            "add `windows:` to the plan or pass `--accept-outage`",
        ),
        case(
            StepError::VarIsSecret { name: s("HOST") },
            Refused,
            "var-is-secret",
            "variable `HOST` contains a key, but the ledger records variables",
            "use `vars:` only for values that are not secret",
        ),
        case(
            failed_step(" \n"),
            Refused,
            "hook-failed",
            STEP,
            "fix the problem and run again; completed steps are not repeated",
        ),
        case(failed_step("3 of 9\n"), Refused, "hook-failed", STEP, "output of the step:\n3 of 9"),
    ]
}

fn of_canaries() -> Vec<Case> {
    vec![
        case(
            RunError::Canary { error: Box::new(failed_step("3 of 9").into()), back: PutBack::Whole },
            Refused,
            "canary-failed",
            "step 2 of `canary` (judge in line 9) failed: exit status: 1; the first batch was restored",
            "output of the step:\n3 of 9",
        ),
        case(
            RunError::Canary { error: Box::new(failed_step(" ").into()), back: PutBack::Damaged(3) },
            Refused,
            "canary-failed",
            "step 2 of `canary` (judge in line 9) failed: exit status: 1; 3 cells of the first batch no \
             longer open and were NOT restored; their old bytes are kept",
            "fix the problem and run again; completed steps are not repeated",
        ),
        case(
            RunError::Canary {
                error: Box::new(failed_step(" ").into()),
                back: PutBack::Failed(Box::new(RunError::Random)),
            },
            Refused,
            "canary-failed",
            "step 2 of `canary` (judge in line 9) failed: exit status: 1; the first batch was NOT restored \
             (cannot get random bytes from the operating system); its old bytes are kept",
            "fix the problem and run again; completed steps are not repeated",
        ),
    ]
}

fn of_what_nobody_foresaw() -> Vec<Case> {
    let undo = |error: UndoError, message| case(error, Failed, "undo", message, "");
    vec![
        undo(UndoError::Unreadable, "cannot read a batch of kept old cells"),
        undo(UndoError::TooLarge, "a batch of old cells is too large to keep"),
        undo(UndoError::NotPacked, "old cells to keep were not packed before the write"),
        case(
            LedgerFault::UnknownTable { table: s("t") },
            Failed,
            "ledger",
            "the run has a shard of the unknown table `t`",
            "",
        ),
        case(
            LedgerFault::RunMissing,
            Failed,
            "ledger",
            "the run is missing from the ledger right after it was created",
            "",
        ),
        case(RunError::Random, Failed, "random", "cannot get random bytes from the operating system", ""),
    ]
}

#[test]
fn each_error_has_its_code_its_class_and_its_words() {
    let cases = [
        of_the_database(),
        of_connecting(),
        runs::of_others_at_work(),
        runs::of_the_application(),
        runs::of_earlier_runs(),
        runs::of_rollbacks(),
        runs::of_other_tables(),
        plan::of_names(),
        plan::of_tables(),
        plan::of_what_is_stored(),
        plan::of_keys(),
        plan::of_keys_to_go_back_to(),
        plan::of_keks(),
        of_preflight_and_steps(),
        of_canaries(),
        of_what_nobody_foresaw(),
    ];
    for Case { error, class, code, message, help } in cases.into_iter().flatten() {
        let advice = error.advice();
        assert_eq!((error.to_string().as_str(), advice.code, advice.class), (message, code, class));
        let said = advice.help.as_deref().unwrap_or_default();
        assert!(said.starts_with(help) && help.is_empty() == said.is_empty(), "{code}: {said}");
    }
}

#[test]
fn a_canary_is_what_it_is_whatever_ended_it() {
    let lost: RunError = StoreError::new(Trouble::ConnectionLost, "why").into();
    assert!(lost.is_connection_lost());
    let canary = RunError::Canary { error: Box::new(lost), back: PutBack::Whole };
    assert!(!canary.is_connection_lost(), "it would be swept again");
    assert_eq!((canary.advice().code, canary.advice().class), ("canary-failed", Stopped));
}

/// What is made of keys knows them by their ids.
#[test]
fn no_error_shows_a_key() {
    const BYTES: &[u8] = b"never-to-be-shown-in-any-message";
    let key = |id: &str| Key::new(id, SecretBytes::new(BYTES.to_vec()));
    let twice = || Keyset::new("main", vec![key("v1"), key("v2")], Some("v1")).unwrap_err();
    let other = || Keyset::new("main", vec![key("v1")], Some("v2")).unwrap_err();
    let secrets = [String::from_utf8_lossy(BYTES).into_owned(), hex::encode(BYTES), format!("{BYTES:?}")];
    for error in [KeysError::OfRun(twice()), KeysError::Reversed(other())] {
        let error = RunError::from(error);
        let shown = format!("{error} {error:?} {:?}", error.advice());
        for secret in &secrets {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
