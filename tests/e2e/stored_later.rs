//! Triggers that come during a run, or between a run and its rollback; and what a canary says of a batch that is destroyed.

use serde_json::{Value, json};

use crate::stored::{BACK, BEFORE, CHANGES, cells, drop_trigger, told};
use crate::world::{SLOW, STORES, World, wait_for_first_swap};

/// A trigger that stores something else than what it is sent.
const UPPER: [(&str, &[&str]); 3] = [
    (
        "postgres",
        &[
            "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.a := upper(new.a); RETURN new; END $$",
            BEFORE,
        ],
    ),
    (
        "sqlite",
        &[
            "CREATE TRIGGER loud AFTER UPDATE ON people BEGIN UPDATE people SET a = upper(a) WHERE id = NEW.id; END",
        ],
    ),
    ("mysql", &["CREATE TRIGGER loud BEFORE UPDATE ON people FOR EACH ROW SET NEW.a = UPPER(NEW.a)"]),
];

/// P3; watches that triggers are looked at in each transaction that swaps: one that comes while a run works is caught at its
/// first batch, whether or not that batch was to be read back.
#[test]
fn a_trigger_that_comes_during_a_run_is_caught_at_its_first_batch() {
    for (store, make) in UPPER {
        let world = World::new(store, "aes-gcm", 3000);
        world.plan(SLOW);
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        world.sql(make);
        assert_eq!(run.wait().unwrap().code(), Some(3), "{store}");
        let (_, status) = world.reseal(&["status", "PLAN"]);
        assert!(status["reason"].as_str().unwrap().contains(CHANGES), "{store}: {status}");
        drop_trigger(&world, store);
        world.plan("");
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{store}: {run}");
        assert_eq!(world.read("v2").2, 3000, "{store}");
    }
}

/// P7; watches the same on the way back: what a trigger changes there is not called back, and undo stays until it is.
#[test]
fn a_trigger_on_the_way_back_drops_no_undo() {
    for (store, make) in UPPER {
        let world = World::new(store, "aes-gcm", 60);
        let before = cells(&world);
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        world.sql(make);
        let answer = world.reseal(&BACK);
        let (exit, code, message) = told(&answer);
        assert_eq!((exit, code), (3, "stored-otherwise"), "{store}: {}", answer.1);
        assert!(message.contains(CHANGES), "{store}: {message}");
        drop_trigger(&world, store);
        let (exit, back) = world.reseal(&BACK);
        assert_eq!(exit, 0, "{store}: {back}");
        assert_eq!(cells(&world), before, "{store}");
    }
}

/// P7; watches what a canary says of its batch: cells that its own steps destroyed are not "put back".
#[test]
fn a_canary_whose_batch_is_destroyed_does_not_say_put_back() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        world.plan(
            "batch: { rows: 50 }\nhooks:\n  canary:\n    - sql: \"UPDATE people SET a = upper(a) WHERE id < 11\"\n    - { command: [\"false\"] }\n",
        );
        let before = cells(&world);
        let answer = world.reseal(&["run", "PLAN"]);
        let (exit, code, message) = told(&answer);
        assert_eq!((exit, code), (3, "canary-failed"), "{store}: {}", answer.1);
        // Row 7 holds NULL.
        let says =
            "9 cells of the first batch no longer open and were NOT restored; their old bytes are kept";
        assert!(message.ends_with(says), "{store}: {message}");
        let undo = if store == "postgres" { "reseal.undo" } else { "reseal_undo" };
        let kept = world.sql(&[&format!("SELECT count(*) FROM {undo}")]);
        assert_ne!(kept, json!([[0]]), "{store}");
        let after = cells(&world);
        let same = |row: &(&Value, &Value)| {
            row.0[2] == row.1[2] && (row.0[1] == row.1[1] || row.0[0].as_u64() < Some(11))
        };
        let rows: Vec<(&Value, &Value)> =
            before.as_array().unwrap().iter().zip(after.as_array().unwrap()).collect();
        assert!(rows.iter().all(same), "{store}: {after}");
    }
}

/// Watches that a trigger which comes during a run, and changes nothing, is in nobody's way: what is stored is read back from
/// there on.
#[test]
fn a_harmless_trigger_may_come_during_a_run() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        world.plan(SLOW);
        world.sql(&["CREATE TABLE log (row_id integer)"]);
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        match store {
            "postgres" => world.sql(&[
                "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 INSERT INTO log VALUES (new.id); RETURN new; END $$",
                BEFORE,
            ]),
            "sqlite" => world.sql(&[
                "CREATE TRIGGER loud AFTER UPDATE ON people BEGIN INSERT INTO log VALUES (NEW.id); END",
            ]),
            _ => world.sql(&[
                "CREATE TRIGGER loud AFTER UPDATE ON people FOR EACH ROW INSERT INTO log VALUES (NEW.id)",
            ]),
        };
        assert_eq!(run.wait().unwrap().code(), Some(0), "{store}");
        assert_eq!(world.read("v2").2, 3000, "{store}");
        let logged = world.sql(&["SELECT count(*), count(DISTINCT row_id) FROM log"]);
        assert!(logged[0][0].as_u64() > Some(0) && logged[0][0] == logged[0][1], "{store}: {logged}");
    }
}

/// Watches the column that shows why a cell is listed: a row that a trigger skips cannot show it, and the others do.
#[test]
fn a_row_that_cannot_show_its_reason_ends_no_run() {
    let skips = [
        (
            "postgres",
            &[
                "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RETURN CASE WHEN new.id = 30 THEN NULL ELSE new END; END $$",
                BEFORE,
            ][..],
        ),
        (
            "sqlite",
            &["CREATE TRIGGER loud BEFORE UPDATE ON people WHEN NEW.id = 30 BEGIN SELECT RAISE(IGNORE); END"],
        ),
    ];
    for (store, make) in skips {
        let world = World::new(store, "aes-gcm", 60);
        world.sql(&["UPDATE people SET a = 'v1:broken' WHERE id = 31", "UPDATE people SET note = NULL"]);
        world.sql(make);
        world.plan("side_effects: [loud]\n");
        world.rewrite_plan("      a: { to: main }", "      a: { to: main, last_error: note }");
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["cells_quarantined"]), (1, &json!(3)), "{store}: {run}");
        let shown = world.sql(&["SELECT id, note FROM people WHERE note IS NOT NULL ORDER BY id"]);
        assert_eq!(shown[0][0], json!(31), "{store}: {shown}");
        assert_eq!(shown.as_array().unwrap().len(), 1, "{store}: {shown}");
    }
}
