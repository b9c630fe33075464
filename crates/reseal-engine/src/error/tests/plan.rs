//! What the plan and the command name: tables, columns, keys.

use reseal_core::{KekError, KekFault, KeysetError};

use super::super::Class::{Failed, Refused, Stopped, Usage};
use super::super::*;
use super::{Case, case, s};

pub(super) fn of_names() -> Vec<Case> {
    let usage = |error: ScopeError, code, message, help| case(error, Usage, code, message, help);
    let no_table = "the plan has no table t";
    vec![
        usage(
            ScopeError::NoSuchTable { name: s("t"), tables: s("a, b") },
            "no-such-table",
            no_table,
            "its tables are a, b",
        ),
        usage(ScopeError::NoTableToInspect { name: s("t") }, "no-such-table", no_table, "see `reseal check`"),
        usage(
            ScopeError::Empty,
            "empty-scope",
            "no table of the plan is in the scope that was asked for",
            "check --tenant, --domain and --table",
        ),
        usage(
            ScopeError::Tenant { tenant: s("x"), column: s("t.org") },
            "tenant",
            "tenant x does not fit the column t.org",
            "give --tenant as the column holds it",
        ),
        usage(
            ScopeError::RowKey { row: s("x"), table: s("t") },
            "row-key",
            "x is no row key of t",
            "give the key as `reseal quarantine` prints it",
        ),
        usage(
            ScopeError::NoSuchRow { row: s("7"), table: s("t") },
            "no-such-row",
            "t has no row 7",
            "it may have been deleted",
        ),
    ]
}

pub(super) fn of_what_is_stored() -> Vec<Case> {
    let stored = |error: StoredError, code, message, help| case(error, Refused, code, message, help);
    let by = |triggers: &[&str]| Culprit(triggers.iter().map(|name| s(name)).collect());
    let (table, row, column) = (|| s("t"), || s("7"), || s("c"));
    vec![
        stored(
            StoredError::Cell { table: table(), row: row(), column: column(), by: by(&["x"]) },
            "stored-otherwise",
            "t, row 7: trigger x changes the cell as it is written (c)",
            "nothing of this batch was written; disable the trigger",
        ),
        stored(
            StoredError::Cell { table: table(), row: row(), column: column(), by: by(&[]) },
            "stored-otherwise",
            "t, row 7: the database changes the cell as it is written (c)",
            "nothing of this batch was written",
        ),
        stored(
            StoredError::Gone { table: table(), row: row(), by: by(&["x", "y"]) },
            "stored-otherwise",
            "t, row 7: trigger x or y removes the row as it is written, or changes its row key",
            "nothing of this batch was written",
        ),
        stored(
            StoredError::Beside { table: table(), row: row(), column: column(), by: by(&["x"]) },
            "side-effect",
            "t, row 7: trigger x changes c with every swap, and `side_effects:` does not name it",
            "nothing of this batch was written; if that may happen, list it: side_effects: [t.c]",
        ),
        stored(
            StoredError::OtherRow { table: table(), other: s("u"), column: column(), by: by(&["x"]) },
            "trigger-writes-cells",
            "t: trigger x writes u.c in rows other than the one it is fired for",
            "nothing of this batch was written; disable the trigger",
        ),
        stored(
            StoredError::Swallowed { table: table(), rows: 20, by: by(&["x"]) },
            "not-stored",
            "t: trigger x keeps updates from being stored: 20 rows are unchanged",
            "disable the trigger while cells are moved",
        ),
    ]
}

pub(super) fn of_tables() -> Vec<Case> {
    let table = |error: TableError, code, message, help| case(error, Refused, code, message, help);
    vec![
        table(
            TableError::NoSuchColumn { table: s("t"), column: s("c"), columns: s("a, b") },
            "no-such-column",
            "table t has no column c",
            "its columns are a, b",
        ),
        table(
            TableError::Condition { table: s("t"), why: s("no") },
            "where",
            "t: the database refuses the plan's `where:`: no",
            "try it in SELECT count(*) FROM t WHERE …",
        ),
        table(
            TableError::RowKeyOrder { table: s("t"), columns: s("a, b") },
            "row-key-order",
            "t: the same rows come again; the database does not sort (a, b) as it compares them",
            "name another row key",
        ),
        table(
            TableError::TooManySeals { table: s("t"), rows: 5 },
            "too-many-seals",
            "t has 5 rows, more than one key may seal with random nonces",
            "split the table over several keys",
        ),
        table(
            TableError::WrongKey {
                field: s("t.c"),
                cells: 20,
                keys: s("main (v1)"),
                reasons: s("20 unknown-key"),
            },
            "wrong-key",
            "t.c: 20 cells in a row, none opens under main (v1): 20 unknown-key",
            "check which key these cells are under, and that the plan's format, AAD and key derivation are the \
             application's own",
        ),
    ]
}

pub(super) fn of_keys() -> Vec<Case> {
    let (keyset, key, run) = (|| s("main"), || s("v1"), || s("r1"));
    let unknown = || KeysetError::NoSuchPrimary { keyset: s("main"), primary: s("v1") };
    let none = "keyset main: the primary v1 is none of its keys";
    let put_back = "put it back where the plan takes its keys from";
    vec![
        case(
            KeysError::Fingerprint { key: key() },
            Failed,
            "fingerprint",
            "key v1: no fingerprint can be made",
            "",
        ),
        case(
            KeysError::Changed { keyset: keyset(), key: key() },
            Refused,
            "key-changed",
            "keyset main: v1 holds other bytes than when it was first used",
            "give the new key an id of its own; cells under the old one still need the old bytes. If v1 was pinned with \
             wrong bytes: `reseal keys forget-pin PLAN v1 --confirm v1`",
        ),
        case(
            KeysError::Renamed { keyset: keyset(), key: key(), first: s("v0") },
            Refused,
            "key-renamed",
            "keyset main: v1 holds the bytes that were first used as v0",
            "a rotation needs a new key: generate one with `reseal keys generate`. If v0 was pinned with wrong bytes: \
             `reseal keys forget-pin PLAN v0 --confirm v0`",
        ),
        case(
            KeysError::PinnedMeanwhile { keyset: keyset(), key: key() },
            Stopped,
            "pinned-meanwhile",
            "keyset main: another run has pinned v1 since this one began",
            "run again",
        ),
        case(
            KeysError::NotOfRun { keyset: keyset(), key: key(), run: run() },
            Refused,
            "keys-changed",
            "keyset main: v1 holds other bytes than when run r1 began",
            put_back,
        ),
        case(
            KeysError::Gone { keyset: keyset(), key: key(), run: run() },
            Refused,
            "keys-changed",
            "keyset main: v1 is not there, as it was when run r1 began",
            put_back,
        ),
        case(KeysError::OfRun(unknown()), Refused, "keys-changed", none, put_back),
    ]
}

pub(super) fn of_keys_to_go_back_to() -> Vec<Case> {
    let keyset = || s("main");
    let key = || s("v1");
    let unknown = || KeysetError::NoSuchPrimary { keyset: s("main"), primary: s("v1") };
    let none = "keyset main: the primary v1 is none of its keys";
    vec![
        case(
            KeysError::NoSuchKey { key: key() },
            Usage,
            "which-key",
            "no keyset of the plan has a key v1",
            "pass `--to-key` with one of the plan's old keys",
        ),
        case(
            KeysError::SealedWith { keyset: keyset(), key: key() },
            Usage,
            "which-key",
            "keyset main: v1 is what the run sealed with",
            "pass `--to-key` with one of its other keys",
        ),
        case(
            KeysError::Several { keyset: keyset(), keys: s("v0, v1") },
            Usage,
            "which-key",
            "keyset main has several old keys: v0, v1",
            "pass `--to-key` with one of them, once for each keyset that has several",
        ),
        case(
            KeysError::Reversed(unknown()),
            Usage,
            "which-key",
            none,
            "pass `--to-key` with one of the keyset's other keys",
        ),
        case(RunError::NoKek { key: key() }, Failed, "no-kek", "key v1 is no KEK", ""),
    ]
}

pub(super) fn of_keks() -> Vec<Case> {
    let kek = |fault, code, message, help| {
        let error = KekError::new(fault, "503");
        case(KekTrouble { key: s("v1"), error }, Stopped, code, message, help)
    };
    let enabled = "see whether it is enabled, and whether Reseal may use it; then run again";
    vec![
        kek(
            KekFault::Throttled,
            "kek-throttled",
            "KEK v1 is asked more often than it allows: 503",
            "raise its quota, or lower the pace in the plan; then run again: it goes on where it stopped",
        ),
        kek(
            KekFault::Unavailable,
            "kek-unavailable",
            "KEK v1 cannot be reached: 503",
            "see whether it is up, and reachable from here; then run again",
        ),
        kek(KekFault::Refused, "kek-refused", "KEK v1 refuses: 503", enabled),
        kek(KekFault::Invalid, "kek-refused", "KEK v1 refuses: 503", enabled),
    ]
}
