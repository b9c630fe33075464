//! What the plan and the command name: tables, columns, keys.

use reseal_core::{KekError, KekFault, KeysetError};

use super::super::Class::{Failed, Refused, Stopped, Usage};
use super::super::*;
use super::{Case, case, s};

pub(super) fn of_names() -> Vec<Case> {
    let usage = |error: ScopeError, code, message, help| case(error, Usage, code, message, help);
    let no_table = "the plan has no table `t`";
    vec![
        usage(
            ScopeError::NoSuchTable { name: s("t"), tables: s("a, b") },
            "no-such-table",
            no_table,
            "its tables are a, b",
        ),
        usage(
            ScopeError::NoTableToInspect { name: s("t") },
            "no-such-table",
            no_table,
            "pass a table of the plan",
        ),
        usage(
            ScopeError::Empty,
            "empty-scope",
            "no table of the plan is in the requested scope",
            "check `--tenant`, `--domain` and `--table` against `tenant:`, `domain:` and the table names in \
             the plan",
        ),
        usage(
            ScopeError::Tenant { tenant: s("x"), column: s("t.org") },
            "tenant",
            "tenant `x` is not a valid value of column `t.org`",
            "pass `--tenant` with a value of that column",
        ),
        usage(
            ScopeError::RowKey { row: s("x"), table: s("t") },
            "row-key",
            "`x` is not a valid row key of table `t`",
            "pass the row key as `reseal quarantine` prints it, with parts joined by commas",
        ),
        usage(
            ScopeError::NoSuchRow { row: s("7"), table: s("t") },
            "no-such-row",
            "table `t` has no row `7`",
            "check the row key; the row may have been deleted",
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
            "t, row 7: trigger `x` changes the cell in column `c` while it is written",
            "nothing of this batch was written; disable the trigger",
        ),
        stored(
            StoredError::Cell { table: table(), row: row(), column: column(), by: by(&[]) },
            "stored-otherwise",
            "t, row 7: the database changes the cell in column `c` while it is written",
            "nothing of this batch was written",
        ),
        stored(
            StoredError::Gone { table: table(), row: row(), by: by(&["x", "y"]) },
            "stored-otherwise",
            "t, row 7: trigger `x` or `y` deletes the row or changes its row key while it is written",
            "nothing of this batch was written",
        ),
        stored(
            StoredError::Beside { table: table(), row: row(), column: column(), by: by(&["x"]) },
            "side-effect",
            "t, row 7: trigger `x` changes column `c` whenever a cell is written, but `side_effects:` does \
             not list it",
            "nothing of this batch was written; if the change is expected, add it to the plan: side_effects: \
             [t.c]",
        ),
        stored(
            StoredError::OtherRow { table: table(), other: s("u"), column: column(), by: by(&["x"]) },
            "trigger-writes-cells",
            "t: trigger `x` writes `u.c` in rows other than the one for which it fires",
            "nothing of this batch was written; disable the trigger",
        ),
        stored(
            StoredError::Swallowed { table: table(), rows: 20, by: by(&["x"]) },
            "not-stored",
            "t: trigger `x` discards updates: 20 rows are unchanged",
            "disable the trigger during the run, or change it so that these rows can be updated",
        ),
    ]
}

pub(super) fn of_tables() -> Vec<Case> {
    let table = |error: TableError, code, message, help| case(error, Refused, code, message, help);
    vec![
        table(
            TableError::NoSuchColumn { table: s("t"), column: s("c"), columns: s("a, b") },
            "no-such-column",
            "table `t` has no column `c`",
            "its columns are a, b",
        ),
        table(
            TableError::Condition { table: s("t"), why: s("no") },
            "where",
            "t: the database rejects `where:` of the plan: no",
            "test it with SELECT count(*) FROM t WHERE …",
        ),
        table(
            TableError::RowKeyOrder { table: s("t"), columns: s("a, b") },
            "row-key-order",
            "t: the database returned the same rows again, because it sorts (a, b) differently than it \
             compares them",
            "use a different row key, for example an integer",
        ),
        table(
            TableError::TooManySeals { table: s("t"), rows: 5 },
            "too-many-seals",
            "table `t` has 5 rows, more than one key can seal with random nonces",
            "use several keys for the table, or derive a key for each tenant",
        ),
        table(
            TableError::WrongKey {
                field: s("t.c"),
                cells: 20,
                keys: s("main (v1)"),
                reasons: s("20 unknown-key"),
            },
            "wrong-key",
            "t.c: none of 20 consecutive cells opens under main (v1): 20 unknown-key",
            "check which key these cells are under, and that format, AAD and key derivation in the plan \
             match the application",
        ),
    ]
}

pub(super) fn of_keys() -> Vec<Case> {
    let (keyset, key, run) = (|| s("main"), || s("v1"), || s("r1"));
    let unknown = || KeysetError::NoSuchPrimary { keyset: s("main"), primary: s("v1") };
    let none = "keyset `main`: primary `v1` is not one of its keys";
    let put_back = "restore the key where the plan reads it from";
    vec![
        case(
            KeysError::Fingerprint { key: key() },
            Failed,
            "fingerprint",
            "cannot compute the fingerprint of key `v1`",
            "",
        ),
        case(
            KeysError::Changed { keyset: keyset(), key: key() },
            Refused,
            "key-changed",
            "key `v1` of keyset `main` has different bytes than when it was first used",
            "give the new key its own key ID; cells under the old key still need the old bytes. If `v1` was \
             pinned with wrong bytes, run `reseal keys forget-pin PLAN v1 --confirm v1`",
        ),
        case(
            KeysError::Renamed { keyset: keyset(), key: key(), first: s("v0") },
            Refused,
            "key-renamed",
            "key `v1` of keyset `main` has the same bytes that were first used as `v0`",
            "generate a new key with `reseal keys generate`. If `v0` was pinned with wrong bytes, run \
             `reseal keys forget-pin PLAN v0 --confirm v0`",
        ),
        case(
            KeysError::PinnedMeanwhile { keyset: keyset(), key: key() },
            Stopped,
            "pinned-meanwhile",
            "another run has pinned key `v1` of keyset `main` since this run started",
            "run again to compare the keys with these pins",
        ),
        case(
            KeysError::NotOfRun { keyset: keyset(), key: key(), run: run() },
            Refused,
            "keys-changed",
            "key `v1` of keyset `main` has different bytes than when run r1 started",
            put_back,
        ),
        case(
            KeysError::Gone { keyset: keyset(), key: key(), run: run() },
            Refused,
            "keys-changed",
            "key `v1` of keyset `main` is missing, but run r1 needs it",
            put_back,
        ),
        case(KeysError::OfRun(unknown()), Refused, "keys-changed", none, put_back),
    ]
}

pub(super) fn of_keys_to_go_back_to() -> Vec<Case> {
    let keyset = || s("main");
    let key = || s("v1");
    let unknown = || KeysetError::NoSuchPrimary { keyset: s("main"), primary: s("v1") };
    let none = "keyset `main`: primary `v1` is not one of its keys";
    vec![
        case(
            KeysError::NoSuchKey { key: key() },
            Usage,
            "which-key",
            "no keyset of the plan has a key `v1`",
            "pass `--to-key` with one of the plan's old keys",
        ),
        case(
            KeysError::SealedWith { keyset: keyset(), key: key() },
            Usage,
            "which-key",
            "`v1` is the key of keyset `main` that the run sealed with",
            "pass `--to-key` with one of its other keys",
        ),
        case(
            KeysError::Several { keyset: keyset(), keys: s("v0, v1") },
            Usage,
            "which-key",
            "keyset `main` has several old keys: v0, v1",
            "pass `--to-key` with one of them, once for each keyset that has several",
        ),
        case(
            KeysError::Reversed(unknown()),
            Usage,
            "which-key",
            none,
            "pass `--to-key` with one of the keyset's other keys",
        ),
        case(RunError::NoKek { key: key() }, Failed, "no-kek", "key `v1` is not a KEK", ""),
    ]
}

pub(super) fn of_keks() -> Vec<Case> {
    let kek = |fault, code, message, help| {
        let error = KekError::new(fault, "503");
        case(KekTrouble { key: s("v1"), error }, Stopped, code, message, help)
    };
    let enabled = "check that it is enabled and that Reseal is allowed to use it; then run again";
    vec![
        kek(
            KekFault::Throttled,
            "kek-throttled",
            "KEK `v1` throttles requests: 503",
            "raise its quota, or slow the run down with `throttle:` in the plan; then run again to resume",
        ),
        kek(
            KekFault::Unavailable,
            "kek-unavailable",
            "KEK `v1` is unreachable: 503",
            "check that it is up and reachable from this machine; then run again",
        ),
        kek(KekFault::Refused, "kek-refused", "KEK `v1` refuses the request: 503", enabled),
        kek(KekFault::Invalid, "kek-refused", "KEK `v1` refuses the request: 503", enabled),
    ]
}
