//! What goes wrong at night: engines that hang and come back, cut connections, interrupts, schemas that change, servers
//! that turn read-only.

use std::time::{Duration, Instant};

use crate::steered::{Holding, ledger};
use crate::world::{STORES, World, signal, wait_for_first_swap};

const ROWS: u32 = 2000;
const CELLS: u64 = 2 * ROWS as u64 - 2 * (ROWS as u64 / 50);

fn all_under_v2(world: &World, store: &str) {
    assert_eq!(world.read("v2"), (ROWS.into(), CELLS, ROWS.into()), "{store}");
}

/// P8; watches the epoch: an engine that hung past its lease must write nothing when it comes back. The rows that it has
/// in hand are meanwhile back at their old values, so that a comparison of values alone would let it write.
fn a_zombie_writes_nothing(store: &str) {
    let world = World::new(store, "aes-gcm", ROWS);
    let before = world.digest();
    world.plan("throttle: { rows_per_second: 400 }\nbatch: { rows: 20 }\n");
    let mut zombie = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    signal(&zombie, "-STOP");
    let begun = Instant::now();
    loop {
        let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
        if code == 0 {
            break;
        }
        assert_eq!(code, 4, "{store}: {back}");
        assert!(begun.elapsed() < Duration::from_secs(120), "{store}: the lease does not end: {back}");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(world.digest(), before, "{store}: not the exact old bytes");
    signal(&zombie, "-CONT");
    let code = zombie.wait().unwrap().code();
    assert_eq!(world.digest(), before, "{store}: the engine that lost its run wrote");
    assert_eq!(code, Some(4), "{store}: the engine that lost its run must say so");
}

/// Watches the takeover: a newcomer waits for the lease to end, and goes on where the hung engine stood.
#[test]
fn a_hung_engine_is_taken_over_from() {
    let world = World::new("postgres", "aes-gcm", ROWS);
    world.plan("throttle: { rows_per_second: 400 }\nbatch: { rows: 20 }\n");
    let mut hung = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    signal(&hung, "-STOP");
    world.plan("");
    let begun = Instant::now();
    let run = loop {
        let (code, run) = world.reseal(&["run", "PLAN"]);
        if code == 0 {
            break run;
        }
        assert_eq!(code, 4, "{run}");
        assert!(begun.elapsed() < Duration::from_secs(120), "the lease does not end: {run}");
        std::thread::sleep(Duration::from_millis(500));
    };
    assert_eq!((&run["state"], run["cells_rotated"].as_u64()), (&"complete".into(), Some(CELLS)), "{run}");
    signal(&hung, "-CONT");
    assert_eq!(hung.wait().unwrap().code(), Some(4));
    all_under_v2(&world, "postgres");
}

#[test]
fn a_zombie_writes_nothing_on_sqlite() {
    a_zombie_writes_nothing("sqlite");
}

#[test]
fn a_zombie_writes_nothing_on_postgres() {
    a_zombie_writes_nothing("postgres");
}

#[test]
fn a_zombie_writes_nothing_on_mariadb() {
    a_zombie_writes_nothing("mysql");
}

/// Watches the reload after a connection is lost, before or after a COMMIT whose outcome is then unknown: the ledger
/// tells.
#[test]
fn cut_connections_are_made_anew() {
    for store in ["postgres", "mysql"] {
        let world = World::new(store, "aes-gcm", ROWS);
        world.plan("throttle: { rows_per_second: 1500 }\nbatch: { rows: 20 }\n");
        let mut run = world.command(&["run", "PLAN", "--json"]);
        let run =
            run.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
        wait_for_first_swap(&world);
        for _ in 0..6 {
            cut(&world, store);
            std::thread::sleep(Duration::from_millis(150));
        }
        let output = run.wait_with_output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (output.status.code(), &report["state"]),
            (Some(0), &"complete".into()),
            "{store}: {report}"
        );
        assert_eq!(report["cells_rotated"], CELLS, "{store}: {report}");
        all_under_v2(&world, store);
    }
}

/// Ends every connection of Reseal to this world's database.
fn cut(world: &World, store: &str) {
    let name = world.url.rsplit_once('/').unwrap().1;
    if store == "postgres" {
        world.sql(&[&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reseal' AND datname = '{name}'"
        )]);
        return;
    }
    let found = world.sql(&[&format!(
        "SELECT id FROM information_schema.processlist WHERE db = '{name}' AND id <> connection_id()"
    )]);
    for row in found.as_array().unwrap() {
        // One that has gone by itself meanwhile is cut, too.
        let _ = world.producer_command(&["sql", &world.url, &format!("KILL {}", row[0])]).output();
    }
}

/// Watches the stop: what is in hand is committed, the rest is left, and the exit code says so.
#[test]
fn an_interrupt_stops_behind_the_batch_in_hand() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.plan("throttle: { rows_per_second: 400 }\nbatch: { rows: 20 }\n");
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        signal(&run, "-INT");
        assert_eq!(run.wait().unwrap().code(), Some(4), "{store}");
        let (_, status) = world.reseal(&["status", "PLAN"]);
        let rotated = status["cells_rotated"].as_u64().unwrap();
        assert!(rotated > 0 && rotated < CELLS, "{store}: {status}");
        world.plan("");
        let (code, run) = world.reseal(&["resume", "PLAN"]);
        assert_eq!((code, run["cells_rotated"].as_u64()), (0, Some(CELLS)), "{store}: {run}");
        let all = run["cells_rotated"].as_u64().unwrap() + run["cells_current"].as_u64().unwrap();
        assert_eq!(all, CELLS, "{store}: cells that this run rotated are counted again as current: {run}");
        all_under_v2(&world, store);
    }
}

/// Watches what is said of a run that was given up, while it worked and after: it has no place to go on from, and old
/// cells of a run that was rolled back are needed no more.
#[test]
fn a_run_that_is_cancelled_does_not_promise_to_go_on() {
    let world = World::new("sqlite", "aes-gcm", ROWS);
    world.plan("throttle: { rows_per_second: 400 }\nbatch: { rows: 20 }\n");
    let mut run = world.command(&["run", "PLAN"]);
    let run = run.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_for_first_swap(&world);
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
    let said = String::from_utf8(run.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("start over with") && !said.contains("resume with"), "{said}");
    assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0);
    let dropped = world.output(&["undo", "drop", "PLAN", "--confirm", "people"]);
    let said = String::from_utf8(dropped.stdout).unwrap();
    assert!(said.contains("was rolled back") && !said.contains("no longer possible"), "{said}");
}

/// Watches the stop while the rate holds a batch back: what waits for its turn is not hurried through, and left unwritten.
#[test]
fn an_interrupt_while_the_rate_is_kept_writes_nothing_more() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.plan("throttle: { rows_per_second: 10 }\nbatch: { rows: 100 }\n");
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        let held = world.digest();
        signal(&run, "-INT");
        let begun = Instant::now();
        assert_eq!(run.wait().unwrap().code(), Some(4), "{store}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{store}: it waited for its turn");
        assert_eq!(world.digest(), held, "{store}: a batch was written before its turn");
        world.plan("");
        let (code, run) = world.reseal(&["resume", "PLAN"]);
        assert_eq!((code, run["cells_rotated"].as_u64()), (0, Some(CELLS)), "{store}: {run}");
    }
}

/// Watches the stop while a run waits: what the pause file holds back is not written because somebody gives up.
#[test]
fn an_interrupt_while_paused_writes_nothing_more() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        let file = world.path("pause");
        let pause = format!("pause_file: \"{}\"", file.display());
        world.plan(&format!("throttle: {{ rows_per_second: 1000, {pause} }}\nbatch: {{ rows: 100 }}\n"));
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        std::fs::write(&file, "").unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let held = world.digest();
        signal(&run, "-INT");
        assert_eq!(run.wait().unwrap().code(), Some(4), "{store}");
        assert_eq!(world.digest(), held, "{store}: the run wrote while it was paused");
        std::fs::remove_file(&file).unwrap();
        let (code, run) = world.reseal(&["resume", "PLAN"]);
        assert_eq!((code, run["cells_rotated"].as_u64()), (0, Some(CELLS)), "{store}: {run}");
        all_under_v2(&world, store);
    }
}

/// Watches prepared statements and column lists: a migration of the application may add a column at any time.
#[test]
fn a_column_may_be_added_meanwhile() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.plan("throttle: { rows_per_second: 1000 }\nbatch: { rows: 50 }\n");
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        let added =
            world.producer_command(&["sql", &world.url, "ALTER TABLE people ADD COLUMN extra text"]).output();
        assert!(added.unwrap().status.success(), "{store}");
        assert_eq!(run.wait().unwrap().code(), Some(0), "{store}");
        all_under_v2(&world, store);
    }
}

/// A server that takes no writes is named before anything else is done.
#[test]
fn a_server_that_takes_no_writes_is_refused() {
    let world = World::new("postgres", "aes-gcm", 50);
    let name = world.url.rsplit_once('/').unwrap().1.to_owned();
    let before = world.digest();
    world.sql(&[&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")]);
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 3, "{refused}");
    assert!(refused["error"]["help"].as_str().is_some_and(|help| !help.is_empty()), "{refused}");
    assert_eq!(world.digest(), before);
}

/// Watches the number of rows that a swap has updated: more than were sent is a fault, and not success. The application gives its
/// row keys up while the run works; whoever swaps the first row of a key would give its cells to the second too.
#[test]
fn a_row_key_that_names_two_rows_by_now_is_a_fault() {
    let world = World::new("postgres", "aes-gcm", 400);
    // A page of one row: the next begins behind its key, so that the second row of a key is in none.
    world.plan("throttle: { rows_per_second: 100 }\nbatch: { rows: 1 }\n");
    let mut run = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    // In one transaction, for rows of one version.
    world.sql(&["DO $$ BEGIN \
         ALTER TABLE people DROP CONSTRAINT people_pkey; \
         UPDATE people SET note = note WHERE id > 300; \
         INSERT INTO people SELECT id, b, a, note FROM people WHERE id > 300; END $$"]);
    let code = run.wait().unwrap().code();
    let twice = "SELECT count(*) FROM (SELECT a FROM people WHERE a IS NOT NULL GROUP BY a HAVING count(*) > 1) twice";
    let lost = world.sql(&[twice])[0][0].as_u64().unwrap();
    assert_eq!(lost, 0, "rows have the cell of another row, and their own is lost");
    assert!(code != Some(0), "a run that could not tell its rows apart is not clean");
}

/// Watches how long a run waits for a control database that stays locked, by an engine that was stopped inside a transaction
/// for example: it ends, and names the database.
#[test]
fn a_run_does_not_wait_for_ever_for_a_locked_control_database() {
    // MariaDB waits for a lock as PostgreSQL does.
    for store in ["sqlite", "postgres"] {
        let mut world = World::new("sqlite", "aes-gcm", 20);
        let control = World::empty(store, "aes-gcm");
        world.control = control.url.clone();
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let (tail, begun) = (ledger(store, "audit_tail"), Instant::now());
        {
            let _held = Holding::of(&control, &[&format!("UPDATE {tail} SET sequence = sequence")]);
            let (code, refused) = world.reseal(&["run", "PLAN"]);
            let error = &refused["error"];
            assert_eq!((code, error["code"].as_str()), (4, Some("audit-trail")), "{store}: {refused}");
            assert!(error["message"].as_str().unwrap().contains("control database"), "{store}: {refused}");
        }
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(60), "{store}: {waited:?}");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    }
}
