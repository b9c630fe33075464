//! Engines that were stopped in the middle of putting guards up, or taking them away, for longer than their lease.

use crate::steered::{BACK, Engine, age_leases, done};
use crate::world::World;

/// Tables beside `people`: enough for an engine to be met between two of them.
const TABLES: usize = 7;

/// How a database is asked to refuse, and how many objects make a guard of one table.
const KINDS: [(&str, &str, usize); 4] = [
    ("sqlite", "trigger", 2),
    ("postgres", "trigger", 1),
    ("postgres", "constraint", 1),
    ("mysql", "trigger", 2),
];

/// Carries a statement out for each of the tables.
fn each(world: &World, statement: impl Fn(usize) -> String) {
    let statements: Vec<String> = (1..=TABLES).map(statement).collect();
    world.sql(&statements.iter().map(String::as_str).collect::<Vec<_>>());
}

/// A world with many tables of the same cells, and a guard.
struct Guarded {
    world: World,
    store: &'static str,
    kind: &'static str,
    /// Objects that guard all tables.
    all: usize,
}

impl Guarded {
    fn new((store, kind, objects): (&'static str, &'static str, usize)) -> Guarded {
        let world = World::new(store, "aes-gcm", 20);
        let columns = "(id integer NOT NULL PRIMARY KEY, a text, b text, note text)";
        each(&world, |n| format!("CREATE TABLE t{n} {columns}"));
        each(&world, |n| format!("INSERT INTO t{n} SELECT id, a, b, note FROM people"));
        let table = |n| format!("  t{n}: {{ row_key: id, fields: {{ a: main, b: main }} }}\n");
        let tables: String = (1..=TABLES).map(table).collect();
        world.plan(&format!("{tables}guard: {kind}\n"));
        Guarded { world, store, kind, all: objects * (TABLES + 1) }
    }

    /// A query for the number of objects that guard a table.
    fn count(&self) -> &'static str {
        match (self.store, self.kind) {
            ("sqlite", _) => {
                "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'reseal_guard%'"
            }
            ("postgres", "trigger") => "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'reseal_guard%'",
            ("postgres", _) => "SELECT count(*) FROM pg_constraint WHERE conname LIKE 'reseal_guard%'",
            _ => {
                "SELECT count(*) FROM information_schema.triggers \
                 WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'reseal_guard%'"
            }
        }
    }

    fn guards(&self) -> u64 {
        self.world.sql(&[self.count()])[0][0].as_u64().unwrap()
    }

    /// Starts a command, and stops it where some tables are guarded and others are not.
    fn stopped_half_way(&self, args: &[&str]) -> Engine {
        let half = format!("SELECT n > 1 AND n < {} FROM ({}) guards", self.all - 2, self.count());
        Engine::stopped_at(&self.world, args, &half.replacen("count(*)", "count(*) AS n", 1))
    }

    fn done(&self, args: &[&str]) {
        done(&self.world, self.store, args);
    }

    /// Lets an engine go on that was superseded: it changes nothing, and says so.
    fn goes_on_in_vain(&self, stale: Engine) {
        let (store, kind) = (self.store, self.kind);
        let stands = (self.guards(), self.world.digest());
        stale.go_on();
        let code = stale.ends();
        assert_eq!((self.guards(), self.world.digest()), stands, "{store} {kind}: a guard was changed");
        assert_eq!(code, Some(4), "{store} {kind}: the engine that lost its run must say so");
    }
}

/// Watches the lease where guards are put up: over data that was rolled back meanwhile, the application would be refused.
#[test]
fn a_stale_run_puts_up_no_guard() {
    for kind in KINDS {
        let guarded = Guarded::new(kind);
        let old =
            guarded.world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
        let stale = guarded.stopped_half_way(&["run", "PLAN"]);
        age_leases(&guarded.world, guarded.store);
        guarded.done(&BACK);
        assert_eq!(guarded.guards(), 0, "{kind:?}: a guard outlived the rollback");
        guarded.goes_on_in_vain(stale);
        each(&guarded.world, |n| format!("UPDATE t{n} SET b = '{old}' WHERE id = 5"));
    }
}

/// Watches the lease where a rollback takes guards away: by now they are those of a run that is complete.
#[test]
fn a_stale_rollback_takes_no_guard_away() {
    for kind in KINDS {
        let guarded = Guarded::new(kind);
        guarded.done(&["run", "PLAN"]);
        let stale = guarded.stopped_half_way(&BACK);
        age_leases(&guarded.world, guarded.store);
        guarded.done(&BACK);
        guarded.done(&["run", "PLAN"]);
        assert_eq!(guarded.guards(), guarded.all as u64, "{kind:?}");
        guarded.goes_on_in_vain(stale);
    }
}
