//! Which table a run worked on: by what the database tells its tables by, and where that cannot tell, by the data.

use serde_json::{Value, json};

use crate::custody::code;
use crate::world::{SLOW, STORES, World, signal, wait_for_first_swap};

pub(crate) const BACK: [&str; 4] = ["rollback", "PLAN", "--confirm", "people"];
const REFUSED: (i32, &str) = (3, "other-table");

/// A world whose plan was run to its end, or which is paused in the middle.
pub(crate) fn world(store: &str, paused: bool, more: &str) -> World {
    let world = World::new(store, "aes-gcm", if paused { 1500 } else { 300 });
    begin(&world, paused, more);
    world
}

fn begin(world: &World, paused: bool, more: &str) {
    if !paused {
        world.plan(more);
        let (code, done) = world.reseal(&["run", "PLAN"]);
        assert_eq!(code, 0, "{done}");
        return;
    }
    world.plan(&format!("{more}{SLOW}"));
    let mut engine = world.start(&["run", "PLAN"]);
    wait_for_first_swap(world);
    signal(&engine, "-INT");
    assert_eq!(engine.wait().unwrap().code(), Some(4));
    world.plan(more);
}

/// The command that goes on with a run that is paused, or rolls one back that is over.
pub(crate) fn on(paused: bool) -> &'static [&'static str] {
    if paused { &["resume", "PLAN"] } else { &BACK }
}

/// Old cells that the ledger keeps.
fn kept(world: &World) -> u64 {
    let table = if world.url.starts_with("postgres") { "reseal.undo" } else { "reseal_undo" };
    let sum = &world.sql(&[&format!("SELECT sum(cells) FROM {table}")])[0][0];
    sum.as_u64().or_else(|| sum.as_str()?.parse().ok()).unwrap_or(0)
}

/// How the tables of the run were found, in the order in which they were.
fn found(world: &World) -> Value {
    let table = if world.url.starts_with("postgres") { "reseal.run_table" } else { "reseal_run_table" };
    world.sql(&[&format!("SELECT found FROM {table} ORDER BY turn")])
}

/// Holds that a command is refused, and that neither undo, state nor table changed by it.
pub(crate) fn is_refused(world: &World, args: &[&str], table: &str, case: &str) {
    let digest = || world.producer(&["digest", &world.url, table]);
    let state = || world.reseal(&["status", "PLAN"]).1["state"].clone();
    let before = (kept(world), digest(), state());
    let refused = world.reseal(args);
    assert_eq!(code(&refused), REFUSED, "{case}: {}", refused.1);
    let help = refused.1["error"]["help"].as_str().unwrap();
    assert!(help.contains("--accept-table people"), "{case}: {help}");
    assert!(before.0 > 0, "{case}: no old cells were kept");
    assert_eq!((kept(world), digest(), state()), before, "{case}: it wrote");
}

/// Watches that a name which a search path resolves does not lead a run or a rollback to another table, whoever changed it
/// and however like the run's that table is.
#[test]
fn a_search_path_leads_to_no_other_table() {
    for paused in [false, true] {
        for (by, rows) in [("url", "old"), ("role", "old"), ("url", "new")] {
            let case = format!("paused: {paused}, search_path by {by}, {rows} cells");
            let mut world = World::new("postgres", "aes-gcm", if paused { 1500 } else { 300 });
            let before = world.digest();
            let copy = ["CREATE SCHEMA shop", "CREATE TABLE shop.people (LIKE people INCLUDING ALL)"]
                .map(str::to_owned);
            world.sql(&copy.each_ref().map(String::as_str));
            let fill = "INSERT INTO shop.people SELECT * FROM public.people";
            if rows == "old" {
                world.sql(&[fill]);
            }
            begin(&world, paused, "");
            if rows == "new" {
                world.sql(&[fill]);
            }
            let (plain, database) = (world.url.clone(), world.url.rsplit_once('/').unwrap().1.to_owned());
            let role = |set: &str| format!("ALTER ROLE CURRENT_USER IN DATABASE {database} {set}");
            match by {
                "url" => world.url = format!("{plain}?options=-csearch_path=shop"),
                _ => drop(world.sql(&[&role("SET search_path = shop")])),
            }
            is_refused(&world, on(paused), "public.people", &case);
            is_refused(&world, on(paused), "shop.people", &case);
            world.url = plain;
            world.sql(&[&role("RESET search_path")]);
            assert_eq!(world.reseal(on(paused)).0, 0, "{case}");
            match paused {
                true => assert_eq!(world.read("v2").2, 1500, "{case}"),
                false => assert_eq!(world.digest(), before, "{case}"),
            }
        }
    }
}

/// The statements that put another table in the place of the run's, and those that undo it.
fn another_table(world: &World, rows: &str) {
    world.sql(&["ALTER TABLE people RENAME TO people_old"]);
    match rows {
        "none" => world.producer(&["seed", &world.url, "people", "aes-gcm", "v1.json", "0"]),
        _ => world.producer(&["seed", &world.url, "people", "aes-gcm", "v1.json", "200"]),
    };
}

/// Watches that a table which bears the name of the run's, and holds nothing of what the run wrote, is not taken for it: no
/// rollback says that all is back, and no run that all is moved.
#[test]
fn a_table_that_was_renamed_and_made_again_is_another() {
    for store in STORES {
        for paused in [false, true] {
            for rows in ["none", "others"] {
                let case = format!("{store}, paused: {paused}, rows: {rows}");
                let world = world(store, paused, "");
                another_table(&world, rows);
                is_refused(&world, on(paused), "people", &case);
                is_refused(&world, &BACK, "people_old", &case);
                world.sql(&["DROP TABLE people", "ALTER TABLE people_old RENAME TO people"]);
                let (code, done) = world.reseal(on(paused));
                assert_eq!(code, 0, "{case}: {done}");
                let key = if paused { "v2" } else { "v1" };
                assert_eq!(world.read(key).0, world.read(key).2, "{case}");
            }
        }
    }
}

/// Watches that a user who may not see how storage is numbered is refused by the data alone.
#[test]
fn a_table_that_was_made_again_is_another_also_to_a_user_without_privileges() {
    let mut world = World::new("mysql", "aes-gcm", 300);
    let (root, name) = (world.url.clone(), world.url.rsplit_once('/').unwrap().1.to_owned());
    let server = root.split("://").nth(1).unwrap();
    let server = server.rsplit_once('@').map_or(server, |(_, server)| server).to_owned();
    world.sql(&[
        &format!("CREATE USER {name} IDENTIFIED BY 'plain'"),
        &format!("GRANT ALL ON {name}.* TO {name}"),
    ]);
    world.url = format!("mysql://{name}:plain@{server}");
    begin(&world, false, "");
    assert_eq!(
        world.sql(&["SELECT mark FROM reseal_run_table"]),
        json!([["storage"]]),
        "the number of the storage was seen"
    );
    another_table(&world, "others");
    is_refused(&world, &BACK, "people", "without PROCESS");
    world.sql(&["DROP TABLE people", "ALTER TABLE people_old RENAME TO people", "OPTIMIZE TABLE people"]);
    assert_eq!(world.reseal(&BACK).0, 0);
    assert_eq!(world.read("v1").2, 300);
    world.url = root;
    world.sql(&[&format!("DROP USER {name}")]);
}

/// What rebuilds a table in place, or puts a table with the same rows in its place.
fn rebuilds(store: &str) -> Vec<(&'static str, Vec<String>)> {
    let copy = match store {
        "postgres" => "CREATE TABLE people_new (LIKE people INCLUDING ALL)",
        "mysql" => "CREATE TABLE people_new LIKE people",
        _ => "CREATE TABLE people_new (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)",
    };
    let in_place = match store {
        "postgres" => "VACUUM FULL people",
        "mysql" => "OPTIMIZE TABLE people",
        _ => "VACUUM",
    };
    let of = |statements: &[&str]| statements.iter().map(|statement| (*statement).to_owned()).collect();
    vec![
        ("ADD COLUMN", of(&["ALTER TABLE people ADD COLUMN more integer"])),
        ("in place", of(&[in_place])),
        (
            "copied",
            of(&[
                copy,
                "INSERT INTO people_new SELECT * FROM people",
                "DROP TABLE people",
                "ALTER TABLE people_new RENAME TO people",
            ]),
        ),
    ]
}

/// Watches that a table which was rebuilt is the run's, by what the run wrote in it.
#[test]
fn a_table_that_was_rebuilt_is_the_same() {
    for store in STORES {
        for paused in [false, true] {
            for (name, statements) in rebuilds(store) {
                let case = format!("{store}, paused: {paused}, {name}");
                let world = world(store, paused, "");
                let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
                world.sql(&statements);
                let (code, done) = world.reseal(on(paused));
                assert_eq!(code, 0, "{case}: {done}");
                let (key, rows) = if paused { ("v2", 1500) } else { ("v1", 300) };
                assert_eq!(world.read(key), (rows, world.read(key).1, rows), "{case}");
                if name == "copied" {
                    assert_eq!(found(&world)[1], json!(["rebuilt"]), "{case}");
                }
            }
        }
    }
}

/// Watches that a database which was copied elsewhere, as a dump that is restored there, is told by its data.
#[test]
fn a_database_that_was_restored_elsewhere_goes_on() {
    for paused in [false, true] {
        for store in ["postgres", "sqlite"] {
            let mut world = world(store, paused, "");
            match store {
                "postgres" => {
                    let (server, name) = world.url.rsplit_once('/').unwrap();
                    let copy = format!("{name}_copy");
                    let create = format!("CREATE DATABASE {copy} TEMPLATE {name}");
                    world.producer(&["sql", &format!("{server}/postgres"), &create]);
                    world.url = format!("{server}/{copy}");
                }
                _ => {
                    world.sql(&["PRAGMA wal_checkpoint(TRUNCATE)"]);
                    std::fs::copy(world.path("data.db"), world.path("copy.db")).unwrap();
                    world.url = format!("sqlite://{}", world.path("copy.db").display());
                }
            }
            let (code, done) = world.reseal(on(paused));
            assert_eq!(code, 0, "{store}, paused: {paused}: {done}");
            let key = if paused { "v2" } else { "v1" };
            assert_eq!(world.read(key).0, world.read(key).2, "{store}, paused: {paused}");
            assert_eq!(found(&world)[1], json!(["rebuilt"]), "{store}, paused: {paused}");
        }
    }
}

/// Watches that after a restore from before the run somebody has to say that the table is the run's, and that the trail
/// keeps who did.
#[test]
fn a_table_from_a_backup_is_accepted_by_name_and_on_record() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 300);
        let before = world.digest();
        let backup = match store {
            "postgres" => "CREATE TABLE backup (LIKE people INCLUDING ALL)",
            "mysql" => "CREATE TABLE backup LIKE people",
            _ => "CREATE TABLE backup (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)",
        };
        world.sql(&[backup, "INSERT INTO backup SELECT * FROM people"]);
        world.plan("ignore: [backup.a, backup.b]\n");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        world.sql(&["DROP TABLE people", "ALTER TABLE backup RENAME TO people"]);
        is_refused(&world, &BACK, "people", store);
        let no_table = world.reseal(&[&BACK[..], &["--accept-table", "persons"]].concat());
        assert_eq!(code(&no_table), (2, "no-such-table"), "{store}: {}", no_table.1);
        let (code, done) = world.reseal(&[&BACK[..], &["--accept-table", "people"]].concat());
        assert_eq!((code, done["cells_restored"].as_u64()), (0, Some(0)), "{store}: {done}");
        assert_eq!(world.digest(), before, "{store}");
        assert_eq!(found(&world)[1], json!(["accepted"]), "{store}");
        let trail = world.output(&["audit", "export"]);
        let trail = String::from_utf8(trail.stdout).unwrap();
        assert!(trail.contains("accepted_table"), "{store}: {trail}");
    }
}

/// Watches the same where no old cells are kept: a rebuilt table is known by the cells under the new key only where its
/// database calls it by the same name; else nobody can tell.
#[test]
fn without_undo_another_table_is_never_taken_for_the_runs() {
    for store in STORES {
        let world = world(store, true, "undo: none\n");
        another_table(&world, "others");
        let refused = world.reseal(&["resume", "PLAN"]);
        assert_eq!(code(&refused), REFUSED, "{store}: {}", refused.1);
        world.sql(&["DROP TABLE people", "ALTER TABLE people_old RENAME TO people"]);
        for statement in rebuilds(store).remove(2).1 {
            world.sql(&[&statement]);
        }
        let (code, done) = world.reseal(&["resume", "PLAN"]);
        if store == "postgres" {
            assert_eq!((code, done["error"]["code"].as_str()), (3, Some("other-table")), "{done}");
            let (code, done) = world.reseal(&["resume", "PLAN", "--accept-table", "people"]);
            assert_eq!(code, 0, "{done}");
        } else {
            assert_eq!(code, 0, "{store}: {done}");
        }
        assert_eq!(world.read("v2").2, 1500, "{store}");
    }
}

/// Watches that a run is bound to its table from its first connection to its last, wherever new ones look for the name.
#[test]
fn a_search_path_that_changes_in_the_middle_leads_nowhere() {
    let world = World::new("postgres", "aes-gcm", 3000);
    world.sql(&[
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.people (LIKE people INCLUDING ALL)",
        "INSERT INTO shop.people SELECT * FROM public.people",
    ]);
    world.plan(SLOW);
    let mut engine = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    let database = world.url.rsplit_once('/').unwrap().1;
    let set = format!("ALTER ROLE CURRENT_USER IN DATABASE {database} SET search_path = shop");
    // Connections that are cut are made anew, and those look in the other schema.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'reseal' AND datname = current_database()";
    world.sql(&[&set, cut]);
    assert_eq!(engine.wait().unwrap().code(), Some(0));
    let under = |table: &str| {
        let cells = "SELECT count(*) FROM {} WHERE a LIKE 'v2:%' OR b LIKE 'v2:%'".replace("{}", table);
        world.sql(&[&cells])[0][0].as_u64().unwrap()
    };
    assert_eq!((under("public.people"), under("shop.people")), (3000, 0));
}

/// Watches that a run does not call itself complete on a table which came in the place of its own meanwhile, at one stroke:
/// there is no moment at which the name stands for nothing.
#[test]
fn a_table_that_changes_places_in_the_middle_keeps_the_run_from_complete() {
    for (store, swap) in [
        (
            "postgres",
            "DO $$ BEGIN ALTER TABLE people RENAME TO people_old; ALTER TABLE people_next RENAME TO people; END $$",
        ),
        ("mysql", "RENAME TABLE people TO people_old, people_next TO people"),
    ] {
        let world = World::new(store, "aes-gcm", 3000);
        world.producer(&["seed", &world.url, "people_next", "aes-gcm", "v1.json", "200"]);
        world.plan(SLOW);
        let mut engine = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        world.sql(&[swap]);
        let code = engine.wait().unwrap().code();
        let status = world.reseal(&["status", "PLAN"]).1;
        assert_ne!(status["state"], "complete", "{store}: {status}");
        assert_eq!(code, Some(3), "{store}: {status}");
    }
}

/// Watches that a table which was renamed is still claimed by the run that works on it.
#[test]
fn a_renamed_table_is_still_claimed() {
    let world = world("postgres", true, "");
    world.sql(&["ALTER TABLE people RENAME TO clients"]);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let other = plan.replace("name: people\n", "name: clients\n").replace("  people:\n", "  clients:\n");
    std::fs::write(world.path("other.yaml"), other).unwrap();
    let other = world.path("other.yaml").display().to_string();
    assert_eq!(code(&world.reseal(&["run", &other])), (4, "column-held"));
    world.sql(&["ALTER TABLE clients RENAME TO people"]);
    assert_eq!(world.reseal(&["resume", "PLAN"]).0, 0);
}
