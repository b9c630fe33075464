//! Cells that share a part: one nonce, one DEK or one column for the key's id serves two ciphertexts of a row.

use serde_json::{Value, json};

use crate::custody::code;
use crate::envelopes::local;
use crate::world::{STORES, World};

const ROWS: u64 = 40;
/// Every tenth row has no second cell.
const SECONDS: u64 = 36;

/// The seals of a plan, and the columns of a field's cell beside its ciphertext.
struct Shape {
    name: &'static str,
    seals: &'static str,
    columns: &'static str,
}

const NONCE: Shape = Shape {
    name: "nonce",
    seals: "  main: { keyset: main, format: { aes-gcm: { encoding: base64 } } }\n",
    columns: "nonce: iv",
};
const KEY: Shape = Shape {
    name: "key",
    seals: "  main: { keyset: main, format: { aes-gcm: { layout: \"{nonce|base64}:{ciphertext|base64}\" } } }\n",
    columns: "key: kv",
};
const NONCE_AND_KEY: Shape = Shape { name: "nonce-key", columns: "nonce: iv, key: kv", ..NONCE };
const DEK: Shape = Shape {
    name: "dek",
    seals: "  main: { keyset: main, format: { aes-gcm: { encoding: base64 } }, envelope: { move: re-encrypt } }\n",
    columns: "nonce: FIELD_iv, wrapped_dek: dek, key: kv",
};
const REWRAPPED: Shape = Shape {
    seals: "  main: { keyset: main, format: { aes-gcm: { encoding: base64 } }, envelope: { move: rewrap } }\n",
    ..DEK
};

impl Shape {
    /// A world with rows of this shape under v1.
    fn world(&self, store: &str) -> World {
        let world = World::empty(store, "aes-gcm");
        let mut keys = serde_json::Map::new();
        for id in ["v1", "v2"] {
            let key = std::fs::read_to_string(world.path(&format!("{id}.key"))).unwrap();
            keys.insert(id.into(), json!({ "local": key, "prefix": true }));
        }
        std::fs::write(world.path("keys.json"), Value::Object(keys).to_string()).unwrap();
        parts(&world, &["seed", &world.url, self.name, "keys.json", "v1", &ROWS.to_string()]);
        world
    }

    /// Writes the plan, with these fields and more lines for their table.
    fn plan(&self, world: &World, fields: &[&str], more: &str) {
        let field = |name: &&str| {
            let columns = self.columns.replace("FIELD", name);
            // Wrapped DEKs are bytes, which the field writes as base64 with all its parts.
            let (encoding, columns) = match columns.contains("dek") {
                true => (", encoding: base64", columns),
                false => ("", columns),
            };
            format!("      {name}: {{ to: main, columns: {{ ciphertext: {name}, {columns} }}{encoding} }}\n")
        };
        let fields: String = fields.iter().map(field).collect();
        let seals = match self.columns.contains("dek") {
            true => self.seals.replace("{ aes-gcm: { encoding: base64 } }", "{ aes-gcm: {} }"),
            false => self.seals.to_owned(),
        };
        write_plan(world, &seals, &format!("    row_key: id\n{more}    fields:\n{fields}"));
    }
}

fn write_plan(world: &World, seals: &str, table: &str) {
    let key = |id: &str| match seals.contains("envelope") {
        true => local(world, id),
        false => format!("{{ file: \"{}\", encoding: base64 }}", world.path(&format!("{id}.key")).display()),
    };
    let plan = format!(
        "reseal: 1\nname: files\ndatabase: {{ env: TEST_DATABASE_URL }}\napplication: both-keys\n\
         keysets:\n  main:\n    primary: v2\n    keys:\n      v1: {}\n      v2: {}\n\
         seals:\n{seals}tables:\n  files:\n{table}",
        key("v1"),
        key("v2"),
    );
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
}

/// The foreign producer.
fn parts(world: &World, args: &[&str]) -> Value {
    let output = world.script("parts.py", args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn read(world: &World, shape: &str) -> Value {
    parts(world, &["read", &world.url, shape, "keys.json"])
}

fn digest(world: &World) -> Value {
    parts(world, &["digest", &world.url])
}

/// Watches the check of shared parts: by a plan that names one of the two, the other would be lost, and the run verify clean.
fn one_of_two_is_refused(store: &str) {
    for (shape, more) in [(NONCE, ""), (KEY, ""), (NONCE_AND_KEY, ""), (DEK, ""), (KEY, "    key: kv\n")] {
        let world = shape.world(store);
        let what = format!("{store}, {}{more}", shape.name);
        match more {
            "" => shape.plan(&world, &["a"], ""),
            _ => write_plan(
                &world,
                shape.seals,
                &format!("    row_key: id\n{more}    fields: {{ a: main }}\n"),
            ),
        }
        let before = digest(&world);
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!((exit, &check["problems"][0]["code"]), (3, &json!("shared-part")), "{what}: {check}");
        let message = check["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains("files.b"), "{what}: {message}");
        let help = check["problems"][0]["help"].as_str().unwrap();
        assert!(help.contains("add it to the plan"), "{what}: {help}");
        // Nothing silences what a run would destroy.
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), format!("{plan}ignore: [files.b]\n")).unwrap();
        let refused = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&refused), (3, "shared-part"), "{what}: {}", refused.1);
        assert_eq!(digest(&world), before, "{what}");
    }
}

#[test]
fn a_plan_that_names_one_of_two_cells_is_refused_on_sqlite() {
    one_of_two_is_refused(STORES[0]);
}

#[test]
fn a_plan_that_names_one_of_two_cells_is_refused_on_postgres() {
    one_of_two_is_refused(STORES[1]);
}

#[test]
fn a_plan_that_names_one_of_two_cells_is_refused_on_mysql() {
    one_of_two_is_refused(STORES[2]);
}

/// Watches what is not to be refused: a rewrap leaves the DEK as it is, and whatever else opens with it.
#[test]
fn a_rewrap_leaves_what_else_has_its_dek() {
    for store in STORES {
        let world = REWRAPPED.world(store);
        REWRAPPED.plan(&world, &["a"], "");
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        let read = read(&world, "dek");
        assert_eq!(
            (&read["right"], &read["keys"]),
            (&json!(ROWS), &json!({ "v2": ROWS })),
            "{store}: {read}"
        );
    }
}

/// Watches names, where nothing opens: a ciphertext without a nonce of its own goes by the one that there is.
#[test]
fn a_cell_that_goes_by_a_part_by_its_name_is_refused() {
    for store in STORES {
        let world = NONCE.world(store);
        let opaque = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
        world.sql(&[
            "ALTER TABLE files RENAME COLUMN a TO body_encrypted",
            "ALTER TABLE files RENAME COLUMN b TO subject_encrypted",
            &format!("UPDATE files SET subject_encrypted = '{opaque}'"),
        ]);
        let fields = "      body: { to: main, columns: { ciphertext: body_encrypted, nonce: iv } }\n";
        write_plan(&world, NONCE.seals, &format!("    row_key: id\n    fields:\n{fields}"));
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!((exit, &check["problems"][0]["code"]), (3, &json!("shared-part")), "{store}: {check}");
        assert!(
            check["problems"][0]["help"].as_str().unwrap().contains("ignore: [files.subject_encrypted]"),
            "{check}"
        );
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), format!("{plan}ignore: [files.subject_encrypted]\n"))
            .unwrap();
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!((exit, &check["problems"]), (0, &json!([])), "{store}: {check}");
    }
}

/// Watches a sealed column beside those whose key one column names: whatever it is, it does not go unseen.
#[test]
fn a_sealed_column_beside_a_table_wide_key_is_refused() {
    for store in STORES {
        let world = KEY.world(store);
        world.sql(&["UPDATE files SET note = 'vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zo'"]);
        write_plan(&world, KEY.seals, "    row_key: id\n    key: kv\n    fields: { a: main, b: main }\n");
        let refused = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&refused), (3, "key-column-shared"), "{store}: {}", refused.1);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), format!("{plan}ignore: [files.note]\n")).unwrap();
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!((exit, &check["problems"]), (0, &json!([])), "{store}: {check}");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    }
}

/// P1, P7; watches that one DEK is unwrapped, moved and put back with all its payloads.
fn one_dek_for_two(store: &str) {
    for shape in [DEK, REWRAPPED] {
        let world = shape.world(store);
        shape.plan(&world, &["a", "b"], "");
        let before = digest(&world);
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!((exit, &check["problems"]), (0, &json!([])), "{store}: {check}");
        let (exit, dry) = world.reseal(&["run", "PLAN", "--dry-run"]);
        assert_eq!((exit, &dry["cells_old"]), (0, &json!(ROWS + SECONDS)), "{store}: {dry}");
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        assert_eq!(run["cells_rotated"], ROWS + SECONDS, "{store}: {run}");
        let read = read(&world, "dek");
        assert_eq!(
            (&read["right"], &read["keys"]),
            (&json!(ROWS), &json!({ "v2": ROWS })),
            "{store}: {read}"
        );
        assert_eq!(world.reseal(&["verify", "PLAN"]).1["clean"], true, "{store}");
        let (exit, back) = world.reseal(&["rollback", "PLAN", "--confirm", "files"]);
        assert_eq!((exit, back["state"].as_str()), (0, Some("rolled_back")), "{store}: {back}");
        assert_eq!(digest(&world), before, "{store}: not the exact old bytes");
    }
}

#[test]
fn one_dek_moves_with_all_its_payloads_on_sqlite() {
    one_dek_for_two(STORES[0]);
}

#[test]
fn one_dek_moves_with_all_its_payloads_on_postgres() {
    one_dek_for_two(STORES[1]);
}

#[test]
fn one_dek_moves_with_all_its_payloads_on_mysql() {
    one_dek_for_two(STORES[2]);
}

/// P5; watches that what shares a part moves together or not at all: where one cell does not open, its neighbour would be lost
/// with the column that they share.
#[test]
fn a_broken_cell_holds_those_that_it_shares_a_part_with() {
    for store in STORES {
        for (shape, more) in [(DEK, ""), (KEY, ""), (NONCE, "    shared_nonce: accepted\n")] {
            let what = format!("{store}, {}", shape.name);
            let world = shape.world(store);
            shape.plan(&world, &["a", "b"], more);
            let broken = if shape.name == "key" {
                "QUJDREVGR0hJSktM:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
            } else {
                "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
            };
            world.sql(&[
                &format!("UPDATE files SET b = '{broken}' WHERE id = 2"),
                &format!("UPDATE files SET a = '{broken}' WHERE id = 3"),
            ]);
            let rows = || {
                world.sql(&[
                    "SELECT id, kv, dek, iv, a, a_iv, b, b_iv FROM files WHERE id IN (2, 3) ORDER BY id",
                ])
            };
            let before = rows();
            let (exit, run) = world.reseal(&["run", "PLAN"]);
            assert_eq!((exit, &run["cells_quarantined"]), (1, &json!(2)), "{what}: {run}");
            assert_eq!(rows(), before, "{what}: half of what belongs together moved");
            assert_eq!(read(&world, shape.name)["right"], ROWS - 2, "{what}");
        }
    }
}

/// Watches that no nonce repeats under a fresh key unless the plan says so, and what then is told.
fn one_nonce_for_two(store: &str) {
    let world = NONCE.world(store);
    NONCE.plan(&world, &["a", "b"], "");
    let (exit, check) = world.reseal(&["check", "PLAN"]);
    assert_eq!((exit, &check["problems"][0]["code"]), (2, &json!("shared-nonce")), "{store}: {check}");
    let help = check["problems"][0]["help"].as_str().unwrap();
    assert!(
        help.contains("{nonce|base64}:{ciphertext|base64}") && help.contains("shared_nonce: accepted"),
        "{help}"
    );

    NONCE.plan(&world, &["a", "b"], "    shared_nonce: accepted\n");
    let before = digest(&world);
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
    assert_eq!(run["shared_nonces"], json!(["files.iv (a, b)"]), "{store}: {run}");
    let read = read(&world, "nonce");
    assert_eq!((&read["right"], &read["keys"]), (&json!(ROWS), &json!({ "v2": ROWS })), "{store}: {read}");
    assert_eq!(read["nonces"], ROWS, "{store}: a nonce of another row");
    let (exit, back) = world.reseal(&["rollback", "PLAN", "--confirm", "files"]);
    assert_eq!((exit, back["state"].as_str()), (0, Some("rolled_back")), "{store}: {back}");
    assert_eq!(digest(&world), before, "{store}: not the exact old bytes");

    // A row that the application has begun to write under the new key, with the nonce that was there: its cell is sealed again
    // with the other, or it would be left with a nonce that is gone.
    parts(&world, &["mix", &world.url, "keys.json", "v2", "5"]);
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["cells_rotated"]), (0, &json!(ROWS + SECONDS)), "{store}: {run}");
    let again = parts(&world, &["read", &world.url, "nonce", "keys.json"]);
    assert_eq!((&again["right"], &again["keys"]), (&json!(ROWS), &json!({ "v2": ROWS })), "{store}: {again}");
}

#[test]
fn one_nonce_for_two_cells_is_accepted_or_refused_on_sqlite() {
    one_nonce_for_two(STORES[0]);
}

#[test]
fn one_nonce_for_two_cells_is_accepted_or_refused_on_postgres() {
    one_nonce_for_two(STORES[1]);
}

#[test]
fn one_nonce_for_two_cells_is_accepted_or_refused_on_mysql() {
    one_nonce_for_two(STORES[2]);
}

/// Watches the way out that the refusal offers: cells that shared a nonce end with one each.
#[test]
fn cells_that_shared_a_nonce_get_one_each() {
    for store in STORES {
        let world = NONCE.world(store);
        let seals = "  shared: { keyset: main, format: { aes-gcm: { encoding: base64 } } }\n  \
                     apart: { keyset: main, format: { aes-gcm: { layout: \"{nonce|base64}:{ciphertext|base64}\" } } }\n";
        let field = |name: &str| {
            format!(
                "      {name}: {{ to: apart, from: [shared], columns: {{ ciphertext: {name}, nonce: iv }} }}\n"
            )
        };
        let fields = field("a") + &field("b");
        write_plan(&world, seals, &format!("    row_key: id\n    fields:\n{fields}"));
        let before = digest(&world);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        let read = read(&world, "layout");
        assert_eq!(
            (&read["right"], &read["keys"]),
            (&json!(ROWS), &json!({ "v2": ROWS })),
            "{store}: {read}"
        );
        assert_eq!(read["nonces"], ROWS + SECONDS, "{store}: {read}");
        let (exit, back) = world.reseal(&["rollback", "PLAN", "--confirm", "files"]);
        assert_eq!((exit, back["state"].as_str()), (0, Some("rolled_back")), "{store}: {back}");
        assert_eq!(digest(&world), before, "{store}: not the exact old bytes");
    }
}
