//! Copies of keys: what reseal writes, the real age reads, and the other way about; and a copy that is of no use is found.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{World, variable};

/// An identity of the real age: its file, and its recipient.
pub(crate) fn identity(folder: &Path, name: &str) -> (String, String) {
    let age = variable("RESEAL_TEST_AGE");
    let file = folder.join(name).display().to_string();
    let keygen = Path::new(&age).with_file_name("age-keygen");
    let made = Command::new(&keygen).args(["-o", &file]).stderr(Stdio::null()).status().unwrap();
    assert!(made.success());
    let shown = Command::new(&keygen).args(["-y", &file]).output().unwrap();
    (file, String::from_utf8(shown.stdout).unwrap().trim().to_owned())
}

/// What the real age decrypts.
pub(crate) fn decrypted(file: &str, identity: &str) -> String {
    let age = Command::new(variable("RESEAL_TEST_AGE")).args(["-d", "-i", identity, file]).output().unwrap();
    assert!(age.status.success(), "{}", String::from_utf8_lossy(&age.stderr));
    String::from_utf8(age.stdout).unwrap()
}

fn code(answer: &(i32, serde_json::Value)) -> (i32, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or("none"))
}

/// Makes a backup of keys that nobody uses: the same ids with other bytes.
fn back_up_other_bytes(world: &World, to: &str, file: &str) {
    let names = ["v1", "v2"];
    let path = |name: &str| world.path(&format!("{name}.key"));
    let kept = names.map(|name| std::fs::read_to_string(path(name)).unwrap());
    names.into_iter().for_each(|name| world.new_key(name));
    let elsewhere = World::new("sqlite", "aes-gcm", 1);
    std::fs::copy(world.path("plan.yaml"), elsewhere.path("plan.yaml")).unwrap();
    let (exit, answer) = elsewhere.reseal(&["keys", "backup", "PLAN", "--to", to, "--file", file]);
    assert_eq!(exit, 0, "{answer}");
    for (name, bytes) in names.into_iter().zip(kept) {
        std::fs::write(path(name), bytes).unwrap();
    }
}

/// Watches that a backup holds what the application needs, and that one with other bytes fails its trial.
#[test]
fn a_backup_is_read_by_age_and_proved_by_cells() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let (id, to) = identity(world.folder.path(), "identity");
    let (other, _) = identity(world.folder.path(), "other");
    let file = |name: &str| world.path(name).display().to_string();
    let backup = |name: &str| world.reseal(&["keys", "backup", "PLAN", "--to", &to, "--file", &file(name)]);
    let test = |name: &str, identity: &str| {
        world.reseal(&["keys", "restore-test", "PLAN", "--file", &file(name), "--identity", identity])
    };
    assert_eq!(backup("good.age").0, 0);
    assert_eq!(code(&backup("good.age")), (3, "file-exists"));
    let document: serde_json::Value = serde_json::from_str(&decrypted(&file("good.age"), &id)).unwrap();
    let v1 = std::fs::read_to_string(world.path("v1.key")).unwrap();
    assert!(
        document["keys"].as_array().unwrap().iter().any(|key| key["bytes"] == v1.as_str()),
        "another key"
    );
    let (exit, trial) = test("good.age", &id);
    assert_eq!((exit, trial["passed"].as_bool()), (0, Some(true)), "{trial}");
    let of = |trial: &serde_json::Value, key: &str| {
        trial["keys"].as_array().unwrap().iter().find(|other| other["key"] == key).unwrap().clone()
    };
    assert_eq!(of(&trial, "v1")["opened"], 38, "every sampled cell opened under the restored key");
    assert_eq!(code(&test("good.age", &other)), (3, "undecryptable"));
    assert_eq!(code(&test("v1.key", &id)), (3, "undecryptable"));
    let mode = |mode| std::fs::set_permissions(&id, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert_eq!(code(&test("good.age", &id)), (3, "identity"), "a secret that others can read");
    mode(0o600);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    std::fs::write(world.path("plan.yaml"), plan.replace("name: people", "name: others")).unwrap();
    assert_eq!(code(&test("good.age", &id)), (3, "other-plan"));
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    back_up_other_bytes(&world, &to, &file("wrong.age"));
    let (exit, trial) = test("wrong.age", &id);
    assert_eq!((exit, trial["passed"].as_bool()), (1, Some(false)), "{trial}");
    let v2 = of(&trial, "v2");
    assert_eq!((v2["cells"].as_u64(), v2["passed"].as_bool()), (Some(0), Some(false)), "no cell proves it");
    let v1 = of(&trial, "v1");
    assert_eq!(
        (v1["same"].as_bool(), v1["opened"].as_u64(), v1["cells"].as_u64()),
        (Some(false), Some(0), Some(38))
    );
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    let copies =
        list["keys"].as_array().unwrap().iter().find(|key| key["key"] == "v1").unwrap()["copies"].clone();
    let results: Vec<&str> =
        copies.as_array().unwrap().iter().filter_map(|copy| copy["result"].as_str()).collect();
    assert_eq!(results[0], "failed: not the same key as in the catalogue", "{copies}");
    assert_eq!(results[1], "passed: opened 38 cells", "{copies}");
}

/// Watches that a backup is of no use without the key that cells are under, nor without the primary, which no cell is under yet.
#[test]
fn a_backup_that_lacks_a_key_fails_its_trial() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let (id, to) = identity(world.folder.path(), "identity");
    for (has, lacks, cells) in [("v2", "v1", 38), ("v1", "v2", 0)] {
        let file = world.path(&format!("{has}.age")).display().to_string();
        let made = world.reseal(&["keys", "backup", "PLAN", "--key", has, "--to", &to, "--file", &file]);
        assert_eq!(made.0, 0, "{}", made.1);
        let test = ["keys", "restore-test", "PLAN", "--file", &file, "--identity", &id];
        let (exit, trial) = world.reseal(&test);
        assert_eq!((exit, trial["passed"].as_bool()), (1, Some(false)), "{trial}");
        let keys = trial["keys"].as_array().unwrap();
        let of = |name: &str| keys.iter().find(|key| key["key"] == name).unwrap();
        assert_eq!(of(has)["passed"], true, "{trial}");
        assert_eq!((&of(lacks)["contained"], &of(lacks)["cells"]), (&false.into(), &cells.into()), "{trial}");
    }
}

/// Watches the source `age`, and that a generated key is of the plan's kind, known to the catalogue, and in no plan's use.
#[test]
fn a_generated_age_file_is_a_source_of_keys() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let (id, to) = identity(world.folder.path(), "identity");
    let file = world.path("v2.age").display().to_string();
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let old = format!("{{ file: \"{}\",", world.path("v2.key").display());
    assert!(plan.contains(&old));
    std::fs::write(world.path("plan.yaml"), plan.replace(&old, &format!("{{ age: [\"{file}\", \"{id}\"],")))
        .unwrap();
    let made =
        world.reseal(&["keys", "generate", "--age", &to, "--file", &file, "--plan", "PLAN", "--id", "v2"]);
    assert_eq!((made.0, made.1["bytes"].as_u64()), (0, Some(32)), "{}", made.1);
    world.set_key("v2", &decrypted(&file, &id));
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(list["keys"][0]["state"], "created", "{list}");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let (rows, _, right) = world.read("v2");
    assert_eq!(rows, right, "the foreign producer reads under the key that age decrypts");
    // A third key that Reseal made waits for its turn: a run leaves it alone.
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(
        list["keys"].as_array().unwrap().len(),
        2,
        "the key that was generated is the key that sealed: {list}"
    );
}

/// Watches that a key which the plan does not name yet is written as the plan reads those beside it: named, or listed by a query.
#[test]
fn a_generated_key_is_written_as_the_plan_reads_the_others() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let generate = |id: &str| {
        let file = world.path(&format!("{id}.key")).display().to_string();
        let made = world.reseal(&["keys", "generate", "--plan", "PLAN", "--id", id, "--file", &file]);
        assert_eq!(made.0, 0, "{}", made.1);
        std::fs::read_to_string(file).unwrap_or_default()
    };
    let key = generate("v3");
    world.set_key("v3", &key);
    let v2 = format!("      v2: {{ file: \"{}\"", world.path("v2.key").display());
    world.rewrite_plan(&v2, &v2.replace("v2", "v3"));
    world.rewrite_plan("primary: v2", "primary: v3");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.read("v3").2, 10, "the foreign producer reads under it");

    world.sql(&["CREATE TABLE app_keys (id text)", "INSERT INTO app_keys VALUES ('v3'), ('v4')"]);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let (from, upto) = (plan.find("    keys:\n").unwrap(), plan.find("seals:").unwrap());
    let listed = format!(
        "    keys_from:\n      - sql: SELECT id FROM app_keys\n        \
         key: {{ file: \"{}/{{id}}.key\", encoding: base64 }}\n",
        world.folder.path().display()
    );
    let plan = format!("{}{listed}{}", &plan[..from], &plan[upto..]);
    std::fs::write(world.path("plan.yaml"), plan.replace("primary: v3", "primary: v4")).unwrap();
    let key = generate("v4");
    world.set_key("v4", &key);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.read("v4").2, 10);
}

/// Watches that only a retired key is archived.
#[test]
fn a_retired_key_is_archived() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan("undo: none\n");
    let (id, to) = identity(world.folder.path(), "identity");
    let file = world.path("v1.age").display().to_string();
    let archive = || world.reseal(&["keys", "archive", "PLAN", "v1", "--to", &to, "--file", &file]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(code(&archive()), (3, "key-state"));
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1"]).0, 0);
    assert_eq!(archive().0, 0);
    let document: serde_json::Value = serde_json::from_str(&decrypted(&file, &id)).unwrap();
    assert_eq!(document["keys"].as_array().unwrap().len(), 1);
    assert_eq!(document["keys"][0]["id"], "v1");
}

/// Watches that KEKs are named as what no backup holds, and that envelopes are opened with their help or named as not
/// covered.
#[test]
fn keks_are_in_no_backup_and_asked_where_they_are_kept() {
    let world = crate::envelopes::seeded("sqlite");
    let (v1, v2) = (crate::envelopes::local(&world, "v1"), crate::envelopes::local(&world, "v2"));
    crate::envelopes::plan(&world, "rewrap", &[v1, v2], "");
    let (id, to) = identity(world.folder.path(), "identity");
    let file = world.path("keys.age").display().to_string();
    let backup = ["keys", "backup", "PLAN", "--to", &to, "--file", &file];
    let (exit, made) = world.reseal(&backup);
    assert_eq!(exit, 0, "{made}");
    assert_eq!(made["keys"], serde_json::json!(["derived/derived"]));
    assert_eq!(made["not_contained"], serde_json::json!(["kms/v1", "kms/v2"]));
    let alone = world.reseal(&[
        "keys",
        "backup",
        "PLAN",
        "--key",
        "v1",
        "--to",
        &to,
        "--file",
        &world.path("v1.age").display().to_string(),
    ]);
    assert_eq!(code(&alone), (3, "kek"), "{}", alone.1);
    let test = ["keys", "restore-test", "PLAN", "--file", &file, "--identity", &id, "--rows", "1000"];
    let (exit, trial) = world.reseal(&test);
    assert_eq!((exit, trial["passed"].as_bool()), (0, Some(true)), "{trial}");
    assert_eq!(trial["keys"][0]["opened"], 40, "{trial}");
    let keks = serde_json::json!([{ "kek": "kms/v1", "cells": 294 }, { "kek": "kms/v2", "cells": 0 }]);
    assert_eq!((&trial["keks"], &trial["not_covered"]), (&keks, &serde_json::json!([])), "{trial}");
    // Another key at the KEK's place: nothing opens by it, and that is said.
    world.new_key("v1");
    let (exit, trial) = world.reseal(&test);
    assert_eq!(exit, 0, "the key that is in the backup is of use: {trial}");
    assert_eq!(trial["not_covered"][0]["field"], "secrets.credentials", "{trial}");
    assert_eq!(trial["not_covered"][0]["cells"], 294, "{trial}");
}
