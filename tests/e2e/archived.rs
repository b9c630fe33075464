//! The audit trail is cut at a signed head: what is archived and what is left are verified by themselves and together, and
//! nothing that reads the trail says anything else afterwards.

use serde_json::{Value, json};

use crate::approvals::Approved;
use crate::custody::code;
use crate::world::{STORES, World};

/// Keeps the trail in the database that is rotated, so that each kind of database holds one.
fn world(store: &str) -> World {
    let mut world = World::new(store, "aes-gcm", 20);
    if store != "sqlite" {
        world.control.clone_from(&world.url);
    }
    world
}

/// This moment, behind all events until now.
fn now() -> String {
    std::thread::sleep(std::time::Duration::from_millis(20));
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

/// Archives all that the trail holds by now; gives the file and the answer.
fn archive(world: &World, name: &str, more: &[&str]) -> (String, Value) {
    let file = world.path(name).display().to_string();
    let before = now();
    let args = [&["audit", "archive", "--before", &before, "--out", &file], more].concat();
    let (exit, archived) = world.reseal(&args);
    assert_eq!(exit, 0, "{archived}");
    (file, archived)
}

fn report(world: &World, more: &[&str]) -> Value {
    let range = ["--standard", "pci-dss", "--from", "2020-01-01", "--to", "2100-01-01"];
    let (exit, report) = world.reseal(&[&["audit", "report", "PLAN"], &range[..], more].concat());
    assert_eq!(exit, 0, "{report}");
    report
}

/// What a report says of these things.
fn parts(report: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| report[*name].clone()).collect()
}

fn verify(world: &World, args: &[&str]) -> (i32, Value) {
    world.reseal(&[&["audit", "verify"], args].concat())
}

/// What the catalogue says of keys, but for how old they are by now.
fn keys(world: &World) -> Value {
    let (exit, mut list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(exit, 0, "{list}");
    for key in list["keys"].as_array_mut().unwrap() {
        assert!(!key["activated"].is_null() || key["age_seconds"].is_null(), "{key}");
        key["age_seconds"] = Value::Null;
    }
    list
}

const OF_THE_PAST: [&str; 3] = ["keys", "rotations", "incidents"];

fn stays_whole(store: &str) {
    let world = world(store);
    let (_, made) = world.reseal(&["audit", "keygen"]);
    let key = made["public_key"].as_str().unwrap();
    let twice = |args: &[&str]| (0..2).for_each(|_| drop(world.reseal(args)));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    twice(&["census", "PLAN"]);
    twice(&["verify", "PLAN"]);
    let before = (report(&world, &[]), keys(&world));
    let (_, sound) = verify(&world, &["--key", key]);
    let (events, head) = (sound["events"].as_u64().unwrap(), sound["head"].as_str().unwrap());

    let (first, archived) = archive(&world, "first.jsonl", &[]);
    assert_eq!(
        (&archived["events"], &archived["signed_by"]),
        (&json!(events), &json!(key)),
        "{store}: {archived}"
    );
    let kept = archived["kept"].as_u64().unwrap();
    assert!(kept < events, "{store}: {kept} of {events} events stay");
    let (exit, left) = verify(&world, &["--key", key]);
    assert_eq!((exit, &left["archived_through"]), (0, &json!(events)), "{store}: {left}");
    for args in [&["--archive", &first][..], &["--file", &first], &["--archive", &first, "--head", head]] {
        let (exit, whole) = verify(&world, &[args, &["--key", key]].concat());
        assert_eq!((exit, &whole["archived_through"]), (0, &json!(0)), "{store}: {args:?}: {whole}");
    }
    let number = (events - 1).to_string();
    let (exit, unknown) = verify(&world, &["--head", &"1".repeat(64), "--sequence", &number]);
    assert_eq!(exit, 1, "{store}: {unknown}");
    assert!(unknown["first_bad"]["message"].as_str().unwrap().contains("archived"), "{store}: {unknown}");

    // Nothing that reads the past says anything else.
    assert_eq!(keys(&world), before.1, "{store}");
    let cut = report(&world, &[]);
    assert_eq!(parts(&cut, &OF_THE_PAST), parts(&before.0, &OF_THE_PAST), "{store}");
    let told: Vec<&Value> =
        cut["exceptions"].as_array().unwrap().iter().map(|exception| &exception["kind"]).collect();
    assert_eq!(told, ["events-archived", "run-without-approval"], "{store}: {cut}");
    let whole = report(&world, &["--archive", &first]);
    let all = [&OF_THE_PAST[..], &["proofs", "exceptions", "actions"]].concat();
    assert_eq!(parts(&whole, &all), parts(&before.0, &all), "{store}");
    is_cut_again(&world, store, &Cut { first, events, key });
}

/// Where a trail was cut first.
struct Cut<'c> {
    first: String,
    events: u64,
    key: &'c str,
}

/// The trail goes on, and is cut again.
fn is_cut_again(world: &World, store: &str, Cut { first, events, key }: &Cut<'_>) {
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    let (second, again) = archive(world, "second.jsonl", &[]);
    assert!(again["through"].as_u64() > Some(*events), "{store}: {again}");
    for (archives, expect, begins) in [
        (&["--archive", first, "--archive", &second][..], 0, 0),
        (&["--archive", &second], 0, *events),
        (&["--archive", first], 1, 0),
        (&["--archive", &second, "--archive", first], 1, *events),
        (&["--file", &second], 0, *events),
    ] {
        let (exit, verdict) = verify(world, archives);
        assert_eq!(
            (exit, &verdict["archived_through"]),
            (expect, &json!(begins)),
            "{store}: {archives:?}: {verdict}"
        );
    }
    let export = world.path("export.jsonl").display().to_string();
    world.reseal(&["audit", "export", "--out", &export]);
    for file in [&export, first, &second] {
        let ours = verify(world, &["--file", file, "--key", key]);
        let theirs = world.script("verify_trail.py", &[file, key]).output().unwrap();
        let said: Value = serde_json::from_slice(&theirs.stdout).unwrap();
        assert_eq!((ours.0, theirs.status.code()), (0, Some(0)), "{store}: {file}: {} {said}", ours.1);
        assert_eq!(ours.1["head"], said["head"], "{store}: {file}");
    }
}

/// Watches what is carried over a cut, what a cut signs, and that every way to put the parts together is told from the others.
#[test]
fn a_trail_is_cut_and_stays_whole() {
    for store in STORES {
        stays_whole(store);
    }
}

/// Watches that each part is held against the cut, and the cut against its key.
#[test]
fn what_is_done_to_a_cut_trail_is_found() {
    let world = world("sqlite");
    let (_, made) = world.reseal(&["audit", "keygen"]);
    let key = made["public_key"].as_str().unwrap();
    world.reseal(&["run", "PLAN"]);
    world.reseal(&["census", "PLAN"]);
    world.reseal(&["census", "PLAN"]);
    let (file, archived) = archive(&world, "archive.jsonl", &[]);
    assert!(archived["kept"].as_u64() < archived["events"].as_u64(), "{archived}");
    world.reseal(&["census", "PLAN"]);
    let through = archived["through"].as_u64().unwrap();
    let first = "(SELECT min(sequence) FROM reseal_audit_event)";
    let edits = [
        "DELETE FROM reseal_audit_cut".to_owned(),
        "UPDATE reseal_audit_cut SET before_ms = before_ms - 1".to_owned(),
        "UPDATE reseal_audit_cut SET sequence = sequence + 1".to_owned(),
        "UPDATE reseal_audit_cut SET kept = kept - 1".to_owned(),
        "UPDATE reseal_audit_cut SET head = 'x'".to_owned(),
        "DROP TABLE reseal_audit_cut".to_owned(),
        format!("UPDATE reseal_audit_event SET operator = 'eve' WHERE sequence = {first}"),
        format!("DELETE FROM reseal_audit_event WHERE sequence = {first}"),
        format!("UPDATE reseal_audit_event SET sequence = -1 WHERE sequence = {first}"),
        format!("UPDATE reseal_audit_event SET operator = 'eve' WHERE sequence = {}", through + 1),
        format!("DELETE FROM reseal_audit_event WHERE sequence = {}", through + 1),
        format!("DELETE FROM reseal_audit_event WHERE sequence <= {through}"),
        "DELETE FROM reseal_audit_event".to_owned(),
    ];
    let control = world.path("control.db");
    let kept = std::fs::read(&control).unwrap();
    for edit in edits {
        world.control(&edit);
        let found = verify(&world, &[]);
        assert_eq!(found.0, 1, "{edit}: {}", found.1);
        std::fs::write(&control, &kept).unwrap();
    }
    let sound = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = sound.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let last = lines.len() - 1;
    let edits = [
        sound.replacen("\"complete\"", "\"complain\"", 1),
        sound.replacen("\"kept\":", "\"kept\":1", 1),
        joined(&lines[1..]),
        joined(&lines[..last]),
        joined(&[&lines[..1], &lines[2..]].concat()),
    ];
    assert_eq!(verify(&world, &["--archive", &file, "--key", key]).0, 0);
    for (at, edit) in edits.iter().enumerate() {
        assert_ne!(edit, &sound, "edit {at}");
        std::fs::write(&file, edit).unwrap();
        assert_eq!(verify(&world, &["--archive", &file]).0, 1, "edit {at}");
    }
}

/// Watches who signs: an approver's key or the trail's own, and that another key's cut is told from it.
#[test]
fn an_approver_signs_a_cut() {
    let approved = Approved::new("1");
    let world = &approved.world;
    let alice = world.path("alice.approver").display().to_string();
    approved.agree(&approved.command("dave", &["run", "PLAN"]), &["bob"]);
    assert_eq!(approved.command("dave", &["run", "PLAN"]).0, 0);
    let file = world.path("none.jsonl").display().to_string();
    let unsigned = world.reseal(&["audit", "archive", "--before", &now(), "--out", &file]);
    assert_eq!(code(&unsigned), (3, "no-signature"), "{}", unsigned.1);
    assert!(!world.path("none.jsonl").exists());
    let (_, archived) = archive(world, "archive.jsonl", &["--key", &alice]);
    let signer = archived["signed_by"].as_str().unwrap();
    assert_eq!(verify(world, &["--key", signer]).0, 0);
    assert_eq!(verify(world, &["--key", &"1".repeat(64)]).0, 1);
    // What people agreed to was done once, whatever the control database says of it.
    let used = archived_approval(&world.path("archive.jsonl").display().to_string());
    world.control("UPDATE reseal_approval_request SET used_at = NULL");
    let again = approved.command("dave", &["run", "PLAN"]);
    assert_ne!(crate::approvals::request(&again), used, "{}", again.1);
}

/// The approval that the archived beginning of a run made use of.
fn archived_approval(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let mut events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let began = events.find(|event| event["kind"] == "run-started").unwrap();
    crate::audit::field(&began, "approval").as_str().unwrap().to_owned()
}

/// Watches what is refused before anything is written.
#[test]
fn nothing_is_archived_that_should_not_be() {
    let world = world("sqlite");
    world.reseal(&["audit", "keygen"]);
    world.reseal(&["run", "PLAN"]);
    let file = world.path("archive.jsonl").display().to_string();
    let at = |before: &str| world.reseal(&["audit", "archive", "--before", before, "--out", &file]);
    assert_eq!(code(&at("2100-01-01")), (2, "audit-range"));
    let (exit, none) = at("2020-01-01");
    assert_eq!((exit, &none["events"], &none["file"]), (0, &json!(0), &Value::Null), "{none}");
    assert!(!world.path("archive.jsonl").exists());
    std::fs::write(&file, "somebody's").unwrap();
    assert_ne!(at(&now()).0, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "somebody's");
    std::fs::remove_file(&file).unwrap();
    world.control("UPDATE reseal_audit_event SET operator = 'eve' WHERE sequence = 1");
    assert_eq!(code(&at(&now())), (3, "trail-broken"));
    assert!(!world.path("archive.jsonl").exists());
}
