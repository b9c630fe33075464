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
    let busy = "the database stays busy: run again, or lower the pace in the plan";
    vec![
        store(Trouble::Retry, Stopped, "database-busy", busy),
        store(Trouble::Timeout, Stopped, "database-busy", busy),
        store(Trouble::ConnectionLost, Stopped, "connection-lost", "when the database is back, run again"),
        store(Trouble::Constraint, Failed, "constraint", "see the quarantine for the row"),
        store(Trouble::Permission, Refused, "privilege-missing", "grant it to the user of the database URL"),
        store(Trouble::RowSecurity, Refused, "row-security", "ALTER ROLE … BYPASSRLS"),
        store(Trouble::Missing, Refused, "schema-changed", "compare the plan with the schema"),
        store(Trouble::Ambiguous, Refused, "schema-changed", "compare the plan with the schema"),
        store(Trouble::Unwritable, Stopped, "unwritable", "free space or end the failover"),
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
            "connect to the server itself, or through a pool with `pool_mode = session`",
        ),
        store(Trouble::Parameter, Refused, "database-url", "correct or remove the parameter"),
        store(Trouble::ForeignLedger, Refused, "foreign-ledger", "have Reseal connect as that role"),
        store(
            Trouble::HalfRemoved,
            Refused,
            "half-removed",
            "end it: run `reseal migrate --remove` as before",
        ),
        store(Trouble::NoFile, Refused, "connection-refused", "check the path in the database URL"),
        store(Trouble::Other, Failed, "database-error", "run again: it goes on where it stopped"),
    ]
}

fn failed_step(output: &str) -> StepError {
    let key = StepKey { phase: s("canary"), number: 2, turn: 0 };
    StepError::Failed { key, label: s("judge of line 9"), status: s("exit status: 1"), output: s(output) }
}

fn of_preflight_and_steps() -> Vec<Case> {
    let finding = |message: &str| Finding::refusal("no-such-table", message, "check the name");
    let step = "hooks, canary, step 2 (judge of line 9): exit status: 1";
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
            "the application knows one key only: rotated rows are unreadable to it until it gets the new key",
            "give the plan a window (`windows:`), or say --accept-outage",
        ),
        case(
            StepError::VarIsSecret { name: s("HOST") },
            Refused,
            "var-is-secret",
            "the variable HOST holds a key, and variables are noted in the ledger",
            "`vars:` is for what is no secret",
        ),
        case(failed_step(" \n"), Refused, "hook-failed", step, "put it right and run again"),
        case(failed_step("3 of 9\n"), Refused, "hook-failed", step, "it said:\n3 of 9"),
        case(
            RunError::Canary { error: Box::new(failed_step("3 of 9").into()), back: PutBack::Whole },
            Refused,
            "canary-failed",
            "hooks, canary, step 2 (judge of line 9): exit status: 1; the first batch is put back",
            "it said:\n3 of 9",
        ),
        case(
            RunError::Canary { error: Box::new(failed_step(" ").into()), back: PutBack::Damaged(3) },
            Refused,
            "canary-failed",
            "hooks, canary, step 2 (judge of line 9): exit status: 1; 3 cells of the first batch do not open any more and \
             are NOT put back; their old bytes are kept",
            "put it right and run again",
        ),
        case(
            RunError::Canary {
                error: Box::new(failed_step(" ").into()),
                back: PutBack::Failed(Box::new(RunError::Random)),
            },
            Refused,
            "canary-failed",
            "hooks, canary, step 2 (judge of line 9): exit status: 1; the first batch is NOT put back (the operating system \
             gave no random bytes); its old bytes are kept",
            "put it right and run again",
        ),
    ]
}

fn of_what_nobody_foresaw() -> Vec<Case> {
    let undo = |error: UndoError, message| case(error, Failed, "undo", message, "");
    vec![
        undo(UndoError::Unreadable, "a batch of kept cells cannot be read"),
        undo(UndoError::TooLarge, "a batch of old cells is too large to keep"),
        undo(UndoError::NotPacked, "old cells that are to be kept were not packed"),
        case(
            LedgerFault::UnknownTable { table: s("t") },
            Failed,
            "ledger",
            "the run has a shard of unknown table t",
            "",
        ),
        case(LedgerFault::RunMissing, Failed, "ledger", "the run that was just written is not there", ""),
        case(RunError::Random, Failed, "random", "the operating system gave no random bytes", ""),
    ]
}

#[test]
fn each_error_has_its_code_its_class_and_its_words() {
    let cases = [
        of_the_database(),
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
