//! What a rotation leaves behind where nobody thought of it: it keeps its key, is named, and the help can be followed.

use serde_json::{Value, json};

use crate::custody::{code, is};
use crate::world::{STORES, World};

/// A world in which all cells went to v2, and a cell under v1 from before.
fn rotated(store: &str, more: &str) -> (World, String) {
    let world = World::new(store, "aes-gcm", 20);
    world.plan(&format!("undo: none\n{more}"));
    let old = world.sql(&["SELECT a FROM people WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    (world, old)
}

fn retire(world: &World) -> (i32, Value) {
    world.reseal(&["keys", "retire", "PLAN", "v1"])
}

/// The message of a refusal, and its help.
fn said(answer: &Value) -> (String, String) {
    let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
    (text("message"), text("help"))
}

/// A place where a cell may be left, and whether a plan can name it.
struct Place {
    create: Vec<String>,
    column: &'static str,
    in_a_plan: bool,
}

fn place(create: &[&str], column: &'static str, in_a_plan: bool) -> Place {
    Place { create: create.iter().map(|sql| (*sql).to_owned()).collect(), column, in_a_plan }
}

/// A table of 1,500 rows of no interest, and behind them one with `cell`.
fn behind_many(store: &str, cell: &str) -> Place {
    let many = match store {
        "postgres" => "SELECT n, 'nothing ' || n FROM generate_series(1, 1500) n",
        "mysql" => "SELECT seq, CONCAT('nothing ', seq) FROM seq_1_to_1500",
        _ => {
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1500) SELECT n, 'nothing ' || n FROM s"
        }
    };
    place(
        &[
            "CREATE TABLE hidden (id integer NOT NULL PRIMARY KEY, x text)",
            &format!("INSERT INTO hidden {many}"),
            &format!("INSERT INTO hidden VALUES (1501, '{cell}')"),
        ],
        "hidden.x",
        true,
    )
}

fn documents(store: &str, cell: &str) -> Vec<Place> {
    let in_a_row = |sql_type: &str, value: &Value| {
        let value = match store {
            "mysql" => value.to_string().replace('\\', "\\\\"),
            _ => value.to_string(),
        };
        vec![
            format!("CREATE TABLE hidden (id integer NOT NULL PRIMARY KEY, x {sql_type})"),
            format!("INSERT INTO hidden VALUES (1, '{value}')"),
        ]
    };
    let many: Vec<String> =
        (0..700).map(|n| format!("a word of some length {n}")).chain([cell.to_owned()]).collect();
    let inner = json!({ "name": cell }).to_string();
    let all =
        [json!({ "patient": [{ "name": cell }] }), json!(many), json!({ "payload": inner }), json!(cell)];
    let of = |value: &Value| Place { create: in_a_row("text", value), column: "hidden.x", in_a_plan: false };
    all.iter().map(of).collect()
}

/// Where else each database can hold a text.
fn of_store(store: &str, cell: &str) -> Vec<Place> {
    let one = |sql_type: &str, value: &str| {
        place(
            &[
                &format!("CREATE TABLE hidden (id integer NOT NULL PRIMARY KEY, x {sql_type})"),
                &format!("INSERT INTO hidden VALUES (1, {value})"),
            ],
            "hidden.x",
            false,
        )
    };
    match store {
        "postgres" => vec![
            one("text[]", &format!("ARRAY['first', '{cell}']")),
            one("bytea[]", &format!("ARRAY['{cell}'::bytea]")),
            one("jsonb", &format!("'{{\"a\": [\"{cell}\"]}}'")),
            one("xml", &format!("'<a b=\"c\">{cell}</a>'")),
            place(
                &[
                    "CREATE DOMAIN short_text AS text",
                    "CREATE DOMAIN shorter_text AS short_text CHECK (length(VALUE) < 1000)",
                    "CREATE TABLE hidden (id integer NOT NULL PRIMARY KEY, x shorter_text)",
                    &format!("INSERT INTO hidden VALUES (1, '{cell}')"),
                ],
                "hidden.x",
                true,
            ),
            place(
                &[
                    "CREATE TYPE pair AS (number integer, payload text)",
                    "CREATE TABLE hidden (id integer NOT NULL PRIMARY KEY, x pair)",
                    &format!("INSERT INTO hidden VALUES (1, (7, '{cell}'))"),
                ],
                "hidden.x",
                false,
            ),
            place(
                &[&format!("CREATE MATERIALIZED VIEW hidden_view AS SELECT 1 AS id, '{cell}'::text AS x")],
                "hidden_view.x",
                false,
            ),
        ],
        "mysql" => vec![
            one("json", &format!("'{{\"a\": [\"{cell}\"]}}'")),
            one(&format!("enum('none', '{cell}')"), &format!("'{cell}'")),
            one("blob", &format!("'{{\"a\": \"{cell}\"}}'")),
        ],
        _ => vec![
            one("integer", &format!("'{cell}'")),
            one("decimal(10, 2)", &format!("'{cell}'")),
            one("encrypted", &format!("'{cell}'")),
        ],
    }
}

/// Watches the gate of a key's end, and what it says of each place: a column that no plan can name is not to be added to one.
fn keeps_its_key(store: &str) {
    let (world, cell) = rotated(store, "");
    let without_key = place(
        &["CREATE TABLE hidden (id integer, x text)", &format!("INSERT INTO hidden VALUES (1, '{cell}')")],
        "hidden.x",
        false,
    );
    let mut places = vec![behind_many(store, &cell), without_key];
    places.extend(documents(store, &cell));
    places.extend(of_store(store, &cell));
    for Place { create, column, in_a_plan } in places {
        let create: Vec<&str> = create.iter().map(String::as_str).collect();
        world.sql(&create);
        let made = create[create.len().saturating_sub(2)];
        let refused = retire(&world);
        assert_eq!(code(&refused), (3, "column-outside-the-plan"), "{store}, {made}: {}", refused.1);
        let (message, help) = said(&refused.1);
        assert!(message.contains(column), "{store}, {made}: {message}");
        assert_eq!(help.contains("add it to the plan"), in_a_plan, "{store}, {made}: {help}");
        assert_eq!(help.contains("let the application"), !in_a_plan, "{store}, {made}: {help}");
        match column {
            "hidden.x" => world.sql(&["DROP TABLE hidden"]),
            _ => world.sql(&["DROP MATERIALIZED VIEW hidden_view"]),
        };
    }
    is(&world, "rotating", "active");
    let (exit, done) = retire(&world);
    assert_eq!(exit, 0, "{store}: {done}");
}

#[test]
fn a_cell_keeps_its_key_wherever_it_lies_on_sqlite() {
    keeps_its_key(STORES[0]);
}

#[test]
fn a_cell_keeps_its_key_wherever_it_lies_on_postgres() {
    keeps_its_key(STORES[1]);
}

#[test]
fn a_cell_keeps_its_key_wherever_it_lies_on_mysql() {
    keeps_its_key(STORES[2]);
}

/// Watches ciphertexts that no format here opens: they are named, as a whole and inside of documents.
#[test]
fn ciphertexts_of_others_are_seen() {
    let sealed = "UVdFUlRZVUlPUEFTREZHSA==";
    let rails = json!({ "p": sealed, "h": { "iv": "MTIzNDU2Nzg5MDEy", "at": "MTIzNDU2Nzg5MDEyMzQ1Ng==" } });
    let laravel = json!({ "iv": "MTIzNDU2Nzg5MDEyMzQ1Ng==", "value": sealed, "mac": "00" });
    let inside = json!({ "profile": { "ssn": rails } });
    for store in STORES {
        let (world, _) = rotated(store, "");
        world.sql(&["CREATE TABLE others (id integer NOT NULL PRIMARY KEY, x text)"]);
        for cell in [
            rails.to_string(),
            laravel.to_string(),
            inside.to_string(),
            "vault:v1:8SDd3WHDOjf7mq69CyCqYjBX".into(),
        ] {
            world.sql(&["DELETE FROM others", &format!("INSERT INTO others VALUES (1, '{cell}')")]);
            let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
            assert_eq!(
                (exit, &check["problems"][0]["code"]),
                (0, &json!("column-outside-the-plan")),
                "{store}: {check}"
            );
            assert_eq!(code(&retire(&world)), (3, "column-outside-the-plan"), "{store}: {cell}");
        }
        world.plan("undo: none\nignore: [others.x]\n");
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!((exit, &check["problems"]), (0, &json!([])), "{store}: {check}");
        let (exit, done) = retire(&world);
        assert_eq!(exit, 0, "{store}: {done}");
        assert!(done["notes"].to_string().contains("ignored by the plan: `others.x`"), "{store}: {done}");
    }
}

/// Watches that `ignore:` silences a warning and frees no key whose cells lie there.
#[test]
fn an_ignored_column_keeps_the_key_that_opens_it() {
    for store in STORES {
        let (world, cell) = rotated(store, "ignore: [hidden.x, papers.x]\n");
        for (create, table) in [
            (format!("INSERT INTO hidden VALUES (1, '{cell}')"), "hidden"),
            (format!("INSERT INTO papers VALUES (1, '{{\"a\": [\"{cell}\"]}}')"), "papers"),
        ] {
            world.sql(&[&format!("CREATE TABLE {table} (id integer NOT NULL PRIMARY KEY, x text)"), &create]);
            let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
            assert_eq!((exit, &check["problems"]), (0, &json!([])), "{store}: {check}");
            let refused = retire(&world);
            assert_eq!(code(&refused), (3, "column-outside-the-plan"), "{store}: {}", refused.1);
            let (message, help) = said(&refused.1);
            assert!(message.contains(&format!("{table}.x")), "{store}: {message}");
            assert!(
                help.contains("`ignore:` does not release a key") && !help.contains("suppress"),
                "{store}: {help}"
            );
            world.sql(&[&format!("DELETE FROM {table}")]);
        }
        // Cells of another key, and what only names this one: nothing that opens under it.
        let new = world.sql(&["SELECT a FROM people WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
        let broken = "v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
        world.sql(&[
            &format!("INSERT INTO hidden VALUES (1, '{new}')"),
            &format!("INSERT INTO papers VALUES (1, '{broken}')"),
        ]);
        let (exit, done) = retire(&world);
        assert_eq!(exit, 0, "{store}: {done}");
        assert!(
            done["notes"].to_string().contains("`papers.x` contains cells that name a key"),
            "{store}: {done}"
        );
    }
}

/// Watches rows that `where:` leaves out of a column that the plan rotates.
#[test]
fn rows_that_a_condition_leaves_out_keep_their_key() {
    for store in STORES {
        for condition in ["id <= 15", "note <> 'note 16'"] {
            let world = World::new(store, "aes-gcm", 20);
            world.plan("undo: none\n");
            world.rewrite_plan("    row_key: id\n", &format!("    row_key: id\n    where: {condition}\n"));
            // A row for which the condition is neither true nor false is left out too.
            world.sql(&["UPDATE people SET note = NULL WHERE id = 17"]);
            assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
            let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
            assert_eq!(exit, 0, "{store}: {check}");
            assert!(check["problems"].to_string().contains("rows-left-out"), "{store}: {check}");
            let refused = retire(&world);
            assert_eq!(code(&refused), (3, "rows-left-out"), "{store}: {}", refused.1);
            world.sql(&["DELETE FROM people WHERE b LIKE 'v1:%' OR a LIKE 'v1:%'"]);
            let (exit, done) = retire(&world);
            assert_eq!(exit, 0, "{store}, {condition}: {done}");
        }
    }
}

/// Watches a column that tells the application which key a row is under, and that no run changes.
#[test]
fn a_column_of_key_ids_is_seen() {
    for store in STORES {
        let (world, _) = rotated(store, "");
        let kind = if store == "mysql" { "enum('v1', 'v2')" } else { "varchar(20)" };
        world.sql(&[
            &format!("ALTER TABLE people ADD COLUMN sealed_under {kind}"),
            "UPDATE people SET sealed_under = 'v1'",
        ]);
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!(
            (exit, &check["problems"][0]["code"]),
            (0, &json!("key-ids-outside-the-plan")),
            "{store}: {check}"
        );
        let refused = retire(&world);
        assert_eq!(code(&refused), (3, "key-ids-outside-the-plan"), "{store}: {}", refused.1);
        assert!(said(&refused.1).0.contains("people.sealed_under"), "{store}: {}", refused.1);
        world.sql(&["UPDATE people SET sealed_under = 'v2'"]);
        let (exit, done) = retire(&world);
        assert_eq!(exit, 0, "{store}: {done}");
    }
}

/// Numbers are ids where the column's name says so, and not where they count something.
#[test]
fn numbers_are_ids_of_keys_only_by_their_name() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 20);
        world.plan("undo: none\n");
        world.rewrite_plan("v1: { file", "\"1\": { tag: v1, file");
        world.rewrite_plan("v2: { file", "\"2\": { tag: v2, file");
        world.rewrite_plan("primary: v2", "primary: \"2\"");
        world.sql(&[
            "ALTER TABLE people ADD COLUMN key_version integer",
            "ALTER TABLE people ADD COLUMN visits integer",
            "UPDATE people SET key_version = 1, visits = 1",
        ]);
        let (exit, check) = world.reseal(&["check", "PLAN", "--connect"]);
        let named = check["problems"].to_string();
        assert_eq!(exit, 0, "{store}: {check}");
        assert!(named.contains("people.key_version") && !named.contains("people.visits"), "{store}: {check}");
        world.sql(&["UPDATE people SET key_version = 3 WHERE id = 2"]);
        let (_, check) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!(check["problems"], json!([]), "{store}: other numbers stand there too");
    }
}

/// Watches that what cannot be looked at is listed by name where a key is given up.
#[test]
fn what_cannot_be_looked_at_is_named() {
    let (mut world, cell) = rotated("postgres", "");
    let admin = world.url.clone();
    let role = admin.rsplit_once('/').unwrap().1.replace("reseal_", "reseal_blind_");
    world.sql(&[
        "CREATE TABLE closed (id integer NOT NULL PRIMARY KEY, x text)",
        &format!("INSERT INTO closed VALUES (1, '{cell}')"),
        "CREATE TABLE half (id integer NOT NULL PRIMARY KEY, x text, y text)",
        &format!("INSERT INTO half VALUES (1, '{cell}', 'open')"),
        &format!("CREATE ROLE {role} LOGIN"),
        &format!("GRANT USAGE ON SCHEMA reseal TO {role}"),
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA reseal TO {role}"),
        &format!("GRANT SELECT, UPDATE ON people TO {role}"),
        &format!("GRANT SELECT (id, y) ON half TO {role}"),
    ]);
    world.url = admin.replacen("postgres@", &format!("{role}@"), 1);
    let (exit, done) = retire(&world);
    world.producer(&["sql", &admin, &format!("DROP OWNED BY {role}"), &format!("DROP ROLE {role}")]);
    assert_eq!(exit, 0, "{done}");
    let notes = done["notes"].to_string();
    assert!(notes.contains("not checked: closed.x") && notes.contains("not checked: half.x"), "{notes}");
    assert!(!notes.contains("half.y") && !notes.contains("people"), "{notes}");
}

/// Watches that values in a layout which nobody knows are not called looked at: a key may have sealed them.
#[test]
fn random_values_of_no_known_layout_are_named() {
    let (world, _) = rotated("sqlite", "");
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)";
    world.sql(&[
        "CREATE TABLE other (id INTEGER PRIMARY KEY, hex TEXT, parts TEXT, raw BLOB, words TEXT, short TEXT)",
        &format!(
            "INSERT INTO other {rows} SELECT i, lower(hex(randomblob(44))), lower(hex(randomblob(16))) || ':' || \
             lower(hex(randomblob(32))), randomblob(60), 'a street in a town, number ' || i, hex(randomblob(4)) FROM n"
        ),
    ]);
    let (exit, done) = retire(&world);
    assert_eq!(exit, 0, "{done}");
    let notes = done["notes"].to_string();
    for column in ["hex", "parts", "raw"] {
        assert!(notes.contains(&format!("not checked: other.{column} (its values look random")), "{notes}");
    }
    assert!(!notes.contains("other.words") && !notes.contains("other.short"), "{notes}");
}
