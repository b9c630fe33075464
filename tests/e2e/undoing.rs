//! A rollback undoes the steps that were carried out, and no others; and it seals under no key that the application has
//! given up by its own table.

use serde_json::{Value, json};

use crate::custody::code;
use crate::world::{STORES, World};

const ROWS: u32 = 60;
const BACK: [&str; 4] = ["rollback", "PLAN", "--confirm", "people"];

/// A plan whose keys lie in the application's own table: their ids, states and ages.
fn by_table(store: &str, more: &str) -> World {
    let world = World::new(store, "aes-gcm", ROWS);
    world.sql(&[
        "CREATE TABLE key_record (id varchar(20), state varchar(20), created_at varchar(30))",
        "INSERT INTO key_record VALUES ('v0', 'retired', '2024-01-01 00:00:00'), ('v1', 'active', '2025-01-01 00:00:00')",
    ]);
    world.new_key("v0");
    plan(&world, more);
    world
}

fn plan(world: &World, more: &str) {
    world.plan(more);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let (from, upto) = (plan.find("    primary:").unwrap(), plan.find("seals:").unwrap());
    let keys = world.folder.path().display().to_string();
    let keyset = format!(
        "    primary: {{ sql: \"SELECT id FROM key_record WHERE state = 'active'\" }}\n    keys_from:\n      - sql: \"SELECT id, state, created_at FROM key_record\"\n        key: {{ file: \"{keys}/{{id}}.key\", encoding: base64 }}\n"
    );
    std::fs::write(world.path("plan.yaml"), format!("{}{keyset}{}", &plan[..from], &plan[upto..])).unwrap();
}

fn states(world: &World) -> String {
    let rows = world.sql(&["SELECT id, state FROM key_record ORDER BY id"]);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", row[0].as_str().unwrap(), row[1].as_str().unwrap()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A step that fails unless a file is there.
fn gate(world: &World, name: &str) -> String {
    format!("{{ command: [test, -e, \"{}\"] }}", world.path(name).display())
}

fn open(world: &World, names: &[&str]) {
    names.iter().for_each(|name| std::fs::write(world.path(name), "").unwrap());
}

/// The steps of an application that keeps one key active, with gates among them. `undoes` says which step undoes which.
fn hooks(world: &World, undoes: bool) -> String {
    let named = |name: &str| if undoes { format!("name: {name}, ") } else { String::new() };
    let of = |name: &str| if undoes { format!(", undoes: [{name}]") } else { String::new() };
    format!(
        "hooks:\n  before:\n    - {}\n    - {{ {}sql: \"UPDATE key_record SET state = 'rotating' WHERE state = 'active'\" }}\n    - {}\n    - {{ {}sql: \"INSERT INTO key_record VALUES ('v2', 'active', '2026-01-01 00:00:00')\" }}\n    - {}\n  after:\n    - sql: \"UPDATE key_record SET state = 'retired' WHERE state = 'rotating'\"\n  on_failure:\n    - {{ when: rolled_back, sql: \"UPDATE key_record SET state = 'created' WHERE state = 'active'\"{} }}\n    - {{ when: rolled_back, sql: \"UPDATE key_record SET state = 'active' WHERE id = 'v1'\"{} }}\n",
        gate(world, "one"),
        named("old"),
        gate(world, "two"),
        named("new"),
        gate(world, "three"),
        of("new"),
        of("old"),
    )
}

/// Watches which of the steps that undo others are carried out: by how far the run came.
#[test]
fn only_what_was_done_is_undone() {
    for store in STORES {
        // How many gates are open, the exit of the run, and the states of the keys behind it and behind its rollback.
        let new = ", v2 active";
        for (gates, exit, then, back) in [
            (0, 3, "v0 retired, v1 active", "v0 retired, v1 active"),
            (1, 3, "v0 retired, v1 rotating", "v0 retired, v1 active"),
            (2, 3, &format!("v0 retired, v1 rotating{new}"), "v0 retired, v1 active, v2 created"),
            (3, 0, &format!("v0 retired, v1 retired{new}"), "v0 retired, v1 active, v2 created"),
        ] {
            let world = by_table(store, "");
            let before = world.digest();
            plan(&world, &hooks(&world, true));
            open(&world, &["one", "two", "three"][..gates]);
            let (code, done) = world.reseal(&["run", "PLAN"]);
            assert_eq!((code, states(&world).as_str()), (exit, then), "{store}, {gates} gates: {done}");
            let to_key = if gates == 3 { &["--to-key", "v1"][..] } else { &[] };
            let (code, done) = world.reseal(&[&BACK[..], to_key].concat());
            assert_eq!((code, states(&world).as_str()), (0, back), "{store}, {gates} gates: {done}");
            assert_eq!(world.digest(), before, "{store}, {gates} gates");
        }
    }
}

/// Watches a plan that does not say which step undoes which: where the run did nothing at all, nothing is undone.
#[test]
fn where_nothing_was_done_nothing_is_undone() {
    for store in STORES {
        for gates in [0, 1] {
            let world = by_table(store, "");
            // By its states alone, as plans do that know no id.
            let steps =
                hooks(&world, false).replace("WHERE id = 'v1'", "WHERE id <> 'v2' AND state <> 'created'");
            plan(&world, &steps);
            world.sql(&["DELETE FROM key_record WHERE id = 'v0'"]);
            open(&world, &["one", "two"][..gates]);
            assert_eq!(world.reseal(&["run", "PLAN"]).0, 3, "{store}, {gates} gates");
            let (code, done) = world.reseal(&BACK);
            assert_eq!(code, 0, "{store}, {gates} gates: {done}");
            assert_eq!(states(&world), "v1 active", "{store}, {gates} gates");
        }
    }
}

/// Watches that a step which tells people of a rollback is carried out in a plan without any other step.
#[test]
fn a_rollback_is_told_of_where_cells_went_back() {
    let world = World::new("sqlite", "aes-gcm", ROWS);
    let told = world.path("told");
    world.plan(&format!(
        "hooks:\n  on_failure:\n    - {{ when: rolled_back, command: [touch, \"{}\"] }}\n",
        told.display()
    ));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&BACK).0, 0);
    assert!(told.exists());
}

fn source_of(world: &World, key: &str) -> Value {
    let (code, list) = world.reseal(&["keys", "list", "PLAN"]);
    assert_eq!(code, 0, "{list}");
    let keys = list["keys"].as_array().unwrap();
    let found = keys.iter().find(|other| other["key"] == key).unwrap_or_else(|| panic!("{key}: {list}"));
    json!([found["source_state"], found["source_created"]])
}

/// Watches that what the application's own table says of keys is in the catalogue, and that neither a run nor a rollback
/// seals under a key that it has given up.
#[test]
fn nothing_is_sealed_under_a_key_that_the_application_retired() {
    for store in STORES {
        let world = by_table(store, "");
        let before = world.digest();
        world.sql(&[
            "UPDATE key_record SET state = 'rotating' WHERE id = 'v1'",
            "INSERT INTO key_record VALUES ('v2', 'active', '2026-01-01 00:00:00')",
        ]);
        let (code_of_run, done) = world.reseal(&["run", "PLAN"]);
        assert_eq!(code_of_run, 0, "{store}: {done}");
        assert_eq!(source_of(&world, "v1"), json!(["rotating", "2025-01-01T00:00:00Z"]), "{store}");
        let to = |key: &'static str| world.reseal(&[&BACK[..], &["--to-key", key]].concat());
        // One that it had retired when the run began, one that it retires now, and one that it destroys.
        let rotated = world.digest();
        for (key, state) in [("v0", "retired"), ("v1", "retired"), ("v1", "Destroyed")] {
            world.sql(&[&format!("UPDATE key_record SET state = '{state}' WHERE id = '{key}'")]);
            let refused = to(key);
            assert_eq!(code(&refused), (3, "key-given-up"), "{store}, {key} {state}: {}", refused.1);
            let message = refused.1["error"]["message"].as_str().unwrap();
            assert!(message.contains(key) && message.contains(state), "{store}: {message}");
            assert_eq!(world.digest(), rotated, "{store}, {key} {state}: it wrote");
        }
        assert_eq!(source_of(&world, "v1")[0], "Destroyed", "{store}");
        world.sql(&[
            "UPDATE key_record SET state = 'active' WHERE id = 'v1'",
            "UPDATE key_record SET state = 'rotating' WHERE id = 'v2'",
        ]);
        let (exit, done) = to("v1");
        assert_eq!((exit, world.digest()), (0, before), "{store}: {done}");
        let refused = world.reseal(&["run", "PLAN", "--primary", "v0"]);
        assert_eq!(code(&refused), (3, "key-given-up"), "{store}: {}", refused.1);
    }
}
