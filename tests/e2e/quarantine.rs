//! Cells that stay as they are: what becomes of their list, and of the run.

use serde_json::{Value, json};

use crate::world::{STORES, World};

fn listed(world: &World) -> Vec<(Value, Value, Value)> {
    let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
    let cells = listed["cells"].as_array().unwrap().iter();
    cells.map(|cell| (cell["row"].clone(), cell["field"].clone(), cell["reason"].clone())).collect()
}

/// P5; watches `quarantine_aside`: where a snapshot keeps writers out, a sweep that lists cells must not wait for
/// itself. More cells than one insert takes are broken.
#[test]
fn a_file_without_a_write_ahead_log_lists_broken_cells() {
    let world = World::new("sqlite", "aes-gcm", 9000);
    world.sql(&["UPDATE people SET a = 'v1:broken' WHERE id > 8500"]);
    // The mode stays with the file; the run must not change it either.
    assert_eq!(world.sql(&["PRAGMA journal_mode = DELETE"]), json!([["delete"]]));
    for _ in 0..2 {
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (1, Some("paused")), "{run}");
        let listed = listed(&world);
        assert_eq!(listed.len() as u64, run["cells_quarantined"].as_u64().unwrap(), "{run}");
        assert_eq!(listed.len(), 500, "{run}");
    }
}

/// P5; watches what the sweep keeps of the list: cells that the database refuses open under the old key, and no
/// application seals with it.
#[test]
fn cells_that_the_database_refuses_stay_in_quarantine() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let refuse = match store {
            "sqlite" => {
                "CREATE TRIGGER no_change BEFORE UPDATE OF b ON people WHEN OLD.id = 30 \
                 BEGIN SELECT RAISE(ABORT, 'no'); END"
            }
            _ => "ALTER TABLE people ADD CONSTRAINT no_change CHECK (id <> 30 OR b LIKE 'v1:%')",
        };
        world.plan(if store == "sqlite" { "side_effects: [no_change]\n" } else { "" });
        world.sql(&[refuse]);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!(code, 1, "{store}: {run}");
        assert_eq!((&run["cells_old"], &run["cells_quarantined"]), (&json!(0), &json!(2)), "{store}: {run}");
        assert_eq!(run["reason"], "2 cells are in quarantine", "{store}");
        let both = ["a", "b"].map(|field| (json!("30"), json!(field), json!("constraint")));
        assert_eq!(listed(&world), both, "{store}");
        let (_, status) = world.reseal(&["status", "PLAN"]);
        assert_eq!(
            (&status["cells_old"], &status["cells_quarantined"], &status["rows_scanned"]),
            (&json!(0), &json!(2), &json!(60)),
            "{store}: {status}"
        );
        let allow = match store {
            "sqlite" => "DROP TRIGGER no_change",
            _ => "ALTER TABLE people DROP CONSTRAINT no_change",
        };
        world.sql(&[allow]);
        let (code, run) = world.reseal(&["quarantine", "PLAN", "--retry"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        assert_eq!(listed(&world), [], "{store}");
    }
}

/// P3; watches the mirrors that a sweep looks at: a cell under the new key whose mirror the database refuses is listed, and
/// the run is not over.
#[test]
fn a_mirror_that_cannot_be_filled_is_listed() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let (refuse, allow) = match store {
            "sqlite" => (
                "CREATE TRIGGER no_note BEFORE UPDATE OF note ON people WHEN OLD.id = 30 \
                 BEGIN SELECT RAISE(ABORT, 'no'); END",
                "DROP TRIGGER no_note",
            ),
            _ => (
                "ALTER TABLE people ADD CONSTRAINT no_note CHECK (id <> 30 OR note IS NULL)",
                "ALTER TABLE people DROP CONSTRAINT no_note",
            ),
        };
        world.plan(if store == "sqlite" { "side_effects: [no_note]\n" } else { "" });
        let mirrored = "b: { to: main, columns: { ciphertext: b }, mirrors: { ciphertext: note } }";
        world.rewrite_plan("b: { to: main }", mirrored);
        world.sql(&["UPDATE people SET note = NULL", refuse]);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (1, Some("paused")), "{store}: {run}");
        assert_eq!((&run["cells_old"], &run["cells_quarantined"]), (&json!(0), &json!(1)), "{store}: {run}");
        assert_eq!(listed(&world), [(json!("30"), json!("b"), json!("constraint"))], "{store}");
        let unfilled = "SELECT count(*) FROM people WHERE b IS NOT NULL AND (note IS NULL OR note <> b)";
        assert_eq!(world.sql(&[unfilled]), json!([[1]]), "{store}");
        world.sql(&[allow]);
        let (code, run) = world.reseal(&["quarantine", "PLAN", "--retry"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        assert_eq!((listed(&world), world.sql(&[unfilled])), (vec![], json!([[0]])), "{store}");
    }
}

/// P5; watches the list that goes with a batch: why a cell that opens cannot be sealed anew is known to its batch alone.
#[test]
fn a_cell_that_cannot_be_sealed_anew_is_listed_with_its_reason() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        let (head, seals) = plan.split_once("seals:\n").unwrap();
        let (main, tables) = seals.split_once("tables:\n").unwrap();
        let old = main.replace("  main:\n", "  old:\n");
        let bound = format!("{main}    aad: \"{{row.note}}\"\n").replace("{key}:", "bound:{key}:");
        let tables = tables.replace("{ to: main }", "{ to: main, from: [old] }");
        std::fs::write(world.path("plan.yaml"), format!("{head}seals:\n{bound}{old}tables:\n{tables}"))
            .unwrap();
        world.sql(&["UPDATE people SET note = NULL WHERE id = 30"]);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (1, Some("paused")), "{store}: {run}");
        assert_eq!((&run["cells_old"], &run["cells_quarantined"]), (&json!(0), &json!(2)), "{store}: {run}");
        let both = ["a", "b"].map(|field| (json!("30"), json!(field), json!("does-not-fit-the-format")));
        assert_eq!(listed(&world), both, "{store}");
        let shard = if store == "postgres" { "reseal.shard" } else { "reseal_shard" };
        let rounds = world.sql(&[&format!("SELECT max(round) FROM {shard}")]);
        assert_eq!(rounds, json!([[1]]), "{store}: the batch did not list them, and a second round had to");
    }
}

/// Watches the seal of a fault: what no seal recognises is not counted as plaintext that waits to be sealed.
#[test]
fn what_is_no_plaintext_is_counted_under_no_seal() {
    let world = World::new("sqlite", "plaintext", 20);
    world.sql(&[
        "UPDATE people SET a = 'v2: a note' WHERE id = 3",
        "UPDATE people SET b = 'gAAAAAB' WHERE id = 4",
    ]);
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, &run["cells_old"]), (1, &json!(0)), "{run}");
    let cells = [(3, "a", "names-a-key-and-is-no-cell"), (4, "b", "sealed-by-a-stranger")];
    let cells = cells.map(|(row, field, why)| (json!(row.to_string()), json!(field), json!(why)));
    assert_eq!(listed(&world)[..1], cells[..1]);
    for command in [&["verify", "PLAN"][..], &["census", "PLAN"]] {
        let (_, census) = world.reseal(command);
        let counts = census["fields"][0]["counts"].as_array().unwrap();
        let of_none = json!({ "seal": null, "key": null, "cells": 1 });
        assert!(counts.contains(&of_none), "{command:?}: {census}");
        assert!(counts.iter().all(|line| line["seal"] != "plaintext"), "{command:?}: {census}");
    }
}
