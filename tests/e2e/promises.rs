//! The promises of the design, each against what would break it.

use std::time::{Duration, Instant};

use crate::world::{SLOW, STORES, World, wait_for_first_swap};

/// P1 and P2; watches the compare-and-set: without it, a stale cell overwrites what the application wrote.
#[test]
fn live_writers_lose_nothing() {
    live_writers_lose_nothing_of("aes-gcm");
}

/// The same where rows hold plaintext, which MariaDB is not sent: it is compared here, under a lock.
#[test]
fn live_writers_lose_nothing_of_a_first_encryption() {
    live_writers_lose_nothing_of("plaintext");
}

/// How often a writer and a run are sent until a swap meets the writer: it is for the machine to say when they do.
const MEETINGS: usize = 4;

fn live_writers_lose_nothing_of(format: &str) {
    for store in STORES {
        // A swap that lost must know it: else it is counted as done, and only the sweep would find the cell.
        let met = (0..MEETINGS).any(|_| meets_a_live_writer(store, format));
        assert!(met, "{store}: no swap met the writer");
    }
}

/// A run beside an application that writes, which loses nothing of what that writes; gives whether a swap met the writer.
fn meets_a_live_writer(store: &str, format: &str) -> bool {
    let mut world = World::new(store, format, 3000);
    world.plan(SLOW);
    // What the application writes, and what the run leaves.
    world.format = "aes-gcm".into();
    let writer = world
        .producer_command(&["write", &world.url, "people", "aes-gcm", "v2.json", "1", "3000", "5"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (code, run) = world.reseal(&["run", "PLAN"]);
    let writer = writer.wait_with_output().unwrap();
    assert!(writer.status.success(), "{store}");
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
    let (rows, _, right) = world.read("v2");
    assert_eq!(rows, right, "{store}: a row does not hold what the application wrote last");
    assert_eq!(world.reseal(&["verify", "PLAN"]).0, 0, "{store}");
    run["cells_raced"].as_u64().unwrap() > 0
}

/// P2 and P7; watches what is kept of a batch that is unpacked and written row by row, since another writer touched other
/// columns of its rows: it goes back to the exact bytes all the same.
#[test]
fn rows_that_others_touch_meanwhile_go_back_exactly() {
    let world = World::new("postgres", "aes-gcm", 3000);
    let cells = || world.sql(&["SELECT id, a, b FROM people ORDER BY id"]);
    let before = cells();
    world.plan(SLOW);
    let mut run = world.start(&["run", "PLAN"]);
    wait_for_first_swap(&world);
    while run.try_wait().unwrap().is_none() {
        world.sql(&["UPDATE people SET note = note || '.' WHERE id % 7 = 0"]);
    }
    assert_eq!(run.wait().unwrap().code(), Some(0));
    let (_, status) = world.reseal(&["status", "PLAN"]);
    assert!(status["cells_raced"].as_u64().unwrap() > 0, "no swap met the writer: {status}");
    assert_eq!(status["cells_rotated"], 5880, "{status}");
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!((code, &back["cells_restored"]), (0, &serde_json::json!(5880)), "{back}");
    assert!(cells() == before, "a cell is not what it was");
}

/// P3; watches the sweep: without it the run would end complete with an old cell behind its cursor.
#[test]
fn an_old_cell_behind_the_cursor_is_found() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        let old = world.sql(&["SELECT a FROM people WHERE id = 3000"])[0][0].as_str().unwrap().to_owned();
        world.plan(SLOW);
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        world.sql(&[&format!("INSERT INTO people (id, a, note) VALUES (-5, '{old}', 'late')")]);
        assert_eq!(run.wait().unwrap().code(), Some(0), "{store}");
        let row = world.sql(&["SELECT a FROM people WHERE id = -5"]);
        assert!(row[0][0].as_str().unwrap().starts_with("v2:"), "{store}: {row}");
    }
}

/// Watches the end of the last range of row keys: a run that went on for as long as rows come behind its cursor would never
/// end, and its throttle is slower than this application.
#[test]
fn a_table_that_grows_faster_than_it_is_rotated_comes_to_an_end() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 600);
        let old = world.sql(&["SELECT a FROM people WHERE id = 600"])[0][0].as_str().unwrap().to_owned();
        world.plan(SLOW);
        let begun = Instant::now();
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        world.sql(&[&format!("INSERT INTO people (id, a, note) VALUES (9000, '{old}', 'late')")]);
        let mut next = 10_000;
        while run.try_wait().unwrap().is_none() {
            if begun.elapsed() > Duration::from_secs(60) {
                run.kill().unwrap();
                panic!("{store}: it has not ended; up to row {next} came meanwhile");
            }
            let rows: Vec<_> = (next..next + 400).map(|id| format!("({id}, 'new')")).collect();
            world.sql(&[&format!("INSERT INTO people (id, note) VALUES {}", rows.join(", "))]);
            next += 400;
        }
        assert_eq!(run.wait().unwrap().code(), Some(0), "{store}");
        let row = world.sql(&["SELECT a FROM people WHERE id = 9000"]);
        assert!(row[0][0].as_str().unwrap().starts_with("v2:"), "{store}: {row}");
    }
}

/// P3; watches `row_security = off`: a policy hides rows from a user without an error, and a run that saw the others only would
/// be complete without them. Refused before the first write, for a user that reads by a policy and for an owner under FORCE; seen
/// whole by a user who is exempt.
#[test]
fn rows_that_a_policy_hides_are_not_left_behind() {
    for owns in [false, true] {
        let world = World::new("postgres", "aes-gcm", 60);
        let before = world.digest();
        let role = world.url.rsplit_once('/').unwrap().1.replace("reseal_", "reseal_tenant_");
        let database = world.url.rsplit_once('/').unwrap().1.to_owned();
        world.sql(&[
            &format!("CREATE ROLE {role} LOGIN"),
            &format!("GRANT ALL ON people TO {role}"),
            &format!("GRANT CREATE ON DATABASE {database} TO {role}"),
            &format!("CREATE POLICY tenant ON people TO {role} USING (id <= 40)"),
            "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
        ]);
        if owns {
            world.sql(&[
                &format!("ALTER TABLE people OWNER TO {role}"),
                "ALTER TABLE people FORCE ROW LEVEL SECURITY",
            ]);
        }
        let admin = world.url.clone();
        let as_admin = |sql: &str| world.producer(&["sql", &admin, sql]);
        let tenant = admin.replacen("postgres@", &format!("{role}@"), 1);
        let seen = world.producer(&["sql", &tenant, "SELECT count(*) FROM people"]);
        assert_eq!(seen, serde_json::json!([[40]]), "the policy hides nothing");
        let run = || {
            crate::world::answer(world.command(&["run", "PLAN", "--json"]).env("TEST_DATABASE_URL", &tenant))
        };
        let (code, refused) = run();
        let stands = world.digest() == before;
        as_admin(&format!("ALTER ROLE {role} BYPASSRLS"));
        let (whole, complete) = run();
        let opened = world.read("v2");
        for sql in [
            format!("REASSIGN OWNED BY {role} TO postgres"),
            format!("DROP OWNED BY {role}"),
            format!("DROP ROLE {role}"),
        ] {
            as_admin(&sql);
        }
        assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("row-security")), "{refused}");
        assert!(stands, "it wrote");
        assert_eq!((whole, complete["state"].as_str()), (0, Some("complete")), "{complete}");
        assert_eq!(opened.0, opened.2, "rows were left behind");
    }
}

/// P5; watches the three results of opening a cell: a broken one is never replaced.
#[test]
fn a_broken_cell_stays_as_it_is_and_is_listed() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 100);
        world.sql(&[
            "UPDATE people SET a = 'v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==' WHERE id = 40",
        ]);
        world.sql(&["UPDATE people SET b = 'not sealed at all' WHERE id = 41"]);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["cells_quarantined"].as_u64()), (1, Some(2)), "{store}: {run}");
        let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
        let cells = listed["cells"].as_array().unwrap();
        assert_eq!(cells[0]["row"], "40", "{store}: {listed}");
        assert_eq!(cells[0]["reason"], "does-not-open-under-its-key");
        assert_eq!(cells[1]["reason"], "not-recognised");
        let left = world.sql(&["SELECT b FROM people WHERE id = 41"]);
        assert_eq!(left[0][0], "not sealed at all", "{store}");
        // Mended, the same run goes on to its end.
        world.sql(&["UPDATE people SET a = NULL WHERE id = 40", "UPDATE people SET b = NULL WHERE id = 41"]);
        let (code, run) = world.reseal(&["quarantine", "PLAN", "--retry"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        let (_, status) = world.reseal(&["status", "PLAN"]);
        assert_eq!(status["cells_quarantined"], 0, "{store}: {status}");
    }
}

/// P7; watches the digest of the undo: a row that the application rewrote is re-encrypted back, never overwritten.
#[test]
fn rollback_leaves_what_the_application_wrote() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 500);
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
        world.producer(&["write", &world.url, "people", "aes-gcm", "v2.json", "1", "500", "0.5"]);
        let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
        assert_eq!(code, 0, "{store}: {back}");
        assert!(back["cells_resealed"].as_u64().unwrap() > 0, "{store}: {back}");
        let (rows, _, right) = world.read("v1");
        assert_eq!(rows, right, "{store}");
    }
}

/// P8; watches the lease: a second engine is refused and told who works.
#[test]
fn a_second_run_names_the_holder() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        world.plan(SLOW);
        let mut first = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        let message = refused["error"]["message"].as_str().unwrap();
        assert_eq!(code, 4, "{store}: {refused}");
        assert!(message.contains(&format!("process {}", first.id())), "{store}: {message}");
        world.reseal(&["pause", "PLAN"]);
        assert_eq!(first.wait().unwrap().code(), Some(4), "{store}");
        let (_, status) = world.reseal(&["status", "PLAN"]);
        assert_eq!(status["state"], "paused", "{store}: {status}");
        world.plan("");
        let (code, run) = world.reseal(&["resume", "PLAN"]);
        assert_eq!((code, run["cells_rotated"].as_u64()), (0, Some(5880)), "{store}: {run}");
    }
}

/// Watches the view: of many ranges it tells the furthest key, by the order of keys and not of their texts, and also
/// where a range was through at once.
#[test]
fn the_view_of_progress_tells_the_furthest_key() {
    for store in STORES {
        for (rows, plan) in [(30, ""), (12_000, "workers: 4\n")] {
            let world = World::new(store, "aes-gcm", rows);
            world.plan(plan);
            assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
            let view =
                if store == "postgres" { "reseal.rotation_progress" } else { "reseal_rotation_progress" };
            let told = world.sql(&[&format!("SELECT table_name, last_checkpoint_id FROM {view}")]);
            assert_eq!(told, serde_json::json!([["people", format!("[{rows}]")]]), "{store}");
        }
    }
}

/// Scopes end as `scope_done`, and what is left is told.
#[test]
fn a_scope_is_not_the_whole_plan() {
    let world = World::new("sqlite", "aes-gcm", 100);
    let (code, run) = world.reseal(&["run", "PLAN", "--table", "people"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("scope_done")), "{run}");
    assert_eq!(world.reseal(&["run", "PLAN", "--table", "nobody"]).0, 2);
}

/// P3; watches the guard: after the run the database itself refuses cells under the old key, until they are put back.
#[test]
fn a_guard_refuses_old_keys_until_rolled_back() {
    for store in STORES {
        for kind in ["constraint", "trigger"] {
            let world = World::new(store, "aes-gcm", 60);
            let old = world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
            world.plan(&format!("guard: {kind}\n"));
            let (code, run) = world.reseal(&["run", "PLAN"]);
            assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store} {kind}: {run}");
            let insert = |id: i32, cell: &str| {
                let sql = format!("INSERT INTO people (id, a, note) VALUES ({id}, '{cell}', 'late')");
                world.producer_command(&["sql", &world.url, &sql]).output().unwrap()
            };
            let refused = insert(1001, &old);
            assert!(!refused.status.success(), "{store} {kind}: an old cell was let in");
            let message = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(message.contains("reseal"), "{store} {kind}: {message}");
            let update = format!("UPDATE people SET b = '{old}' WHERE id = 4");
            let refused = world.producer_command(&["sql", &world.url, &update]).output().unwrap();
            assert!(!refused.status.success(), "{store} {kind}: an old cell was let in");
            let new = world.sql(&["SELECT a FROM people WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
            assert!(insert(1002, &new).status.success(), "{store} {kind}");
            world.sql(&["DELETE FROM people WHERE id = 1002"]);
            // Run again: the guard is no stranger's trigger, and stands afterwards.
            let (code, run) = world.reseal(&["run", "PLAN"]);
            assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store} {kind}: {run}");
            assert!(!insert(1003, &old).status.success(), "{store} {kind}");
            let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
            assert_eq!(code, 0, "{store} {kind}: {back}");
            assert!(insert(1004, &old).status.success(), "{store} {kind}: the guard outlived the rollback");
        }
    }
}

/// Watches what a guard looks at: a key that is named beside no cell is of no concern to it, and a constraint ends up
/// checked.
#[test]
fn a_guard_lets_rows_without_cells_be() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        world.sql(&[
            "UPDATE people SET a = substr(a, 4), b = substr(b, 4), note = 'v1'",
            "UPDATE people SET a = NULL, b = NULL WHERE id = 7",
        ]);
        world.plan("guard: constraint\n");
        world.rewrite_plan("{key}:", "");
        world.rewrite_plan("row_key: id\n", "row_key: id\n    key: note\n");
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        world.sql(&["UPDATE people SET id = 1007 WHERE id = 7"]);
        let refused = world
            .producer_command(&["sql", &world.url, "UPDATE people SET note = 'v1' WHERE id = 4"])
            .output();
        assert!(!refused.unwrap().status.success(), "{store}: a cell names an old key");
        if store == "postgres" {
            let valid = world.sql(&["SELECT convalidated FROM pg_constraint WHERE conname = 'reseal_guard'"]);
            assert_eq!(valid, serde_json::json!([[true]]));
        }
    }
}

/// A guard that could not tell old cells from new ones is refused before the first write.
#[test]
fn a_guard_needs_cells_that_name_their_key() {
    let world = World::new("sqlite", "fernet-bare", 10);
    world.plan("guard: trigger\n");
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("guard-cannot-tell")), "{refused}");
}
