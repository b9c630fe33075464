//! What keeps a server from storing a cell at all, found before the first write; where it is one row, that row alone is
//! listed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::World;

/// The findings of a check, as one text, and its exit code.
fn checked(world: &World) -> (i32, String) {
    let (code, document) = world.reseal(&["check", "PLAN", "--connect"]);
    (code, document.to_string())
}

const NOTES: &str = "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, cell text)";

/// What a server has, the code of the finding, and what it says.
const KEPT_AWAY: [(&str, &[&str], &str, &str); 8] = [
    (
        "postgres",
        &["CREATE RULE quiet AS ON UPDATE TO people DO INSTEAD NOTHING"],
        "rule",
        "rule `quiet` on `people`",
    ),
    (
        "postgres",
        &[
            "CREATE TABLE log (a text)",
            "CREATE RULE also AS ON UPDATE TO people DO ALSO INSERT INTO log VALUES (new.a)",
        ],
        "rule",
        "rule `also` on `people`",
    ),
    (
        "postgres",
        &["ALTER TABLE people REPLICA IDENTITY NOTHING", "CREATE PUBLICATION told FOR TABLE people"],
        "no-replica-identity",
        "publication `told` publishes updates of `people`",
    ),
    (
        "postgres",
        &["ALTER TABLE people ADD COLUMN g text GENERATED ALWAYS AS (upper(a)) STORED"],
        "generated-column",
        "`people.g` is computed by the database",
    ),
    (
        "mysql",
        &["ALTER TABLE people ADD COLUMN g text AS (UPPER(a))"],
        "generated-column",
        "`people.g` is computed",
    ),
    (
        "sqlite",
        &["ALTER TABLE people ADD COLUMN g text AS (upper(a))"],
        "generated-column",
        "`people.g` is computed",
    ),
    (
        "mysql",
        &[
            NOTES,
            "CREATE TRIGGER t AFTER UPDATE ON people FOR EACH ROW UPDATE notes SET cell = NEW.a WHERE id = NEW.id",
        ],
        "trigger-writes-cells",
        "trigger `t` on `people` writes `notes.cell`, which the plan rotates",
    ),
    (
        "mysql",
        &[
            NOTES,
            "CREATE PROCEDURE p(x INT) UPDATE `notes` n SET n.cell = NULL WHERE n.id = x",
            "CREATE TRIGGER t AFTER UPDATE ON people FOR EACH ROW CALL p(NEW.id)",
        ],
        "trigger-writes-cells",
        "trigger `t` on `people` writes `notes.cell`",
    ),
];

/// P10; watches what preflight reads of the catalogue: without it the first swap ends in an error of the server that names
/// another reason, or in fifty races.
#[test]
fn what_keeps_updates_away_is_found_before_the_first_write() {
    for (store, make, code, says) in KEPT_AWAY {
        let world = World::new(store, "aes-gcm", 20);
        world.sql(make);
        world.plan("side_effects: [t]\n");
        if make[0] == NOTES {
            world.rewrite_plan(
                "tables:\n",
                "tables:\n  notes:\n    row_key: id\n    fields: { cell: main }\n",
            );
        }
        let (exit, told) = checked(&world);
        assert!(exit == 3 && told.contains(code) && told.contains(says), "{store}, {make:?}: {told}");
        let before = world.digest();
        let (exit, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &refused["error"]["code"]), (3, &json!(code)), "{store}, {make:?}: {refused}");
        assert_eq!(world.digest(), before, "{store}, {make:?}");
    }
}

/// Watches triggers that write a planned cell of another table, on the databases that can be watched while they write.
#[test]
fn a_trigger_that_writes_a_cell_of_another_table_ends_the_run() {
    let set = "UPDATE notes SET cell = NEW.a WHERE id = NEW.id";
    let cases = [
        (
            "postgres",
            vec![
                format!(
                    "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {set}; RETURN NULL; END $$"
                ),
                "CREATE TRIGGER loud AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION loud()".to_owned(),
            ],
        ),
        ("sqlite", vec![format!("CREATE TRIGGER loud AFTER UPDATE ON people BEGIN {set}; END")]),
    ];
    for (store, make) in cases {
        let world = World::new(store, "aes-gcm", 20);
        world.sql(&[
            "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, cell text)",
            "INSERT INTO notes SELECT id, a FROM people",
        ]);
        world.sql(&make.iter().map(String::as_str).collect::<Vec<_>>());
        world.plan("side_effects: [loud]\n");
        world.rewrite_plan("tables:\n", "tables:\n  notes:\n    row_key: id\n    fields: { cell: main }\n");
        let before = world.digest();
        let (exit, refused) = world.reseal(&["run", "PLAN", "--table", "people"]);
        assert_eq!(
            (exit, &refused["error"]["code"]),
            (3, &json!("trigger-writes-cells")),
            "{store}: {refused}"
        );
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("people: trigger `loud` writes `notes.cell` in rows other"),
            "{store}: {message}"
        );
        assert_eq!(world.digest(), before, "{store}");
    }
}

/// Watches a trigger that only a partition has, which the table's own catalogue entry does not list.
#[test]
fn a_trigger_of_a_partition_is_a_trigger_of_the_table() {
    let world = World::new("postgres", "aes-gcm", 20);
    world.sql(&[
        "ALTER TABLE people RENAME TO part",
        "CREATE TABLE people (LIKE part INCLUDING ALL) PARTITION BY RANGE (id)",
        "ALTER TABLE people ATTACH PARTITION part FOR VALUES FROM (0) TO (1000)",
        "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.a := upper(new.a); RETURN new; END $$",
        "CREATE TRIGGER loud BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION loud()",
    ]);
    let (exit, told) = checked(&world);
    assert!(exit == 3 && told.contains("trigger `loud` on `people` fires"), "{told}");
    world.plan("side_effects: [loud]\n");
    let before = world.digest();
    let (exit, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &refused["error"]["code"]), (3, &json!("stored-otherwise")), "{refused}");
    assert_eq!(world.digest(), before);
}

/// Watches that a file which may only be read is not called writable: BEGIN IMMEDIATE does not tell.
#[test]
fn a_file_that_may_only_be_read_is_found_before_the_first_write() {
    let mut world = World::new("sqlite", "aes-gcm", 20);
    world.sql(&["PRAGMA journal_mode = DELETE"]);
    let bytes = || std::fs::read(world.path("data.db")).unwrap();
    let before = bytes();
    let (exit, told) = checked(&world);
    assert_eq!(exit, 0, "{told}");
    assert_eq!(bytes(), before, "a check wrote into the file");
    world.url = format!("{}?mode=ro", world.url);
    let (exit, told) = checked(&world);
    assert!(exit == 3 && told.contains("unwritable") && told.contains("the file is read-only"), "{told}");
}

/// A cell of so many bytes of plaintext, sealed under v1 as the producer seals.
fn long_cell(world: &World, bytes: usize) -> String {
    let script = format!(
        "import os, json, base64; from cryptography.hazmat.primitives.ciphers.aead import AESGCM; \
         key = json.load(open('v1.json')); n = os.urandom(12); \
         c = AESGCM(base64.b64decode(key['key'])).encrypt(n, base64.b64encode(os.urandom({}))[:{bytes}], None); \
         print('v1:' + base64.b64encode(n).decode() + ':' + base64.b64encode(c).decode())",
        bytes
    );
    let output = std::process::Command::new(crate::world::python())
        .args(["-c", &script])
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn listed(world: &World) -> Vec<(Value, Value)> {
    let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
    let cells = listed["cells"].as_array().unwrap().iter();
    cells.map(|cell| (cell["row"].clone(), cell["field"].clone())).collect()
}

/// P5; watches what an index refuses: the row is found beforehand and listed alone, and no run dies of it.
#[test]
fn a_row_that_is_too_long_for_an_index_is_listed_alone() {
    let world = World::new("postgres", "aes-gcm", 60);
    // The new cells are in hexadecimal and so longer than the old ones: 2,440 bytes become 3,600.
    world.sql(&[
        "CREATE INDEX by_a ON people (a)",
        &format!("UPDATE people SET a = '{}' WHERE id = 30", long_cell(&world, 1800)),
    ]);
    world.rewrite_plan(
        "seals:\n",
        "seals:\n  wide:\n    keyset: main\n    format: { aes-gcm: { layout: \"w:{key}:{nonce|hex}:{ciphertext|hex}\" } }\n",
    );
    world.rewrite_plan("      a: { to: main }", "      a: { to: wide, from: [main] }");
    let (exit, told) = checked(&world);
    assert_eq!(exit, 0, "{told}");
    assert!(told.contains("index-row-too-long") && told.contains("1 of the 20 longest rows"), "{told}");
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["cells_quarantined"], &run["cells_old"]), (1, &json!(2), &json!(0)), "{run}");
    assert!(listed(&world).iter().all(|(row, _)| row == "30"), "{run}");
    // Where all of the longest rows are too long, there will be more of them.
    let cell = long_cell(&world, 1800);
    world.sql(&[&format!("UPDATE people SET a = '{cell}' WHERE id > 30")]);
    let (exit, told) = checked(&world);
    assert!(exit == 3 && told.contains("all of the 20 longest rows"), "{told}");
}

/// P5; watches `max_allowed_packet`: the server breaks the connection for what is larger, again and again.
#[test]
fn a_row_that_is_larger_than_a_packet_is_listed_alone() {
    let world = World::new("mysql", "aes-gcm", 60);
    let packet = world.sql(&["SELECT @@max_allowed_packet"])[0][0].as_u64().unwrap();
    let bytes = usize::try_from(packet).unwrap() * 9 / 16 * 3 / 4;
    std::fs::write(world.path("cell"), long_cell(&world, bytes)).unwrap();
    world.sql(&["ALTER TABLE people MODIFY a LONGTEXT"]);
    let script = "import sys, os; sys.path.insert(0, sys.argv[1]); import producer; \
                  producer.Database(sys.argv[2]).run('UPDATE people SET a = %s WHERE id = 30', (open('cell').read(),))";
    let producers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("producers");
    let filled = std::process::Command::new(crate::world::python())
        .args(["-c", script, &producers.display().to_string(), &world.url])
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    let (exit, told) = checked(&world);
    assert_eq!(exit, 0, "{told}");
    assert!(told.contains("packet-too-small") && told.contains("1 of the 20 longest rows"), "{told}");
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["cells_quarantined"], &run["cells_old"]), (1, &json!(2), &json!(0)), "{run}");
    assert!(listed(&world).iter().all(|(row, _)| row == "30"), "{run}");
}

/// Watches `SET SESSION autocommit = 1`: where new connections begin without it, what is written outside of a transaction
/// would be gone with the connection.
#[test]
fn a_server_without_autocommit_loses_nothing() {
    let mut world = World::new("mysql", "aes-gcm", 60);
    let name = world.url.rsplit('/').next().unwrap().to_owned();
    let user = format!("slow_{}", name.trim_start_matches("reseal_"));
    world.sql(&[
        &format!("CREATE USER {user}@'%' IDENTIFIED BY 'pw'"),
        &format!("GRANT ALL ON {name}.* TO {user}@'%'"),
        // Only users without SUPER are sent through it, and of those only these.
        "SET GLOBAL init_connect = \"SET autocommit = IF(CURRENT_USER() LIKE 'slow_%', 0, 1)\"",
    ]);
    let owner = world.url.clone();
    let place = owner.split_once('@').unwrap().1;
    world.url = format!("mysql://{user}:pw@{place}");
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{run}");
    world.url = owner;
    let (_, status) = world.reseal(&["status", "PLAN"]);
    assert_eq!((&status["state"], &status["cells_old"]), (&json!("complete"), &json!(0)), "{status}");
    assert_eq!(world.read("v2").2, 60);
    world.sql(&["SET GLOBAL init_connect = ''", &format!("DROP USER {user}@'%'")]);
}

/// Watches that base64 is what the helper says.
#[test]
fn a_long_cell_is_as_long_as_it_is_asked_for() {
    let world = World::empty("sqlite", "aes-gcm");
    let cell = long_cell(&world, 1800);
    let sealed = STANDARD.decode(cell.rsplit(':').next().unwrap()).unwrap();
    assert_eq!(sealed.len(), 1816);
}
