//! What an engine that is gone, or was refused, leaves to those that come after it: nothing that keeps them from their work.

use crate::steered::{BACK, Engine, Holding, done, held_step, ledger, let_go, wait_until};
use crate::world::{STORES, World, wait_for_first_swap};

fn claims(world: &World, store: &str) -> u64 {
    let count = format!("SELECT count(*) FROM {}", ledger(store, "claim"));
    world.sql(&[&count])[0][0].as_u64().unwrap()
}

/// The next run of a world whose last run is complete.
fn the_next_run_is_complete(world: &World, store: &str) {
    let run = done(world, store, &["run", "PLAN"]);
    assert_eq!(run["state"], "complete", "{store}: {run}");
    assert_eq!(claims(world, store), 0, "{store}: a run that is over holds columns");
}

/// Watches that a rollback holds columns only once it may begin: here the run is held, since it still carries out what comes
/// after it.
#[test]
fn a_rollback_that_is_refused_leaves_no_claims() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        world.plan(&format!("hooks:\n  after:\n    - {}\n", held_step(&world, "after", 0, "")));
        let run = Engine::start(&world, &["run", "PLAN"]);
        wait_until("the step", || world.path("after").exists());
        let lease = format!("SELECT count(*) FROM {} WHERE lease_until > 0", ledger(store, "run"));
        wait_until("a lease for the step", || world.sql(&[&lease])[0][0].as_u64() > Some(0));
        let (code, refused) = world.reseal(&BACK);
        assert_eq!((code, refused["error"]["code"].as_str()), (4, Some("run-held")), "{store}: {refused}");
        let left = claims(&world, store);
        let_go(&world, "after");
        assert_eq!(run.ends(), Some(0), "{store}");
        assert_eq!(left, 0, "{store}: a rollback that was refused holds columns");
        the_next_run_is_complete(&world, store);
    }
}

/// Makes the ledger wait where a run becomes one that is rolled back.
enum Slow {
    /// Another session holds the run's row.
    Row(Holding),
    /// A trigger that counts for a long time.
    Trigger,
}

impl Slow {
    fn of(world: &World, store: &str) -> Slow {
        let run = ledger(store, "run");
        if store != "sqlite" {
            // Claims refer to the row's key, which stays free.
            let lock = if store == "postgres" { "FOR NO KEY UPDATE" } else { "FOR UPDATE" };
            return Slow::Row(Holding::of(world, &[&format!("SELECT id FROM {run} {lock}")]));
        }
        world.sql(&[
            "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e9) SELECT max(i) FROM n",
            &format!(
                "CREATE TRIGGER slow BEFORE UPDATE ON {run} WHEN NEW.state = 'rolling_back' BEGIN SELECT * FROM slow; END"
            ),
        ]);
        Slow::Trigger
    }

    /// Waits until the rollback is there.
    fn wait(&self, world: &World, store: &str) {
        let query = match store {
            "postgres" => {
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'reseal' AND wait_event_type = 'Lock'"
            }
            "mysql" => {
                "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE db = DATABASE() AND trx_state = 'LOCK WAIT'"
            }
            // Readers see nothing of a transaction that is open: the time has to do.
            _ => {
                std::thread::sleep(std::time::Duration::from_secs(2));
                return;
            }
        };
        wait_until("a rollback that waits", || world.sql(&[query])[0][0].as_u64() > Some(0));
    }

    fn end(self, world: &World) {
        match self {
            Slow::Row(holding) => drop(holding),
            Slow::Trigger => drop(world.sql(&["DROP TRIGGER slow", "DROP VIEW slow"])),
        }
    }
}

/// Watches that the columns are held in the transaction in which the run becomes one that is rolled back: a kill leaves both
/// or neither.
#[test]
fn a_rollback_that_is_killed_at_its_beginning_leaves_no_claims() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        done(&world, store, &["run", "PLAN"]);
        let slow = Slow::of(&world, store);
        let mut back = Engine::start(&world, &BACK);
        slow.wait(&world, store);
        back.kill();
        assert_eq!(back.ends(), None, "{store}: it was not killed");
        slow.end(&world);
        // What waited on the server may have come to its end there, with nobody to hear of it.
        if done(&world, store, &["status", "PLAN"])["state"] == "rolling_back" {
            done(&world, store, &BACK);
        }
        the_next_run_is_complete(&world, store);
    }
}

/// Watches what an earlier version has left in a ledger: claims of a run that is over hold nothing.
#[test]
fn claims_of_a_run_that_is_over_hold_nothing() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let run = done(&world, store, &["run", "PLAN"]);
        let id = run["run_id"].as_str().unwrap();
        let (claim, database) = (ledger(store, "claim"), world.url.rsplit_once('/').unwrap().1);
        let table = match store {
            "postgres" => "public.people",
            "mysql" => &format!("{database}.people"),
            _ => "people",
        };
        world.sql(&[&format!(
            "INSERT INTO {claim} (table_name, column_name, run_id) VALUES ('{table}', 'a', '{id}'), ('{table}', 'b', '{id}')"
        )]);
        the_next_run_is_complete(&world, store);
    }
}

/// Watches that a process which has ended is dead, also while nobody has asked for its exit code: as under the first process
/// of a container that reaps late.
#[test]
fn a_holder_that_is_a_zombie_is_dead() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 2000);
        world.plan(crate::world::SLOW);
        let mut dead = Engine::start(&world, &["run", "PLAN"]);
        wait_for_first_swap(&world);
        dead.kill();
        world.plan("");
        let run = done(&world, store, &["run", "PLAN"]);
        assert_eq!(run["state"], "complete", "{store}: {run}");
        assert_eq!(dead.ends(), None, "{store}: it was not a zombie all the while");
    }
}
