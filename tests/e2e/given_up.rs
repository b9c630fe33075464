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
    assert!(refused.1["error"]["help"].as_str().unwrap().contains("keys retire people v1"), "{}", refused.1);
    assert_eq!(world.reseal(&["run", "PLAN", "--emergency"]).0, 0);
}
