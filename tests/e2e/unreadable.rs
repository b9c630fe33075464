//! Cells that open under no key, and the key that they may need.

use serde_json::{Value, json};

use crate::audit::events;
use crate::custody::code;
use crate::world::World;

/// A world whose run was cancelled over cells that this statement made.
fn cancelled(format: &str, damage: &str) -> World {
    let world = World::new("sqlite", format, 20);
    world.plan("");
    world.sql(&[damage]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
    world
}

fn refused(world: &World, args: &[&str]) -> String {
    let (exit, answer) = world.reseal(args);
    assert_eq!((exit, &answer["error"]["code"]), (3, &json!("cells-unreadable")), "{args:?}: {answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

/// Watches the key under which a cell may open once somebody knows what is wrong with it: cells that name their key, and
/// cells that do not.
#[test]
fn a_key_is_not_given_up_while_cells_that_do_not_open_may_need_it() {
    for format in ["aes-gcm", "fernet-bare"] {
        let damage =
            "UPDATE people SET a = substr(a, 1, length(a) - 6) || 'AAAA' || substr(a, -2) WHERE id IN (3, 5)";
        let world = cancelled(format, damage);
        let retire = ["keys", "retire", "PLAN", "v1"];
        let message = refused(&world, &retire);
        assert!(
            message.contains("people.a has 2 cells that do not open, and may need it"),
            "{format}: {message}"
        );
        refused(&world, &[&retire[..], &["--accept-unreadable", "1"]].concat());
        let accepted = world.reseal(&[&retire[..], &["--accept-unreadable", "2"]].concat());
        assert_eq!(accepted.0, 0, "{format}: {}", accepted.1);
        let moved = events(&world).pop().unwrap().to_string();
        assert!(moved.contains("2 cells that do not open were accepted"), "{format}: {moved}");
        let destroy = ["keys", "destroy", "PLAN", "v1", "--confirm", "v1"];
        refused(&world, &destroy);
        assert!(world.path("v1.key").exists(), "{format}");
        assert_eq!(world.reseal(&[&destroy[..], &["--accept-unreadable", "2"]].concat()).0, 0, "{format}");
    }
}

/// Watches a keyset that has nothing to do with the cells: it waits for none of them.
#[test]
fn cells_of_other_keysets_keep_no_key() {
    let world = World::new("sqlite", "aes-gcm", 20);
    world.new_key("other");
    let keys = |world: &World| {
        let other = world.path("other.key").display().to_string();
        let old = world.path("old.key").display().to_string();
        format!(
            "  notes:\n    primary: other\n    keys:\n      other: {{ file: \"{other}\", encoding: base64 }}\n\
             \x20     old: {{ file: \"{old}\", encoding: base64 }}\nseals:\n"
        )
    };
    world.new_key("old");
    world.plan("");
    world.rewrite_plan("seals:\n", &keys(&world));
    world.rewrite_plan("tables:\n", "  notes:\n    keyset: notes\n    format: { aes-gcm: { layout: \"{key}:{nonce|base64}:{ciphertext|base64}\" } }\ntables:\n  extra:\n    row_key: id\n    fields: { c: notes }\n");
    world.sql(&[
        "CREATE TABLE extra (id INTEGER PRIMARY KEY, c TEXT)",
        "UPDATE people SET a = substr(a, 1, length(a) - 6) || 'AAAA' || substr(a, -2) WHERE id = 3",
    ]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0);
    assert_eq!(code(&world.reseal(&["keys", "retire", "PLAN", "v1"])), (3, "cells-unreadable"));
    let (exit, retired): (i32, Value) = world.reseal(&["keys", "retire", "PLAN", "old"]);
    assert_eq!(exit, 0, "{retired}");
}
