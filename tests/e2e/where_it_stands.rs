//! What commands say of a run that was killed, that is rolled back, or that goes back to an earlier key.

use crate::world::{World, wait_for_first_swap};

fn said(world: &World, args: &[&str]) -> (Option<i32>, String) {
    let output = world.output(args);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Watches that a process of this machine which is gone is known to be gone, while its lease still runs.
#[test]
fn a_run_that_was_killed_is_interrupted_at_once() {
    let world = World::new("sqlite", "aes-gcm", 2000);
    world.plan("throttle: { rows_per_second: 200 }\nbatch: { rows: 20 }\n");
    let mut run = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    let (_, at_work) = world.reseal(&["status", "PLAN"]);
    assert_eq!((&at_work["state"], &at_work["interrupted"]), (&"running".into(), &false.into()));
    run.kill().unwrap();
    run.wait().unwrap();
    let (code, text) = said(&world, &["status", "PLAN"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("people is interrupted"), "{text}");
    assert!(text.contains("which has ended: resume with `reseal run /"), "{text}");
    assert!(said(&world, &["runs", "PLAN"]).1.contains("  interrupted\n"));
    let (_, killed) = world.reseal(&["status", "PLAN"]);
    assert_eq!((&killed["state"], &killed["interrupted"]), (&"running".into(), &true.into()));
}

/// Watches that every command says with the same code that there is no run, and what became of the last one.
#[test]
fn a_second_rollback_names_the_run_that_is_rolled_back() {
    let world = World::new("sqlite", "aes-gcm", 20);
    world.plan("");
    let rollback = ["rollback", "PLAN", "--confirm", "people"];
    for args in [&rollback[..], &["status", "PLAN"], &["quarantine", "PLAN"], &["pause", "PLAN"]] {
        let (code, text) = said(&world, args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains("error[no-run]: "), "{args:?}: {text}");
    }
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{run}");
    assert_eq!(said(&world, &rollback).0, Some(0));
    let (code, text) = said(&world, &rollback);
    let id = run["run_id"].as_str().unwrap();
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains(&format!("no run to roll back: run {id} is already rolled back")), "{text}");
}

/// Watches that a `primary` which was left as the last rotation had it rotates nothing back without a word.
#[test]
fn a_run_back_to_an_earlier_key_is_warned_of() {
    let world = World::new("sqlite", "aes-gcm", 20);
    world.plan("");
    let warns =
        |args: &[&str]| said(&world, args).1.contains("warning[earlier-key]: keyset `main`: this rotates");
    assert!(!warns(&["run", "PLAN"]), "the first run");
    assert!(!warns(&["run", "PLAN"]), "the same key again");
    world.rewrite_plan("primary: v2", "primary: v1");
    assert!(warns(&["run", "PLAN", "--dry-run"]));
    assert!(warns(&["run", "PLAN"]));
    assert!(!warns(&["run", "PLAN"]), "it was said, and is done");
}
