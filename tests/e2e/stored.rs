//! What the server stored is not always what it was sent: triggers that change a cell on its way, or keep it from being
//! written. Each of these destroyed cells, or looped, before what is stored was read back.

use serde_json::{Value, json};

use crate::world::World;

pub(crate) const BACK: [&str; 4] = ["rollback", "PLAN", "--confirm", "people"];

/// Something that a server does to a swap.
struct Trick {
    store: &'static str,
    /// What makes it.
    make: &'static [&'static str],
    /// What the error's code is.
    code: &'static str,
    /// What the error says.
    says: &'static str,
}

const fn trick(
    store: &'static str,
    code: &'static str,
    says: &'static str,
    make: &'static [&'static str],
) -> Trick {
    Trick { store, make, code, says }
}

/// The body of a trigger's function on PostgreSQL, which the trigger `loud` calls.
macro_rules! function {
    ($body:literal) => {
        concat!("CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ", $body, " END $$")
    };
}

pub(crate) const BEFORE: &str =
    "CREATE TRIGGER loud BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION loud()";
const AFTER: &str = "CREATE TRIGGER loud AFTER UPDATE ON people FOR EACH ROW WHEN (pg_trigger_depth() = 0) \
    EXECUTE FUNCTION loud()";
const LATE: &str = "CREATE CONSTRAINT TRIGGER loud AFTER UPDATE ON people DEFERRABLE INITIALLY DEFERRED \
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION loud()";
pub(crate) const CHANGES: &str = "trigger `loud` changes the cell in column";

const TRICKS: [Trick; 18] = [
    trick(
        "postgres",
        "stored-otherwise",
        CHANGES,
        &[function!("new.a := upper(new.a); RETURN new;"), BEFORE],
    ),
    // Only one row of sixty, and only as the new key's cell comes in.
    trick(
        "postgres",
        "stored-otherwise",
        "row 41: trigger `loud` changes",
        &[function!("IF new.id = 41 THEN new.b := new.a; END IF; RETURN new;"), BEFORE],
    ),
    // RETURNING shows the new value here, and another one is stored: the statement is over by then.
    trick(
        "postgres",
        "stored-otherwise",
        CHANGES,
        &[function!("UPDATE people SET a = upper(a) WHERE id = new.id; RETURN NULL;"), LATE],
    ),
    trick(
        "postgres",
        "stored-otherwise",
        CHANGES,
        &[function!("UPDATE people SET a = upper(a) WHERE id = new.id; RETURN NULL;"), AFTER],
    ),
    // The row of another key: its cell was moved already, or is still to be.
    trick(
        "postgres",
        "trigger-writes-cells",
        "trigger `loud` writes `public.people.b` in rows other than the one for which it fires",
        &[
            "INSERT INTO people VALUES (900, NULL, 'a cell', 'x')",
            function!("UPDATE people SET b = 'x' WHERE id = 900; RETURN NULL;"),
            AFTER,
        ],
    ),
    // In a subtransaction, whose rows carry another number than the transaction's.
    trick(
        "postgres",
        "trigger-writes-cells",
        "trigger `loud` writes `public.people.b` in rows other",
        &[
            "INSERT INTO people VALUES (900, NULL, 'a cell', 'x')",
            function!(
                "BEGIN UPDATE people SET b = 'x' WHERE id = 900; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN NULL;"
            ),
            AFTER,
        ],
    ),
    trick(
        "postgres",
        "side-effect",
        "trigger `loud` changes column `note` whenever a cell is written, but `side_effects:` does not list it",
        &[function!("new.note := 'touched'; RETURN new;"), BEFORE],
    ),
    trick("postgres", "not-stored", "trigger `loud` discards updates", &[function!("RETURN NULL;"), BEFORE]),
    trick(
        "postgres",
        "stored-otherwise",
        "trigger `loud` deletes the row or changes its row key",
        &[function!("DELETE FROM people WHERE id = new.id; RETURN NULL;"), AFTER],
    ),
    trick(
        "sqlite",
        "stored-otherwise",
        CHANGES,
        &[
            "CREATE TRIGGER loud AFTER UPDATE ON people BEGIN UPDATE people SET a = upper(a) WHERE id = NEW.id; END",
        ],
    ),
    trick(
        "sqlite",
        "not-stored",
        "trigger `loud` discards updates",
        &["CREATE TRIGGER loud AFTER UPDATE ON people BEGIN \
           UPDATE people SET a = OLD.a, b = OLD.b WHERE id = NEW.id; END"],
    ),
    trick(
        "sqlite",
        "not-stored",
        "trigger `loud` discards updates",
        &["CREATE TRIGGER loud BEFORE UPDATE ON people BEGIN SELECT RAISE(IGNORE); END"],
    ),
    trick(
        "sqlite",
        "trigger-writes-cells",
        "trigger `loud` writes `people.b` in rows other",
        &[
            "INSERT INTO people VALUES (900, NULL, 'a cell', 'x')",
            "CREATE TRIGGER loud AFTER UPDATE ON people BEGIN UPDATE people SET b = 'x' WHERE id = 900; END",
        ],
    ),
    trick(
        "sqlite",
        "trigger-writes-cells",
        "trigger `loud` writes `people.b` in rows other",
        &[
            "INSERT INTO people VALUES (900, NULL, 'a cell', 'x')",
            "CREATE TRIGGER loud AFTER UPDATE ON people BEGIN \
             INSERT OR REPLACE INTO people (id, b, note) VALUES (900, 'x', 'x'); END",
        ],
    ),
    trick(
        "sqlite",
        "side-effect",
        "trigger `loud` changes column `note` whenever a cell is written",
        &[
            "CREATE TRIGGER loud AFTER UPDATE OF a ON people BEGIN UPDATE people SET note = 'x' WHERE id = NEW.id; END",
        ],
    ),
    trick(
        "mysql",
        "stored-otherwise",
        CHANGES,
        &["CREATE TRIGGER loud BEFORE UPDATE ON people FOR EACH ROW SET NEW.a = UPPER(NEW.a)"],
    ),
    trick(
        "mysql",
        "not-stored",
        "trigger `loud` discards updates",
        &["CREATE TRIGGER loud BEFORE UPDATE ON people FOR EACH ROW SET NEW.a = OLD.a, NEW.b = OLD.b"],
    ),
    trick(
        "mysql",
        "side-effect",
        "trigger `loud` changes column `note` whenever a cell is written",
        &["CREATE TRIGGER loud BEFORE UPDATE ON people FOR EACH ROW SET NEW.note = 'touched'"],
    ),
];

pub(crate) fn cells(world: &World) -> Value {
    world.sql(&["SELECT id, a, b, note FROM people ORDER BY id"])
}

pub(crate) fn drop_trigger(world: &World, store: &str) {
    world.sql(&[if store == "postgres" { "DROP TRIGGER loud ON people" } else { "DROP TRIGGER loud" }]);
}

/// What is left of an error: exit code, code and message.
pub(crate) fn told(answer: &(i32, Value)) -> (i32, &str, &str) {
    let error = &answer.1["error"];
    (answer.0, error["code"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default())
}

/// P3, P7; watches the comparison of what is stored with what was sent: without it each of these runs completes, or never
/// ends, over cells that nobody can open.
#[test]
fn a_trigger_on_postgresql_that_changes_what_is_written_ends_the_run() {
    no_cell_is_lost("postgres");
}

#[test]
fn a_trigger_on_sqlite_that_changes_what_is_written_ends_the_run() {
    no_cell_is_lost("sqlite");
}

#[test]
fn a_trigger_on_mariadb_that_changes_what_is_written_ends_the_run() {
    no_cell_is_lost("mysql");
}

fn no_cell_is_lost(of: &str) {
    for Trick { store, make, code, says } in TRICKS.iter().filter(|trick| trick.store == of) {
        let world = World::new(store, "aes-gcm", 60);
        world.plan("side_effects: [loud]\nbatch: { rows: 20 }\n");
        world.sql(make);
        let before = cells(&world);
        let answer = world.reseal(&["run", "PLAN"]);
        let (exit, found, message) = told(&answer);
        assert_eq!((exit, found), (3, *code), "{store}, {make:?}: {}", answer.1);
        assert!(message.contains(says), "{store}, {make:?}: {message}");
        assert!(!answer.1.to_string().contains("v1:"), "a cell is shown: {}", answer.1);
        let (_, status) = world.reseal(&["status", "PLAN"]);
        assert_eq!(status["state"], "paused", "{store}, {make:?}: {status}");
        assert!(status["reason"].as_str().unwrap().contains(says), "{store}, {make:?}: {status}");
        drop_trigger(&world, store);
        // What was committed before the difference was what had been sent; all the rest is as it was.
        let after = cells(&world);
        for (old, new) in before.as_array().unwrap().iter().zip(after.as_array().unwrap()) {
            for at in 1..4 {
                let is_sent = at < 3 && new[at].as_str().is_some_and(|cell| cell.starts_with("v2:"));
                assert!(old[at] == new[at] || is_sent, "{store}, {make:?}: {old} {new}");
            }
        }
        world.sql(&["DELETE FROM people WHERE id = 900"]);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{store}, {make:?}: {run}");
        assert_eq!(world.read("v2").2, 60, "{store}, {make:?}");
    }
}

/// What a table may do: a trigger and a column that the plan names, rows of an audit table, another row's other columns.
#[test]
fn what_the_plan_expects_is_in_nobodys_way() {
    let harmless = [
        (
            "postgres",
            &[
                "CREATE TABLE log (row_id integer, old_a text)",
                "INSERT INTO people VALUES (900, NULL, NULL, 'x')",
                function!(
                    "INSERT INTO log VALUES (new.id, old.a); UPDATE people SET note = new.id WHERE id = 900; RETURN NULL;"
                ),
                AFTER,
                "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.note := 'touched'; \
                 RETURN new; END $$",
                "CREATE TRIGGER touch BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch()",
            ][..],
        ),
        (
            "sqlite",
            &[
                "CREATE TABLE log (row_id integer, old_a text)",
                "INSERT INTO people VALUES (900, NULL, NULL, 'x')",
                "CREATE TRIGGER loud AFTER UPDATE OF a ON people BEGIN INSERT INTO log VALUES (NEW.id, OLD.a); \
                 UPDATE people SET note = NEW.id WHERE id = 900; END",
                "CREATE TRIGGER touch AFTER UPDATE OF a ON people BEGIN \
                 UPDATE people SET note = 'touched' WHERE id = NEW.id; END",
            ],
        ),
        (
            "mysql",
            &[
                "CREATE TABLE log (row_id integer, old_a text)",
                "CREATE TRIGGER loud AFTER UPDATE ON people FOR EACH ROW INSERT INTO log VALUES (NEW.id, OLD.a)",
                "CREATE TRIGGER touch BEFORE UPDATE ON people FOR EACH ROW SET NEW.note = 'touched'",
            ],
        ),
    ];
    for (store, make) in harmless {
        let world = World::new(store, "aes-gcm", 300);
        world.plan("side_effects: [loud, touch, people.note]\nbatch: { rows: 50 }\n");
        world.sql(make);
        let sealed = "SELECT id, a, b FROM people ORDER BY id";
        let before = world.sql(&[sealed]);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{store}: {run}");
        assert_eq!(
            (&run["cells_raced"], &run["cells_quarantined"]),
            (&json!(0), &json!(0)),
            "{store}: {run}"
        );
        assert_eq!(world.sql(&["SELECT count(DISTINCT row_id) FROM log"]), json!([[300]]), "{store}");
        let (exit, back) = world.reseal(&BACK);
        assert_eq!((exit, &back["cells_quarantined"]), (0, &json!(0)), "{store}: {back}");
        assert_eq!(world.sql(&[sealed]), before, "{store}");
    }
}

/// P5; watches how a swallowed update is told from a raced one: a row that a trigger skips is listed alone, at once.
#[test]
fn a_row_that_a_trigger_skips_is_listed_alone() {
    let skips = [
        ("postgres", &[function!("RETURN CASE WHEN new.id = 30 THEN NULL ELSE new END;"), BEFORE][..]),
        (
            "sqlite",
            &["CREATE TRIGGER loud BEFORE UPDATE ON people WHEN NEW.id = 30 BEGIN SELECT RAISE(IGNORE); END"],
        ),
        (
            "mysql",
            &["CREATE TRIGGER loud BEFORE UPDATE ON people FOR EACH ROW \
               SET NEW.a = IF(NEW.id = 30, OLD.a, NEW.a), NEW.b = IF(NEW.id = 30, OLD.b, NEW.b)"],
        ),
    ];
    for (store, make) in skips {
        let world = World::new(store, "aes-gcm", 60);
        world.plan("side_effects: [loud]\n");
        world.sql(make);
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((exit, &run["cells_old"]), (1, &json!(0)), "{store}: {run}");
        assert_eq!(
            (&run["cells_quarantined"], &run["cells_raced"]),
            (&json!(2), &json!(0)),
            "{store}: {run}"
        );
        let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
        let listed: Vec<_> = listed["cells"].as_array().unwrap().iter().collect();
        assert!(
            listed.iter().all(|cell| cell["row"] == "30" && cell["reason"] == "not-stored"),
            "{listed:?}"
        );
        drop_trigger(&world, store);
        let (exit, run) = world.reseal(&["quarantine", "PLAN", "--retry"]);
        assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{store}: {run}");
    }
}
