//! The daemon, as processes: what is due fires once, whoever is killed when.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::pages::Pages;
use crate::served::{SPEED, now, terminate};
use crate::world::World;

const KILLS: usize = 100;

/// A world whose plan fires a reminder each minute and a census each ten.
fn scheduled(store: &str) -> World {
    let world = World::new(store, "fernet-v2", 10);
    std::fs::write(world.path("control.db"), "").unwrap();
    world.plan(
        "schedule:\n  zone: Europe/Berlin\n  reminder: { cron: \"* * * * *\", misfire: all, do: { remind: review } }\n\
         \x20 count: { cron: \"*/10 * * * *\", misfire: all, do: { census: {} } }\n",
    );
    // DDL is not transactional everywhere: a daemon that is killed in the middle of it is another matter.
    let migrated = world
        .command(&["migrate", "--control"])
        .env("RESEAL_DATABASE_URL", control(&world))
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    world
}

/// Where the control database is: beside the data, or in a file of its own.
fn control(world: &World) -> String {
    match world.url.starts_with("sqlite") {
        true => format!("sqlite://{}", world.path("control.db").display()),
        false => world.url.clone(),
    }
}

fn daemon(world: &World, clock: &str, log: &str) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(world.path(log)).unwrap();
    let mut command = world.command(&["serve", "PLAN", "--clock-for-tests", clock]);
    command.env("RESEAL_DATABASE_URL", control(world));
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// All firings, as (job, slot in minutes, state), in order.
fn firings(world: &World) -> Vec<(String, i64, String)> {
    let table = if world.url.starts_with("postgres") { "reseal.firing" } else { "reseal_firing" };
    let select = format!("SELECT job, slot, state FROM {table} ORDER BY job, slot");
    let rows = world.producer(&["sql", &control(world), &select]);
    let rows = rows.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(&row[0]), row[1].as_i64().unwrap() / 60_000, text(&row[2]))).collect()
}

/// Watches the claim's key, that settling is compare-and-set in the claim's transaction, and that work is taken up again.
fn two_daemons_survive_kills(store: &str) {
    let world = scheduled(store);
    let since = now();
    let clock = format!("2026-10-25T00:00:00Z,{since},{SPEED}");
    let mut daemons: Vec<Child> = (0..2).map(|n| daemon(&world, &clock, &format!("{n}.log"))).collect();
    for _ in 0..KILLS {
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        std::thread::sleep(Duration::from_millis(100 + 2 * u64::from(random[0])));
        let which = usize::from(random[1] % 2);
        daemons[which].kill().unwrap();
        daemons[which].wait().unwrap();
        daemons[which] = daemon(&world, &clock, &format!("{which}.log"));
    }
    // What is in hand is ended by those that live.
    let begun = Instant::now();
    let done = loop {
        let all = firings(&world);
        if !all.is_empty()
            && all.iter().all(|(.., state)| state == "done")
            && begun.elapsed() > Duration::from_secs(3)
        {
            break all;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{store}: not all is done: {all:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    daemons.iter_mut().for_each(terminate);
    for (job, step, least) in [("reminder", 1, 30), ("count", 10, 3)] {
        let slots: Vec<i64> =
            done.iter().filter(|(name, ..)| name == job).map(|(_, slot, _)| *slot).collect();
        assert!(slots.len() > least, "{store}: only {} slots of {job} came", slots.len());
        let gaps: Vec<_> = slots.windows(2).filter(|pair| pair[1] - pair[0] != step).collect();
        assert!(gaps.is_empty(), "{store}: {job} lost a slot, or fired one twice: {gaps:?}");
    }
}

#[test]
fn two_daemons_killed_a_hundred_times_on_sqlite() {
    two_daemons_survive_kills("sqlite");
}

#[test]
fn two_daemons_killed_a_hundred_times_on_postgres() {
    two_daemons_survive_kills("postgres");
}

#[test]
fn two_daemons_killed_a_hundred_times_on_mariadb() {
    two_daemons_survive_kills("mysql");
}

#[test]
fn pages_tell_what_fires_and_what_is_disabled() {
    let world = scheduled("sqlite");
    let paused = world
        .command(&["schedule", "disable", "PLAN", "count"])
        .env("RESEAL_DATABASE_URL", control(&world))
        .output()
        .unwrap();
    assert!(paused.status.success(), "{paused:?}");
    let mut command = world.command(&["serve", "PLAN", "--listen", "127.0.0.1:0"]);
    let mut pages = Pages::start(command.env("RESEAL_DATABASE_URL", control(&world)));
    let get = |path: &str| pages.get(path, &pages.address);
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics");
    for line in [
        "reseal_schedule_enabled{plan=\"people\",job=\"reminder\"} 1",
        "reseal_schedule_enabled{plan=\"people\",job=\"count\"} 0",
        "# TYPE reseal_schedule_claimed gauge",
        "reseal_schedule_firings_total{plan=\"people\",job=\"count\",state=\"done\"} 0",
        "reseal_control_up 1",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let page = get("/");
    assert!(page.contains("<td>reminder<td>* * * * *<td>remind<td>"), "{page}");
    assert!(page.contains("<td>census<td>disabled"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    terminate(&mut pages.child);
}
