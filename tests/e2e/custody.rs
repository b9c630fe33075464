//! Keys with a life of their own: what a policy asks for, the catalogue, and giving keys up.

use serde_json::Value;

use crate::world::{STORES, World};

/// The error code of a refused command.
pub(crate) fn code(answer: &(i32, Value)) -> (i32, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or("none"))
}

/// State by key id, from the catalogue.
fn states(world: &World) -> Vec<(String, String)> {
    let (code, list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(code, 0, "{list}");
    let keys = list["keys"].as_array().unwrap().iter();
    let mut states: Vec<(String, String)> = keys
        .map(|key| {
            let text = |name: &str| key[name].as_str().unwrap_or("unknown").to_owned();
            (text("key"), text("state"))
        })
        .collect();
    states.sort();
    states
}

pub(crate) fn is(world: &World, v1: &str, v2: &str) {
    let expected = [("v1".to_owned(), v1.to_owned()), ("v2".to_owned(), v2.to_owned())];
    assert_eq!(states(world), expected);
}

/// The day before this one, in UTC.
pub(crate) fn yesterday() -> String {
    let day = std::process::Command::new("date").args(["-u", "-d", "yesterday", "+%Y-%m-%d"]).output();
    String::from_utf8(day.unwrap().stdout).unwrap().trim().to_owned()
}

/// A policy's commands that print these.
fn proofs(backup: &str, free: &str) -> String {
    format!(
        "policy: {{ backup: {{ command: [echo, \"{backup}\"], max_age: 24h }}, \
         disk: {{ command: [echo, \"{free}\"], min_free: 20 }} }}\n"
    )
}

/// Watches the proofs: without them, a run would begin although the last backup is years old.
#[test]
fn a_run_wants_a_fresh_backup_and_a_disk_with_room() {
    let world = World::new("sqlite", "aes-gcm", 10);
    for (backup, free, expect) in [
        ("2020-01-01T00:00:00Z", "50", "backup-old"),
        ("2999-01-01T00:00:00Z", "50", "backup-in-the-future"),
        ("no idea", "50", "backup-unknown"),
    ] {
        world.plan(&proofs(backup, free));
        assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, expect));
    }
    std::fs::write(world.path("dump"), "dump").unwrap();
    let disk = |free: &str| {
        let file = world.path("dump").display().to_string();
        format!(
            "policy: {{ backup: {{ file: \"{file}\", max_age: 24h }}, \
             disk: {{ command: [echo, \"{free}\"], min_free: 20 }} }}\n"
        )
    };
    world.plan(&disk("19 %"));
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "disk-full"));
    assert_eq!(world.reseal(&["runs", "PLAN"]).1["runs"], Value::Array(vec![]), "nothing was written");
    assert_eq!(world.reseal(&["run", "PLAN", "--dry-run"]).0, 0, "a dry run needs no backup");
    world.plan(&disk("21 %"));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
}

/// Watches the moves of the catalogue, in each database that may hold it.
#[test]
fn a_run_moves_keys_and_a_rollback_moves_them_back() {
    for store in STORES {
        let mut world = World::new("sqlite", "aes-gcm", 20);
        let control = World::empty(store, "aes-gcm");
        world.control = control.url.clone();
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        is(&world, "rotating", "active");
        let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
        let v2 = list["keys"].as_array().unwrap().iter().find(|key| key["key"] == "v2").unwrap();
        assert_eq!(v2["cells"][0]["cells"], 19, "{store}: the last sweep is not in the list: {list}");
        assert_eq!(v2["moves"][0]["to"], "active");
        assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0, "{store}");
        is(&world, "active", "created");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        is(&world, "rotating", "active");
    }
}

/// Watches what keeps a key from being retired, one after another: cells, an unfinished run, undo, a forgotten column.
#[test]
fn a_key_is_retired_only_when_nothing_holds_its_cells() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 20);
        let retire = || world.reseal(&["keys", "retire", "PLAN", "v1"]);
        let refused = retire();
        assert_eq!(code(&refused), (3, "key-in-use"), "{store}: {}", refused.1);
        assert!(refused.1["error"]["message"].as_str().unwrap().contains("people.a has 19 cells under it"));
        let old = world.sql(&["SELECT a FROM people WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
        world.sql(&[
            "UPDATE people SET a = 'v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==' WHERE id = 2",
        ]);
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
        assert_eq!(code(&retire()), (3, "run-not-over"), "{store}");
        let by_hand = world.reseal(&["keys", "activate", "PLAN", "v1"]);
        assert_eq!(code(&by_hand), (3, "run-not-over"), "{store}: {}", by_hand.1);
        world.sql(&["UPDATE people SET a = NULL WHERE id = 2"]);
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
        let active = world.reseal(&["keys", "retire", "PLAN", "v2"]);
        assert_eq!(code(&active), (3, "key-state"), "{store}");
        assert_eq!(code(&retire()), (3, "undo-holds"), "{store}");
        assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
        let json = if store == "postgres" { "jsonb" } else { "text" };
        world.sql(&[
            &format!("CREATE TABLE forgotten (id integer PRIMARY KEY, payload {json})"),
            &format!("INSERT INTO forgotten VALUES (1, '{{\"patient\": {{\"name\": \"{old}\"}}}}')"),
        ]);
        let refused = retire();
        assert_eq!(code(&refused), (3, "column-outside-the-plan"), "{store}: {}", refused.1);
        assert!(refused.1["error"]["message"].as_str().unwrap().contains("forgotten.payload"), "{store}");
        is(&world, "rotating", "active");
        // What is to be ignored keeps its key all the same.
        world.plan("ignore: [forgotten.payload]\n");
        assert_eq!(code(&retire()), (3, "column-outside-the-plan"), "{store}");
        world.sql(&["UPDATE forgotten SET payload = '{\"patient\": null}'"]);
        let (exit, done) = retire();
        assert_eq!((exit, done["state"].as_str()), (0, Some("retired")), "{store}: {done}");
        let notes = done["notes"].to_string();
        for unseen in ["replicas", "WAL", "dead tuples", "backups", "nothing was disabled outside Reseal"] {
            assert!(notes.contains(unseen), "{store}: {notes}");
        }
        is(&world, "retired", "active");
        assert_eq!(code(&retire()), (3, "key-state"), "{store}");
    }
}

/// Watches confirmation, the days that a key is kept, and that a run does not seal with what was given up.
#[test]
fn a_key_is_destroyed_once_it_was_kept_long_enough() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let destroy = |confirm: &str| world.reseal(&["keys", "destroy", "PLAN", "v1", "--confirm", confirm]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(code(&destroy("v1")), (3, "key-state"), "it is not retired");
    world.plan("policy: { keep_undo: 30d }\n");
    assert_eq!(code(&world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"])), (3, "undo-kept"));
    world.plan("");
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1", "--reason", "quarterly"]).0, 0);
    assert_eq!(code(&destroy("v2")), (2, "confirm"));
    for (kept, due) in [("30d", 0), ("forever", 0)] {
        world.plan(&format!("policy: {{ keep_retired: {kept} }}\n"));
        assert_eq!(code(&destroy("v1")), (3, "key-kept"), "{kept}");
        let (_, list) = world.reseal(&["keys", "list", "PLAN", "--due"]);
        assert_eq!(list["keys"].as_array().unwrap().len(), due, "{list}");
    }
    world.plan("policy: { keep_retired: 1ms }\n");
    let (_, list) = world.reseal(&["keys", "list", "PLAN", "--due"]);
    assert_eq!(list["keys"][0]["key"], "v1");
    let backwards = world.reseal(&["run", "PLAN", "--primary", "v1"]);
    assert_eq!(code(&backwards), (3, "key-given-up"), "{}", backwards.1);
    assert_eq!(destroy("v1").0, 0);
    assert!(!world.path("v1.key").exists(), "the file of a destroyed key is deleted");
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    let v1 = list["keys"].as_array().unwrap().iter().find(|key| key["key"] == "v1").unwrap();
    assert_eq!(v1["state"], "destroyed", "the list needs no key");
    let reasons: Vec<&str> =
        v1["moves"].as_array().unwrap().iter().filter_map(|step| step["reason"].as_str()).collect();
    assert!(reasons.contains(&"quarterly"), "{reasons:?}");
}

/// Watches the compare-and-set: of several processes that retire one key, one does.
#[test]
fn of_two_processes_one_moves_a_key() {
    for store in STORES {
        let mut world = World::new("sqlite", "aes-gcm", 5);
        let control = World::empty(store, "aes-gcm");
        world.control = control.url.clone();
        world.plan("undo: none\n");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
        let started: Vec<_> = (0..4).map(|_| world.start(&["keys", "retire", "PLAN", "v1"])).collect();
        let ended: Vec<Option<i32>> =
            started.into_iter().map(|mut child| child.wait().unwrap().code()).collect();
        assert_eq!(ended.iter().filter(|code| **code == Some(0)).count(), 1, "{store}: {ended:?}");
        assert!(ended.iter().all(|code| matches!(code, Some(0 | 3 | 4))), "{store}: {ended:?}");
        let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
        let v1 = list["keys"].as_array().unwrap().iter().find(|key| key["key"] == "v1").unwrap();
        let retired = v1["moves"].as_array().unwrap().iter().filter(|step| step["to"] == "retired");
        assert_eq!(retired.count(), 1, "{store}: {list}");
    }
}

/// Watches the criteria to proceed, and that an emergency sets them aside and is noted with its deadline.
#[test]
fn a_young_key_is_rotated_in_an_emergency_only() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan("policy: { min_key_age: 76d }\nemergency: { deadline: 24h }\n");
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "key-age-unknown"));
    let activate = |since: &str| world.reseal(&["keys", "activate", "PLAN", "v1", "--since", since]);
    assert_eq!(code(&activate("2999-01-01")), (2, "since"));
    assert_eq!(activate(&yesterday()).0, 0);
    let dated = crate::served::events(&world, "key-dated");
    assert_eq!(dated.len(), 1, "{dated:?}");
    assert!(dated[0]["after_ms"].is_i64() && dated[0]["before_ms"] == "unknown", "{dated:?}");
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "key-young"));
    assert_eq!(world.reseal(&["run", "PLAN", "--emergency"]).0, 0);
    let (_, status) = world.reseal(&["status", "PLAN"]);
    assert!(status["deadline"].is_string(), "{status}");
    let noted = world.control("SELECT skipped FROM reseal_emergency");
    assert!(noted[0][0].as_str().unwrap().contains("has been in use for"), "{noted}");
    world.new_key("v2");
    let old = World::new("sqlite", "aes-gcm", 5);
    old.plan("policy: { min_key_age: 76d }\n");
    assert_eq!(old.reseal(&["keys", "activate", "PLAN", "v1", "--since", "2020-01-01"]).0, 0);
    assert_eq!(old.reseal(&["run", "PLAN"]).0, 0);
}

/// Watches the other way to proceed: a key that is young, but is about to expire, by its own date or by the policy's.
#[test]
fn a_young_key_that_expires_soon_may_be_replaced() {
    let policy = |more: &str| format!("policy: {{ min_key_age: 76d{more} }}\n");
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(&policy(""));
    assert_eq!(world.reseal(&["keys", "activate", "PLAN", "v1", "--since", &yesterday()]).0, 0);
    for (more, exit) in [
        ("", (3, "key-young")),
        (", or_expires_within: 14d", (3, "key-young")),
        (", max_key_age: 90d, or_expires_within: 14d", (3, "key-young")),
    ] {
        world.plan(&policy(more));
        assert_eq!(code(&world.reseal(&["run", "PLAN"])), exit, "{more}");
    }
    world.plan(&policy(", max_key_age: 90d, or_expires_within: 89d"));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);

    let world = World::new("sqlite", "aes-gcm", 5);
    let never = "2999-01-01T00:00:00Z";
    keys_that_expire(&world, [("v1", never), ("v2", never)], "");
    world.rewrite_plan("policy: { warn: [14d] }", "policy: { min_key_age: 76d, or_expires_within: 14d }");
    assert_eq!(world.reseal(&["keys", "activate", "PLAN", "v1", "--since", &yesterday()]).0, 0);
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "key-young"));
    world.sql(&[
        "UPDATE app_keys SET expires_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+13 days') WHERE id = 'v1'",
    ]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
}

/// Keeps the plan's keys in a table beside the data, which says when each expires.
pub(crate) fn keys_that_expire(world: &World, keys: [(&str, &str); 2], more: &str) {
    world.sql(&["CREATE TABLE app_keys (id text PRIMARY KEY, secret text, expires_at text)"]);
    for (id, expires) in keys {
        let key = std::fs::read_to_string(world.path(&format!("{id}.key"))).unwrap();
        world.sql(&[&format!("INSERT INTO app_keys VALUES ('{id}', '{key}', '{expires}')")]);
    }
    world.plan(&format!("ignore: [app_keys.secret]\npolicy: {{ warn: [14d] }}\n{more}"));
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let (head, rest) = plan.split_once("    keys:\n").unwrap();
    let (_, tail) = rest.split_once("seals:\n").unwrap();
    let from = "    keys_from:\n      - sql: \"SELECT id, secret, expires_at FROM app_keys\"\n        key: { sql: secret, encoding: base64 }\nseals:\n";
    std::fs::write(world.path("plan.yaml"), format!("{head}{from}{tail}")).unwrap();
}

/// Watches that the catalogue learns from a query when keys expire, and that the list warns in time.
#[test]
fn keys_expire_when_their_source_says() {
    let world = World::new("sqlite", "aes-gcm", 5);
    keys_that_expire(&world, [("v1", "2020-01-01 00:00:00"), ("v2", "2999-01-01 00:00:00")], "");
    let (exit, done) = world.reseal(&["keys", "activate", "PLAN", "v1", "--since", "2019-01-01"]);
    assert_eq!(exit, 0, "{done}");
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    let of = |key: &str| list["keys"].as_array().unwrap().iter().find(|other| other["key"] == key).unwrap();
    assert_eq!(
        (of("v1")["expires"].as_str(), of("v1")["warned"].as_bool()),
        (Some("2020-01-01T00:00:00Z"), Some(true))
    );
    assert_eq!(
        (of("v2")["expires"].as_str(), of("v2")["warned"].as_bool()),
        (Some("2999-01-01T00:00:00Z"), Some(false))
    );
}

/// Adds keys to the plan, the last of them as its primary.
pub(crate) fn with_keys(world: &World, ids: &[&str]) {
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let mut lines = String::new();
    for id in ids {
        world.new_key(id);
        let file = world.path(&format!("{id}.key")).display().to_string();
        lines += &format!("      {id}: {{ file: \"{file}\", encoding: base64 }}\n");
    }
    let plan = plan.replace("    keys:\n", &format!("    keys:\n{lines}"));
    let primary = format!("    primary: {}\n", ids.last().unwrap());
    std::fs::write(world.path("plan.yaml"), plan.replace("    primary: v2\n", &primary)).unwrap();
}

/// Watches that a rollback takes back the moves of its run and no others, whichever keys there are.
#[test]
fn a_rollback_brings_every_key_back_to_where_it_was() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let three = |v1: &str, v2: &str, v3: &str| {
        let expected = [("v1", v1), ("v2", v2), ("v3", v3)].map(|(key, state)| (key.into(), state.into()));
        assert_eq!(states(&world), expected);
    };
    let back = || {
        let (exit, done) = world.reseal(&["rollback", "PLAN", "--confirm", "people", "--to-key", "v1"]);
        assert_eq!(exit, 0, "{done}");
    };
    // Two that seal by hand, and one that waits.
    with_keys(&world, &["v3"]);
    for key in ["v1", "v2"] {
        assert_eq!(world.reseal(&["keys", "activate", "PLAN", key, "--since", "2025-01-01"]).0, 0);
    }
    let since = |key: &str| {
        let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
        let keys = list["keys"].as_array().unwrap().clone();
        keys.into_iter().find(|other| other["key"] == key).unwrap()["activated"].clone()
    };
    let before = since("v2");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    three("rotating", "rotating", "active");
    back();
    three("active", "active", "created");
    assert_eq!((since("v2"), since("v3")), (before, Value::Null), "a key has become younger");
    // One that an earlier run left rotating stays that, though this run seals with it.
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["run", "PLAN", "--primary", "v1"]).0, 0);
    three("active", "rotating", "rotating");
    let (exit, done) = world.reseal(&["rollback", "PLAN", "--confirm", "people", "--to-key", "v3"]);
    assert_eq!(exit, 0, "{done}");
    three("rotating", "rotating", "active");
    back();
    three("active", "active", "created");
}

/// Watches `max_active_keys`: a sixth key that seals is warned about, and refused nothing.
#[test]
fn more_keys_in_use_than_the_policy_allows_are_warned_about() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan("policy: { max_active_keys: 5 }\n");
    with_keys(&world, &["v3", "v4", "v5", "v6"]);
    let warned = || {
        let run = world.output(&["run", "PLAN"]);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stderr)
            .unwrap()
            .contains("6 keys are active or rotating, but the policy allows only 5")
    };
    for key in ["v1", "v2", "v3", "v4"] {
        assert_eq!(world.reseal(&["keys", "activate", "PLAN", key, "--since", "2025-01-01"]).0, 0);
    }
    assert!(!warned(), "five are not six");
    assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people", "--to-key", "v1"]).0, 0);
    assert_eq!(world.reseal(&["keys", "activate", "PLAN", "v5", "--since", "2025-01-01"]).0, 0);
    assert!(warned(), "the sixth passed unseen");
}

/// Watches that the control database is made for its owner alone, where a variable names a file that is not there.
#[test]
fn a_control_database_that_is_not_there_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::new("sqlite", "aes-gcm", 5);
    let path = world.path("new control.db");
    world.control = format!("sqlite://{}", path.display());
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    is(&world, "rotating", "active");
    world.control = format!("sqlite://{}", world.path("nowhere/control.db").display());
    assert_eq!(code(&world.reseal(&["keys", "list", "PLAN"])), (3, "control-database"));
}
