//! The first use of keys: which bytes an id stands for is pinned with the first swap, or where a cell shows it; and a pin
//! that was wrong can be forgotten.

use serde_json::Value;

use crate::audit::{events, field};
use crate::custody::code;
use crate::steered::{held_step, ledger, let_go, wait_until};
use crate::world::{STORES, World, wait_for_first_swap};

/// Formats whose cells do not name their key.
const UNMARKED: [&str; 3] = ["fernet-bare", "aes-gcm-binary", "pgcrypto"];
const RUN: [&str; 2] = ["run", "PLAN"];

/// Gives the bytes of each key to the other one's id.
fn swap_keys(world: &World) {
    let (one, two) = (world.path("v1.key"), world.path("v2.key"));
    let first = std::fs::read(&one).unwrap();
    std::fs::copy(&two, &one).unwrap();
    std::fs::write(&two, first).unwrap();
}

/// The pins that the ledger has, each as keyset and key id.
fn pins(world: &World, store: &str) -> Vec<String> {
    let select = format!("SELECT keyset, key_id FROM {} ORDER BY keyset, key_id", ledger(store, "pin"));
    let rows = world.sql(&[&select]);
    let text = |row: &Value, at: usize| row[at].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(|row| format!("{} {}", text(row, 0), text(row, 1))).collect()
}

/// A world whose cells are all under v2 already.
fn moved_before(store: &str, format: &str) -> World {
    let world = World::empty(store, format);
    world.producer(&["seed", &world.url, "people", format, "v2.json", "30"]);
    world
}

/// Watches that keys in each other's place are not taken for a rotation that is done: nothing is pinned, and the correct
/// keys go on as if nothing had been.
#[test]
fn swapped_keys_are_not_pinned_by_the_first_run() {
    let stores = STORES.map(|store| (store, "fernet-bare"));
    for (store, format) in stores.into_iter().chain(UNMARKED.map(|format| ("sqlite", format))) {
        let world = World::new(store, format, 30);
        let before = world.digest();
        swap_keys(&world);
        for args in [&["run", "PLAN", "--dry-run"][..], &RUN, &RUN, &["check", "PLAN", "--connect"]] {
            let refused = world.reseal(args);
            let text = refused.1.to_string();
            assert_eq!(refused.0, 3, "{store} {format} {args:?}: {text}");
            let said = ["keys-unproven", "keyset `main`", "v2", "--accept-keys main"];
            assert!(said.iter().all(|said| text.contains(said)), "{store} {format} {args:?}: {text}");
        }
        assert_eq!(world.reseal(&["runs", "PLAN"]).1["runs"], Value::Array(vec![]), "{store} {format}");
        assert_eq!(world.digest(), before, "{store} {format}");
        swap_keys(&world);
        let (code, done) = world.reseal(&RUN);
        assert_eq!((code, done["state"].as_str()), (0, Some("complete")), "{store} {format}: {done}");
        assert_eq!(world.read("v2"), (30, done["cells_rotated"].as_u64().unwrap(), 30), "{store} {format}");
        assert_eq!(pins(&world, store), ["main v1", "main v2"], "{store} {format}");
    }
}

/// Watches that the operator's word is asked for once, and is in the trail.
#[test]
fn keys_that_nothing_shows_are_pinned_on_the_operators_word() {
    for store in STORES {
        let world = moved_before(store, "fernet-bare");
        for args in [&RUN[..], &["run", "PLAN", "--accept-keys", "other"]] {
            assert_eq!(code(&world.reseal(args)), (3, "keys-unproven"), "{store} {args:?}");
        }
        let (code, done) = world.reseal(&["run", "PLAN", "--accept-keys", "main"]);
        assert_eq!((code, done["state"].as_str()), (0, Some("complete")), "{store}: {done}");
        assert_eq!(done["cells_rotated"], 0, "{store}");
        assert_eq!(pins(&world, store), ["main v1", "main v2"], "{store}");
        let all = events(&world);
        let started = all.iter().find(|event| event["kind"] == "run-started").unwrap();
        assert_eq!(field(started, "accepted_keys"), "main", "{store}: {started}");
        let (code, again) = world.reseal(&RUN);
        assert_eq!((code, again["state"].as_str()), (0, Some("complete")), "{store}: {again}");
        swap_keys(&world);
        assert_eq!(world.reseal(&RUN).0, 3, "{store}: pinned keys may not change places");
    }
}

/// Watches first runs that have nothing to ask.
#[test]
fn what_needs_no_word_is_not_asked() {
    let complete = |world: &World, case: &str| {
        let (code, done) = world.reseal(&RUN);
        assert_eq!((code, done["state"].as_str()), (0, Some("complete")), "{case}: {done}");
    };
    // A cell names the key that it opens under.
    for format in ["aes-gcm", "fernet-v2"] {
        let world = moved_before("sqlite", format);
        complete(&world, format);
        assert_eq!(pins(&world, "sqlite"), ["main v1", "main v2"], "{format}");
    }
    // No cell, so nothing depends on any bytes yet.
    let world = World::new("sqlite", "fernet-bare", 0);
    complete(&world, "empty");
    assert_eq!(pins(&world, "sqlite"), Vec::<String>::new(), "empty");
    swap_keys(&world);
    complete(&world, "empty, with other keys");
    // No other key that it could be.
    let world = World::new("sqlite", "fernet-bare", 30);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let lines = plan.lines().filter(|line| !line.starts_with("      v2:"));
    let plan = lines.collect::<Vec<_>>().join("\n").replace("primary: v2", "primary: v1");
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    complete(&world, "one key");
    assert_eq!(pins(&world, "sqlite"), ["main v1"], "one key");
    // One cell that is still to be moved.
    let world = moved_before("sqlite", "fernet-bare");
    let old = World::new("sqlite", "fernet-bare", 1);
    for name in ["v1.key", "v1.json"] {
        std::fs::copy(old.path(name), world.path(name)).unwrap();
    }
    let cell = old.sql(&["SELECT a FROM people WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
    world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id = 30")]);
    complete(&world, "one old cell");
    assert_eq!(pins(&world, "sqlite"), ["main v1", "main v2"], "one old cell");
}

/// Watches that pins come with the first swap and not before: neither a step that fails nor a table that refuses every cell
/// pins anything; and that a keyset whose cells were not moved is not pinned by the swap of another one's.
#[test]
fn pins_come_with_the_first_swap_of_their_keyset() {
    for store in STORES {
        let world = World::new(store, "fernet-bare", 60);
        world.sql(&["CREATE TABLE empty (id integer PRIMARY KEY NOT NULL, a text)"]);
        let step = held_step(&world, "first", 0, "");
        world.plan(&format!("hooks:\n  before:\n    - {step}\n"));
        let file = |id: &str| format!("{{ file: \"{}\", encoding: base64url }}", world.path(id).display());
        world.rewrite_plan(
            "keysets:\n",
            &format!(
                "keysets:\n  spare:\n    primary: s2\n    keys:\n      s1: {}\n      s2: {}\n",
                file("s1.key"),
                file("s2.key")
            ),
        );
        world.rewrite_plan("seals:\n", "seals:\n  spare: { keyset: spare, format: { fernet: {} } }\n");
        world.rewrite_plan("tables:\n", "tables:\n  empty: { row_key: id, fields: { a: spare } }\n");
        ["s1", "s2"].iter().for_each(|id| world.new_key(id));
        let mut run = world.start(&RUN);
        wait_until("the step", || world.path("first").exists());
        assert_eq!(pins(&world, store), Vec::<String>::new(), "{store}: nothing was written yet");
        let_go(&world, "first");
        assert_eq!(run.wait().unwrap().code(), Some(0), "{store}");
        assert_eq!(pins(&world, store), ["main v1", "main v2"], "{store}");
    }
    let world = World::new("sqlite", "fernet-bare", 5);
    world.sql(&["CREATE TRIGGER no BEFORE UPDATE ON people BEGIN SELECT RAISE(ABORT, 'no'); END"]);
    world.plan("side_effects: [no]\n");
    let (code, left) = world.reseal(&RUN);
    assert_eq!(code, 1, "{left}");
    assert_eq!(pins(&world, "sqlite"), Vec::<String>::new(), "{left}");
}

/// Watches the way out for whoever has pinned swapped keys, and that it is recorded.
#[test]
fn a_pin_that_was_wrong_is_forgotten_by_name() {
    for store in STORES {
        let world = World::new(store, "fernet-bare", 30);
        swap_keys(&world);
        assert_eq!(world.reseal(&["run", "PLAN", "--accept-keys", "main"]).0, 0, "{store}");
        swap_keys(&world);
        let refused = world.reseal(&RUN);
        assert_eq!(refused.0, 3, "{store}");
        let help = refused.1["error"]["help"].as_str().unwrap();
        assert!(help.contains("reseal keys forget-pin PLAN v"), "{store}: {help}");
        let forget = |key: &str, confirm: &str| {
            let reason = ["--reason", "swapped"];
            world.reseal(&[&["keys", "forget-pin", "PLAN", key, "--confirm", confirm][..], &reason].concat())
        };
        assert_eq!(code(&forget("v1", "v2")), (2, "confirm"), "{store}");
        assert_eq!(code(&forget("v3", "v3")), (2, "no-such-pin"), "{store}");
        assert_eq!(pins(&world, store), ["main v1", "main v2"], "{store}");
        // It reads no key, so that it works where keys are wrong or gone.
        std::fs::rename(world.path("v1.key"), world.path("away")).unwrap();
        for key in ["v1", "v2"] {
            let (exit, done) = forget(key, key);
            assert_eq!((exit, done["key"].as_str()), (0, Some(key)), "{store}: {done}");
        }
        std::fs::rename(world.path("away"), world.path("v1.key")).unwrap();
        assert_eq!(pins(&world, store), Vec::<String>::new(), "{store}");
        let kept = world.sql(&[&format!(
            "SELECT key_id, reason FROM {} ORDER BY key_id",
            ledger(store, "forgotten_pin")
        )]);
        assert_eq!(kept, serde_json::json!([["v1", "swapped"], ["v2", "swapped"]]), "{store}");
        let all = events(&world);
        let told: Vec<&Value> = all.iter().filter(|event| event["kind"] == "pin-forgotten").collect();
        let mut keys: Vec<&str> = told.iter().filter_map(|event| event["keys"][0][1].as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["v1", "v2"], "{store}: {told:?}");
        assert!(
            told.iter().all(|event| !event["operator"].as_str().unwrap().is_empty()),
            "{store}: {told:?}"
        );
        assert_eq!(world.reseal(&["audit", "verify"]).0, 0, "{store}");
        let (exit, done) = world.reseal(&RUN);
        assert_eq!((exit, done["state"].as_str()), (0, Some("complete")), "{store}: {done}");
        assert_eq!(world.read("v2").2, 30, "{store}");
        // Its rollback needs the pinned bytes.
        assert_eq!(code(&forget("v1", "v1")), (3, "undo-holds"), "{store}");
        assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0, "{store}");
        assert_eq!(forget("v1", "v1").0, 0, "{store}");
    }
}

/// Watches that no pin goes from under a run that can be resumed.
#[test]
fn a_pin_is_kept_while_a_run_can_be_resumed() {
    let world = World::new("sqlite", "fernet-bare", 4000);
    world.plan(crate::world::SLOW);
    let mut run = world.start(&RUN);
    wait_for_first_swap(&world);
    assert_eq!(pins(&world, "sqlite"), ["main v1", "main v2"]);
    assert_eq!(world.reseal(&["pause", "PLAN"]).0, 0);
    run.wait().unwrap();
    let forget = || world.reseal(&["keys", "forget-pin", "PLAN", "v1", "--confirm", "v1"]);
    assert_eq!(code(&forget()), (3, "run-not-over"));
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
    assert_eq!(code(&forget()), (3, "undo-holds"), "what it has moved can go back");
    assert_eq!(pins(&world, "sqlite"), ["main v1", "main v2"]);
}
