//! What nobody would look at twice when a key is given up, or passed by a criterion that others hide.

use crate::custody::{code, with_keys};
use crate::world::World;

/// A world in which v1 was rotated away and retired; and an old cell under it.
fn retired() -> (World, String) {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan("undo: none\n");
    let old = world.sql(&["SELECT a FROM people WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    (world, format!("UPDATE people SET a = '{old}' WHERE id = 1"))
}

/// Watches that a key is looked for once more when it is destroyed: a backup that was played back brings its cells again.
#[test]
fn a_key_whose_cells_came_back_is_not_destroyed() {
    let (world, comes_back) = retired();
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1"]).0, 0);
    world.sql(&[&comes_back]);
    let destroy = world.reseal(&["keys", "destroy", "PLAN", "v1", "--confirm", "v1"]);
    assert_eq!(code(&destroy), (3, "key-in-use"), "{}", destroy.1);
    assert!(world.path("v1.key").exists());
}

/// Watches cells that open under no key of the plan: where the plan has lost the key, they may be its own.
#[test]
fn a_key_that_the_plan_lost_is_not_given_up_over_cells_of_nobody() {
    let (world, comes_back) = retired();
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let without: Vec<&str> = plan.lines().filter(|line| !line.starts_with("      v1:")).collect();
    std::fs::write(world.path("plan.yaml"), without.join("\n")).unwrap();
    world.sql(&[&comes_back]);
    let refused = world.reseal(&["keys", "retire", "PLAN", "v1"]);
    assert_eq!(code(&refused), (3, "cells-unknown"), "{}", refused.1);
    world.sql(&["UPDATE people SET a = NULL WHERE id = 1"]);
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1"]).0, 0);
}

/// Watches the criterion that no key is stuck between two runs, and what an emergency makes of it.
#[test]
fn a_key_that_is_still_rotating_is_finished_first() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan("policy: { min_key_age: 1ms }\n");
    assert_eq!(world.reseal(&["keys", "activate", "PLAN", "v1", "--since", "2025-01-01"]).0, 0);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    with_keys(&world, &["v3"]);
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "key-rotating"), "{}", refused.1);
    assert!(refused.1["error"]["help"].as_str().unwrap().contains("keys retire PLAN v1"), "{}", refused.1);
    assert_eq!(world.reseal(&["run", "PLAN", "--emergency"]).0, 0);
}

/// Watches that a key is known by its bytes: under labels that are roles, today's name of another key is the last name that
/// the catalogue knew this one by.
#[test]
fn a_key_is_given_up_by_its_bytes_and_not_by_its_label() {
    let world = World::new("sqlite", "fernet-bare", 5);
    world.plan("undo: none\n");
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let plan = plan.replace("    primary: v2\n", "    primary: v2\n    roles: true\n");
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let first =
        world.reseal(&["keys", "list", "PLAN"]).1["keys"][0]["fingerprint"].as_str().unwrap().to_owned();
    // The second key moves to the old one's label, and a third takes its place.
    std::fs::copy(world.path("v2.key"), world.path("v1.key")).unwrap();
    world.new_key("v2");
    world.sql(&["CREATE TABLE other (id integer PRIMARY KEY NOT NULL, a text)"]);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let more = plan.replace("tables:\n", "tables:\n  other: { row_key: id, fields: { a: main } }\n");
    std::fs::write(world.path("plan.yaml"), more).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN", "--table", "other"]).0, 0);
    let refused = world.reseal(&["keys", "retire", "PLAN", "v1"]);
    assert_eq!(code(&refused), (3, "key-in-use"), "{}", refused.1);
    let third = std::fs::read(world.path("v2.key")).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1"]).0, 0);
    // The first has no label any more: it is named by its fingerprint, and no file is touched for it.
    for args in [
        &["keys", "retire", "PLAN", &first[..16]][..],
        &["keys", "destroy", "PLAN", &first[..16], "--confirm", &first[..16]],
    ] {
        let (exit, done) = world.reseal(args);
        assert_eq!(exit, 0, "{done}");
    }
    assert!(world.path("v1.key").exists());
    assert_eq!(world.reseal(&["keys", "destroy", "PLAN", "v1", "--confirm", "v1"]).0, 0);
    assert!(!world.path("v1.key").exists());
    assert_eq!(std::fs::read(world.path("v2.key")).unwrap(), third, "another key's file");
}

/// Watches that kept old cells hold their key whatever the plan and the keyset are called by now.
#[test]
fn another_name_for_a_plan_or_a_keyset_frees_no_key() {
    for (from, to) in [("name: people", "name: persons"), ("main", "phi")] {
        let world = World::new("sqlite", "aes-gcm", 5);
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), plan.replace(from, to)).unwrap();
        let refused = world.reseal(&["keys", "retire", "PLAN", "v1"]);
        assert_eq!(code(&refused), (3, "undo-holds"), "{to}: {}", refused.1);
    }
}

/// Watches what would leave a plan without a key to seal with, or cells under one that is gone.
#[test]
fn no_key_is_given_up_that_seals_and_none_seals_that_was_given_up() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let primary = world.reseal(&["keys", "retire", "PLAN", "v2"]);
    assert_eq!(code(&primary), (3, "key-state"), "{}", primary.1);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1"]).0, 0);
    let before = world.digest();
    let back = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!(code(&back), (3, "key-given-up"), "{}", back.1);
    assert_eq!(world.digest(), before);
}

/// Watches that one id is one key: where a list gives other bytes under an id that the plan names, cells of one tag would be
/// under two keys.
#[test]
fn two_keys_under_one_id_are_refused() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let entry = |id: &str| std::fs::read_to_string(world.path(&format!("{id}.key"))).unwrap();
    let list = |v2: &str| {
        let text = serde_json::json!({ "v1": entry("v1"), "v2": v2 }).to_string();
        std::fs::write(world.path("old.json"), text).unwrap();
    };
    let file = world.path("old.json").display().to_string();
    let from =
        format!("    keys_from:\n      - {{ file: \"{file}\", json: \"*\", encoding: base64 }}\nseals:\n");
    std::fs::write(world.path("plan.yaml"), plan.replace("seals:\n", &from)).unwrap();
    list(&entry("v1"));
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "key"), "{}", refused.1);
    assert!(
        refused.1["error"]["message"].as_str().unwrap().contains("have different bytes for key `v2`"),
        "{}",
        refused.1
    );
    list(&entry("v2"));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "said twice, and the same");
}
