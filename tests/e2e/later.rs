//! What a later version has made is left alone: a program that does not know it cannot tell what it would break.

use crate::steered::{BACK, done, ledger};
use crate::world::{STORES, World};

/// Checks that a command is refused, and that it names the version that it found and the one that it knows.
fn refuses(world: &World, args: &[&str], newer: i64, known: i64, store: &str) {
    let (code, refused) = world.reseal(args);
    assert_eq!(code, 3, "{store}, {args:?}: {refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    let names =
        |version: i64| message.split(|c: char| !c.is_ascii_digit()).any(|word| word == version.to_string());
    assert!(names(newer) && names(known), "{store}, {args:?}: both versions: {message}");
}

/// Watches the version of the ledger: a program that does not know it leaves it, and the data, alone.
#[test]
fn a_ledger_of_a_later_version_is_refused() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 10);
        done(&world, store, &["run", "PLAN"]);
        let known = done(&world, store, &["migrate", "PLAN"])["version"].as_i64().unwrap();
        let newer = known + 900;
        let migration = ledger(store, "migration");
        let before = world.digest();
        world.sql(&[&format!("INSERT INTO {migration} (version) VALUES ({newer})")]);
        for args in [
            &["run", "PLAN"][..],
            &BACK,
            &["migrate", "PLAN"],
            &["undo", "drop", "PLAN", "--confirm", "people"],
            &["cancel", "PLAN"],
        ] {
            refuses(&world, args, newer, known, store);
        }
        assert_eq!(world.digest(), before, "{store}");
        world.sql(&[&format!("DELETE FROM {migration} WHERE version = {newer}")]);
        done(&world, store, &BACK);
    }
}

/// Watches the same for the control database.
#[test]
fn a_control_database_of_a_later_version_is_refused() {
    for store in STORES {
        let mut world = World::new("sqlite", "aes-gcm", 10);
        let control = World::empty(store, "aes-gcm");
        world.control = control.url.clone();
        let known = done(&world, store, &["migrate", "--control"])["version"].as_i64().unwrap();
        let newer = known + 900;
        let migration = ledger(store, "control_migration");
        world.control(&format!("INSERT INTO {migration} (version) VALUES ({newer})"));
        for args in [
            &["run", "PLAN"][..],
            &["migrate", "--control"],
            &["keys", "list", "PLAN"],
            &["approve", "list", "PLAN"],
            &["audit", "verify"],
        ] {
            refuses(&world, args, newer, known, store);
        }
        let runs = world.reseal(&["runs", "PLAN"]).1;
        assert_eq!(runs["runs"].as_array().map_or(0, Vec::len), 0, "{store}: a run began: {runs}");
    }
}
