//! What is said of a key that is destroyed, for each place that it can be kept in: what Reseal has deleted, what still holds
//! the key, and nothing that is not so.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::audit::{events, field};
use crate::world::{World, answer};

/// A world whose cells went from v1 to v2, with v1 retired. `source` is where the plan has v1 from, PATH being the folder.
fn retired(source: &str, prepare: impl Fn(&World)) -> World {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan("undo: none\n");
    let folder = world.folder.path().display().to_string();
    let file = format!("      v1: {{ file: \"{}\", encoding: base64 }}\n", world.path("v1.key").display());
    let source = source.replace("PATH", &folder);
    match source.starts_with("- ") {
        true => {
            world.rewrite_plan(&file, "");
            world.rewrite_plan("seals:\n", &format!("    keys_from:\n      {source}\nseals:\n"));
        }
        false => world.rewrite_plan(&file, &format!("      v1: {source}\n")),
    }
    prepare(&world);
    for args in [&["run", "PLAN"][..], &["keys", "retire", "PLAN", "v1"]] {
        let (code, done) = answer(&mut command(&world, &[args, &["--json"]].concat()));
        assert_eq!(code, 0, "{source}: {done}");
    }
    world
}

fn key(world: &World) -> String {
    // The producer has its own copy.
    let document = std::fs::read_to_string(world.path("v1.json")).unwrap();
    serde_json::from_str::<Value>(&document).unwrap()["key"].as_str().unwrap().to_owned()
}

fn command(world: &World, args: &[&str]) -> Command {
    let mut command = world.command(args);
    command.env("TEST_V1", key(world));
    command
}

const DESTROY: [&str; 6] = ["keys", "destroy", "PLAN", "v1", "--confirm", "v1"];

/// What `keys destroy` did, and what it says is left, each as one text.
fn destroy(world: &World, case: &str) -> (String, String) {
    let (code, done) = answer(&mut command(world, &[&DESTROY[..], &["--json"]].concat()));
    assert_eq!((code, done["state"].as_str()), (0, Some("destroyed")), "{case}: {done}");
    let all = events(world);
    let told = all.iter().find(|event| event["kind"] == "key-destroyed");
    let told = told.unwrap_or_else(|| panic!("{case}: not in the trail: {done}"));
    for name in ["done", "left"] {
        let first = done[name].get(0).cloned().unwrap_or_default();
        assert_eq!(*field(told, name), first, "{case}: {told}");
    }
    for list in ["done", "left"] {
        for line in done[list].as_array().unwrap() {
            assert!(done["notes"].as_array().unwrap().contains(line), "{case}: {done}");
        }
    }
    (done["done"].to_string(), done["left"].to_string())
}

fn put(world: &World, name: &str, text: &str) {
    std::fs::write(world.path(name), text).unwrap();
}

/// What a source needs that is not there yet.
type Prepare<'p> = &'p dyn Fn(&World);

/// Watches each kind of source: the key is not claimed to be gone where it is still there, and the place is named.
#[test]
fn where_a_key_still_lies_is_said_for_every_source() {
    let entry = |world: &World| put(world, "keys.json", &format!("{{\"v1\": \"{}\"}}", key(world)));
    let table = |world: &World| {
        let insert = format!("INSERT INTO app_keys VALUES ('v1', '{}')", key(world));
        world.sql(&["CREATE TABLE app_keys (id text PRIMARY KEY NOT NULL, k text)", &insert]);
    };
    let nothing = |_: &World| {};
    let cases: [(&str, Prepare<'_>, &str); 7] = [
        (
            "{ env: TEST_V1, encoding: base64 }",
            &nothing,
            "the variable TEST_V1 still contains it: remove it where it is set",
        ),
        ("{ command: [cat, PATH/v1.key], encoding: base64 }", &nothing, "the program cat still returns it"),
        (
            "{ file: PATH/keys.json, json: v1, encoding: base64 }",
            &entry,
            "an entry of the file PATH/keys.json still contains it",
        ),
        (
            "{ sql: \"SELECT k FROM app_keys\", encoding: base64 }",
            &table,
            "a query of the plan still returns it",
        ),
        (
            "- { file: PATH/keys.json, json: \"*\", encoding: base64 }",
            &entry,
            "an entry of the file PATH/keys.json still contains it",
        ),
        (
            "- { sql: \"SELECT id, k FROM app_keys\", key: { sql: k, encoding: base64 } }",
            &table,
            "its row in the query of `keys_from` still contains it (column k)",
        ),
        (
            "- { sql: \"SELECT id, k FROM app_keys\", key: { command: [echo, \"{k}\"], encoding: base64 } }",
            &table,
            "its row names the place where it is stored (command)",
        ),
    ];
    for (source, prepare, left) in cases {
        let world = retired(source, prepare);
        let left = left.replace("PATH", &world.folder.path().display().to_string());
        let (done, said) = destroy(&world, source);
        assert_eq!(done, "[]", "{source}");
        assert!(said.contains(&left) && !said.contains("no source of the plan"), "{source}: {said}");
    }
}

/// Watches what people read: no key is called destroyed that is still there.
#[test]
fn a_key_is_called_destroyed_only_where_it_is_gone() {
    let text = |world: &World| String::from_utf8(command(world, &DESTROY).output().unwrap().stdout).unwrap();
    let world = retired("{ file: PATH/v1.key, encoding: base64 }", |_| {});
    let said = text(&world);
    assert!(said.starts_with("v1 is destroyed\n"), "{said}");
    let world = retired("{ env: TEST_V1, encoding: base64 }", |_| {});
    let said = text(&world);
    assert!(!said.contains("v1 is destroyed") && said.contains("TEST_V1 still contains it"), "{said}");
}

/// Whether a file holds anything but zeros.
fn holds(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.iter().any(|byte| *byte != 0))
}

/// Watches files of one key: the one that the plan names, one of a directory, and one that a row stands for.
#[test]
fn a_file_of_one_key_is_deleted() {
    let folder = |world: &World| {
        std::fs::create_dir(world.path("keys")).unwrap();
        std::fs::copy(world.path("v1.key"), world.path("keys/v1")).unwrap();
    };
    let listed = |world: &World| {
        folder(world);
        world.sql(&[
            "CREATE TABLE app_keys (id text PRIMARY KEY NOT NULL)",
            "INSERT INTO app_keys VALUES ('v1')",
        ]);
    };
    let cases: [(&str, Prepare<'_>, &str); 3] = [
        ("{ file: PATH/v1.key, encoding: base64 }", &|_| {}, "v1.key"),
        ("- { directory: PATH/keys, encoding: base64 }", &folder, "keys/v1"),
        (
            "- { sql: \"SELECT id FROM app_keys\", key: { file: \"PATH/keys/{id}\", encoding: base64 } }",
            &listed,
            "keys/v1",
        ),
    ];
    for (source, prepare, name) in cases {
        let world = retired(source, prepare);
        let (done, left) = destroy(&world, source);
        let file = world.path(name).display().to_string();
        assert_eq!(left, "[]", "{source}");
        assert!(
            done.contains(&format!("the file {file} was overwritten with zeros and deleted")),
            "{source}: {done}"
        );
        assert!(!world.path(name).exists(), "{source}");
    }
}

/// Watches links: nothing that leads to the key's bytes is left, or it is named.
#[test]
fn links_to_the_file_of_a_key_are_followed_and_named() {
    let world = retired("{ file: PATH/link, encoding: base64 }", |world| {
        std::fs::create_dir(world.path("real")).unwrap();
        std::fs::rename(world.path("v1.key"), world.path("real/v1")).unwrap();
        symlink("real/v1", world.path("middle")).unwrap();
        symlink(world.path("middle"), world.path("link")).unwrap();
    });
    std::fs::hard_link(world.path("real/v1"), world.path("real/second")).unwrap();
    std::fs::create_dir(world.path("far")).unwrap();
    std::fs::hard_link(world.path("real/v1"), world.path("far/third")).unwrap();
    let (code, answer) = answer(&mut command(&world, &[&DESTROY[..], &["--json"]].concat()));
    assert_eq!(code, 0, "{answer}");
    let said = answer["notes"].to_string();
    for name in ["link", "middle", "real/v1", "real/second"] {
        assert!(said.contains(&world.path(name).display().to_string()), "{name}: {said}");
    }
    assert!(said.contains("and 1 other name elsewhere"), "{said}");
    for name in ["real/v1", "link", "middle"] {
        assert!(std::fs::symlink_metadata(world.path(name)).is_err(), "{name}: {said}");
    }
    // The same file by its other names: nothing of the key is there any more.
    for name in ["real/second", "far/third"] {
        assert!(world.path(name).exists() && !holds(&world.path(name)), "{name}: {said}");
    }
}

/// Watches a file that the plan reads another key from too: it is that key's, and stays.
#[test]
fn a_file_that_another_key_is_read_from_is_not_deleted() {
    let world = retired("{ file: PATH/v1.key, encoding: base64 }", |_| {});
    std::fs::hard_link(world.path("v1.key"), world.path("again")).unwrap();
    let other = format!(
        "keysets:\n  other:\n    primary: w1\n    keys:\n      w1: {{ file: \"{}\", encoding: base64 }}\n",
        world.path("again").display()
    );
    world.rewrite_plan("keysets:\n", &other);
    let seal = "{ keyset: other, format: { aes-gcm: { layout: \"{nonce|12}{ciphertext|raw}\" } } }";
    world.rewrite_plan("seals:\n", &format!("seals:\n  other: {seal}\n"));
    world.rewrite_plan("tables:\n", "tables:\n  others: { row_key: id, fields: { x: other } }\n");
    world.sql(&["CREATE TABLE others (id integer PRIMARY KEY NOT NULL, x blob)"]);
    let before = std::fs::read(world.path("v1.key")).unwrap();
    let (done, left) = destroy(&world, "shared");
    assert_eq!(done, "[]");
    assert!(left.contains("other/w1") && left.contains("it was not deleted"), "{left}");
    assert!(left.contains("other/w1 of the plan has the same bytes"), "{left}");
    assert_eq!(std::fs::read(world.path("again")).unwrap(), before);
    assert_eq!(std::fs::read(world.path("v1.key")).unwrap(), before);
}

/// Watches a key that the plan has from two places: the file that goes is not all of it.
#[test]
fn a_key_that_lies_in_two_places_is_not_gone_with_one() {
    let world = retired("{ file: PATH/v1.key, encoding: base64 }", |world| {
        put(world, "keys.json", &format!("{{\"v1\": \"{}\"}}", key(world)));
        std::fs::create_dir(world.path("keys")).unwrap();
        std::fs::copy(world.path("v1.key"), world.path("keys/v1")).unwrap();
        let folder = world.folder.path().display();
        world.rewrite_plan(
            "seals:\n",
            &format!(
                "    keys_from:\n      - {{ directory: {folder}/keys, encoding: base64 }}\n      \
                 - {{ file: {folder}/keys.json, json: \"*\", encoding: base64 }}\nseals:\n"
            ),
        );
    });
    let (done, left) = destroy(&world, "two places");
    assert!(done.contains("v1.key was overwritten") && done.contains("keys/v1 was overwritten"), "{done}");
    assert!(!world.path("v1.key").exists() && !world.path("keys/v1").exists(), "{done}");
    assert!(left.contains("keys.json still contains it: if so, delete that entry"), "{left}");
}

/// Watches keys that a list reads from one file, each derived in its own way: the file is the other keys' too.
#[test]
fn a_file_that_all_rows_of_a_list_stand_for_is_not_deleted() {
    let world = World::empty("sqlite", "aes-gcm");
    let folder = world.folder.path().display().to_string();
    world.sql(&[
        "CREATE TABLE people (id integer PRIMARY KEY NOT NULL, a text, b text)",
        "CREATE TABLE app_keys (id text PRIMARY KEY NOT NULL)",
        "INSERT INTO app_keys VALUES ('v1'), ('v2')",
    ]);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let (before, after) = (plan.find("    keys:\n").unwrap(), plan.find("seals:\n").unwrap());
    let list = format!(
        "    keys_from:\n      - sql: \"SELECT id FROM app_keys\"\n        key: {{ file: \"{folder}/v1.key\", encoding: base64 }}\n        \
         kdf: {{ hkdf-sha256: {{ info: \"{{key}}\", length: 32 }} }}\n"
    );
    std::fs::write(world.path("plan.yaml"), format!("{}{list}{}", &plan[..before], &plan[after..])).unwrap();
    for args in [&["run", "PLAN"][..], &["keys", "retire", "PLAN", "v1"]] {
        let (code, done) = world.reseal(args);
        assert_eq!(code, 0, "{done}");
    }
    let (done, left) = destroy(&world, "one file for all");
    assert_eq!(done, "[]");
    assert!(left.contains("main/v2") && world.path("v1.key").exists(), "{left}");
}
