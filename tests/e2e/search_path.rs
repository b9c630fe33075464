//! Where names lead on PostgreSQL: those of a plan and of what a table carries where the connection looked, and Reseal's own
//! nowhere else than to the database's.

use serde_json::json;

use crate::world::{World, variable};

/// Watches that all of what a table carries goes on to work: its trigger, its CHECK and its generated column call functions
/// by names that only the connection's own path leads to, and so do a plan's condition and its steps. The ciphertext is of an
/// extension's type, and so is a column beside it.
#[test]
fn what_a_table_carries_looks_where_the_connection_looked() {
    let mut world = World::empty("postgres", "aes-gcm");
    let plain = world.url.clone();
    world.sql(&[
        "CREATE SCHEMA shop",
        "CREATE EXTENSION citext SCHEMA shop",
        "CREATE TYPE shop.mood AS ENUM ('fine')",
    ]);
    world.url = format!("{plain}?options=-csearch_path=shop");
    world.producer(&["seed", &plain, "shop.people", "aes-gcm", "v1.json", "90"]);
    world.producer(&[
        "sql",
        &plain,
        "SET search_path = shop",
        "CREATE TABLE log (id integer, at timestamptz)",
        "ALTER TABLE people ALTER b TYPE citext, ADD m mood DEFAULT 'fine'",
        "CREATE FUNCTION inner_check(t text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN t <> ''; END $$",
        "CREATE FUNCTION is_fine(t text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN inner_check(t); END $$",
        "CREATE FUNCTION is_chosen(n integer) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN n > 0 AND inner_check('x'); END $$",
        "ALTER TABLE people ADD CONSTRAINT fine CHECK (is_fine(a)), ADD g bool GENERATED ALWAYS AS (is_fine(a)) STORED",
        "CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO log VALUES (new.id, now()); RETURN new; END $$",
        "CREATE TRIGGER note_it AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION note_it()",
    ]);
    let people = "  people:\n    row_key: id\n";
    let more = "    where: \"is_chosen(id) AND m = 'fine'::mood\"\n";
    world.plan("side_effects: [note_it, people.g]\nhooks:\n  before:\n    - sql: \"INSERT INTO log VALUES (0, now())\"\n");
    world.rewrite_plan(people, &format!("{people}{more}"));
    for (command, exit) in [
        (vec!["check", "PLAN", "--connect"], 0),
        (vec!["run", "PLAN"], 0),
        (vec!["verify", "PLAN"], 0),
        (vec!["rollback", "PLAN", "--confirm", "people"], 0),
    ] {
        let (code, said) = world.reseal(&command);
        assert_eq!(code, exit, "{command:?}: {said}");
    }
    let rows = world.producer(&["read", &plain, "shop.people", "aes-gcm", "v1.json"]);
    assert_eq!(rows["right"], json!(90), "{rows}");
    let logged =
        world.producer(&["sql", &plain, "SELECT count(*), count(*) FILTER (WHERE id = 0) FROM shop.log"]);
    assert_eq!(logged, json!([[181, 1]]));
}

/// Watches that a row key is compared by the operators of its own type, wherever that lies and whatever it is called: rows are
/// neither skipped nor read twice where it sorts them in an order of its own, and each is found again by its key.
#[test]
fn a_row_key_of_another_type_is_compared_as_its_type() {
    // Not in the order of the alphabet.
    let values: Vec<String> = (1..=60).map(|n| format!("'e{}'", n * 37 % 61)).collect();
    let values = values.join(", ");
    let of_enum = "('{' || array_to_string(enum_range(NULL::TYPE), ',') || '}')::text[]";
    let (by_text, by_enum) =
        ("CASE id % 2 WHEN 0 THEN 'Key' ELSE 'kEY' END || id", format!("({of_enum})[id]"));
    for (made, key, value, row_key) in [
        ("SELECT 1".to_owned(), "shop.citext", by_text, "k"),
        ("CREATE DOMAIN code AS shop.citext".into(), "code", by_text, "k"),
        (format!("CREATE TYPE code AS ENUM ({values})"), "code", by_enum.as_str(), "k"),
        (format!("CREATE TYPE shop.varchar AS ENUM ({values})"), "shop.varchar", by_enum.as_str(), "k"),
        ("SELECT 1".to_owned(), "shop.citext", by_text, "[note, k]"),
        ("SELECT 1".to_owned(), "shop.citext", by_text, "[k, id]"),
    ] {
        let at = format!("{made:.40} {key} {row_key}");
        let world = World::new("postgres", "aes-gcm", 60);
        let before = world.sql(&["SELECT id, a, b FROM people ORDER BY id"]);
        let value = value.replace("TYPE", key);
        let columns = row_key.trim_matches(['[', ']']);
        world.sql(&[
            "CREATE SCHEMA shop",
            "CREATE EXTENSION citext SCHEMA shop",
            &made,
            &format!("ALTER TABLE people ADD k {key}"),
            &format!("UPDATE people SET k = ({value})::{key}, note = coalesce(note, '')"),
            "ALTER TABLE people ALTER k SET NOT NULL, ALTER note SET NOT NULL",
            &format!("CREATE UNIQUE INDEX ON people ({columns})"),
        ]);
        world.plan("batch: { rows: 7 }\n");
        world.rewrite_plan("row_key: id", &format!("row_key: {row_key}"));
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{at}: {run}");
        assert_eq!(run["rows_scanned"], 60, "{at}: a row was skipped, or read twice: {run}");
        let (rows, _, right) = world.read("v2");
        assert_eq!(rows, right, "{at}");
        let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
        assert_eq!(code, 0, "{at}: {back}");
        assert_eq!(world.sql(&["SELECT id, a, b FROM people ORDER BY id"]), before, "{at}");
    }
}

/// Watches that where a batch looks costs no round trip of its own: a connection is told once, however many batches it writes.
#[test]
fn a_batch_sets_no_path() {
    let mut world = World::new("postgres", "aes-gcm", 600);
    let schema = world.url.rsplit_once('/').unwrap().1.replace("reseal_", "path_");
    world.sql(&[&format!("CREATE SCHEMA {schema}"), &format!("ALTER TABLE people SET SCHEMA {schema}")]);
    world.url = format!("{}?options=-csearch_path={schema}", world.url);
    world.plan("batch: { rows: 10 }\n");
    let (code, done) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{done}");
    let batches = world.sql(&["SELECT sum(batches)::bigint FROM reseal.shard"])[0][0].as_u64().unwrap();
    let log = std::fs::read_to_string(variable("RESEAL_TEST_POSTGRES_LOG")).unwrap();
    let set = format!("set_config('search_path', E'{schema}'");
    let told = log.lines().filter(|line| line.contains(&set)).count() as u64;
    assert!(told > 0 && batches >= 50, "{told} times for {batches} batches");
    assert!(told <= batches / 4, "{told} times for {batches} batches");
}
