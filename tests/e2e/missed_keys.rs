//! Keys that come to a run which began without them: cells that opened under none are theirs.

use serde_json::json;

use crate::approvals::{Approved, approver, write};
use crate::brought::keyring;
use crate::custody::code;
use crate::world::{STORES, World};

/// A world whose primary is v2, with cells of three rows under v0, which is not among the plan's keys.
fn without_v0(store: &str, more: &str) -> World {
    let world = World::new(store, "aes-gcm", 60);
    keyring(&world, more);
    std::fs::copy(world.path("v2.key"), world.path("keys/v2")).unwrap();
    std::fs::write(world.path("primary"), "v2").unwrap();
    world.new_key("v0");
    world.producer(&["seed", &world.url, "older", "aes-gcm", "v0.json", "60"]);
    let older = |field: &str| format!("{field} = (SELECT {field} FROM older WHERE older.id = people.id)");
    world.sql(&[
        &format!("UPDATE people SET {}, {} WHERE id IN (3, 30, 41)", older("a"), older("b")),
        "DROP TABLE older",
    ]);
    world
}

fn bring_v0(world: &World) {
    std::fs::copy(world.path("v0.key"), world.path("keys/v0")).unwrap();
}

/// Watches that the same run goes on, and that the key is the run's from then on: it is kept for what the run keeps, and the
/// run can be rolled back.
#[test]
fn a_run_goes_on_once_a_missing_key_is_there() {
    for store in STORES {
        let world = without_v0(store, "");
        let before = world.digest();
        let (exit, first) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &first["cells_quarantined"]), (1, &json!(6)), "{store}: {first}");
        bring_v0(&world);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["run_id"]), (0, &first["run_id"]), "{store}: {run}");
        assert_eq!((run["state"].as_str(), world.read("v2").2), (Some("complete"), 60), "{store}");
        assert_eq!(code(&world.reseal(&["keys", "retire", "PLAN", "v0"])), (3, "undo-holds"), "{store}");
        let back = ["rollback", "PLAN", "--confirm", "people", "--to-key", "v1"];
        std::fs::rename(world.path("keys/v0"), world.path("away")).unwrap();
        assert_eq!(code(&world.reseal(&back)), (3, "keys-changed"), "{store}: cells go back to it");
        bring_v0(&world);
        assert_eq!((world.reseal(&back).0, world.digest()), (0, before), "{store}");
    }
}

/// Watches that other bytes under an id that the run knows are no key that came since.
#[test]
fn a_key_that_has_other_bytes_is_none_that_was_missing() {
    let world = without_v0("sqlite", "");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    bring_v0(&world);
    let kept = std::fs::read(world.path("keys/v1")).unwrap();
    world.new_key("v9");
    std::fs::rename(world.path("v9.key"), world.path("keys/v1")).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 3);
    std::fs::write(world.path("keys/v1"), kept).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
}

/// Watches that people who agreed to a run agreed to its keys: another one is for a run of its own.
#[test]
fn a_run_that_people_agreed_to_takes_no_other_key() {
    let world = without_v0("sqlite", "");
    let line = approver(&world, "alice");
    write(&world.path("approvers"), &format!("{line}\n"), 0o644);
    keyring(
        &world,
        &format!(
            "policy: {{ approvals: {{ run: 1 }}, approvers: {{ file: \"{}\" }} }}\n",
            world.path("approvers").display()
        ),
    );
    let approved = Approved { world };
    let world = &approved.world;
    approved.agree(&world.reseal(&["run", "PLAN"]), &["alice"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    bring_v0(world);
    let moved = world.digest();
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "keys-changed"));
    assert_eq!(world.digest(), moved, "it wrote");
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
    approved.agree(&world.reseal(&["run", "PLAN"]), &["alice"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.read("v2").2, 60);
}
