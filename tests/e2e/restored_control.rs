//! A control database that was restored from a backup is noticed: it has forgotten what the ledger knows.

use serde_json::{Value, json};

use crate::custody::code;
use crate::world::{STORES, World, new_database};

fn world(store: &str) -> World {
    let mut world = World::new(store, "aes-gcm", 20);
    if store != "sqlite" {
        world.control = new_database(store, world.folder.path());
    }
    world
}

fn table(store: &str, name: &str) -> String {
    if store == "postgres" { format!("reseal.{name}") } else { format!("reseal_{name}") }
}

/// How many events the trail has.
fn events(world: &World) -> u64 {
    let (exit, verdict) = world.reseal(&["audit", "verify"]);
    assert_eq!(exit, 0, "{verdict}");
    verdict["events"].as_u64().unwrap()
}

/// What a backup holds that was made when the trail had so many events.
fn restore(world: &World, store: &str, events: u64) {
    let (event, tail) = (table(store, "audit_event"), table(store, "audit_tail"));
    world.control(&format!("DELETE FROM {event} WHERE sequence > {events}"));
    world.control(&format!(
        "UPDATE {tail} SET sequence = {events}, head = (SELECT head FROM {event} WHERE sequence = {events})"
    ));
    assert_eq!(self::events(world), events, "{store}: the backup itself is sound");
}

fn is_noticed(store: &str) {
    let world = world(store);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    let backup = events(&world);
    let (exit, second) = world.reseal(&["run", "PLAN"]);
    assert_eq!(exit, 0, "{store}: {second}");
    restore(&world, store, backup);
    let before = world.digest();
    let refused = || {
        let run = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&run), (3, "control-database-behind"), "{store}: {}", run.1);
        let said = &run.1["error"];
        assert!(
            said["message"].as_str().unwrap().contains(second["run_id"].as_str().unwrap()),
            "{store}: {said}"
        );
        assert!(said["help"].as_str().unwrap().contains("--accept-control-database"), "{store}: {said}");
    };
    refused();
    assert_eq!(world.reseal(&["run", "PLAN", "--dry-run"]).0, 0, "{store}: a dry run records nothing");
    // The trail of the backup goes on, past where the lost one ended.
    while events(&world) < backup + 20 {
        world.reseal(&["census", "PLAN"]);
    }
    refused();
    let runs = || world.reseal(&["runs", "PLAN"]).1["runs"].as_array().unwrap().len();
    assert_eq!((runs(), world.digest()), (2, before), "{store}: nothing began");
    let (exit, run) = world.reseal(&["run", "PLAN", "--accept-control-database"]);
    assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{store}: {run}");
    let told = crate::audit::events(&world);
    let began: Vec<&Value> = told.iter().filter(|event| event["kind"] == "run-started").collect();
    let accepted = crate::audit::field(began.last().unwrap(), "accepted_control_database");
    assert!(accepted.as_str().unwrap().contains(second["run_id"].as_str().unwrap()), "{store}: {began:?}");
    let (exit, next) = world.reseal(&["run", "PLAN"]);
    assert_eq!(exit, 0, "{store}: what was accepted is known: {next}");
}

/// Watches the ledger's mark, and what it is compared with: the number alone, and the head where the trail went on.
#[test]
fn a_control_database_of_the_past_is_noticed() {
    for store in STORES {
        is_noticed(store);
    }
}

/// Watches that another plan's mark, a new control database in its place, and a paused run are told apart.
#[test]
fn a_run_is_not_resumed_with_another_control_database() {
    let mut world = World::new("sqlite", "aes-gcm", 900);
    world.plan("throttle: { rows_per_second: 300 }\nbatch: { rows: 50 }\n");
    let mut run = world.start(&["run", "PLAN"]);
    crate::world::wait_for_first_swap(&world);
    world.reseal(&["pause", "PLAN"]);
    run.wait().unwrap();
    let own = world.control.clone();
    world.control = format!("sqlite://{}/another.db", world.folder.path().display());
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "control-database-behind"));
    assert_eq!(code(&world.reseal(&["resume", "PLAN"])), (3, "control-database-behind"));
    world.control = own;
    world.plan("");
    assert_eq!(world.reseal(&["resume", "PLAN"]).0, 0);
}
