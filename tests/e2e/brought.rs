//! Keys that the steps of `before` bring: nobody could look at them when the run was asked for.

use serde_json::Value;

use crate::approvals::Approved;
use crate::audit::{events, field};
use crate::custody::{code, is, yesterday};
use crate::world::{STORES, World, answer};

/// A keyset whose primary is what the file `primary` says, and whose keys lie in the folder `keys`; it begins with v1.
pub(crate) fn keyring(world: &World, more: &str) {
    let keys = world.path("keys");
    if !keys.exists() {
        std::fs::create_dir(&keys).unwrap();
        std::fs::rename(world.path("v1.key"), keys.join("v1")).unwrap();
        std::fs::write(world.path("primary"), "v1").unwrap();
    }
    world.plan(more);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let (from, upto) = (plan.find("    primary:").unwrap(), plan.find("seals:").unwrap());
    let keyset = format!(
        "    primary: {{ file: \"{}\" }}\n    keys_from:\n      - {{ directory: \"{}\", encoding: base64 }}\n",
        world.path("primary").display(),
        keys.display()
    );
    std::fs::write(world.path("plan.yaml"), format!("{}{keyset}{}", &plan[..from], &plan[upto..])).unwrap();
}

/// A step that a shell carries out in the folder of the world.
fn step(world: &World, script: &str) -> String {
    format!("{{ command: [sh, -c, 'cd \"$0\" && {script}', \"{}\"] }}", world.folder.path().display())
}

/// Steps that make v2 the primary, and that turn that back.
fn hooks(world: &World, more: &str) -> String {
    let brings = step(world, &format!("cp v2.key keys/v2 && echo v2 > primary{more}"));
    let back = step(world, "echo v1 > primary && rm -f keys/v2").replace("] }", "], when: rolled_back }");
    format!("hooks:\n  before: [{brings}]\n  on_failure: [{back}]\n")
}

/// Watches that no step is carried out where the key that seals is too young to be replaced by what `before` brings.
#[test]
fn a_young_key_is_refused_before_any_step_of_before() {
    let world = World::new("sqlite", "aes-gcm", 20);
    keyring(&world, &format!("policy: {{ min_key_age: 76d }}\n{}", hooks(&world, "")));
    let since = |day: &str| world.reseal(&["keys", "activate", "PLAN", "v1", "--since", day]);
    assert_eq!(since(&yesterday()).0, 0);
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "key-young"), "{}", refused.1);
    assert_eq!(std::fs::read_to_string(world.path("primary")).unwrap(), "v1", "a step was carried out");
    assert_eq!(code(&world.reseal(&["status", "PLAN"])), (2, "no-run"), "a run has begun");
    assert_eq!(since("2020-01-01").0, 0);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    is(&world, "rotating", "active");
}

/// Watches that `min_key_age` is held against the keys behind `before`, and again when the run is gone on with: of a key that
/// nobody dated it is not known before that it seals.
#[test]
fn a_young_key_is_kept_though_before_brings_the_next() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 20);
        let policy = "policy: { min_key_age: 76d }\n";
        keyring(&world, &format!("{policy}{}", hooks(&world, "")));
        let since = |day: &str| world.reseal(&["keys", "activate", "PLAN", "v1", "--since", day]);
        let before = world.digest();
        let refused = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&refused), (3, "key-age-unknown"), "{store}: {}", refused.1);
        assert!(refused.1["error"]["help"].as_str().unwrap().contains("reseal rollback"), "{}", refused.1);
        let resumed = world.reseal(&["resume", "PLAN"]);
        assert_eq!(code(&resumed), (3, "key-age-unknown"), "{store}: gone on with");
        assert_eq!(world.digest(), before, "{store}: it wrote");
        is(&world, "created", "created");
        let (_, status) = world.reseal(&["status", "PLAN"]);
        assert_eq!(status["state"], "paused", "{store}: {status}");
        // The way back, and the way on.
        assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0, "{store}");
        assert_eq!(std::fs::read_to_string(world.path("primary")).unwrap(), "v1\n");
        assert_eq!(since("2020-01-01").0, 0, "{store}");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        is(&world, "rotating", "active");
    }
    let world = World::new("sqlite", "aes-gcm", 20);
    keyring(&world, &format!("policy: {{ min_key_age: 76d }}\n{}", hooks(&world, "")));
    assert_eq!(world.reseal(&["run", "PLAN", "--emergency"]).0, 0);
    let skipped = world.control("SELECT skipped FROM reseal_emergency");
    assert!(skipped.to_string().contains("may be too young"), "set aside, and not noted: {skipped}");
}

fn started(world: &World) -> Vec<String> {
    let events = events(world);
    let begun = events.iter().rfind(|event| event["kind"] == "run-started").unwrap();
    assert!(field(begun, "approval").is_string(), "{begun}");
    let fields = begun["fields"].as_array().unwrap().iter();
    fields.filter(|pair| pair[0] == "brought").map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

/// Watches what people agreed to, key by key: other bytes and a key that is gone are refused, what is new is named.
#[test]
fn a_key_that_people_agreed_to_is_the_same_behind_before() {
    for (tampers, what) in
        [("", ""), (" && cp other.key keys/v1", "have changed since"), (" && rm keys/v1", "is now missing")]
    {
        let approved = Approved::new("1");
        let world = &approved.world;
        world.new_key("other");
        let plan = |tampers: &str| {
            let file = world.path("approvers").display().to_string();
            let policy = format!("policy: {{ approvals: 1, approvers: {{ file: \"{file}\" }} }}\n");
            keyring(world, &format!("{policy}{}", hooks(world, tampers)));
        };
        plan(tampers);
        let run = |command: &str| approved.command("dave", &[command, "PLAN"]);
        approved.agree(&run("run"), &["bob"]);
        let v1 = std::fs::read(world.path("keys/v1")).unwrap();
        let before = world.digest();
        let answer = run("run");
        if what.is_empty() {
            assert_eq!(answer.0, 0, "{}", answer.1);
            let brought = started(world);
            assert!(brought.len() == 1 && brought[0].starts_with("main/v2 "), "{brought:?}");
            continue;
        }
        assert_eq!(code(&answer), (3, "key-not-agreed"), "{what}: {}", answer.1);
        assert!(answer.1["error"]["message"].as_str().unwrap().contains(what), "{}", answer.1);
        assert_eq!(code(&run("resume")), (3, "key-not-agreed"), "{what}: a resume forgot what was agreed");
        assert_eq!(world.digest(), before, "{what}: it wrote");
        // Put back, it goes on: by the approvals that it was begun with.
        std::fs::write(world.path("keys/v1"), v1).unwrap();
        let resumed = run("resume");
        assert_eq!(resumed.0, 0, "{what}: {}", resumed.1);
        let (rows, _, right) = world.read("v2");
        assert_eq!(rows, right, "{what}");
    }
}

/// Watches that a run which is gone on with has signatures that hold, and not only an entry that says so.
#[test]
fn approvals_of_a_run_are_proved_again_when_it_goes_on() {
    let approved = Approved::new("1");
    let world = &approved.world;
    let file = world.path("approvers").display().to_string();
    let policy = format!("policy: {{ approvals: 1, approvers: {{ file: \"{file}\" }} }}\n");
    keyring(world, &format!("{policy}{}", hooks(world, " && cp v2.key keys/v1")));
    let run = |command: &str| approved.command("dave", &[command, "PLAN"]);
    approved.agree(&run("run"), &["bob"]);
    assert_ne!(run("run").0, 0);
    // The entry of the key in the request becomes that of the key there is now.
    world.control("UPDATE reseal_approval_request SET fingerprints = '{}' WHERE used_for IS NOT NULL");
    assert_eq!(code(&run("resume")), (3, "approval-lost"));
}

/// Watches keys that cannot be read until the plan's own steps have made them.
#[test]
fn a_key_may_be_made_by_before_and_must_be_there_behind_it() {
    let world = World::new("sqlite", "aes-gcm", 20);
    std::fs::rename(world.path("v2.key"), world.path("made")).unwrap();
    let missing = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&missing), (3, "key"), "no step could bring it: {}", missing.1);
    world.plan(&format!("hooks:\n  before: [{}]\n", step(&world, "test -e bring && cp made v2.key; true")));
    assert_eq!(code(&world.reseal(&["run", "PLAN", "--dry-run"])), (3, "key"), "a dry run has no steps");
    let before = world.digest();
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "key"));
    assert_eq!(world.digest(), before);
    // The step is done and not repeated: who brings the key now is a person.
    std::fs::copy(world.path("made"), world.path("v2.key")).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.read("v2").0, world.read("v2").2);
    let other = World::new("sqlite", "aes-gcm", 20);
    std::fs::rename(other.path("v2.key"), other.path("made")).unwrap();
    other.plan(&format!("hooks:\n  before: [{}]\n", step(&other, "cp made v2.key")));
    assert_eq!(other.reseal(&["run", "PLAN"]).0, 0, "the step brings it");
}

/// Watches that a key which nobody knew when a step printed it, or a variable held it, is out of the ledger once it is known.
/// It looks like no key, so that it is found by what it is alone.
#[test]
fn a_key_that_before_makes_stays_out_of_the_ledger() {
    const WORDS: &str = "plinth ocelot Brno vuvuzela 47";
    let world = World::new("sqlite", "pgcrypto", 20);
    world.set_key("v2", WORDS);
    std::fs::rename(world.path("v2.key"), world.path("made")).unwrap();
    let prints = step(&world, "cp made v2.key && cat v2.key");
    let run = |next: &str| {
        let mut command = world.command(&["run", "PLAN", "--json"]);
        answer(command.env("NEXT", next))
    };
    let ledger = |table: &str| world.sql(&[&format!("SELECT * FROM reseal_{table}")]).to_string();
    world.plan(&format!("vars: {{ next: {{ env: NEXT }} }}\nhooks:\n  before: [{prints}]\n"));
    let held = run(WORDS);
    assert_eq!(code(&held), (3, "var-is-secret"), "{}", held.1);
    assert!(!ledger("var").contains(WORDS), "the variable stays in the ledger");
    assert!(ledger("step").contains("***") && !ledger("step").contains(WORDS), "{}", ledger("step"));
    // Known beforehand, it is not even noted.
    assert_eq!(code(&run(&format!("id-{WORDS}"))), (3, "var-is-secret"));
    assert_eq!(ledger("var"), "[]");
    assert_eq!(run("2026-03").0, 0);
    assert!(ledger("var").contains("2026-03"));
    // Without `before`, the keys are known from the beginning.
    let after = step(&world, "true");
    world.plan(&format!("vars: {{ next: {{ env: NEXT }} }}\nhooks:\n  after: [{after}]\n"));
    let held = run(WORDS);
    assert_eq!(code(&held), (3, "var-is-secret"), "{}", held.1);
    assert!(!ledger("var").contains(WORDS), "the variable stays in the ledger");
}

/// Watches that preflight follows `before` too: where its steps took away a key that cells are under, the run is refused, and
/// no cell goes to quarantine for it.
#[test]
fn before_may_not_take_a_key_away_that_cells_are_under() {
    let world = World::new("sqlite", "aes-gcm", 60);
    keyring(&world, &hooks(&world, " && rm keys/v1"));
    let before = world.digest();
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "wrong-key"), "{}", refused.1);
    let (_, left) = world.reseal(&["quarantine", "PLAN"]);
    assert_eq!((&left["cells"], world.digest()), (&Value::Array(vec![]), before), "{left}");
}

/// A keyset whose labels are roles moves on with the same plan; without `roles`, other bytes under a label are refused.
/// Watches the pins, and the exception to them.
#[test]
fn labels_that_are_roles_move_from_key_to_key() {
    for (roles, expect) in [("    roles: true\n", "complete"), ("", "key-changed")] {
        let world = World::new("sqlite", "fernet-bare", 20);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        let plan = plan.replace("    primary: v2\n", &format!("    primary: v2\n{roles}"));
        std::fs::write(world.path("plan.yaml"), plan).unwrap();
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
        std::fs::copy(world.path("v2.key"), world.path("v1.key")).unwrap();
        std::fs::copy(world.path("v2.json"), world.path("v1.json")).unwrap();
        world.new_key("v2");
        let (_, answer) = world.reseal(&["run", "PLAN"]);
        let found = answer["state"].as_str().or(answer["error"]["code"].as_str());
        assert_eq!(found, Some(expect), "{roles:?}: {answer}");
    }
}

/// Watches that between two rotations, when nobody has the role of the next key, cells can be counted, proven and looked at,
/// and that nothing is written then.
#[test]
fn between_two_rotations_the_next_key_may_be_away() {
    let world = World::new("sqlite", "fernet-bare", 20);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let plan = plan.replace("    primary: v2\n", "    primary: v2\n    roles: true\n");
    std::fs::write(world.path("plan.yaml"), &plan).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    std::fs::rename(world.path("v2.key"), world.path("v1.key")).unwrap();
    let looks: [&[&str]; 3] =
        [&["verify", "PLAN"], &["census", "PLAN"], &["inspect", "PLAN", "--table", "people", "--row", "3"]];
    for args in looks {
        let (exit, answer) = world.reseal(args);
        assert_eq!(exit, 0, "{args:?}: {answer}");
    }
    assert_eq!(world.reseal(&["verify", "PLAN"]).1["clean"], true);
    let before = world.digest();
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "key"));
    assert_eq!(world.digest(), before, "it wrote");
    // A cell under the key before is no longer one that opens.
    let (key, other) = (world.path("v1.key"), world.path("other"));
    std::fs::rename(&key, &other).unwrap();
    world.new_key("v1");
    assert_eq!(world.reseal(&["verify", "PLAN"]).0, 1);
    std::fs::rename(&other, &key).unwrap();
    // Where labels are no roles, a key that is not there is a mistake.
    std::fs::write(world.path("plan.yaml"), plan.replace("    roles: true\n", "")).unwrap();
    assert_eq!(code(&world.reseal(&["verify", "PLAN"])), (3, "key"));
}

/// Watches that a rollback, like a resume, is held against the bytes that the run noted: labels that are roles have moved on.
/// And that the catalogue tells keys apart by their bytes there, not by their labels.
#[test]
fn labels_that_are_roles_have_to_be_as_they_were_to_go_back() {
    let world = World::new("sqlite", "fernet-bare", 20);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let plan = plan.replace("    primary: v2\n", "    primary: v2\n    roles: true\n");
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    let back = || world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    let keys: Vec<String> = ["v1", "v2"]
        .iter()
        .map(|id| std::fs::read_to_string(world.path(&format!("{id}.key"))).unwrap())
        .collect();
    let set = |one: &str, two: &str| {
        world.set_key("v1", one);
        world.set_key("v2", two);
    };
    world.new_key("v3");
    let third = std::fs::read_to_string(world.path("v3.key")).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    set(&keys[1], &third);
    let moved = world.digest();
    assert_eq!(code(&back()), (3, "keys-changed"));
    assert_eq!(world.digest(), moved, "it wrote");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let (exit, done) = back();
    assert_eq!((exit, world.digest()), (0, moved), "{done}");
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    let states: Vec<_> = list["keys"].as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(states, ["rotating", "active", "created"], "{list}");
    assert_eq!(code(&back()), (3, "keys-changed"), "the first run's keys are not there");
    set(&keys[0], &keys[1]);
    assert_eq!(back().0, 0);
    assert_eq!(world.read("v1").0, world.read("v1").2);
}

/// Watches what an application with one key demands: that somebody says it, or that the plan names the hours.
#[test]
fn one_key_wants_its_outage_accepted_or_a_window() {
    let world = World::new("sqlite", "aes-gcm", 60);
    let one_key = |more: &str| {
        world.plan(more);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), plan.replace("both-keys", "one-key")).unwrap();
    };
    one_key("");
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "outage"));
    assert!(refused.1["error"]["help"].as_str().unwrap().contains("--accept-outage"), "{}", refused.1);
    assert_eq!(world.reseal(&["runs", "PLAN"]).1["runs"], Value::Array(vec![]), "nothing was written");
    assert_eq!(world.reseal(&["run", "PLAN", "--dry-run"]).0, 0, "a dry run makes nothing unreadable");
    one_key("windows: [\"Mon-Sun 00:00-24:00 UTC\"]\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0);
    one_key("");
    assert_eq!(world.reseal(&["run", "PLAN", "--accept-outage"]).0, 0);
}

/// Watches that an outage which is under way is not asked for again: to go on is what ends it. A run that has moved nothing asks.
#[test]
fn an_outage_that_is_under_way_is_not_asked_for_again() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        world.rewrite_plan("both-keys", "one-key");
        let damage = "UPDATE people SET a = REPLACE(a, 'v1:', 'v1:!')";
        world.sql(&[damage, "UPDATE people SET b = REPLACE(b, 'v1:', 'v1:!')"]);
        assert_ne!(world.reseal(&["run", "PLAN", "--accept-outage"]).0, 0, "{store}");
        world.sql(&["UPDATE people SET a = REPLACE(a, 'v1:!', 'v1:')"]);
        world.sql(&["UPDATE people SET b = REPLACE(b, 'v1:!', 'v1:') WHERE id <> 3"]);
        assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "outage"), "{store}: nothing was moved yet");
        let (exit, first) = world.reseal(&["run", "PLAN", "--accept-outage"]);
        assert_eq!((exit, &first["cells_quarantined"]), (1, &Value::from(1)), "{store}: {first}");
        world.sql(&["UPDATE people SET b = REPLACE(b, 'v1:!', 'v1:') WHERE id = 3"]);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["run_id"]), (0, &first["run_id"]), "{store}: {run}");
        assert_eq!(
            code(&world.reseal(&["run", "PLAN"])),
            (3, "outage"),
            "{store}: another run is another outage"
        );
    }
}
