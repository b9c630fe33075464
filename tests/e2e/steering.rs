//! Runs that are steered, and begun, at the same moment.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{SLOW, STORES, World, signal, wait_for_first_swap};

/// Watches that a pause takes no cancel back, and that nobody waits for the answer of an engine that is gone.
#[test]
fn a_run_that_is_given_up_stays_given_up() {
    let world = World::new("postgres", "aes-gcm", 3000);
    world.plan(SLOW);
    let mut run = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["pause", "PLAN"]).0, 0);
    run.wait().unwrap();
    assert_eq!(world.reseal(&["status", "PLAN"]).1["state"], "cancelled");
    let world = World::new("postgres", "aes-gcm", 3000);
    world.plan(SLOW);
    let mut run = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(world.reseal(&["cancel", "PLAN"]).1["state"], "cancelled");
}

/// Watches what a second engine finds where a ledger is being made: DDL is not transactional everywhere.
#[test]
fn engines_that_begin_together_make_one_ledger() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        world.plan(SLOW);
        let begin = || world.command(&["run", "PLAN", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let runs: Vec<_> = (0..4).map(|_| begin()).collect();
        let answers = runs.into_iter().map(|run| run.wait_with_output().unwrap());
        let mut codes: Vec<_> = answers
            .map(|output| {
                let said: Value = serde_json::from_slice(&output.stdout).unwrap();
                (output.status.code().unwrap(), said["error"]["code"].as_str().unwrap_or("none").to_owned())
            })
            .collect();
        codes.sort();
        assert_eq!(codes[0], (0, "none".to_owned()), "{store}: {codes:?}");
        assert!(codes[1..].iter().all(|(code, _)| *code == 4), "{store}: {codes:?}");
    }
}

/// Watches that there is one document on stdout at every exit.
#[test]
fn a_second_signal_leaves_a_document_too() {
    let world = World::new("sqlite", "aes-gcm", 3000);
    world.plan("throttle: { rows_per_second: 60 }\nbatch: { rows: 60 }\n");
    let run = world.command(&["run", "PLAN", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_for_first_swap(&world);
    signal(&run, "-STOP");
    signal(&run, "-INT");
    signal(&run, "-CONT");
    std::thread::sleep(Duration::from_millis(5));
    signal(&run, "-TERM");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(said["error"]["code"] == "interrupted" || said["state"] == "paused", "{said}");
}

/// Watches which run's kept cells are dropped: a later one that moved nothing keeps none. Nobody drops them by a slip.
#[test]
fn dropping_undo_means_the_run_that_has_some() {
    let world = World::new("sqlite", "aes-gcm", 60);
    let (_, first) = world.reseal(&["run", "PLAN"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    for slip in [&["undo", "drop", "PLAN"][..], &["undo", "drop", "PLAN", "--confirm", "persons"]] {
        let (code, refused) = world.reseal(slip);
        assert_eq!((code, refused["error"]["code"].as_str()), (2, Some("confirm")), "{refused}");
        assert!(refused["error"]["help"].as_str().unwrap().contains("--confirm people"), "{refused}");
    }
    let (code, dropped) = world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]);
    assert_eq!((code, &dropped["run_id"]), (0, &first["run_id"]), "{dropped}");
    assert_eq!(dropped["cells_dropped"], first["cells_rotated"], "{dropped}");
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).1["cells_dropped"], json!(0));
}

/// Watches that pins are asked before any cell is: a dry run promises nothing that a run refuses, and a key that changed
/// under its id is not taken for a wrong format.
#[test]
fn a_key_that_changed_is_named_before_any_cell_is_opened() {
    let world = World::new("sqlite", "aes-gcm", 60);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    world.new_key("v2");
    for args in [&["run", "PLAN", "--dry-run"][..], &["run", "PLAN"], &["check", "PLAN", "--connect"]] {
        let (code, refused) = world.reseal(args);
        assert_eq!(code, 3, "{args:?}: {refused}");
        let text = refused.to_string();
        assert!(text.contains("key-changed") && !text.contains("wrong-key"), "{args:?}: {refused}");
    }
}
