//! Keys whose ids are roles, between two rotations: the key in the next one's role is away, and each other key is known by
//! its bytes.

use serde_json::{Value, json};

use crate::copies::identity;
use crate::custody::code;
use crate::world::World;

/// A world that has been rotated once; its plan has `more` lines.
fn rotated(more: &str) -> World {
    let world = World::new("sqlite", "fernet-bare", 20);
    world.plan(more);
    world.rewrite_plan("    primary: v2\n", "    primary: v2\n    roles: true\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    world
}

/// The roles move on: the key that seals has the label v1, and nobody has the label v2.
fn moves_on(world: &World) {
    for kind in ["key", "json"] {
        std::fs::rename(world.path(&format!("v2.{kind}")), world.path(&format!("v1.{kind}"))).unwrap();
    }
}

fn keys(world: &World) -> Vec<Value> {
    let (exit, list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(exit, 0, "{list}");
    list["keys"].as_array().unwrap().clone()
}

/// The fingerprints of the keys, as the catalogue came to know them.
fn prints(world: &World) -> Vec<String> {
    keys(world).iter().map(|key| key["fingerprint"].as_str().unwrap().to_owned()).collect()
}

/// Fingerprint, label and state of each key.
fn told(world: &World) -> Vec<(String, Value, Value)> {
    let told = |key: &Value| {
        let print = key["fingerprint"].as_str().unwrap_or_default().to_owned();
        (print, key["label"].clone(), key["state"].clone())
    };
    keys(world).iter().map(told).collect()
}

fn cells(key: &Value) -> u64 {
    let fields = key["cells"].as_array().unwrap_or_else(|| panic!("{key}"));
    fields.iter().map(|field| field["cells"].as_u64().unwrap()).sum()
}

/// Watches that the list tells keys apart by their bytes: each once, with its own state and cells, and the label of today.
#[test]
fn the_list_has_each_key_once_with_the_label_that_it_has_now() {
    let world = rotated("undo: none\n");
    let prints = prints(&world);
    let before = [
        (prints[0].clone(), json!("v1"), json!("rotating")),
        (prints[1].clone(), json!("v2"), json!("active")),
    ];
    assert_eq!(told(&world), before);
    // What was counted while the key had another label stays its own.
    let sealed = cells(&keys(&world)[1]);
    assert!(sealed > 30, "{sealed}");
    moves_on(&world);
    let after = [
        (prints[0].clone(), Value::Null, json!("rotating")),
        (prints[1].clone(), json!("v1"), json!("active")),
    ];
    assert_eq!(told(&world), after);
    assert_eq!(keys(&world).iter().map(cells).collect::<Vec<_>>(), [0, sealed]);
    for args in [&["verify", "PLAN"][..], &["census", "PLAN", "--open"]] {
        assert_eq!(world.reseal(args).0, 0);
        assert_eq!(keys(&world).iter().map(cells).collect::<Vec<_>>(), [0, sealed], "{args:?}");
    }
    let (_, list) = world.reseal(&["keys", "list", "PLAN", "--read"]);
    let primary = json!([{ "keyset": "main", "key": "v1", "fingerprint": prints[1] }]);
    assert_eq!((&list["primaries"], &list["labels_not_read"]), (&primary, &json!(["main/v2"])), "{list}");
    assert_eq!(list["keys"].as_array().unwrap().len(), 2, "{list}");
    let shown = String::from_utf8(world.output(&["keys", "list", "PLAN"]).stdout).unwrap();
    assert!(shown.contains("main (once v1)") && shown.contains(&prints[0][..12]), "{shown}");
    assert!(shown.contains("main/v1") && !shown.contains("main/v2 "), "{shown}");
    assert!(shown.contains("their keys are unknown: main/v2"), "{shown}");
    // A key that takes the role is one more, and no other takes its place.
    world.new_key("v2");
    let next = |key: &Value| (key["key"] == "v2").then(|| (key["label"].clone(), key["state"].clone()));
    assert_eq!(keys(&world).iter().find_map(next), Some((json!("v2"), Value::Null)));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let states: Vec<(Value, Value)> =
        told(&world).into_iter().map(|(_, label, state)| (label, state)).collect();
    let expect = [(Value::Null, "rotating"), (json!("v1"), "rotating"), (json!("v2"), "active")];
    assert_eq!(states, expect.map(|(label, state)| (label, json!(state))));
}

/// Watches that the list says so where no key can be read, and claims no label then.
#[test]
fn a_list_without_keys_claims_no_labels() {
    let world = rotated("undo: none\n");
    let prints = prints(&world);
    for id in ["v1", "v2"] {
        std::fs::remove_file(world.path(&format!("{id}.key"))).unwrap();
    }
    let (exit, list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(exit, 0, "{list}");
    assert!(list["labels_unknown"].as_str().unwrap().contains("of keyset `main`"), "{list}");
    let expect = [
        (prints[0].clone(), Value::Null, json!("rotating")),
        (prints[1].clone(), Value::Null, json!("active")),
    ];
    assert_eq!(told(&world), expect);
}

/// Watches which key is retired while the next one is away: by its bytes, whatever it was called before.
#[test]
fn the_previous_key_is_retired_and_never_the_one_that_seals() {
    let world = rotated("undo: none\n");
    let prints = prints(&world);
    let retire = |key: &str| world.reseal(&["keys", "retire", "PLAN", key]);
    moves_on(&world);
    for (key, refusal) in
        [("v1", (3, "key-state")), (&prints[1][..16], (3, "key-state")), ("v2", (2, "which-key"))]
    {
        let refused = retire(key);
        assert_eq!(code(&refused), refusal, "{key}: {}", refused.1);
    }
    let named = retire("v2").1["error"]["message"].as_str().unwrap().to_owned();
    assert!(named.contains(&prints[1][..16]), "{named}");
    let (exit, retired) = retire(&prints[0][..16]);
    assert_eq!((exit, &retired["fingerprint"]), (0, &json!(prints[0])), "{retired}");
    let states: Vec<Value> = told(&world).into_iter().map(|(.., state)| state).collect();
    assert_eq!(states, ["retired", "active"]);
    // The next quarter: while both labels are there, the previous key still has one.
    world.new_key("v2");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(code(&retire("v2")), (3, "key-state"), "it seals");
    let (exit, retired) = retire("v1");
    assert_eq!((exit, &retired["fingerprint"]), (0, &json!(prints[1])), "{retired}");
    let states: Vec<Value> = told(&world).into_iter().map(|(.., state)| state).collect();
    assert_eq!(states, ["retired", "retired", "active"]);
}

/// Watches that a cell under the previous key is found though no label has it.
#[test]
fn a_cell_of_the_previous_key_keeps_it() {
    let world = World::new("sqlite", "fernet-bare", 20);
    let old = world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
    world.plan("undo: none\n");
    world.rewrite_plan("    primary: v2\n", "    primary: v2\n    roles: true\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let prints = prints(&world);
    moves_on(&world);
    world.sql(&[&format!("UPDATE people SET a = '{old}' WHERE id = 3")]);
    let refused = world.reseal(&["keys", "retire", "PLAN", &prints[0][..16]]);
    assert_eq!(code(&refused), (3, "cells-unknown"), "{}", refused.1);
}

/// Watches by which runs' old cells a key without a label is held: by those that moved cells away from it, and not by those
/// in which another key had its label.
#[test]
fn old_cells_hold_the_key_that_they_are_under_and_no_other() {
    let world = rotated("");
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
    moves_on(&world);
    world.new_key("v2");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    moves_on(&world);
    let prints = prints(&world);
    let retire = |key: usize| world.reseal(&["keys", "retire", "PLAN", &prints[key][..16]]);
    let held = retire(1);
    assert_eq!(code(&held), (3, "undo-holds"), "{}", held.1);
    let (exit, done) = retire(0);
    assert_eq!(exit, 0, "{done}");
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
    assert_eq!(retire(1).0, 0);
}

/// Watches that what moves no cell works while the next key is away.
#[test]
fn keys_are_dated_copied_and_destroyed_between_two_rotations() {
    let world = rotated("undo: none\n");
    let prints = prints(&world);
    moves_on(&world);
    let (file, to) = identity(world.folder.path(), "identity");
    let backup = world.path("keys.age").display().to_string();
    let (first, second) = (&prints[0][..12], &prints[1][..16]);
    for args in [
        &["keys", "activate", "PLAN", "v1", "--since", "2026-01-02"][..],
        &["keys", "backup", "PLAN", "--to", &to, "--file", &backup],
        &["keys", "restore-test", "PLAN", "--file", &backup, "--identity", &file],
        &["keys", "retire", "PLAN", first],
        &["keys", "destroy", "PLAN", first, "--confirm", first],
    ] {
        let (exit, done) = world.reseal(args);
        assert_eq!(exit, 0, "{args:?}: {done}");
    }
    let dated: Vec<Value> = keys(&world).iter().map(|key| key["activated"].clone()).collect();
    assert!(dated[1].as_str().unwrap().starts_with("2026-01-02T"), "{dated:?}");
    assert!(world.path("v1.key").exists(), "the file of the key that seals");
    assert_eq!(
        code(&world.reseal(&["keys", "destroy", "PLAN", second, "--confirm", second])),
        (3, "key-state")
    );
}

/// Watches that a key which took over another role is known by its bytes before the steps of `before` too: the label under
/// which it was first seen is the one of the key that these steps bring.
#[test]
fn a_young_key_in_another_role_is_refused_before_any_step_of_before() {
    let world = rotated("undo: none\n");
    assert_eq!(world.reseal(&["keys", "retire", "PLAN", "v1"]).0, 0);
    moves_on(&world);
    world.new_key("other");
    let brings = format!(
        "policy: {{ min_key_age: 76d }}\nhooks:\n  before: [{{ command: [sh, -c, 'cd \"$0\" && cp other.key v2.key', \"{}\"] }}]\n",
        world.folder.path().display()
    );
    world.rewrite_plan("undo: none\n", &format!("undo: none\n{brings}"));
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "key-young"), "{}", refused.1);
    assert!(!world.path("v2.key").exists(), "a step was carried out");
}
