//! The audit trail, as commands write it and as others verify it.

use serde_json::Value;

use crate::world::{STORES, World, wait_for_first_swap};

/// Keeps the trail in the database that is rotated, so that each kind of database holds one.
fn world(store: &str, rows: u32) -> World {
    let mut world = World::new(store, "aes-gcm", rows);
    if store != "sqlite" {
        world.control.clone_from(&world.url);
    }
    world
}

/// The events of the trail, from the export.
pub(crate) fn events(world: &World) -> Vec<Value> {
    let (code, export) = world.reseal(&["audit", "export"]);
    assert_eq!(code, 0, "{export}");
    let lines = export["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["kind"].is_string())
        .collect()
}

pub(crate) fn field<'e>(event: &'e Value, name: &str) -> &'e Value {
    let fields = event["fields"].as_array().unwrap();
    fields.iter().find(|pair| pair[0] == name).map_or(&Value::Null, |pair| &pair[1])
}

fn kinds(world: &World) -> Vec<String> {
    events(world).iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

/// Exit code and answer of the verifier that shares no code with Reseal.
pub(crate) fn foreign(world: &World, args: &[&str]) -> (i32, Value) {
    let output = world.script("verify_trail.py", args).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout);
    let answer = answer.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), answer)
}

/// Watches every place that records, and that the trail tells a rotation and its rollback from beginning to end.
#[test]
fn a_rotation_and_its_rollback_are_in_the_trail() {
    for store in STORES {
        let world = world(store, 60);
        let (_, made) = world.reseal(&["audit", "keygen"]);
        let key = made["public_key"].as_str().unwrap();
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let (code, first) = world.reseal(&["audit", "verify", "--key", key]);
        assert_eq!((code, &first["signed_through"]), (0, &first["events"]), "{store}: {first}");
        world.reseal(&["verify", "PLAN"]);
        world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
        let told = kinds(&world);
        let expected = ["run-started", "run-finished", "sweep", "rollback-started", "run-rolled-back"]
            .map(str::to_owned);
        let of_cells: Vec<_> = told.iter().filter(|kind| !kind.starts_with("key-")).cloned().collect();
        assert_eq!(of_cells, expected, "{store}: {told:?}");
        assert!(told.iter().any(|kind| kind == "key-state-changed"), "{store}: {told:?}");
        let all = events(&world);
        let finished = all.iter().find(|event| event["kind"] == "run-finished").unwrap();
        assert_eq!(field(finished, "state"), "complete", "{store}");
        assert_eq!(field(finished, "primary.main"), "v2", "{store}");
        assert!(field(finished, "cells_rotated").as_i64().unwrap() > 100, "{store}: {finished}");
        let started = all.iter().find(|event| event["kind"] == "run-started").unwrap();
        assert_eq!(started["keys"].as_array().unwrap().len(), 2, "{store}: {started}");
        assert_eq!(started["run_id"], finished["run_id"], "{store}");
        // A head that left the house is still there; a trail that never had it is not this one.
        let (head, n) = (first["head"].as_str().unwrap(), first["events"].to_string());
        assert_eq!(world.reseal(&["audit", "verify", "--head", head]).0, 0, "{store}");
        assert_eq!(world.reseal(&["audit", "verify", "--head", head, "--sequence", &n]).0, 0, "{store}");
        assert_eq!(world.reseal(&["audit", "verify", "--head", &"0".repeat(64)]).0, 1, "{store}");
    }
}

/// Watches the record of steps: the trail names each and what it came to, and announces those of `before` first, so that
/// a trail which takes no writes keeps them from changing anything.
#[test]
fn steps_are_in_the_trail() {
    let world = world("sqlite", 20);
    world.plan(
        "hooks:\n  before: [{ sql: \"CREATE TABLE made (id integer)\" }]\n  after: [{ command: [sh, -c, \"exit 7\"] }]\n",
    );
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1, "a step of after failed");
    let steps: Vec<(String, String)> = events(&world)
        .iter()
        .filter(|event| event["kind"] == "hook-step")
        .map(|event| {
            let text = |name: &str| field(event, name).as_str().unwrap().to_owned();
            (text("phase"), text("result"))
        })
        .collect();
    let expected = [("before", "begun"), ("before", "done"), ("after", "failed")];
    assert_eq!(steps, expected.map(|(phase, result)| (phase.to_owned(), result.to_owned())));
    let told = kinds(&world);
    let at = |kind: &str| told.iter().position(|told| told == kind).unwrap();
    assert!(at("hook-step") < at("run-started"), "{told:?}");
}

/// Watches the export and its verifier: both agree on what is sound, and both find an edit, on what either reads.
#[test]
fn another_language_verifies_the_export() {
    let world = world("sqlite", 20);
    let (_, made) = world.reseal(&["audit", "keygen"]);
    let key = made["public_key"].as_str().unwrap();
    world.reseal(&["run", "PLAN"]);
    world.reseal(&["census", "PLAN"]);
    let file = world.path("trail.jsonl").display().to_string();
    world.reseal(&["audit", "export", "--out", &file]);
    let (code, ours) = world.reseal(&["audit", "verify", "--file", &file, "--key", key]);
    let (foreign_code, theirs) = foreign(&world, &[&file, key]);
    assert_eq!((code, foreign_code), (0, 0), "{ours} {theirs}");
    for name in ["events", "head", "signed_through"] {
        assert_eq!(ours[name], theirs[name], "{name}");
    }
    assert_eq!(foreign(&world, &[&file, &"0".repeat(64)]).0, 1, "signed by another key");
    let sound = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = sound.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let edits = [
        sound.replacen("cells_rotated", "cells_rotatee", 1),
        sound.replacen("\"complete\"", "\"complain\"", 1),
        sound.replacen("\"signature\":\"", "\"signature\":\"0", 1),
        joined(&lines[1..]),
        joined(&[&lines[..1], &lines[2..]].concat()),
        joined(&[&lines[..2], &lines[1..]].concat()),
    ];
    for (at, edited) in edits.iter().enumerate() {
        assert_ne!(edited, &sound, "edit {at}");
        std::fs::write(&file, edited).unwrap();
        assert_eq!(world.reseal(&["audit", "verify", "--file", &file]).0, 1, "edit {at}");
        assert_eq!(foreign(&world, &[&file]).0, 1, "edit {at}");
    }
}

/// Watches that the first bad event is named, whatever was done to the stored trail.
#[test]
fn what_is_done_to_a_stored_trail_is_named() {
    let world = world("sqlite", 20);
    world.reseal(&["run", "PLAN"]);
    world.reseal(&["audit", "keygen"]);
    world.reseal(&["census", "PLAN"]);
    let n = events(&world).len();
    let last = format!("DELETE FROM reseal_audit_event WHERE sequence = {n}");
    let quiet = format!(
        "UPDATE reseal_audit_tail SET sequence = {}, head = (SELECT head FROM reseal_audit_event WHERE sequence = {})",
        n - 1,
        n - 1
    );
    let cases: [(&[&str], usize); 6] = [
        (&["UPDATE reseal_audit_event SET operator = 'eve' WHERE sequence = 2"], 2),
        (&["DELETE FROM reseal_audit_event WHERE sequence = 3"], 3),
        (&["UPDATE reseal_audit_event SET sequence = -2 WHERE sequence = 2"], 1),
        (&[&last], n),
        (&[&last, &quiet], n),
        (&["UPDATE reseal_audit_checkpoint SET time_ms = time_ms + 1"], n),
    ];
    let control = world.path("control.db");
    let kept = std::fs::read(&control).unwrap();
    for (statements, bad) in cases {
        world.producer(&[&["sql", &world.control], statements].concat());
        let (code, verdict) = world.reseal(&["audit", "verify"]);
        assert_eq!(
            (code, verdict["first_bad"]["sequence"].as_u64()),
            (1, Some(bad as u64)),
            "{statements:?}: {verdict}"
        );
        std::fs::write(&control, &kept).unwrap();
    }
    assert_eq!(world.reseal(&["audit", "verify"]).0, 0);
}

/// Watches the lock on the trail's end: processes that append at once follow each other.
#[test]
fn processes_that_append_at_once_make_one_chain() {
    const PROCESSES: usize = 12;
    for store in STORES {
        let world = world(store, 5);
        world.reseal(&["migrate", "--control"]);
        let all: Vec<_> = (0..PROCESSES).map(|_| world.start(&["census", "PLAN"])).collect();
        for mut process in all {
            assert_eq!(process.wait().unwrap().code(), Some(0), "{store}");
        }
        let (code, verdict) = world.reseal(&["audit", "verify"]);
        assert_eq!((code, verdict["events"].as_u64()), (0, Some(PROCESSES as u64 + 1)), "{store}: {verdict}");
    }
}

/// Watches that a run is refused before its first write where its beginning cannot be recorded.
#[test]
fn nothing_runs_untrailed() {
    let world = world("sqlite", 20);
    world.reseal(&["migrate", "--control"]);
    let before = world.digest();
    let hide = "ALTER TABLE reseal_audit_tail RENAME TO hidden";
    world.producer(&["sql", &world.control, hide]);
    let (code, refusal) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, before == world.digest()), (3, true), "{refusal}");
    world.producer(&["sql", &world.control, "ALTER TABLE hidden RENAME TO reseal_audit_tail"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
}

/// Watches that an end which could not be recorded is read from the ledger by the next run.
#[test]
fn an_end_that_was_missed_is_recorded_afterwards() {
    let world = world("sqlite", 900);
    world.plan("throttle: { rows_per_second: 300 }\nbatch: { rows: 50 }\n");
    let mut run = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    world.producer(&["sql", &world.control, "ALTER TABLE reseal_audit_tail RENAME TO hidden"]);
    assert_eq!(run.wait().unwrap().code(), Some(0), "a run that is done is done");
    world.producer(&["sql", &world.control, "ALTER TABLE hidden RENAME TO reseal_audit_tail"]);
    assert!(!kinds(&world).contains(&"run-finished".to_owned()));
    world.plan("");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let all = events(&world);
    let finished: Vec<_> = all.iter().filter(|event| event["kind"] == "run-finished").collect();
    assert_eq!(finished.len(), 2);
    assert_eq!(field(finished[0], "late"), "from the ledger");
    assert_eq!(world.reseal(&["audit", "verify"]).0, 0);
}

/// Watches that a report is written from a real trail, as a page and as a document.
#[test]
fn a_report_is_written_for_every_standard() {
    let world = world("sqlite", 20);
    world.reseal(&["run", "PLAN"]);
    for standard in ["pci-dss", "hipaa", "soc2", "gdpr"] {
        let page = world.path("report.html").display().to_string();
        let range = ["--from", "2020-01-01", "--to", "2100-01-01", "--out", &page];
        let (code, report) =
            world.reseal(&[&["audit", "report", "PLAN", "--standard", standard], &range[..]].concat());
        assert_eq!((code, &report["trail"]["intact"]), (0, &Value::Bool(true)), "{report}");
        assert_eq!(report["rotations"][0]["state"], "complete", "{report}");
        assert_eq!(report["proofs"][0]["clean"], true, "{report}");
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains("The trail is intact") && text.ends_with("</html>"), "{standard}");
    }
}
