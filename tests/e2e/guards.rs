//! Guards on MariaDB, where each of the two triggers of a table is a statement of its own that waits for the whole table.

use std::time::{Duration, Instant};

use crate::steered::{BACK, Engine, Holding, done, wait_until};
use crate::world::World;

const GUARDS: &str = "SELECT count(*) FROM information_schema.triggers \
     WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'reseal_guard%'";

fn guards(world: &World) -> u64 {
    world.sql(&[GUARDS])[0][0].as_u64().unwrap()
}

fn guarded() -> World {
    let world = World::new("mysql", "aes-gcm", 60);
    world.plan("guard: trigger\n");
    world
}

fn old_cell(world: &World) -> String {
    world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned()
}

/// Whether the database takes a cell.
fn takes(world: &World, cell: &str) -> bool {
    let update = format!("UPDATE people SET b = '{cell}' WHERE id = 4");
    world.producer_command(&["sql", &world.url, &update]).output().unwrap().status.success()
}

/// Watches the time that a guard's statement waits for the table: whoever writes to the table queues behind it.
#[test]
fn a_guard_that_waits_for_the_table_lets_writers_through() {
    let world = guarded();
    let old = old_cell(&world);
    // Somebody has read the table, and does not commit for a while.
    let reader = Holding::of(&world, &["SELECT count(*) FROM people"]);
    let run = Engine::start(&world, &["run", "PLAN"]);
    let waits = "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE '%metadata lock%'";
    wait_until("a guard that waits", || world.sql(&[waits])[0][0].as_u64() > Some(0));
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    // A writer that queues for ever would take the test with it.
    let note = "SET lock_wait_timeout = 15";
    while begun.elapsed() < Duration::from_secs(15) && longest < Duration::from_secs(15) {
        let asked = Instant::now();
        let write = ["sql", &world.url, note, "UPDATE people SET note = concat(note, '.') WHERE id = 5"];
        let _ = world.producer_command(&write).output().unwrap();
        longest = longest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(reader);
    let code = run.ends();
    assert!(longest < Duration::from_secs(5), "a writer waited for {longest:?} behind a guard");
    // Whether that run went on until the table was free, or gave up: the guard comes with the one or the next.
    if code != Some(0) {
        done(&world, "mysql", &["run", "PLAN"]);
    }
    assert_eq!(guards(&world), 2);
    assert!(!takes(&world, &old), "an old cell was let in");
}

/// Leaves what a kill between the two triggers leaves: one of them, and a run that is not over and nobody holds.
fn leave_half_a_guard(world: &World) {
    done(world, "mysql", &["run", "PLAN"]);
    let newest = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() \
                  AND trigger_name LIKE 'reseal_guard%' AND event_manipulation = 'UPDATE'";
    let name = world.sql(&[newest])[0][0].as_str().unwrap().to_owned();
    world.sql(&[
        &format!("DROP TRIGGER {name}"),
        "UPDATE reseal_run SET state = 'running', completed_at = NULL, lease_until = 0",
    ]);
    assert_eq!(guards(world), 1);
}

/// Watches that one of the two triggers is no guard: the next run puts both up.
#[test]
fn half_a_guard_is_made_whole() {
    let world = guarded();
    let old = old_cell(&world);
    leave_half_a_guard(&world);
    let run = done(&world, "mysql", &["run", "PLAN"]);
    assert_eq!((run["state"].as_str(), guards(&world)), (Some("complete"), 2), "{run}");
    assert!(!takes(&world, &old), "an old cell was let in");
}

/// Watches that half a guard is no hindrance to a rollback either.
#[test]
fn half_a_guard_is_taken_away() {
    let world = guarded();
    let old = old_cell(&world);
    leave_half_a_guard(&world);
    done(&world, "mysql", &BACK);
    assert_eq!(guards(&world), 0);
    assert!(takes(&world, &old), "the guard outlived the rollback");
}

/// Watches a trigger that came late: sent by an engine that was killed since, and carried out when the table was free, after the
/// rollback. What starts next takes it away, here a run of one table, which puts up no guard of its own.
#[test]
fn a_trigger_that_outlived_its_rollback_is_taken_away() {
    let world = guarded();
    let old = old_cell(&world);
    done(&world, "mysql", &["run", "PLAN"]);
    let triggers = world.sql(&[
        "SELECT trigger_name, event_manipulation, action_statement FROM information_schema.triggers \
        WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'reseal_guard%'",
    ]);
    done(&world, "mysql", &BACK);
    for trigger in triggers.as_array().unwrap() {
        let text = |at: usize| trigger[at].as_str().unwrap();
        world.sql(&[&format!(
            "CREATE TRIGGER {} BEFORE {} ON people FOR EACH ROW {}",
            text(0),
            text(1),
            text(2)
        )]);
    }
    assert!(!takes(&world, &old));
    done(&world, "mysql", &["run", "PLAN", "--table", "people"]);
    assert_eq!(guards(&world), 0);
    assert!(takes(&world, &old));
}
