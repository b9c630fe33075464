//! The first start on MariaDB, where no statement that makes a table can be taken back: a kill leaves half of a ledger, and the
//! next start makes the other half.

use std::path::Path;

use serde_json::json;

use crate::steered::{Engine, done};
use crate::world::{World, new_database};

/// The part of a query for how far a database has come: tables, views, and indexes beside those that a table begins with.
const PROGRESS: &str = "(SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'reseal%') \
     + (SELECT count(DISTINCT table_name, index_name) FROM information_schema.statistics \
        WHERE table_schema = DATABASE() AND index_name LIKE 'reseal%')";

/// One of the two sets of tables.
struct Book {
    /// The command that makes it, and nothing else.
    migrate: &'static [&'static str],
    /// The scripts' numbers.
    numbers: &'static str,
    /// Points at which it is not whole yet.
    points: u64,
}

const LEDGER: Book = Book { migrate: &["migrate", "PLAN"], numbers: "reseal_migration", points: 11 };
const CONTROL: Book =
    Book { migrate: &["migrate", "--control"], numbers: "reseal_control_migration", points: 21 };

impl Book {
    /// Where it is killed: what there is by then, and a query that gives a true value from there on.
    fn points(&self) -> Vec<(String, String)> {
        let objects =
            (1..=self.points).map(|n| (format!("{n} objects"), format!("SELECT {PROGRESS} >= {n}")));
        // Between two scripts, of which the second may begin with no table.
        let scripts = (1..=3)
            .map(|n| (format!("{n} scripts"), format!("SELECT count(*) >= {n} FROM {}", self.numbers)));
        objects.chain(scripts).collect()
    }

    /// A world whose ledger, or control database, is a new database of MariaDB.
    fn world(&self, world: &mut World, folder: &Path) {
        let url = new_database("mysql", folder);
        *(if self.numbers == LEDGER.numbers { &mut world.url } else { &mut world.control }) = url;
    }

    fn url<'w>(&self, world: &'w World) -> &'w str {
        if self.numbers == LEDGER.numbers { &world.url } else { &world.control }
    }

    /// Starts it and kills it at a point. False: it was through before.
    fn killed(&self, world: &World, query: &str) -> bool {
        Engine::killed_at(world, self.migrate, self.url(world), query)
    }

    /// Checks that the next start finds nothing in its way, and that a rotation does its work with what there is.
    fn is_whole(&self, world: &World, point: &str) {
        let (code, made) = world.reseal(self.migrate);
        assert_eq!(code, 0, "killed at {point}: {made}");
        if self.numbers == LEDGER.numbers {
            world.producer(&["seed", &world.url, "people", "aes-gcm", "v1.json", "5"]);
        }
        // A control database that is new each time knows nothing of the ledger's runs.
        let run = done(world, "mysql", &["run", "PLAN", "--accept-control-database"]);
        assert_eq!(run["state"], "complete", "killed at {point}: {run}");
    }

    /// Kills the first start at each point, each time in a new database. All points are tried before the test fails.
    fn survives_kills(&self, world: &mut World) {
        let folder = world.folder.path().to_owned();
        let (mut kills, mut stuck) = (0, Vec::new());
        for (point, query) in self.points() {
            self.world(world, &folder);
            if !self.killed(world, &query) {
                continue;
            }
            kills += 1;
            let next = world.reseal(self.migrate);
            if next.0 == 0 {
                self.is_whole(world, &point);
            } else {
                stuck.push(format!("{point}: {}", next.1["error"]["message"]));
            }
        }
        assert!(kills >= self.points, "only {kills} of the kills met a start at work");
        assert!(
            stuck.is_empty(),
            "{} of {kills} kills left a database for ever:\n{}",
            stuck.len(),
            stuck.join("\n")
        );
    }

    /// Kills one start after the other in the same database.
    fn survives_kill_after_kill(&self, world: &mut World) {
        let folder = world.folder.path().to_owned();
        self.world(world, &folder);
        for (_, query) in self.points() {
            self.killed(world, &query);
        }
        self.is_whole(world, "each point, one after the other");
    }
}

/// A world whose ledger and control database are files, until one of them is moved.
fn world() -> World {
    World::new("sqlite", "aes-gcm", 5)
}

#[test]
fn a_ledger_that_was_left_half_made_is_completed() {
    LEDGER.survives_kills(&mut world());
}

#[test]
fn a_ledger_is_completed_after_kill_upon_kill() {
    LEDGER.survives_kill_after_kill(&mut world());
}

#[test]
fn a_control_database_that_was_left_half_made_is_completed() {
    CONTROL.survives_kills(&mut world());
}

#[test]
fn a_control_database_is_completed_after_kill_upon_kill() {
    CONTROL.survives_kill_after_kill(&mut world());
}

/// Watches that a ledger which was made in two parts is the same as one that was made at once: no table, column or number of a
/// script is missing.
#[test]
fn a_ledger_of_two_halves_is_a_whole_one() {
    let mut world = world();
    let folder = world.folder.path().to_owned();
    LEDGER.world(&mut world, &folder);
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name";
    let columns = "SELECT table_name, column_name, column_type, is_nullable FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
    assert!(LEDGER.killed(&world, &format!("SELECT {PROGRESS} >= 4")));
    done(&world, "mysql", LEDGER.migrate);
    let halves = [world.sql(&[tables]), world.sql(&[columns])];
    let version = world.sql(&["SELECT version FROM reseal_migration ORDER BY version"]);
    LEDGER.world(&mut world, &folder);
    done(&world, "mysql", LEDGER.migrate);
    assert_eq!(halves, [world.sql(&[tables]), world.sql(&[columns])]);
    assert_eq!(version, world.sql(&["SELECT version FROM reseal_migration ORDER BY version"]));
    assert_ne!(version, json!([]));
}
