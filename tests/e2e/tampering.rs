//! What somebody may do to an exported trail, seen by Reseal and by a verifier that shares no code with it.

use serde_json::Value;

use crate::audit::foreign;
use crate::world::{World, run_script};

/// What neither chain nor signatures can tell, and with which of a public key and a head that left the house it is found.
const NEEDS_HEAD: [&str; 3] = ["cut-end-and-said-so", "cut-to-nothing", "rechained-suffix"];
const NEEDS_KEY: [&str; 3] = ["other-signer", "removed-signatures", "all-anew"];

/// A signed trail of a run, two counts and a rollback in a file, with the key that signed it and its head.
struct Trail {
    world: World,
    file: String,
    key: String,
    head: String,
}

impl Trail {
    fn new() -> Trail {
        let world = World::new("sqlite", "aes-gcm", 20);
        let (_, made) = world.reseal(&["audit", "keygen"]);
        let commands: [&[&str]; 4] = [
            &["run", "PLAN"],
            &["census", "PLAN"],
            &["verify", "PLAN"],
            &["rollback", "PLAN", "--confirm", "people"],
        ];
        for command in commands {
            assert_eq!(world.reseal(command).0, 0, "{command:?}");
        }
        let file = world.path("trail.jsonl").display().to_string();
        let (code, exported) = world.reseal(&["audit", "export", "--out", &file]);
        assert_eq!((code, exported["checkpoints"].as_u64() >= Some(4)), (0, true), "{exported}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Trail { world, file, key: text(&made["public_key"]), head: text(&exported["head"]) }
    }

    /// The verdicts of both verifiers, which must be one: the exit code.
    fn verdict(&self, file: &str, key: Option<&str>, head: Option<&str>) -> i32 {
        let mut ours = vec!["audit", "verify", "--file", file];
        let mut theirs = vec![file];
        if let Some(key) = key {
            ours.extend(["--key", key]);
            theirs.push(key);
        }
        if let Some(head) = head {
            ours.extend(["--head", head]);
            theirs.push(head);
        }
        let (ours, (theirs_code, theirs)) = (self.world.reseal(&ours), foreign(&self.world, &theirs));
        assert_eq!(ours.0, theirs_code, "{file}: {} {theirs}", ours.1);
        let names = if ours.0 == 0 { &["events", "head", "signed_through"][..] } else { &["events", "head"] };
        for name in names {
            assert_eq!(ours.1[name], theirs[name], "{file}: {name}: {} {theirs}", ours.1);
        }
        ours.0
    }
}

/// Watches both verifiers: every kind of tampering is found by both or by neither, at the same event, and by both where they
/// have the public key and a head that was noted elsewhere.
#[test]
fn two_verifiers_agree_on_every_kind_of_tampering() {
    let trail = Trail::new();
    let (key, head) = (Some(trail.key.as_str()), Some(trail.head.as_str()));
    assert_eq!(trail.verdict(&trail.file, key, head), 0, "the trail as it was exported");
    let folder = trail.world.path("tampered");
    std::fs::create_dir(&folder).unwrap();
    let shown = folder.display().to_string();
    let kinds = run_script(&mut trail.world.script("tamper_trail.py", &[&trail.file, &shown]));
    let kinds: Vec<&str> = kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    assert!(kinds.len() > 40, "{kinds:?}");
    for kind in kinds {
        let file = format!("{shown}/{kind}.jsonl");
        let (by_head, by_key) = (NEEDS_HEAD.contains(&kind), NEEDS_KEY.contains(&kind));
        assert_eq!(trail.verdict(&file, None, None), i32::from(!by_head && !by_key), "{kind}");
        assert_eq!(trail.verdict(&file, key, None), i32::from(!by_head), "{kind}, with the key");
        assert_eq!(trail.verdict(&file, key, head), 1, "{kind}, with key and head");
    }
}

/// Watches that an export says up to where the trail reaches, and fails where the trail does not hold: what was exported of
/// it is then refused too.
#[test]
fn an_export_says_how_far_it_reaches_and_fails_where_the_trail_does_not_hold() {
    let world = World::new("sqlite", "aes-gcm", 20);
    world.reseal(&["run", "PLAN"]);
    let (code, sound) = world.reseal(&["audit", "export"]);
    let (_, verified) = world.reseal(&["audit", "verify"]);
    assert_eq!(
        (code, &sound["sequence"], &sound["head"]),
        (0, &verified["events"], &verified["head"]),
        "{sound}"
    );
    let last = sound["lines"].as_array().unwrap().last().unwrap().as_str().unwrap();
    let end: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&end["end"]["sequence"], &end["end"]["head"]), (&verified["events"], &verified["head"]));
    let control = world.path("control.db");
    let kept = std::fs::read(&control).unwrap();
    let n = verified["events"].as_u64().unwrap();
    for (statement, bad) in [
        ("UPDATE reseal_audit_event SET operator = 'eve' WHERE sequence = 2".to_owned(), 2),
        ("UPDATE reseal_audit_event SET fields = 'none' WHERE sequence = 2".to_owned(), 2),
        (format!("DELETE FROM reseal_audit_event WHERE sequence = {n}"), n),
        ("UPDATE reseal_audit_tail SET head = 'none'".to_owned(), 0),
    ] {
        world.control(&statement);
        let file = world.path("broken.jsonl").display().to_string();
        let (code, exported) = world.reseal(&["audit", "export", "--out", &file]);
        assert_eq!(
            (code, exported["first_bad"]["sequence"].as_u64()),
            (1, Some(bad)),
            "{statement}: {exported}"
        );
        assert_eq!(world.reseal(&["audit", "verify", "--file", &file]).0, 1, "{statement}");
        assert_eq!(foreign(&world, &[&file]).0, 1, "{statement}");
        std::fs::write(&control, &kept).unwrap();
    }
}
