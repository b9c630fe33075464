//! A rollback is a run of its own: what it proves back, what it lists and keeps, and how it goes on after a halt.

use serde_json::{Value, json};

use crate::steered::{BACK, Engine, age_leases, done, held_step, ledger, let_go, wait_until};
use crate::world::{SLOW, STORES, World, wait_for_first_swap};

fn cells(world: &World) -> Value {
    world.sql(&["SELECT id, a, b FROM people ORDER BY id"])
}

fn cell(world: &World, id: u32) -> String {
    world.sql(&[&format!("SELECT a FROM people WHERE id = {id}")])[0][0].as_str().unwrap().to_owned()
}

/// How many old cells the ledger keeps.
fn kept(world: &World, store: &str) -> Value {
    let sum = format!("SELECT coalesce(sum(cells), 0) FROM {}", ledger(store, "undo"));
    match &world.sql(&[&sum])[0][0] {
        // MariaDB's sums are decimals.
        Value::String(text) => json!(text.parse::<u64>().unwrap()),
        number => number.clone(),
    }
}

/// The cells that `quarantine` lists, as rows, fields and reasons.
fn listed(world: &World) -> Vec<[String; 3]> {
    let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
    let text = |cell: &Value, name: &str| cell[name].as_str().unwrap().to_owned();
    let cells = listed["cells"].as_array().unwrap();
    cells.iter().map(|cell| ["row", "field", "reason"].map(|name| text(cell, name))).collect()
}

/// P7; watches the sweep of a rollback, and that what is kept of a cell goes only with its proof: a cell that was damaged since
/// the run is listed, its only good copy stays, and once it is mended the next rollback puts it back.
#[test]
fn a_damaged_cell_is_listed_and_what_is_kept_of_it_stays() {
    for store in STORES {
        for (format, emergency) in [("aes-gcm", false), ("aes-gcm", true), ("plaintext", false)] {
            let at = format!("{store} {format} emergency: {emergency}");
            let world = World::new(store, format, 30);
            let before = cells(&world);
            let run = if emergency { &["run", "PLAN", "--emergency"][..] } else { &["run", "PLAN"] };
            done(&world, store, run);
            let good = cell(&world, 1);
            world.sql(&["UPDATE people SET a = substr(a, 1, length(a) - 3) WHERE id = 1"]);
            let damaged = cell(&world, 1);
            for again in [false, true] {
                let (exit, back) = world.reseal(&BACK);
                assert_eq!((exit, &back["cells_quarantined"]), (1, &json!(1)), "{at} {again}: {back}");
                assert!(back["reason"].as_str().unwrap().contains("reseal quarantine"), "{at}: {back}");
                assert_eq!(cell(&world, 1), damaged, "{at}: a cell that does not open was written");
                let listed = listed(&world);
                assert_eq!(
                    (listed.len(), &listed[0][0], &listed[0][1]),
                    (1, &"1".into(), &"a".into()),
                    "{at}"
                );
                assert_eq!(kept(&world, store), 1, "{at}: what is kept of others is dropped, and only that");
                let others = "SELECT id, a, b FROM people WHERE id > 1 ORDER BY id";
                let was = world.sql(&[others]);
                assert!(
                    was.as_array().unwrap()[..] == before.as_array().unwrap()[1..],
                    "{at}: not the old bytes"
                );
            }
            world.sql(&[&format!("UPDATE people SET a = '{good}' WHERE id = 1")]);
            let (exit, back) = world.reseal(&BACK);
            assert_eq!((exit, &back["reason"]), (0, &Value::Null), "{at}: {back}");
            assert!(cells(&world) == before && kept(&world, store) == 0, "{at}");
            assert_eq!(world.reseal(&BACK).0, 2, "{at}: nothing is left to roll back");
        }
    }
}

/// Makes the database refuse to write one row of `people`, whatever is written.
fn refuse(world: &World, store: &str, id: u32) {
    let statements = match store {
        "sqlite" => vec![format!(
            "CREATE TRIGGER no BEFORE UPDATE ON people WHEN OLD.id = {id} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )],
        "postgres" => vec![
            format!(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = {id} THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$"
            ),
            "CREATE TRIGGER no BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION no()".to_owned(),
        ],
        _ => vec![format!(
            "CREATE TRIGGER no BEFORE UPDATE ON people FOR EACH ROW IF OLD.id = {id} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF"
        )],
    };
    world.sql(&statements.iter().map(String::as_str).collect::<Vec<_>>());
}

fn relent(world: &World, store: &str) {
    let table = if store == "postgres" { " ON people" } else { "" };
    world.sql(&[&format!("DROP TRIGGER no{table}")]);
}

/// P7; watches the halving: one row that refuses its old bytes is listed alone, and the others go back.
#[test]
fn a_row_that_refuses_to_go_back_is_listed_alone() {
    for store in STORES {
        for format in ["aes-gcm", "plaintext"] {
            let at = format!("{store} {format}");
            let world = World::new(store, format, 300);
            let before = cells(&world);
            done(&world, store, &["run", "PLAN"]);
            let new = cells(&world)[136].clone();
            refuse(&world, store, 137);
            let (exit, back) = world.reseal(&BACK);
            assert_eq!((exit, &back["cells_quarantined"]), (1, &json!(2)), "{at}: {back}");
            let expect = ["a", "b"].map(|field| ["137", field, "constraint"].map(str::to_owned));
            assert_eq!(listed(&world), expect, "{at}");
            let after = cells(&world);
            assert_eq!(after[136], new, "{at}: it stays as it is");
            for row in (0..300).filter(|row| *row != 136) {
                assert_eq!(after[row], before[row], "{at}: row {row}");
            }
            assert_eq!(kept(&world, store), 2, "{at}");
            relent(&world, store);
            let (exit, back) = world.reseal(&BACK);
            assert_eq!((exit, &back["cells_resealed"]), (0, &json!(0)), "{at}: {back}");
            assert!(cells(&world) == before, "{at}: a cell is not what it was");
        }
    }
}

/// P7; watches the same where a constraint refuses what was written since the run: it cannot be sealed anew, and is listed.
#[test]
fn a_row_that_refuses_to_be_sealed_anew_is_listed_alone() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        done(&world, store, &["run", "PLAN"]);
        world.sql(&["UPDATE people SET a = b, b = a WHERE id <= 20"]);
        refuse(&world, store, 11);
        let (exit, back) = world.reseal(&BACK);
        assert_eq!((exit, &back["cells_quarantined"]), (1, &json!(2)), "{store}: {back}");
        assert!(
            listed(&world).iter().all(|[row, _, reason]| row == "11" && reason == "constraint"),
            "{store}"
        );
        let left =
            world.sql(&["SELECT count(*) FROM people WHERE (a LIKE 'v2:%' OR b LIKE 'v2:%') AND id <> 11"]);
        assert_eq!(left[0][0], 0, "{store}");
        relent(&world, store);
        done(&world, store, &BACK);
        assert_eq!(kept(&world, store), 0, "{store}");
    }
}

/// P7; watches that what was listed is tried again also where nothing was kept of it, since the application wrote it after the
/// run: until it is sealed anew, or somebody gives it up.
#[test]
fn what_the_application_wrote_is_tried_again() {
    for store in STORES {
        for given_up in [false, true] {
            let at = format!("{store}, given up: {given_up}");
            let world = World::new(store, "aes-gcm", 60);
            done(&world, store, &["run", "PLAN"]);
            world.sql(&["INSERT INTO people SELECT id + 100, a, b, note FROM people WHERE id = 11"]);
            refuse(&world, store, 111);
            for _ in 0..2 {
                let (exit, back) = world.reseal(&BACK);
                assert_eq!((exit, &back["cells_quarantined"]), (1, &json!(2)), "{at}: {back}");
                assert_eq!(listed(&world).len(), 2, "{at}");
                assert_eq!(kept(&world, store), 0, "{at}");
            }
            relent(&world, store);
            if given_up {
                done(&world, store, &["undo", "drop", "PLAN", "--confirm", "people"]);
            } else {
                done(&world, store, &BACK);
                assert_eq!(world.sql(&["SELECT count(*) FROM people WHERE a LIKE 'v2:%'"])[0][0], 0, "{at}");
            }
            assert_eq!(world.reseal(&BACK).0, 2, "{at}: nothing is left to roll back");
        }
    }
}

/// P7; watches the order of what is kept: a cell that was swapped twice in one run, since the application saved the old one
/// again behind the checkpoint, goes back to its first bytes. Plaintext ends as plaintext.
#[test]
fn a_cell_that_was_swapped_twice_goes_back_to_its_first_bytes() {
    for store in STORES {
        for format in ["aes-gcm", "plaintext"] {
            let at = format!("{store} {format}");
            let world = World::new(store, format, 1200);
            let before = cells(&world);
            // Slow enough for a machine that has other things to do before the two saves.
            world.plan("throttle: { rows_per_second: 150 }\nbatch: { rows: 60 }\n");
            let mut run = world.start(&["run", "PLAN"]);
            // Workers begin in several places at once: the first swap may be of other rows.
            let swapped = || [1, 2].into_iter().all(|id| cell(&world, id) != before[id as usize - 1][1]);
            wait_until("both rows are swapped", swapped);
            // Two saves: one of a row as it was read before the run, one of such a row with another cell than before.
            let (first, other) = (before[0][1].as_str().unwrap(), before[5][1].as_str().unwrap());
            world.sql(&[
                &format!("UPDATE people SET a = '{first}' WHERE id = 1"),
                &format!("UPDATE people SET a = '{other}' WHERE id = 2"),
            ]);
            assert_eq!(run.wait().unwrap().code(), Some(0), "{at}");
            let twice = format!("SELECT count(*) FROM {} WHERE round > 1", ledger(store, "shard"));
            assert_ne!(world.sql(&[&twice])[0][0], 0, "{at}: nothing was swapped twice");
            world.plan("");
            let back = done(&world, store, &BACK);
            assert_eq!(back["cells_resealed"], 0, "{at}: {back}");
            let after = cells(&world);
            assert_eq!(after[1][1], other, "{at}: what the application saved last");
            let rest =
                |cells: &Value| [cells[0].clone(), Value::from(cells.as_array().unwrap()[2..].to_vec())];
            assert!(rest(&after) == rest(&before), "{at}: not the first bytes");
        }
    }
}

/// Some of the cells of `people` are back under v1, others are not.
const HALF_BACK: &str = "SELECT count(*) > 0 AND count(*) < 1700 FROM people WHERE a LIKE 'v1:%'";

/// Watches the checkpoints of a rollback: killed, or stopped for longer than its lease, it goes on where it stood, and what it
/// tells is of the whole of it.
#[test]
fn a_rollback_that_was_killed_goes_on_and_tells_of_all() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 2000);
        world.plan("batch: { rows: 50 }\n");
        let before = cells(&world);
        let run = done(&world, store, &["run", "PLAN"]);
        assert!(Engine::killed_at(&world, &BACK, &world.url, HALF_BACK), "{store}: it was through");
        let status = done(&world, store, &["status", "PLAN"]);
        let rollback = &status["rollback"];
        assert_eq!(
            (&status["state"], &rollback["state"]),
            (&json!("rolling_back"), &json!("running")),
            "{store}"
        );
        let part = rollback["cells_rotated"].as_u64().unwrap();
        assert!(part > 0 && part < run["cells_rotated"].as_u64().unwrap(), "{store}: {status}");
        let goes_on =
            format!("SELECT count(*) FROM {} WHERE epoch = 2 AND state = 'running'", ledger(store, "run"));
        let stale = Engine::stopped_at(&world, &BACK, &goes_on);
        age_leases(&world, store);
        let back = done(&world, store, &BACK);
        assert_eq!(back["cells_restored"], run["cells_rotated"], "{store}: {back}");
        assert_eq!(back["rollback_id"], rollback["run_id"], "{store}: {back}");
        assert!(cells(&world) == before, "{store}: not the exact old bytes");
        stale.go_on();
        assert_eq!(stale.ends(), Some(4), "{store}: the engine that lost its run must say so");
        assert!(cells(&world) == before && kept(&world, store) == 0, "{store}: it wrote");
        let runs = done(&world, store, &["runs", "PLAN"]);
        let run = &runs["runs"][0];
        assert_eq!(
            (&run["state"], &run["rollback"]["state"]),
            (&json!("rolled_back"), &json!("complete")),
            "{store}"
        );
        assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{store}: {runs}");
    }
}

/// Watches that a rollback can be paused like a run, keeps the plan's rate, and holds its columns meanwhile.
#[test]
fn a_rollback_is_paused_and_goes_on() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 2000);
        let before = cells(&world);
        let run = done(&world, store, &["run", "PLAN"]);
        world.plan(SLOW);
        let first = Engine::start(&world, &BACK);
        wait_until("cells that are back", || {
            world.sql(&[HALF_BACK])[0][0].as_u64() == Some(1) || world.sql(&[HALF_BACK])[0][0] == json!(true)
        });
        done(&world, store, &["pause", "PLAN"]);
        assert_eq!(first.ends(), Some(4), "{store}");
        let status = done(&world, store, &["status", "PLAN"]);
        let rollback = &status["rollback"];
        assert_eq!(
            (&status["state"], &rollback["state"], &rollback["reason"]),
            (&json!("rolling_back"), &json!("paused"), &json!("paused by an operator")),
            "{store}: {status}"
        );
        for steered in [
            &["run", "PLAN"][..],
            &["cancel", "PLAN"],
            &["cancel", "PLAN", "--run", rollback["run_id"].as_str().unwrap()],
        ] {
            let (exit, refused) = world.reseal(steered);
            assert_eq!(
                (exit, refused["error"]["code"].as_str()),
                (3, Some("rolling-back")),
                "{store}: {refused}"
            );
        }
        world.plan("");
        let back = done(&world, store, &BACK);
        assert_eq!(back["cells_restored"], run["cells_rotated"], "{store}: {back}");
        assert!(cells(&world) == before, "{store}: not the exact old bytes");
    }
}

/// Watches what is said where cells remain that an earlier run has moved, one that was given up: the rollback of the later run
/// leaves them, says so by its exit code too, and the next rollback is of the earlier run.
#[test]
fn a_cancelled_run_before_it_is_told_of() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 1200);
        let before = cells(&world);
        world.plan(SLOW);
        let mut cancelled = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        done(&world, store, &["cancel", "PLAN"]);
        assert_eq!(cancelled.wait().unwrap().code(), Some(4), "{store}");
        world.plan("");
        let (_, earlier) = world.reseal(&["status", "PLAN"]);
        assert_eq!(earlier["state"], "cancelled", "{store}: {earlier}");
        let run = done(&world, store, &["run", "PLAN"]);
        let (exit, back) = world.reseal(&BACK);
        let reason = back["reason"].as_str().unwrap();
        assert_eq!((exit, &back["cells_restored"]), (1, &run["cells_rotated"]), "{store}: {back}");
        assert!(reason.contains(earlier["run_id"].as_str().unwrap()), "{store}: {reason}");
        let remain = format!("{} cells", earlier["cells_rotated"]);
        assert!(reason.starts_with(&remain), "{store}: {reason}");
        assert_eq!(
            (&back["cells_resealed"], kept(&world, store)),
            (&json!(0), earlier["cells_rotated"].clone()),
            "{store}"
        );
        let back = done(&world, store, &BACK);
        assert!(cells(&world) == before && back["reason"] == Value::Null, "{store}: {back}");
    }
}

/// Watches the notes of a run: what was under the new key before it is left alone, and counted as what it is; what the
/// application writes under it afterwards is sealed anew.
#[test]
fn what_was_under_the_new_key_before_the_run_is_left_alone() {
    for store in STORES {
        for (format, canary) in [("aes-gcm", false), ("aes-gcm", true), ("fernet-bare", false)] {
            let at = format!("{store} {format} canary: {canary}");
            let world = World::new(store, format, 200);
            world.producer(&["seed", &world.url, "newer", format, "v2.json", "200"]);
            let of =
                |column: &str| format!("{column} = (SELECT {column} FROM newer WHERE newer.id = people.id)");
            world.sql(&[
                &format!("UPDATE people SET {}, {} WHERE id <= 40", of("a"), of("b")),
                &format!("UPDATE people SET {} WHERE id BETWEEN 41 AND 60", of("a")),
            ]);
            if canary {
                world.plan("hooks: { canary: [{ command: [\"true\"] }] }\n");
            }
            let before = cells(&world);
            done(&world, store, &["run", "PLAN"]);
            world.sql(&[&format!("UPDATE people SET {} WHERE id = 150", of("a"))]);
            let back = done(&world, store, &BACK);
            assert_eq!((&back["cells_resealed"], &back["reason"]), (&json!(1), &Value::Null), "{at}: {back}");
            let (after, sealed_anew) = (cells(&world), 149);
            for row in (0..200).filter(|row| *row != sealed_anew) {
                assert!(after[row] == before[row], "{at}: row {row} is not what it was");
            }
            let there = before.as_array().unwrap()[..60].iter().enumerate();
            let there: usize = there
                .map(|(at, row)| usize::from(!row[1].is_null()) + usize::from(at < 40 && !row[2].is_null()))
                .sum();
            assert_eq!(back["cells_current"], there, "{at}: {back}");
        }
    }
}

/// Watches what is said of a run that is complete and still carries out the steps that follow it: there is nothing to pause.
#[test]
fn a_rollback_waits_for_the_last_steps_of_its_run() {
    let world = World::new("sqlite", "aes-gcm", 60);
    let before = cells(&world);
    world.plan(&format!("hooks:\n  after:\n    - {}\n", held_step(&world, "after", 0, "")));
    let run = Engine::start(&world, &["run", "PLAN"]);
    wait_until("the step", || world.path("after").exists());
    let (exit, refused) = world.reseal(&BACK);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(exit == 4 && message.contains("final steps"), "{refused}");
    assert_eq!(refused["error"]["help"], "wait until it is done", "{refused}");
    let_go(&world, "after");
    assert_eq!(run.ends(), Some(0));
    done(&world, "sqlite", &BACK);
    assert!(cells(&world) == before);
}
