//! Plans that change while they are served: two daemons with two versions, a file that is edited, a daemon that dies while
//! its rotation goes on.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::served::{Daemon, SPEED, events, firings, letters, now, wait_for};
use crate::world::{World, signal, wait_for_first_swap};

const NOTIFY: &str = "notify:\n  via: { log: { log: {} } }\n  on: { dead-man: [log], plan-changed: [log] }\n";

/// A daemon that is killed where a test ends without it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves a plan's file from a time on.
fn serve(world: &World, file: &str, from: &str, more: impl Fn(&mut Command)) -> Killed {
    let log = std::fs::File::options().create(true).append(true).open(world.path("daemon.log")).unwrap();
    let clock = format!("{from},{},{SPEED}", now());
    let file = world.path(file).display().to_string();
    let mut command = world.command(&["serve", &file, "--clock-for-tests", &clock]);
    more(&mut command);
    Killed(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

fn runs(world: &World) -> Vec<Value> {
    world.reseal(&["runs", "PLAN"]).1["runs"].as_array().unwrap().clone()
}

/// Watches the lease of a firing: a daemon whose plan has no such job ended it, and the run with it, in the middle.
#[test]
fn a_rotation_is_not_ended_by_a_daemon_whose_plan_lacks_it() {
    const ROWS: u32 = 4000;
    let world = World::new("sqlite", "aes-gcm", ROWS);
    let plan = |job: &str| {
        let schedule = format!("schedule: {{ zone: UTC, {job} }}\n");
        world.plan(&format!(
            "{schedule}{NOTIFY}throttle: {{ rows_per_second: 500 }}\nbatch: {{ rows: 100 }}\n"
        ));
    };
    plan("count: { cron: \"0 0 1 1 *\", do: census }");
    std::fs::rename(world.path("plan.yaml"), world.path("other.yaml")).unwrap();
    plan("rotate: { cron: \"0 11 * * *\", do: run }");
    let mine = serve(&world, "plan.yaml", "2026-03-01T10:55:00Z", |_| {});
    wait_for(&world, "a run", || (!firings(&world, "rotate").is_empty()).then_some(()));
    wait_for_first_swap(&world);
    let other = serve(&world, "other.yaml", "2026-03-01T11:02:00Z", |_| {});
    let (state, said) = wait_for(&world, "its end", || {
        firings(&world, "rotate").pop().filter(|(state, _)| state != "claimed")
    });
    assert_eq!(state, "done", "{said}");
    assert!(said.contains("state complete"), "{said}");
    assert_eq!(world.read("v2").2, u64::from(ROWS));
    assert_eq!(letters(&world, "dead-man").len(), 0);
    drop((mine, other));
}

/// Watches the text that commands get, the event and the notice of each change, and what SIGHUP takes up.
#[test]
fn a_plan_is_served_as_it_was_read_until_it_is_read_again() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let plan = |job: &str| world.plan(&format!("schedule: {{ zone: UTC, {job} }}\n{NOTIFY}"));
    let state = |letter: &[String]| {
        let fields: Value = serde_json::from_str(&letter[2]).unwrap();
        let fields = fields.as_array().unwrap().clone();
        fields.iter().find(|field| field[0] == "state").unwrap()[1].as_str().unwrap().to_owned()
    };
    let told = |count: usize| {
        let letters = wait_for(&world, "a change", || {
            Some(letters(&world, "plan-changed")).filter(|letters| letters.len() >= count)
        });
        assert_eq!(letters.len(), count, "{letters:?}");
        state(&letters[count - 1])
    };
    plan("count: { cron: \"*/10 * * * *\", do: census }");
    let daemon = serve(&world, "plan.yaml", "2026-03-01T10:55:00Z", |_| {});
    wait_for(&world, "a count", || firings(&world, "count").pop().filter(|(state, _)| state == "done"));
    // In other words it says the same.
    world.rewrite_plan("schedule:", "# Ours.\nschedule:");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(letters(&world, "plan-changed").len(), 0);
    std::fs::write(world.path("plan.yaml"), "reseal: 1\nname: [").unwrap();
    assert_eq!(told(1), "broken");
    signal(&daemon.0, "-HUP");
    assert_eq!(told(2), "refused");
    let before = firings(&world, "count").len();
    wait_for(&world, "counts by the text that was read", || {
        let all = firings(&world, "count");
        (all.len() >= before + 2 && all.iter().all(|(state, _)| state != "failed")).then_some(())
    });
    plan("sweep: { cron: \"*/10 * * * *\", do: verify }");
    assert_eq!(told(3), "waits");
    signal(&daemon.0, "-HUP");
    assert_eq!(told(4), "in force");
    wait_for(&world, "the new job", || {
        firings(&world, "sweep").pop().filter(|(state, _)| state != "claimed")
    });
    let events = events(&world, "plan-file-changed");
    let states: Vec<&str> = events.iter().map(|event| event["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "refused", "waits", "in force"], "{events:?}");
    drop(daemon);
}

/// Watches that a run which outlived its daemon is found: another one would ask people again.
#[test]
fn a_rotation_that_outlived_its_daemon_is_not_asked_for_again() {
    let world = World::new("sqlite", "aes-gcm", 1500);
    world.plan(&format!(
        "schedule: {{ zone: UTC, rotate: {{ cron: \"0 11 * * *\", do: run }} }}\n{NOTIFY}\
         throttle: {{ rows_per_second: 500 }}\nbatch: {{ rows: 100 }}\n"
    ));
    let daemon = serve(&world, "plan.yaml", "2026-03-01T10:55:00Z", |_| {});
    wait_for(&world, "a run", || (!firings(&world, "rotate").is_empty()).then_some(()));
    wait_for_first_swap(&world);
    drop(daemon);
    wait_for(&world, "the end of the run", || {
        runs(&world).iter().any(|run| run["state"] == "complete").then_some(())
    });
    let daemon = serve(&world, "plan.yaml", "2026-03-01T11:30:00Z", |_| {});
    let (state, said) = wait_for(&world, "its end", || {
        firings(&world, "rotate").pop().filter(|(state, _)| state != "claimed")
    });
    assert_eq!(state, "done", "{said}");
    assert!(said.contains("started by a process that no longer exists"), "{said}");
    assert_eq!(runs(&world).len(), 1, "one run");
    drop(daemon);
}

/// Watches that whatever keeps a rotation from beginning is tried again as long as its window is open.
#[test]
fn a_rotation_that_is_refused_is_tried_again_in_its_window() {
    let world = World::new("sqlite", "aes-gcm", 10);
    world.plan(&format!(
        "schedule: {{ zone: UTC, rotate: {{ cron: \"0 11 * * *\", do: {{ run: {{ window: 7d }} }} }} }}\n{NOTIFY}"
    ));
    std::fs::rename(world.path("v2.key"), world.path("away.key")).unwrap();
    let daemon = Daemon::start(&world, "2026-03-01T10:55:00Z");
    let told = wait_for(&world, "that it waits", || letters(&world, "dead-man").pop());
    assert!(told[2].contains("the job rotate") && told[2].contains("start"), "{told:?}");
    std::fs::rename(world.path("away.key"), world.path("v2.key")).unwrap();
    wait_for(&world, "its end", || firings(&world, "rotate").pop().filter(|(state, _)| state == "done"));
    daemon.stop();
}

/// Watches that a slot is caught up whatever its age: what counts is how long it waits since it was claimed.
#[test]
fn a_slot_is_caught_up_whatever_its_age() {
    let world = World::new("sqlite", "aes-gcm", 10);
    world.plan(&format!(
        "schedule:\n  zone: UTC\n  count: {{ cron: \"0 11 1 * *\", misfire: once, do: census }}\n\
         \x20 look: {{ cron: \"0 * * * *\", misfire: once, do: {{ remind: look }} }}\n\
         \x20 sweep: {{ cron: \"0 * * * *\", misfire: all, do: verify }}\n\
         \x20 skipped: {{ cron: \"0 * * * *\", misfire: skip, do: {{ remind: look }} }}\n{NOTIFY}"
    ));
    Daemon::start(&world, "2026-03-01T10:10:00Z").stop_once_it_serves(&world);
    let daemon = Daemon::start(&world, "2026-03-20T10:30:00Z");
    let (state, said) = wait_for(&world, "the count of 19 days ago", || {
        firings(&world, "count").pop().filter(|(state, _)| state != "claimed")
    });
    assert_eq!(state, "done", "{said}");
    wait_for(&world, "both letters", || (letters(&world, "dead-man").len() >= 2).then_some(()));
    let told = letters(&world, "dead-man");
    let mut jobs: Vec<&str> = told.iter().map(|letter| letter[0].as_str()).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["look", "sweep"], "one letter for each job, and none for what is skipped: {told:?}");
    assert!(told.iter().all(|letter| letter[2].contains("all times after")), "{told:?}");
    daemon.stop();
}
