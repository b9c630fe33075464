//! Reseal is removed from a database, and leaves nothing but the application's own tables.

use serde_json::{Value, json};

use crate::custody::code;
use crate::steered::ledger;
use crate::world::{STORES, World, new_database, wait_for_first_swap};

/// What is there of Reseal in a database.
fn traces(world: &World, url: &str) -> i64 {
    let count = match url.split_once(':').unwrap().0 {
        "sqlite" => "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%reseal%'",
        "mysql" => {
            "SELECT (SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE '%reseal%') \
             + (SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND trigger_name LIKE '%reseal%')"
        }
        _ => {
            "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'reseal') \
             + (SELECT count(*) FROM pg_constraint WHERE conname LIKE '%reseal%') \
             + (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%reseal%')"
        }
    };
    number(&world.producer(&["sql", url, count])[0][0])
}

fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value}"))
}

/// Worlds with the control tables in the database that is rotated, and in another one.
fn worlds(store: &str, rows: u32) -> [World; 2] {
    [true, false].map(|together| {
        let mut world = World::new(store, "aes-gcm", rows);
        world.control = match together {
            true => world.url.clone(),
            false if store == "sqlite" => world.control,
            false => new_database(store, world.folder.path()),
        };
        world
    })
}

fn remove(world: &World, more: &[&str]) -> (i32, Value) {
    world.reseal(&[&["migrate", "PLAN", "--remove", "--confirm", "people"], more].concat())
}

fn message(answer: &(i32, Value)) -> &str {
    answer.1["error"]["message"].as_str().unwrap_or_default()
}

fn help(answer: &(i32, Value)) -> &str {
    answer.1["error"]["help"].as_str().unwrap_or_default()
}

/// A whole copy of the trail.
fn exported(world: &World) -> String {
    let file = world.path("trail.jsonl").display().to_string();
    assert_eq!(world.reseal(&["audit", "export", "--out", &file]).0, 0);
    file
}

fn goes_when_nothing_is_left(world: &World, store: &str) {
    let kind = if store == "postgres" { "constraint" } else { "trigger" };
    world.plan(&format!("guard: {kind}\n"));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    let rotated = world.digest();
    let kept = remove(world, &["--without-trail"]);
    assert_eq!(code(&kept), (3, "ledger-needed"), "{store}: {}", kept.1);
    assert!(message(&kept).contains("old cells"), "{store}: {}", kept.1);
    assert!(message(&kept).contains("has a guard") && message(&kept).contains("people"), "{}", kept.1);
    assert!(
        help(&kept).contains("undo drop PLAN") && help(&kept).contains("`guard:`"),
        "{store}: {}",
        kept.1
    );
    assert_eq!(world.reseal(&["status", "PLAN"]).1["state"], "complete", "{store}: nothing was dropped");
    // What the help says.
    assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people"]).0, 0, "{store}");
    assert!(message(&remove(world, &["--without-trail"])).contains("a guard"), "{store}");
    world.plan("");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
    let early = exported(world);
    world.reseal(&["census", "PLAN"]);
    assert_eq!(code(&world.reseal(&["migrate", "PLAN", "--remove"])), (2, "confirm"), "{store}");
    assert_eq!(code(&remove(world, &[])), (3, "trail-not-saved"), "{store}");
    let stale = remove(world, &["--trail", &early]);
    assert_eq!(code(&stale), (3, "trail-not-saved"), "{store}: {}", stale.1);
    assert!(traces(world, &world.url) > 0, "{store}");
    let (exit, done) = remove(world, &["--trail", &exported(world)]);
    assert_eq!(
        (exit, &done["ledger"], &done["control"]),
        (0, &json!("removed"), &json!("removed")),
        "{store}: {done}"
    );
    for url in [&world.url, &world.control] {
        assert_eq!(traces(world, url), 0, "{store}: {url}");
    }
    assert_eq!(world.digest(), rotated, "{store}");
    let (exit, again) = remove(world, &[]);
    assert_eq!(
        (exit, &again["ledger"], &again["control"]),
        (0, &json!("absent"), &json!("absent")),
        "{again}"
    );
    starts_again(world, store);
}

/// The next run begins as the first one did.
fn starts_again(world: &World, store: &str) {
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{store}: {run}");
    assert_eq!(world.reseal(&["runs", "PLAN"]).1["runs"].as_array().unwrap().len(), 1, "{store}");
    assert_eq!(world.reseal(&["audit", "verify"]).0, 0, "{store}");
}

/// Watches every check before the first table is dropped, the order of dropping, and that a trail goes only with a copy.
#[test]
fn reseal_is_removed_when_nothing_needs_it() {
    for store in STORES {
        for world in worlds(store, 40) {
            goes_when_nothing_is_left(&world, store);
        }
    }
}

/// Watches runs and rollbacks that are not over.
#[test]
fn a_run_that_is_not_over_keeps_its_ledger() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 900);
        world.plan("undo: none\nthrottle: { rows_per_second: 300 }\nbatch: { rows: 50 }\n");
        let mut run = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        let busy = remove(&world, &["--without-trail"]);
        assert_eq!(code(&busy), (3, "ledger-needed"), "{store}: {}", busy.1);
        assert!(message(&busy).contains("is running"), "{store}: {}", busy.1);
        world.reseal(&["pause", "PLAN"]);
        run.wait().unwrap();
        let paused = remove(&world, &["--without-trail"]);
        assert!(message(&paused).contains("is paused"), "{store}: {}", paused.1);
        assert!(help(&paused).contains("reseal cancel PLAN"), "{store}: {}", paused.1);
        assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0, "{store}");
        let (exit, done) = remove(&world, &["--without-trail"]);
        assert_eq!(exit, 0, "{store}: {done}");
        assert_eq!(traces(&world, &world.url), 0, "{store}");
    }
}

/// Watches the mark of a removal that was begun: nobody works with what is left, and the next call ends it.
#[test]
fn a_removal_that_was_killed_is_ended_by_the_next() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 20);
        world.plan("undo: none\n");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let (migration, quarantine, undo) =
            (ledger(store, "migration"), ledger(store, "quarantine"), ledger(store, "undo"));
        let view = ledger(store, "rotation_progress");
        world.sql(&[
            &format!("INSERT INTO {migration} (version) VALUES (-1)"),
            &format!("DROP VIEW {view}"),
            &format!("DROP TABLE {quarantine}"),
            &format!("DROP TABLE {undo}"),
        ]);
        for command in [&["run", "PLAN"][..], &["runs", "PLAN"], &["migrate", "PLAN"]] {
            let half = world.reseal(command);
            assert_eq!(code(&half), (3, "half-removed"), "{store}, {command:?}: {}", half.1);
            assert!(help(&half).contains("migrate --remove"), "{store}: {}", half.1);
        }
        let (exit, done) = remove(&world, &["--without-trail"]);
        assert_eq!((exit, &done["ledger"]), (0, &json!("removed")), "{store}: {done}");
        assert_eq!(traces(&world, &world.url), 0, "{store}");
        starts_again(&world, store);
    }
}

/// Watches that control tables stay while they serve another plan, that the trail then tells of the ledger, and that they can
/// be removed alone.
#[test]
fn control_tables_of_another_plan_stay() {
    for store in STORES {
        let [_, world] = worlds(store, 10);
        world.plan("undo: none\n");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let other = World::new("sqlite", "aes-gcm", 5);
        other.rewrite_plan("name: people", "name: others");
        let run =
            other.command(&["run", "PLAN"]).env("RESEAL_DATABASE_URL", &world.control).output().unwrap();
        assert!(run.status.success(), "{store}");
        let (exit, done) = remove(&world, &[]);
        assert_eq!(
            (exit, &done["ledger"], &done["control"], &done["needed_by"]),
            (0, &json!("removed"), &json!("kept"), &json!(["others"])),
            "{store}: {done}"
        );
        let told = crate::audit::events(&world);
        assert_eq!(told.last().unwrap()["kind"], "ledger-removed", "{store}: {told:?}");
        let name = world.control.rsplit('/').next().unwrap();
        let (exit, done) = world.reseal(&[
            "migrate",
            "--control",
            "--remove",
            "--confirm",
            name,
            "--trail",
            &exported(&world),
        ]);
        assert_eq!(
            (exit, &done["ledger"], &done["control"]),
            (0, &Value::Null, &json!("removed")),
            "{store}: {done}"
        );
        assert_eq!(traces(&world, &world.control), 0, "{store}");
    }
}
