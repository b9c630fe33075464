//! Engines that were stopped for longer than their lease while others took their work over: they write nothing more.
//!
//! Each is stopped by SIGSTOP between two transactions, where its database shows that it is in the middle of something.
//! The lease is aged in the ledger; the holder is alive all the while.

use crate::steered::{BACK, Engine, Holding, age_leases, done, held_step, ledger, let_go, wait_until};
use crate::world::{STORES, World};

const ROWS: u32 = 2000;
/// Batches that are small enough for a rollback to have many of them, and many moments between two.
const BATCHES: &str = "batch: { rows: 20 }\n";

/// Some of the cells of `people` are back under v1, others are not.
const HALF_BACK: &str = "SELECT count(*) > 0 AND count(*) < 1700 FROM people WHERE a LIKE 'v1:%'";

/// Lets an engine go on that was superseded, and checks that it writes nothing and says so. It cannot look for a while whether
/// it still holds the run: that nobody told it in time must not matter.
fn goes_on_in_vain(world: &World, store: &str, stale: Engine) {
    let listed = format!("SELECT count(*) FROM {}", ledger(store, "quarantine"));
    let stands = (world.digest(), world.sql(&[&listed]));
    let hold = match store {
        "postgres" => Some("LOCK TABLE reseal.run IN EXCLUSIVE MODE"),
        "mysql" => Some("SELECT id FROM reseal_run FOR UPDATE"),
        // Who holds anything there holds all of it.
        _ => None,
    };
    let held = hold.map(|hold| Holding::of(world, &[hold]));
    stale.go_on();
    std::thread::sleep(std::time::Duration::from_secs(2));
    drop(held);
    let code = stale.ends();
    assert_eq!(
        (world.digest(), world.sql(&[&listed])),
        stands,
        "{store}: the engine that lost its run wrote cells, or listed some"
    );
    assert_eq!(code, Some(4), "{store}: the engine that lost its run must say so");
    done(world, store, &["verify", "PLAN"]);
}

/// Watches the epoch in each transaction of a rollback: the run that it rolled back is rolled back by another, and a new run
/// is complete, when it wakes up. With the old key given up by then, what it puts back would be lost.
fn a_stale_rollback_writes_nothing(store: &str) {
    let world = World::new(store, "aes-gcm", ROWS);
    world.plan(BATCHES);
    let before = world.digest();
    done(&world, store, &["run", "PLAN"]);
    let stale = Engine::stopped_at(&world, &BACK, HALF_BACK);
    age_leases(&world, store);
    done(&world, store, &BACK);
    assert_eq!(world.digest(), before, "{store}: not the exact old bytes");
    done(&world, store, &["run", "PLAN"]);
    goes_on_in_vain(&world, store, stale);
}

#[test]
fn a_stale_rollback_writes_nothing_on_sqlite() {
    a_stale_rollback_writes_nothing("sqlite");
}

#[test]
fn a_stale_rollback_writes_nothing_on_postgres() {
    a_stale_rollback_writes_nothing("postgres");
}

#[test]
fn a_stale_rollback_writes_nothing_on_mariadb() {
    a_stale_rollback_writes_nothing("mysql");
}

/// Watches the same where the application has written under the new key since: what is sealed anew under the old key is
/// written under the epoch too.
#[test]
fn a_stale_rollback_seals_nothing_anew() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.plan(BATCHES);
        done(&world, store, &["run", "PLAN"]);
        // The application rewrote every row: no old bytes fit, and all of them are sealed anew.
        world.sql(&["UPDATE people SET a = b, b = a"]);
        let stale = Engine::stopped_at(&world, &BACK, HALF_BACK);
        age_leases(&world, store);
        done(&world, store, &BACK);
        done(&world, store, &["run", "PLAN"]);
        goes_on_in_vain(&world, store, stale);
    }
}

/// Watches the epoch where the batch of a canary is put back: the program judges the first batch, and fails when another
/// engine has completed the run, of which every old cell is kept.
#[test]
fn a_stale_canary_puts_nothing_back() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.plan(&format!("{BATCHES}hooks:\n  canary:\n    - {}\n", held_step(&world, "judge", 1, "")));
        let before = world.digest();
        let stale = Engine::start(&world, &["run", "PLAN"]);
        wait_until("the canary's program", || world.path("judge").exists());
        stale.stop();
        age_leases(&world, store);
        let run = done(&world, store, &["run", "PLAN"]);
        assert_eq!(run["state"], "complete", "{store}: {run}");
        let_go(&world, "judge");
        std::thread::sleep(std::time::Duration::from_millis(500));
        goes_on_in_vain(&world, store, stale);
        done(&world, store, &BACK);
        assert_eq!(world.digest(), before, "{store}: kept old cells are gone");
    }
}

/// Watches the lease while a rollback carries out the steps of `on_failure`: it is still at work, however long they take.
#[test]
fn a_rollback_holds_its_run_through_its_steps() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let step = held_step(&world, "step", 0, ", when: rolled_back");
        world.plan(&format!("hooks:\n  on_failure:\n    - {step}\n"));
        let before = world.digest();
        done(&world, store, &["run", "PLAN"]);
        let first = Engine::start(&world, &BACK);
        wait_until("the step", || world.path("step").exists());
        age_leases(&world, store);
        std::thread::sleep(std::time::Duration::from_secs(4));
        let left = world.sql(&[&format!("SELECT lease_until FROM {}", ledger(store, "run"))]);
        let (code, second) = world.reseal(&BACK);
        let_go(&world, "step");
        assert_eq!(first.ends(), Some(0), "{store}: the first rollback");
        assert_ne!(left[0][0], 0, "{store}: the lease is not renewed");
        assert_eq!((code, second["error"]["code"].as_str()), (4, Some("run-held")), "{store}: {second}");
        assert_eq!(world.digest(), before, "{store}");
        let state = done(&world, store, &["status", "PLAN"]);
        assert_eq!(state["state"], "rolled_back", "{store}: {state}");
    }
}
