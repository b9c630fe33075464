//! Which run may be gone on with or rolled back, and by which plan and keys.

use crate::approvals::Approved;
use crate::custody::{code, with_keys};
use crate::world::World;

/// Watches that runs are rolled back in order, the newest first, and by the plan that they were run with.
#[test]
fn only_the_newest_run_is_rolled_back_and_by_its_own_plan() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let before = world.digest();
    let (_, first) = world.reseal(&["run", "PLAN"]);
    world.new_key("v3");
    with_keys(&world, &["v3"]);
    let (_, second) = world.reseal(&["run", "PLAN"]);
    let back = |run: &serde_json::Value| {
        let id = run["run_id"].as_str().unwrap();
        world.reseal(&["rollback", "PLAN", "--confirm", "people", "--run", id, "--to-key", "v2"])
    };
    let moved = world.digest();
    assert_eq!(code(&back(&first)), (3, "not-newest"));
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    std::fs::write(world.path("plan.yaml"), format!("{plan}ignore: [people.note]\n")).unwrap();
    assert_eq!(code(&back(&second)), (3, "plan-changed"));
    assert_eq!(world.digest(), moved, "it wrote");
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    let (exit, done) = back(&second);
    assert_eq!(exit, 0, "{done}");
    world.plan("");
    assert_eq!(code(&back(&first)), (2, "which-key"), "v2 is what that run sealed with");
    assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0);
    assert_eq!(world.digest(), before);
}

/// Watches the keys that a run has noted: where labels are roles, no pin would tell that they moved on under it.
#[test]
fn a_run_goes_on_with_the_keys_that_it_began_with() {
    let world = World::new("sqlite", "fernet-bare", 20);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let roles = plan.replace("    primary: v2\n", "    primary: v2\n    roles: true\n");
    std::fs::write(world.path("plan.yaml"), roles).unwrap();
    let cell = world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
    world.sql(&["UPDATE people SET a = 'gAAAAAdamaged' WHERE id = 3"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id = 3")]);
    let kept = std::fs::read(world.path("v2.key")).unwrap();
    let read = std::fs::read(world.path("v2.json")).unwrap();
    world.new_key("v2");
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "keys-changed"), "{}", refused.1);
    std::fs::write(world.path("v2.key"), kept).unwrap();
    std::fs::write(world.path("v2.json"), read).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.read("v2").0, world.read("v2").2);
}

/// Watches that a run is gone on with under the primary that `--primary` gave it, which nobody has to say again.
#[test]
fn a_run_is_resumed_under_the_primary_that_it_was_given() {
    let world = World::new("sqlite", "aes-gcm", 20);
    with_keys(&world, &["v3"]);
    let cell = world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
    world.sql(&["UPDATE people SET a = 'v1:AAAA:AAAA' WHERE id = 3"]);
    assert_eq!(world.reseal(&["run", "PLAN", "--primary", "v2"]).0, 1);
    world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id = 3")]);
    let (exit, done) = world.reseal(&["resume", "PLAN"]);
    assert_eq!((exit, done["state"].as_str()), (0, Some("complete")), "{done}");
    assert_eq!(world.read("v2").0, world.read("v2").2);
}

/// Watches that people are asked to agree only to a rollback that can begin: whoever agrees to one agrees to its keys.
#[test]
fn nobody_is_asked_for_a_rollback_that_cannot_begin() {
    let approved = Approved::new("{ rollback: 1 }");
    let world = &approved.world;
    with_keys(world, &["v3"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let waiting = || world.reseal(&["approve", "list", "PLAN"]).1["requests"].as_array().unwrap().len();
    let back = ["rollback", "PLAN", "--confirm", "people"];
    assert_eq!((code(&world.reseal(&back)), waiting()), ((2, "which-key"), 0));
    let back = [&back[..], &["--to-key", "v1"]].concat();
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    std::fs::write(world.path("plan.yaml"), format!("{plan}ignore: [people.note]\n")).unwrap();
    assert_eq!((code(&world.reseal(&back)), waiting()), ((3, "plan-changed"), 0));
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    approved.agree(&world.reseal(&back), &["alice"]);
    assert_eq!(world.reseal(&back).0, 0);
    assert_eq!(world.read("v1").2, 5);
}
