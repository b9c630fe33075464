//! What a rollback puts back exactly, what it seals anew, and what it leaves alone: cell by cell.

use serde_json::{Value, json};

use crate::custody::code;
use crate::steered::wait_until;
use crate::world::{SLOW, STORES, World};

const BACK: [&str; 4] = ["rollback", "PLAN", "--confirm", "people"];

fn cells(world: &World) -> Value {
    world.sql(&["SELECT id, a, b FROM people ORDER BY id"])
}

fn runs(world: &World, args: &[&str]) -> Value {
    let (exit, done) = world.reseal(args);
    assert_eq!(exit, 0, "{args:?}: {done}");
    done
}

/// Watches P7 and P6 where a row holds both: the sealed cell gets its old bytes back, whatever its neighbour was.
#[test]
fn a_cell_beside_plaintext_gets_its_old_bytes_back() {
    for store in STORES {
        for canary in [false, true] {
            let world = World::new(store, "aes-gcm", 30);
            world.sql(&["UPDATE people SET b = 'in the clear'"]);
            world.plan(if canary { "hooks: { canary: [{ command: [\"false\"] }] }\n" } else { "" });
            world.rewrite_plan("      b: { to: main }", "      b: { to: main, from: [plaintext] }");
            let before = cells(&world);
            if canary {
                assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "canary-failed"), "{store}");
            } else {
                runs(&world, &["run", "PLAN"]);
                assert_ne!(cells(&world), before, "{store}");
                assert_eq!(runs(&world, &BACK)["cells_restored"], 59, "{store}");
            }
            assert_eq!(cells(&world), before, "{store}, canary: {canary}");
        }
    }
}

/// Watches that a row which somebody else touches meanwhile is swapped again: what changed is no cell.
#[test]
fn rows_that_are_touched_meanwhile_are_put_back_too() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 2000);
        let before = cells(&world);
        runs(&world, &["run", "PLAN"]);
        let touch: Vec<String> = (0..6000)
            .map(|n| format!("UPDATE people SET note = '{n}' WHERE id = {}", n * 7 % 2000 + 1))
            .collect();
        let touch: Vec<&str> = touch.iter().map(String::as_str).collect();
        let mut writer =
            world.producer_command(&[&["sql", &world.url][..], &touch].concat()).spawn().unwrap();
        let done = runs(&world, &BACK);
        assert!(writer.wait().unwrap().success(), "{store}");
        assert_eq!((&done["cells_resealed"], &done["cells_quarantined"]), (&json!(0), &json!(0)), "{store}");
        assert_eq!(cells(&world), before, "{store}");
    }
}

/// Watches that undo is read by row key alone: a row that no longer fits `where` was swapped all the same.
#[test]
fn a_row_that_left_the_scope_is_put_back() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 10);
        world.rewrite_plan("    row_key: id\n", "    row_key: id\n    where: \"note <> 'archived'\"\n");
        let before = cells(&world);
        runs(&world, &["run", "PLAN"]);
        let b = world.sql(&["SELECT b FROM people WHERE id = 4"])[0][0].as_str().unwrap().to_owned();
        world.sql(&[
            "UPDATE people SET note = 'archived' WHERE id IN (3, 4)",
            // Rewritten by the application, and out of scope: sealed anew under the old key.
            &format!("UPDATE people SET a = '{b}' WHERE id = 4"),
        ]);
        let done = runs(&world, &BACK);
        assert_eq!(done["cells_resealed"], 1, "{store}: {done}");
        let after = cells(&world);
        let rows = |all: &Value| all.as_array().unwrap().iter().filter(|row| row[0] != 4).cloned().collect();
        let (after, before): (Vec<Value>, Vec<Value>) = (rows(&after), rows(&before));
        assert_eq!(after, before, "{store}");
        assert_eq!(runs(&world, &["census", "PLAN"])["clean"], json!(false), "{store}");
        let left = world.sql(&["SELECT count(*) FROM people WHERE a LIKE 'v2:%' OR b LIKE 'v2:%'"]);
        assert_eq!(left[0][0], 0, "{store}");
    }
}

/// Watches that cells stand or fall one by one: the application rewrote `a`, and `b` has its old bytes all the same.
#[test]
fn a_cell_beside_a_rewritten_one_is_put_back_exactly() {
    for format in ["aes-gcm", "plaintext"] {
        let world = World::new("sqlite", format, 10);
        let before = cells(&world);
        runs(&world, &["run", "PLAN"]);
        let copied = world.sql(&["SELECT a FROM people WHERE id = 2"])[0][0].as_str().unwrap().to_owned();
        world.sql(&[&format!("UPDATE people SET a = '{copied}' WHERE id = 1")]);
        let (exit, done) = world.reseal(&BACK);
        let after = cells(&world);
        assert_eq!(after[0][2], before[0][2], "{format}: b was not rewritten");
        assert_eq!(after[1], before[1], "{format}");
        let a = after[0][1].as_str().unwrap();
        // Nothing that was sealed becomes plaintext: v1 is the keyset's old key, though no cell may have been under it.
        assert!(exit == 0 && a.starts_with("v1:") && done["cells_resealed"] == 1, "{a}: {done}");
    }
}

/// Watches that only cells under the run's own key are sealed anew: what is under a third was put back as it was.
#[test]
fn a_cell_under_a_third_key_keeps_its_bytes() {
    for format in ["aes-gcm", "fernet-bare"] {
        let world = World::new("sqlite", format, 20);
        runs(&world, &["run", "PLAN"]);
        // Half of the rows go on to v2, which is then an old key beside v1.
        world.producer(&["sql", &world.url, "CREATE TABLE old AS SELECT * FROM people"]);
        runs(&world, &BACK);
        world.sql(&["UPDATE people SET a = (SELECT a FROM old WHERE old.id = people.id) WHERE id > 10"]);
        let before = cells(&world);
        let file = world.path("v3.key").display().to_string();
        world.new_key("v3");
        let encoding = if format == "aes-gcm" { "base64" } else { "base64url" };
        let line = format!("    keys:\n      v3: {{ file: \"{file}\", encoding: {encoding} }}\n");
        world.rewrite_plan("    keys:\n", &line);
        world.rewrite_plan("primary: v2", "primary: v3");
        runs(&world, &["run", "PLAN"]);
        assert_eq!(code(&world.reseal(&BACK)), (2, "which-key"), "{format}");
        assert_eq!(code(&world.reseal(&[&BACK[..], &["--to-key", "v9"]].concat())), (2, "which-key"));
        let done = runs(&world, &[&BACK[..], &["--to-key", "v1"]].concat());
        assert_eq!(done["cells_resealed"], 0, "{format}: {done}");
        assert_eq!(cells(&world), before, "{format}");
    }
}

/// Watches that what another run moved is left to its own rollback, which has the old bytes: a part of the plan that was
/// rotated before the whole, and a run that was given up.
#[test]
fn what_another_run_moved_is_left_to_its_rollback() {
    let world = World::new("sqlite", "aes-gcm", 40);
    world.sql(&["ALTER TABLE people ADD COLUMN clinic text", "UPDATE people SET clinic = 'c' || (id % 2)"]);
    world.rewrite_plan("    row_key: id\n", "    row_key: id\n    tenant: clinic\n");
    let before = cells(&world);
    let part = runs(&world, &["run", "PLAN", "--tenant", "c1"]);
    let between = cells(&world);
    runs(&world, &["run", "PLAN"]);
    let (exit, done) = world.reseal(&BACK);
    assert_eq!(cells(&world), between);
    assert_eq!((exit, &done["cells_resealed"]), (1, &json!(0)), "cells remain: {done}");
    let reason = done["reason"].as_str().unwrap();
    assert!(reason.contains(part["run_id"].as_str().unwrap()), "{reason}");
    let done = runs(&world, &BACK);
    assert_eq!((cells(&world), &done["reason"]), (before, &Value::Null));
}

/// Watches what cannot go back: a cell that names the new key and does not open is listed, and never overwritten.
#[test]
fn a_cell_that_cannot_go_back_is_listed() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 10);
        runs(&world, &["run", "PLAN"]);
        world.sql(&["UPDATE people SET a = 'v2:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAA' WHERE id = 5"]);
        let (exit, done) = world.reseal(&BACK);
        assert_eq!((exit, &done["state"], &done["cells_quarantined"]), (1, &json!("rolled_back"), &json!(1)));
        let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
        let cell = &listed["cells"][0];
        assert_eq!(
            (&cell["row"], &cell["field"], &cell["reason"]),
            (&json!("5"), &json!("a"), &json!("still-under-the-new-key")),
            "{store}: {listed}"
        );
        let rest =
            world.sql(&["SELECT count(*) FROM people WHERE b LIKE 'v2:%' OR (id <> 5 AND a LIKE 'v2:%')"]);
        assert_eq!(rest[0][0], 0, "{store}");
    }
}

/// Watches `--to-key` where keysets differ: one with several old keys needs it, one with a single old key does not.
#[test]
fn each_keyset_goes_back_to_a_key_of_its_own() {
    let world = World::new("sqlite", "aes-gcm", 10);
    for id in ["v0", "w1", "w2"] {
        world.new_key(id);
    }
    let line = |id: &str| {
        format!(
            "      {id}: {{ file: \"{}\", encoding: base64 }}\n",
            world.path(&format!("{id}.key")).display()
        )
    };
    world.rewrite_plan("    keys:\n", &format!("    keys:\n{}", line("v0")));
    let other = format!("  other:\n    primary: w2\n    keys:\n{}{}seals:\n", line("w1"), line("w2"));
    world.rewrite_plan("seals:\n", &other);
    world.rewrite_plan(
        "tables:\n",
        "  other:\n    keyset: other\n    format: { aes-gcm: { layout: \"{key}:{nonce|base64}:{ciphertext|base64}\" } }\ntables:\n",
    );
    world.rewrite_plan("b: { to: main }", "b: { to: other }");
    world.producer(&["seed", &world.url, "others", "aes-gcm", "w1.json", "10"]);
    world.sql(&[
        "UPDATE people SET b = (SELECT b FROM others WHERE others.id = people.id)",
        "DROP TABLE others",
    ]);
    let before = cells(&world);
    runs(&world, &["run", "PLAN"]);
    let asked = |keys: &[&str]| {
        let keys = keys.iter().flat_map(|key| ["--to-key", key]);
        world.reseal(&BACK.into_iter().chain(keys).collect::<Vec<_>>())
    };
    for keys in [&[][..], &["w1"], &["v0", "v1"], &["v2"], &["v1", "w2"]] {
        assert_eq!(code(&asked(keys)), (2, "which-key"), "{keys:?}");
    }
    let (exit, done) = asked(&["v1"]);
    assert_eq!((exit, cells(&world)), (0, before), "{done}");
}

/// Watches a row that the application moves while the run is at work, from where the run has been to where it comes later: its
/// cells are the run's, and no cells of before. They are sealed anew under the old key.
#[test]
fn a_row_that_moves_ahead_of_the_run_is_not_taken_for_one_of_before() {
    for store in STORES {
        for format in ["aes-gcm", "plaintext"] {
            let at = format!("{store} {format}");
            let world = World::new(store, format, 1500);
            world.plan(SLOW);
            let mut run = world.start(&["run", "PLAN"]);
            let moved = "SELECT count(*) FROM people WHERE id = 2 AND a LIKE 'v2:%'";
            wait_until("the swap of the row that moves", || world.sql(&[moved])[0][0] == 1);
            world.sql(&["UPDATE people SET id = 9000 WHERE id = 2"]);
            assert_eq!(run.wait().unwrap().code(), Some(0), "{at}");
            let under_new = "SELECT count(*) FROM people WHERE a LIKE 'v2:%' OR b LIKE 'v2:%'";
            assert_eq!(
                world.sql(&["SELECT count(*) FROM people WHERE id = 9000 AND a LIKE 'v2:%'"])[0][0],
                1
            );
            world.plan("");
            let back = runs(&world, &BACK);
            assert_eq!(back["cells_raced"], 2, "{at}: {back}");
            assert_eq!(world.sql(&[under_new])[0][0], 0, "{at}");
        }
    }
}
