//! A rotation by interval counts from its key: what is listed, and what a daemon fires.

use std::process::Command;

use serde_json::Value;

use crate::served::{Daemon, firings, wait_for};
use crate::world::{STORES, World};

const ROTATE: &str =
    "schedule:\n  zone: UTC\n  rotate: { every: 90d, do: run }\n  count: { every: 90d, do: census }\n";

/// A date as `date` reads and writes it, in UTC.
fn date(when: &str, format: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", when, format]).output().unwrap();
    assert!(output.status.success(), "{when}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A time in seconds since 1970, as RFC 3339.
fn utc(seconds: i64) -> String {
    date(&format!("@{seconds}"), "+%FT%TZ")
}

/// Ninety days, in seconds.
const NINETY: i64 = 90 * 86_400;

/// The slots of a job from a day on, as `schedule next` lists them.
fn listed(world: &World, job: &str, from: &str) -> Vec<String> {
    let (code, next) = world.reseal(&["schedule", "next", "PLAN", "--from", from, "--until", "2029-01-01"]);
    assert_eq!(code, 0, "{next}");
    let slots = next["slots"].as_array().unwrap().iter().filter(|slot| slot["job"] == job);
    slots.map(|slot| slot["utc"].as_str().unwrap_or_else(|| panic!("{slot}")).to_owned()).collect()
}

/// When a job fires next, as `schedule list` has it.
fn next(world: &World, job: &str) -> String {
    let (code, list) = world.reseal(&["schedule", "list", "PLAN"]);
    assert_eq!(code, 0, "{list}");
    let jobs = list["plans"][0]["jobs"].as_array().unwrap();
    let job = jobs.iter().find(|other| other["job"] == job).unwrap();
    job["next"]["utc"].as_str().unwrap_or_else(|| panic!("{job}")).to_owned()
}

/// When a key became active, by the catalogue, to the second.
fn active_since(world: &World, key: &str) -> String {
    let (_, list) = world.reseal(&["keys", "list", "PLAN"]);
    let keys = list["keys"].as_array().unwrap();
    let key = keys.iter().find(|other| other["key"] == key).unwrap();
    key["activated"].as_str().unwrap_or_else(|| panic!("{list}"))[..19].to_owned()
}

/// A date in UTC, so many days behind another.
fn days_behind(since: &str, days: u32) -> String {
    date(&format!("{since}Z + {days} days"), "+%FT%TZ")
}

/// Watches from where a rotation counts: not from 1970, and from the new key once there is one. Other jobs are not moved.
#[test]
fn a_rotation_is_listed_by_the_age_of_its_key() {
    for store in STORES {
        let mut world = World::new("sqlite", "aes-gcm", 5);
        let control = World::empty(store, "aes-gcm");
        world.control = control.url.clone();
        world.plan(ROTATE);
        let counts = listed(&world, "count", "2026-01-01");
        assert_eq!(counts[0], "2026-03-08T00:00:00Z", "{store}: from 1970");
        let since = ["keys", "activate", "PLAN", "v1", "--since", "2026-01-15T06:30:00Z"];
        assert_eq!(world.reseal(&since).0, 0, "{store}");
        let rotations = listed(&world, "rotate", "2026-01-01");
        assert_eq!(rotations[..2], ["2026-04-15T06:30:00Z", "2026-07-14T06:30:00Z"], "{store}");
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let due = days_behind(&active_since(&world, "v2"), 90);
        assert_eq!(
            (next(&world, "rotate"), listed(&world, "rotate", "2026-01-01")[0].clone()),
            (due.clone(), due),
            "{store}"
        );
        assert_eq!(listed(&world, "count", "2026-01-01"), counts, "{store}");
        // Taken back, the key before counts again, from when it became active.
        assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0, "{store}");
        assert_eq!(listed(&world, "rotate", "2026-01-01"), rotations, "{store}");
        // A plan may still name a beginning of its own.
        world.plan(&ROTATE.replace("every: 90d, do: run", "every: 90d, from: 2026-02-01, do: run"));
        assert_eq!(listed(&world, "rotate", "2026-01-01")[0], "2026-02-01T00:00:00Z", "{store}");
    }
}

/// Watches that the oldest of the keys that seal counts.
#[test]
fn of_several_keysets_the_oldest_key_counts() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(ROTATE);
    let key = |id: &str| {
        format!(
            "      {id}: {{ file: \"{}\", encoding: base64 }}\n",
            world.path(&format!("{id}.key")).display()
        )
    };
    for id in ["w1", "w2"] {
        world.new_key(id);
    }
    let other = format!(
        "  other:\n    primary: w2\n    keys:\n{}{}seals:\n  other:\n    keyset: other\n    format: {{ aes-gcm: {{ layout: \"{{key}}:{{nonce|base64}}:{{ciphertext|base64}}\" }} }}\n",
        key("w1"),
        key("w2")
    );
    world.rewrite_plan("seals:\n", &other);
    world.rewrite_plan("      b: { to: main }\n", "      b: { to: other, from: [main] }\n");
    let activate = |key: &str, since: &str| {
        let done = world.reseal(&["keys", "activate", "PLAN", key, "--since", since]);
        assert_eq!(done.0, 0, "{}", done.1);
    };
    activate("v1", "2026-02-01T00:00:00Z");
    activate("w1", "2026-01-01T00:00:00Z");
    assert_eq!(listed(&world, "rotate", "2026-01-01")[0], "2026-04-01T00:00:00Z");
    activate("w1", "2026-03-01T00:00:00Z");
    assert_eq!(listed(&world, "rotate", "2026-01-01")[0], "2026-05-02T00:00:00Z");
}

/// Watches what counts where nobody dated a key: when the catalogue first saw it.
#[test]
fn a_key_that_nobody_dated_counts_from_when_it_was_first_seen() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(ROTATE);
    assert_eq!(world.reseal(&["keys", "list", "PLAN", "--read"]).0, 0);
    world.control("UPDATE reseal_catalogue_key SET created_at = 1767571200000");
    assert_eq!(listed(&world, "rotate", "2026-01-01")[0], "2026-04-05T00:00:00Z");
}

/// Watches the claim of a slot that follows from a key: once by two daemons, and none behind it once the key is new.
#[test]
fn a_key_that_comes_of_age_is_rotated_once_by_two_daemons() {
    let world = World::new("sqlite", "aes-gcm", 20);
    world.plan(ROTATE);
    // It comes of age ten minutes of the daemons' clock after they begin.
    let now: i64 = date("now", "+%s").parse().unwrap();
    let (from, due, since) = (utc(now), utc(now + 600), utc(now + 600 - NINETY));
    assert_eq!(world.reseal(&["keys", "activate", "PLAN", "v1", "--since", &since]).0, 0);
    assert_eq!(next(&world, "rotate"), due);
    let daemons = [Daemon::start(&world, &from), Daemon::start(&world, &from)];
    let done = wait_for(&world, "a rotation", || {
        let done = firings(&world, "rotate");
        done.iter().any(|(state, _)| state == "done").then_some(done)
    });
    assert!(done[0].1.starts_with("state complete"), "{done:?}");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(firings(&world, "rotate").len(), 1, "a slot fired twice, or another came");
    daemons.into_iter().for_each(Daemon::stop);
    let slots = world.control("SELECT slot FROM reseal_firing WHERE job = 'rotate'");
    assert_eq!(slots[0][0], Value::from((now + 600) * 1000), "{slots}");
    assert_eq!(world.read("v2").0, world.read("v2").2);
    assert_eq!(next(&world, "rotate"), days_behind(&active_since(&world, "v2"), 90));
}
