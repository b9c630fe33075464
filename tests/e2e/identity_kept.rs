//! A run's own table stays its own: whatever an application, or a guard of ours, has changed in it since.

use crate::identity::{BACK, is_refused, on, world};
use crate::world::{STORES, World};

/// Watches that an application which saves every row anew does not make the run's table another, also where the schema was
/// changed meanwhile and SQLite tells its tables by little.
#[test]
fn a_table_whose_cells_were_all_written_over_is_the_same() {
    for store in STORES {
        for paused in [false, true] {
            let case = format!("{store}, paused: {paused}");
            let world = world(store, paused, "");
            world.producer(&["seed", &world.url, "fresh", "aes-gcm", "v1.json", "1500"]);
            world.sql(&[
                "UPDATE people SET a = (SELECT a FROM fresh WHERE fresh.id = people.id), \
                 b = (SELECT b FROM fresh WHERE fresh.id = people.id)",
                "DROP TABLE fresh",
            ]);
            let (code, done) = world.reseal(on(paused));
            assert_eq!(code, 0, "{case}: {done}");
            let key = if paused { "v2" } else { "v1" };
            assert_eq!(world.read(key).0, world.read(key).2, "{case}");
        }
    }
}

/// Watches that guards, which change the table's definition, leave it as certain as it was: also where not one row is left of
/// those that the run moved.
#[test]
fn a_guard_leaves_the_table_certain() {
    for store in STORES {
        for guard in ["trigger", "constraint"] {
            let case = format!("{store}, guard: {guard}");
            let world = world(store, false, &format!("guard: {guard}\n"));
            // Its guard takes the place of the first one, behind the sweep that has seen the table last for the run before.
            assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{case}");
            world.sql(&[
                "INSERT INTO people SELECT id + 1000, a, b, note FROM people",
                "DELETE FROM people WHERE id < 1000",
            ]);
            let (code, done) = world.reseal(&BACK);
            assert_eq!(code, 0, "{case}: {done}");
            let under_new = "SELECT count(*) FROM people WHERE a LIKE 'v2:%' OR b LIKE 'v2:%'";
            assert_eq!(world.sql(&[under_new])[0][0], 0, "{case}");
        }
    }
}

/// Watches that a table which was dropped and restored from before the run is asked about, also where SQLite makes it in the
/// place of the one that was dropped.
#[test]
fn a_table_that_was_dropped_and_restored_in_its_place_is_another() {
    let world = World::new("sqlite", "aes-gcm", 300);
    let root = || world.sql(&["SELECT rootpage FROM sqlite_schema WHERE name = 'people'"]);
    world.sql(&["CREATE TABLE backup AS SELECT * FROM people"]);
    world.plan("ignore: [backup.a, backup.b]\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let before = root();
    world.sql(&[
        "DROP TABLE people",
        "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)",
        "INSERT INTO people SELECT * FROM backup",
    ]);
    assert_eq!(root(), before, "the table was made elsewhere in the file");
    is_refused(&world, &BACK, "people", "dropped and restored");
}
