//! What a sample shows before the first write: cells that do not open, cells that look sealed, cells that repeat, and what
//! the new form could not say of a value.

use serde_json::{Value, json};

use crate::custody::code;
use crate::world::{STORES, World};

fn check(world: &World) -> (i32, Value) {
    world.reseal(&["check", "PLAN", "--connect"])
}

/// The codes of what a check has to say.
fn codes(check: &Value) -> Vec<&str> {
    check["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

/// What a check counted of a field, as (seal, key, state, cells).
fn counts(check: &Value, field: usize) -> Vec<(Value, Value, Value, u64)> {
    let counts = check["samples"][0]["fields"][field]["counts"].as_array().unwrap().iter();
    let of = |line: &Value| {
        let cells = line["cells"].as_u64().unwrap();
        (line["seal"].clone(), line["key"].clone(), line["state"].clone(), cells)
    };
    counts.map(of).collect()
}

#[test]
fn a_check_tells_what_it_saw() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 1500);
        let (exit, seen) = check(&world);
        assert_eq!((exit, codes(&seen)), (0, vec![]), "{store}: {seen}");
        let table = &seen["samples"][0];
        assert_eq!(
            (&table["table"], &table["rows"], &table["sampled"]),
            (&json!("people"), &json!(1500), &json!(1000)),
            "{store}: {seen}"
        );
        // Of fifty rows, one is NULL.
        let all =
            [(json!("main"), json!("v1"), json!("old"), 980), (Value::Null, Value::Null, json!("null"), 20)];
        assert_eq!(counts(&seen, 0), all, "{store}");
        assert_eq!((&table["fields"][0]["cells"], &table["fields"][0]["failed"]), (&json!(980), &json!(0)));
        let shown = String::from_utf8(world.output(&["check", "PLAN", "--connect"]).stdout).unwrap();
        assert!(shown.contains("people: 1,500 rows, the first 1,000 sampled"), "{store}: {shown}");
        assert!(shown.trim_end().ends_with("plan.yaml: ok"), "{store}: {shown}");
        let table = shown.lines().filter(|line| !line.contains("plan.yaml"));
        assert!(table.into_iter().all(|line| line.chars().count() <= 80), "{store}: {shown}");
    }
}

/// Watches the rule: more than two cells and more than one of a hundred, or all.
#[test]
fn more_than_a_few_cells_that_do_not_open_are_a_problem() {
    for (store, rows, foreign, refused) in [
        ("sqlite", 20, 2, false),
        ("sqlite", 20, 3, true),
        ("sqlite", 400, 3, false),
        ("postgres", 20, 3, true),
        ("mysql", 400, 5, true),
    ] {
        let world = World::new(store, "aes-gcm", rows);
        let cell = format!("v7:{}:{}", "A".repeat(16), "B".repeat(32));
        world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id BETWEEN 11 AND {}", 10 + foreign)]);
        let (exit, seen) = check(&world);
        let case = format!("{store}, {foreign} of {rows}: {seen}");
        assert_eq!((exit, &seen["ok"]), (if refused { 3 } else { 0 }, &json!(!refused)), "{case}");
        assert_eq!(codes(&seen), ["cells-that-fail"], "{case}");
        let message = seen["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("people.a: {foreign} of ")), "{case}");
        assert!(message.contains(&format!("{foreign} unknown-key")), "{case}");
        assert!(
            seen["problems"][0]["help"].as_str().unwrap().contains("Add that key to the keyset"),
            "{case}"
        );
        assert_eq!(
            counts(&seen, 0)[1],
            (json!("main"), Value::Null, json!("unknown-key"), foreign),
            "{case}"
        );
        // A run lists them, as it always has.
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 1, "{case}");
    }
}

/// Watches what is said where none opens: the reason that `inspect` gives for one of the cells.
#[test]
fn where_none_opens_the_reason_is_named() {
    let world = World::new("sqlite", "aes-gcm", 500);
    world.new_key("v1");
    let (_, inspected) = world.reseal(&["inspect", "PLAN", "--table", "people", "--row", "1"]);
    let state = inspected["cells"][0]["state"].as_str().unwrap().to_owned();
    let (exit, seen) = check(&world);
    assert_eq!((exit, codes(&seen)), (3, vec!["wrong-key", "wrong-key"]), "{seen}");
    let message = seen["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains(&format!("490 {state}")), "{message}");
    assert_eq!(
        world.reseal(&["run", "PLAN"]).1["error"]["message"].as_str().unwrap().lines().next(),
        Some(message)
    );
    // Two cells, and neither opens.
    world.sql(&["DELETE FROM people WHERE id > 1"]);
    let (exit, seen) = check(&world);
    assert_eq!((exit, codes(&seen)), (3, vec!["cells-that-fail", "cells-that-fail"]), "{seen}");
}

/// Ciphertexts that no format of the plan knows.
fn sealed_elsewhere() -> Vec<String> {
    vec![
        "5+7nYV7zXzDkm0guFcrnUAcgHhJhew/tp+Fkd5b/AivqjtAqgqF1kw8jN803lA==".into(),
        "U2FsdGVkX1+vupppZksvRf5pq5g5XjFRlipRkwB0K1Y=".into(),
        json!({ "iv": "MTIzNDU2Nzg5MDEyMzQ1Ng==", "value": "UVdFUlRZVUlPUEFTREZHSA==", "mac": "00" }).to_string(),
        json!({ "p": "UVdFUlRZVUlPUEFTREZHSA==", "h": { "iv": "MTIzNDU2Nzg5MDEy", "at": "MTIzNDU2Nzg5MDEyMzQ1Ng==" } })
            .to_string(),
    ]
}

fn set(world: &World, row: u32, cell: &str) {
    world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id = {row}")]);
}

/// Watches a first encryption: what somebody else has sealed is refused before the first write, and counted.
#[test]
fn a_plain_start_never_seals_ciphertext() {
    for store in STORES {
        let cells = sealed_elsewhere();
        let cells = if store == "sqlite" { &cells[..] } else { &cells[..2] };
        let world = World::new(store, "plaintext", 60);
        for cell in cells {
            set(&world, 31, cell);
            set(&world, 33, cell);
            let before = world.digest();
            let (exit, seen) = check(&world);
            assert_eq!(exit, 3, "{store}, {cell}: {seen}");
            let message = seen["problems"][0]["message"].as_str().unwrap();
            assert!(message.contains("people.a: 2 of 58 sampled cells"), "{store}, {cell}: {message}");
            let refused = world.reseal(&["run", "PLAN"]);
            assert_eq!(code(&refused), (3, "looks-sealed"), "{store}, {cell}: {}", refused.1);
            assert_eq!(world.digest(), before, "{store}, {cell}");
        }
        // What a format of the build takes for its own and finds damaged is listed as that.
        let world = World::new(store, "plaintext", 60);
        let damaged = [
            "8f3a9c0d5e7b1246a8c0e2f41b3d5f79:4be1d8a730c96f52e8b4a1d7c3f09e65",
            "gAAAAABlk5X8mXh2cVqJ3n0r5yC1tQ7wZ8pLk4dUe9sGfHaBvNiMoXjRzTq2YwEx",
            "-----BEGIN PGP MESSAGE-----\n\nww0EBwMCx6VnLq\n-----END PGP MESSAGE-----",
        ];
        for (row, cell) in (31..).zip(damaged) {
            set(&world, row, cell);
        }
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["cells_quarantined"]), (1, &json!(3)), "{store}: {run}");
        let left = world.sql(&["SELECT a FROM people WHERE id BETWEEN 31 AND 33 ORDER BY id"]);
        assert_eq!(left, json!(damaged.map(|cell| [cell])), "{store}");
    }
}

/// Watches the cells behind the sample: listed, and left as they are. A validator says what is plaintext.
#[test]
fn a_ciphertext_behind_the_sample_is_listed_and_a_validator_lets_tokens_pass() {
    for store in STORES {
        let world = World::new(store, "plaintext", 1200);
        let token = &sealed_elsewhere()[0];
        set(&world, 1150, token);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["cells_quarantined"]), (1, &json!(1)), "{store}: {run}");
        let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
        assert_eq!(listed["cells"][0]["reason"], "looks-sealed", "{store}: {listed}");
        assert_eq!(world.sql(&["SELECT a FROM people WHERE id = 1150"])[0][0], json!(token), "{store}");
        let (_, census) = world.reseal(&["verify", "PLAN"]);
        let of_none = json!({ "seal": null, "key": null, "cells": 1 });
        assert!(census["fields"][0]["counts"].as_array().unwrap().contains(&of_none), "{store}: {census}");

        let world = World::new(store, "plaintext", 60);
        set(&world, 31, token);
        let validated = |pattern: &str| {
            world.plan("");
            let seal = format!(
                "  plain: {{ format: {{ plaintext: {{}} }}, validator: {{ pattern: \"{pattern}\" }} }}\n"
            );
            world.rewrite_plan("tables:\n", &format!("{seal}tables:\n"));
            world.rewrite_plan("from: [plaintext]", "from: [plain]");
        };
        // One that the values do not pass is no plaintext at all.
        validated("(geheim.*)?");
        let (_, seen) = check(&world);
        assert!(
            seen["problems"]
                .to_string()
                .contains("1 of 58 sampled cells cannot be rotated: 1 not-recognised"),
            "{seen}"
        );
        validated("(geheim.*|[A-Za-z0-9+/]+=*)?");
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        assert_ne!(world.sql(&["SELECT a FROM people WHERE id = 31"])[0][0], json!(token), "{store}");
    }
}

/// Watches cells that repeat: an application may look rows up by them, and new cells never repeat.
#[test]
fn cells_that_repeat_are_warned_of() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let cell = world.sql(&["SELECT a FROM people WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
        world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id BETWEEN 1 AND 5")]);
        let (exit, seen) = check(&world);
        assert_eq!((exit, codes(&seen)), (0, vec!["look-ups-end"]), "{store}: {seen}");
        let message = seen["problems"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("people.a: 5 of 58 sampled cells are byte-identical to other cells"),
            "{store}: {message}"
        );
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let (_, seen) = check(&world);
        assert_eq!(codes(&seen), [""; 0], "{store}: {seen}");
    }
    // What is plaintext repeats because values do.
    let world = World::new("sqlite", "plaintext", 60);
    world.sql(&["UPDATE people SET a = 'geheim' WHERE id < 20"]);
    let (exit, seen) = check(&world);
    assert_eq!((exit, codes(&seen)), (0, vec![]), "{seen}");
}

/// Watches what lies beside a value under its encryption: AES-GCM has no place for the type of an OpenPGP message.
#[test]
fn a_type_that_the_new_format_cannot_say_is_not_dropped() {
    let world = World::new("postgres", "pgcrypto", 20);
    let passphrase = std::fs::read_to_string(world.path("v1.key")).unwrap();
    world.sql(&[
        "CREATE EXTENSION IF NOT EXISTS pgcrypto",
        &format!("UPDATE people SET a = pgp_sym_encrypt_bytea('\\x0102', '{passphrase}') WHERE id = 3"),
        &format!(
            "UPDATE people SET a = pgp_sym_encrypt('plain', '{passphrase}', 'unicode-mode=1') WHERE id = 4"
        ),
    ]);
    std::fs::write(world.path("aes.key"), "dks4I3RxMkx3OSF4Uno0JmJON0BqSDUlbUMzJHBZNmU=").unwrap();
    let keys = format!(
        "keysets:\n  aes: {{ primary: k1, keys: {{ k1: {{ file: \"{}\", encoding: base64 }} }} }}\n",
        world.path("aes.key").display()
    );
    world.rewrite_plan("keysets:\n", &keys);
    let seal = "seals:\n  new: { keyset: aes, format: { aes-gcm: { layout: \"{=01}{nonce|12}{ciphertext|raw}\" } } }\n";
    world.rewrite_plan("seals:\n", seal);
    world.rewrite_plan("{ to: main }", "{ to: new, from: [main] }");
    let before = world.sql(&["SELECT encode(a, 'hex') FROM people WHERE id = 3"]);
    let (exit, seen) = check(&world);
    assert_eq!((exit, codes(&seen)), (0, vec!["cells-that-fail", "drops-stamp", "drops-stamp"]), "{seen}");
    assert!(
        seen["problems"][0]["message"].as_str().unwrap().ends_with("cannot be rotated: 1 drops-type"),
        "{seen}"
    );
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
    assert_eq!(
        (&listed["cells"][0]["row"], &listed["cells"][0]["reason"]),
        (&json!("3"), &json!("drops-type")),
        "{listed}"
    );
    assert_eq!(world.sql(&["SELECT encode(a, 'hex') FROM people WHERE id = 3"]), before);
}

/// Watches what a layout says of its values: a compressed one must not come out as one that is none.
#[test]
fn layouts_that_say_other_things_of_a_value_are_refused() {
    let rails = |mark: &str| {
        format!(
            r#"aes-gcm: {{ layout: '{{{{"p":"{{ciphertext|base64}}","h":{{{{"iv":"{{nonce|base64}}","at":"{{tag|base64}}"{mark}}}}}}}}}' }}"#
        )
    };
    for (old, new, refused) in [
        (r#","c":true"#, "", true),
        ("", r#","c":true"#, true),
        (r#","e":"US-ASCII""#, r#","e":"UTF-8""#, true),
        (r#","c":true"#, r#","x":1,"c":true"#, false),
    ] {
        let world = World::empty("sqlite", "aes-gcm");
        let format = "aes-gcm: { layout: \"{key}:{nonce|base64}:{ciphertext|base64}\" }";
        world.rewrite_plan(format, &rails(new));
        world.rewrite_plan(
            "tables:\n",
            &format!("  old: {{ keyset: main, format: {{ {} }} }}\ntables:\n", rails(old)),
        );
        world.rewrite_plan("{ to: main }", "{ to: main, from: [old] }");
        let (_, seen) = world.reseal(&["check", "PLAN"]);
        assert_eq!(codes(&seen).contains(&"other-marks"), refused, "{old} {new}: {seen}");
    }
    // A Fernet token is stamped with a time, which most applications never look at.
    let world = World::new("sqlite", "fernet-bare", 20);
    world.rewrite_plan("seals:\n", "seals:\n  new: { keyset: main, format: { aes-gcm: { layout: \"{nonce|base64}:{ciphertext|base64}\" } } }\n");
    world.rewrite_plan("{ to: main }", "{ to: new, from: [main] }");
    let (exit, seen) = check(&world);
    assert_eq!((exit, codes(&seen)), (0, vec!["drops-stamp", "drops-stamp"]), "{seen}");
}
