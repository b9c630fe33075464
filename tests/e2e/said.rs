//! What servers, triggers and files say in an error is theirs: it may hold plaintext, and is neither shown nor kept.

use serde_json::{Value, json};

use crate::world::World;

/// What a trigger says of row 30: the text that its `note` holds.
const CANARY: &str = "CANARY";

/// By which codes a trigger refuses, or in SQLite by which words; those of passing trouble apart.
fn codes(store: &str, passing: bool) -> &'static [&'static str] {
    match (store, passing) {
        ("sqlite", _) => &["ABORT", "ROLLBACK", "FAIL"],
        ("postgres", false) => &["RS001", "45000", "P0001", "22P02", "23514", "42501", "42703", "XX000"],
        ("postgres", true) => &["57014", "55P03", "40001", "40P01"],
        (_, false) => &["1644", "30001", "1142", "1054"],
        (_, true) => &["1205", "1213"],
    }
}

/// Puts up a trigger that refuses row 30, saying what stands in its note.
fn refuse(world: &World, store: &str, how: &str) {
    let statements = match store {
        // SQLite before 3.47 takes a literal alone.
        "sqlite" => vec![format!(
            "CREATE TRIGGER no BEFORE UPDATE ON people WHEN OLD.id = 30 \
             BEGIN SELECT RAISE({how}, '{CANARY}-30'); END"
        )],
        "postgres" => vec![
            format!(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE WARNING 'warned %', OLD.note; \
                 IF OLD.id = 30 THEN RAISE EXCEPTION '%', OLD.note USING ERRCODE = '{how}', DETAIL = OLD.note, \
                 HINT = OLD.note, CONSTRAINT = OLD.note, COLUMN = OLD.note, TABLE = OLD.note; END IF; \
                 RETURN NEW; END $$"
            ),
            "CREATE TRIGGER no BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION no()".to_owned(),
        ],
        _ => vec![format!(
            "CREATE TRIGGER no BEFORE UPDATE ON people FOR EACH ROW BEGIN \
             DECLARE said VARCHAR(60) DEFAULT OLD.note; IF OLD.id = 30 THEN \
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said, MYSQL_ERRNO = {how}, \
             CONSTRAINT_NAME = said; END IF; END"
        )],
    };
    world.sql(&statements.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Everything that Reseal shows and keeps.
fn shown_and_kept(world: &World, store: &str) -> String {
    let mut seen = Vec::new();
    for args in [
        &["status", "PLAN"][..],
        &["status", "PLAN", "--json"],
        &["runs", "PLAN", "--json"],
        &["quarantine", "PLAN"],
        &["verify", "PLAN", "--json"],
        &["audit", "export"],
        &["audit", "report"],
        &["audit", "report", "--json"],
    ] {
        let output = world.command(args).output().unwrap();
        seen.extend([output.stdout, output.stderr].concat());
    }
    let mark = if store == "postgres" { "." } else { "_" };
    for table in ["run", "step", "shard", "quarantine"] {
        seen.extend(world.sql(&[&format!("SELECT * FROM reseal{mark}{table}")]).to_string().into_bytes());
    }
    seen.extend(std::fs::read(world.path("control.db")).unwrap());
    String::from_utf8_lossy(&seen).into_owned()
}

fn rows_listed(world: &World) -> Vec<(Value, Value)> {
    let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
    let cells = listed["cells"].as_array().unwrap().iter();
    cells.map(|cell| (cell["row"].clone(), cell["reason"].clone())).collect()
}

/// Watches the list of what may be told of an error, and that one row which is refused, whatever the code, costs the run
/// that row alone. Codes of passing trouble are tried again first.
fn a_trigger_refuses_one_row(store: &str, passing: bool) {
    for how in codes(store, passing) {
        let at = format!("{store} {how}");
        let world = World::new(store, "aes-gcm", 60);
        world.plan("side_effects: [no]\nworkers: 1\nbatch: { rows: 20 }\n");
        world.sql(&[&format!("UPDATE people SET note = '{CANARY}-30' WHERE id = 30")]);
        refuse(&world, store, how);
        let run = world.command(&["run", "PLAN", "--json"]).env("RUST_LOG", "trace").output().unwrap();
        let (out, told) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        for text in [&*out, &*told, &shown_and_kept(&world, store)] {
            let place = text.find(CANARY).map(|place| &text[place.saturating_sub(200)..place + 6]);
            assert_eq!(place, None, "{at}: what the trigger said is shown or kept");
        }
        assert_eq!(run.status.code(), Some(1), "{at}: {out}{told}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&report["state"], &report["cells_quarantined"]), (&json!("paused"), &json!(2)), "{at}");
        let row = (json!("30"), json!("constraint"));
        assert_eq!(rows_listed(&world), [row.clone(), row], "{at}");
    }
}

#[test]
fn a_row_that_a_trigger_of_sqlite_refuses_is_listed_alone_and_nothing_said_of_it() {
    a_trigger_refuses_one_row("sqlite", false);
}

#[test]
fn a_row_that_a_trigger_of_postgres_refuses_is_listed_alone_and_nothing_said_of_it() {
    a_trigger_refuses_one_row("postgres", false);
}

#[test]
fn a_row_that_a_trigger_of_mariadb_refuses_is_listed_alone_and_nothing_said_of_it() {
    a_trigger_refuses_one_row("mysql", false);
}

/// Watches how often a row is tried that is refused as if somebody held it.
#[test]
fn a_row_that_seems_busy_while_it_is_locked_is_listed_alone() {
    a_trigger_refuses_one_row("postgres", true);
    a_trigger_refuses_one_row("mysql", true);
}

/// Watches what is done where it is no row that is refused but every one: nothing is listed, and the code is told.
#[test]
fn a_trigger_that_refuses_every_row_stops_the_run() {
    for (store, how) in [("postgres", "RS001"), ("postgres", "42501"), ("mysql", "30001")] {
        let at = format!("{store} {how}");
        let world = World::new(store, "aes-gcm", 60);
        world.plan("side_effects: [no]\nworkers: 1\nbatch: { rows: 20 }\n");
        let trigger = match store {
            "postgres" => format!(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION '{CANARY} %', OLD.id USING ERRCODE = '{how}'; END $$"
            ),
            _ => format!(
                "CREATE TRIGGER no BEFORE UPDATE ON people FOR EACH ROW \
                 SIGNAL SQLSTATE 'RS001' SET MESSAGE_TEXT = '{CANARY}', MYSQL_ERRNO = {how}"
            ),
        };
        world.sql(&[&trigger]);
        if store == "postgres" {
            world.sql(&["CREATE TRIGGER no BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION no()"]);
        }
        let (code, stopped) = world.reseal(&["run", "PLAN"]);
        assert!(matches!(code, 3 | 5), "{at}: {stopped}");
        let message = stopped["error"]["message"].as_str().unwrap();
        assert!(message.contains(how) && !stopped.to_string().contains(CANARY), "{at}: {stopped}");
        assert!(!shown_and_kept(&world, store).contains(CANARY), "{at}");
        assert_eq!(rows_listed(&world), [], "{at}");
    }
}

/// Watches the messages of steps: only what the plan itself says is shown.
#[test]
fn a_step_tells_what_the_plan_says_and_not_what_a_trigger_says() {
    let world = World::new("postgres", "aes-gcm", 5);
    world.sql(&[
        "UPDATE people SET note = 'CAN' || 'ARY'",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', OLD.note; END $$",
        "CREATE TABLE steps (note text)",
        "INSERT INTO steps VALUES ('CAN' || 'ARY')",
        "CREATE TRIGGER no BEFORE UPDATE ON steps FOR EACH ROW EXECUTE FUNCTION no()",
    ]);
    let said = |sql: &str| {
        world.plan(&format!("hooks:\n  before:\n    - sql: \"{sql}\"\n"));
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, &refused["error"]["code"]), (3, &json!("hook-failed")), "{refused}");
        world.reseal(&["cancel", "PLAN"]);
        format!("{refused}{}", world.sql(&["SELECT * FROM reseal.step"]))
    };
    assert!(said("DO $$ BEGIN RAISE 'it''s not yet time'; END $$").contains("it's not yet time"));
    let refused = said("UPDATE steps SET note = 'x'");
    assert!(refused.contains("P0001") && !refused.contains(CANARY), "{refused}");
    let refused = said("DO $$ BEGIN RAISE '%', (SELECT note FROM people LIMIT 1); END $$");
    assert!(refused.contains("P0001") && !refused.contains(CANARY), "{refused}");
}
