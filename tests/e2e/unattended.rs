//! Work of a schedule, from its slot to its end: key ages, windows, approvals, and commands that fail.

use std::process::Command;

use crate::custody::keys_that_expire;
use crate::served::{Daemon, SPEED, events, firings, letters, wait_for};
use crate::world::World;

const NOTIFY: &str = "notify:\n  via: { log: { log: {} } }\n  on: { key-age: [log], dead-man: [log], announced: { before: 30m, to: [log] } }\n";

fn last(world: &World, job: &str) -> Option<(String, String)> {
    firings(world, job).pop()
}

/// A time from now on, in minutes of the machine's clock.
fn later(minutes: u32, format: &str) -> String {
    let date =
        Command::new("date").args(["-u", "-d", &format!("+{minutes} minutes"), format]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Watches both steps: each warning once, however often the age is looked at; and once a key is expired, each slot.
#[test]
fn a_key_is_warned_of_before_it_expires_and_told_of_until_it_is_replaced() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let plan = |primary: &str| {
        let schedule = "schedule: { zone: UTC, age: { cron: \"*/10 * * * *\", do: key-age } }\n";
        world.plan(&format!("{schedule}{NOTIFY}policy: {{ max_key_age: 90d, warn: [14d, 3d] }}\n"));
        let text = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), text.replace("primary: v2", &format!("primary: {primary}")))
            .unwrap();
    };
    plan("v2");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let (code, since) = world.reseal(&["keys", "activate", "PLAN", "v2", "--since", "2026-01-01"]);
    assert_eq!(code, 0, "{since}");
    let checks = |from: &str, least: usize| {
        let before = firings(&world, "age").len();
        let daemon = Daemon::start(&world, from);
        wait_for(&world, "checks of age", || {
            let all = firings(&world, "age");
            (all.len() >= before + least && all.iter().all(|(state, _)| state == "done")).then_some(())
        });
        daemon.stop();
        (letters(&world, "key-expiring").len(), letters(&world, "key-expired").len())
    };
    // 2026-04-01 is the ninetieth day.
    assert_eq!(checks("2026-03-17T12:00:30Z", 1), (0, 0), "15 days are left");
    assert_eq!(checks("2026-03-20T12:00:30Z", 2), (1, 0), "two looks, one warning");
    assert_eq!(checks("2026-03-30T12:00:30Z", 2), (2, 0), "the second step of `warn`");
    let told = letters(&world, "key-expiring").pop().unwrap();
    assert!(told[2].contains("90d") && told[2].contains("2026-04-01"), "{told:?}");
    let (warned, expired) = checks("2026-04-02T12:00:30Z", 3);
    assert!(warned == 2 && expired >= 3, "an expired key is told of at every slot: {warned}, {expired}");
    // Another key seals: that is the end of it.
    plan("v1");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let told = letters(&world, "key-expired").len();
    assert_eq!(checks("2026-04-03T12:00:30Z", 2), (2, told));
}

/// Watches that the daemon reads the plan's keys itself: a key whose source says when it expires is warned of before Reseal
/// ever ran. A key that seals nothing is nobody's business, and neither is one that cannot be read just now.
#[test]
fn keys_are_warned_of_before_the_first_run() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let schedule = "schedule: { zone: UTC, age: { cron: \"*/10 * * * *\", do: key-age } }\n";
    let keys = [("v1", "2026-03-05 00:00:00"), ("v2", "2026-03-10 00:00:00")];
    keys_that_expire(&world, keys, &format!("{schedule}{NOTIFY}"));
    let daemon = Daemon::start(&world, "2026-03-01T10:59:30Z");
    let done = || last(&world, "age").filter(|(state, _)| state == "done").map(|(_, told)| told);
    let told = wait_for(&world, "a look at the keys", done);
    assert_eq!(told, "2 keys, 1 notifications");
    let warned: Vec<_> =
        letters(&world, "key-expiring").into_iter().map(|letter| letter[0].clone()).collect();
    assert_eq!(warned, ["main/v2"]);
    world.sql(&["ALTER TABLE app_keys RENAME TO elsewhere"]);
    wait_for(&world, "a look without keys", || done().filter(|told| told.contains("not read")));
    assert_eq!(letters(&world, "dead-man").len(), 0, "the catalogue knows them by now");
    daemon.stop();
}

/// Watches that a rotation waits for its window, and is announced before.
#[test]
fn a_scheduled_rotation_waits_for_its_window() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let window = format!("Mon-Sun {}-{}", later(25, "+%H:%M"), later(55, "+%H:%M"));
    world.plan(&format!(
        "schedule:\n  zone: UTC\n  rotate: {{ cron: \"*/10 * * * *\", do: {{ run: {{ window: \"{window}\" }} }} }}\n{NOTIFY}"
    ));
    let daemon = Daemon::start(&world, &crate::served::now());
    let waiting = wait_for(&world, "a claim", || last(&world, "rotate").filter(|(_, told)| told != "null"));
    assert_eq!(waiting, ("claimed".to_owned(), "waiting for its window".to_owned()));
    assert_eq!(world.reseal(&["runs", "PLAN"]).1["runs"].as_array().map_or(0, Vec::len), 0, "too early");
    let begun = std::time::Instant::now();
    let fired = wait_for(&world, "its end", || {
        let fired = firings(&world, "rotate");
        fired.iter().any(|(state, _)| state == "done").then_some(fired)
    });
    assert!(fired.iter().any(|(state, told)| state == "done" && told.contains("complete")), "{fired:?}");
    let minutes = begun.elapsed().as_secs_f64() * f64::from(SPEED) / 60.0;
    assert!(minutes > 5.0, "the window opens some twenty minutes after the slot, and not {minutes}");
    assert!(fired.len() <= 2, "two slots passed while it waited, and one may fire now: {fired:?}");
    let announced = letters(&world, "announced");
    assert!(announced[0][2].contains("only in the hours given in the plan"), "{announced:?}");
    let slots: std::collections::BTreeSet<_> = announced.iter().map(|letter| &letter[1]).collect();
    assert_eq!(slots.len(), announced.len(), "each rotation is announced once");
    daemon.stop();
}

/// Watches that work which waits for people is no failure, and that asking again and again fills no trail.
#[test]
fn a_scheduled_rotation_waits_for_approval() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let key = world.path("alice.approver").display().to_string();
    let (_, made) = world.reseal(&["approve", "keygen", "alice", "--file", &key]);
    std::fs::write(world.path("approvers"), format!("{}\n", made["line"].as_str().unwrap())).unwrap();
    let notify = NOTIFY.replace("on: {", "on: { unauthorised: [log],");
    world.plan(&format!(
        "schedule:\n  zone: UTC\n  rotate: {{ cron: \"*/10 * * * *\", do: {{ run: {{ window: 7d, approvals: 1 }} }} }}\n\
         {notify}policy: {{ approvals: {{ run: 1 }}, approvers: {{ file: \"{}\" }} }}\n",
        world.path("approvers").display()
    ));
    let daemon = Daemon::start(&world, &crate::served::now());
    let asked = |epochs: i64| {
        let select = "SELECT epoch, outcome FROM reseal_firing WHERE state = 'claimed'";
        let rows = world.producer(&["sql", &world.control, select]);
        let row = rows.as_array()?.first()?.clone();
        (row[0].as_i64()? >= epochs && row[1].is_string()).then(|| row[1].as_str().unwrap().to_owned())
    };
    let outcome = wait_for(&world, "three attempts", || asked(4));
    let request = outcome.strip_prefix("approval-needed: request ").unwrap_or_else(|| panic!("{outcome}"));
    let request = request.split(':').next().unwrap();
    assert_eq!(events(&world, "approval-refused").len(), 1, "one answer, one event");
    let asked: Vec<_> =
        letters(&world, "approval-needed").into_iter().map(|letter| letter[0].clone()).collect();
    assert_eq!(asked, [format!("request {request}")], "who may approve has to hear of it, once");
    assert_eq!(world.reseal(&["approve", request, "--key", &key]).0, 0);
    wait_for(&world, "its end", || firings(&world, "rotate").into_iter().find(|(state, _)| state == "done"));
    assert_eq!(letters(&world, "dead-man").len(), 0, "who waits has not failed");
    assert_eq!(letters(&world, "unauthorised").len(), 0, "a schedule that waits is no attack");
    // The next slot may ask for approvals of its own by now.
    let of_request = |letter: &&Vec<String>| letter[0] == format!("request {request}");
    let told = letters(&world, "approval-needed").iter().filter(of_request).count();
    assert_eq!(told, 2, "that it is over is told too");
    let started = events(&world, "run-started");
    assert!(started[0]["approval"].is_string(), "{started:?}");
    daemon.stop();
}

/// Watches the second attempt: a database that is away for a while costs time and no rotation. What is refused is given up
/// at once, and told of.
#[test]
fn what_fails_is_tried_again_and_what_is_refused_is_told() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(&format!(
        "schedule: {{ zone: UTC, count: {{ cron: \"*/10 * * * *\", do: census }} }}\n{NOTIFY}"
    ));
    std::fs::rename(world.path("data.db"), world.path("away.db")).unwrap();
    let daemon = Daemon::start(&world, "2026-03-01T10:59:30Z");
    let failed = wait_for(&world, "a failure", || {
        last(&world, "count").filter(|(_, told)| told.contains("connection"))
    });
    assert_eq!(failed.0, "claimed", "{failed:?}");
    std::thread::sleep(std::time::Duration::from_secs(4));
    std::fs::rename(world.path("away.db"), world.path("data.db")).unwrap();
    wait_for(&world, "the attempt that works", || {
        firings(&world, "count").into_iter().find(|(state, _)| state == "done")
    });
    assert_eq!(letters(&world, "dead-man").len(), 0);
    std::fs::remove_file(world.path("v1.key")).unwrap();
    let told = wait_for(&world, "a refusal", || letters(&world, "dead-man").pop());
    assert!(told[2].contains("refused with exit code 3") && told[2].contains("the job count"), "{told:?}");
    let ended = events(&world, "schedule-ended");
    assert!(ended.iter().any(|event| event["state"] == "failed"), "{ended:?}");
    daemon.stop();
}

/// Watches that a rotation whose window is open waits for a fresh backup, that people hear of it at once, and that it is
/// not asked for again in the trail.
#[test]
fn a_scheduled_rotation_waits_for_a_backup() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let backup = world.path("backup").display().to_string();
    world.plan(&format!(
        "schedule:\n  zone: UTC\n  rotate: {{ cron: \"*/10 * * * *\", do: {{ run: {{ window: 7d }} }} }}\n\
         {NOTIFY}policy: {{ backup: {{ file: \"{backup}\", max_age: 24h }} }}\n"
    ));
    let daemon = Daemon::start(&world, "2026-03-01T10:59:30Z");
    let told = wait_for(&world, "that it waits", || letters(&world, "dead-man").pop());
    assert!(told[2].contains("backup-missing") && told[2].contains("start"), "{told:?}");
    let waiting = "SELECT epoch FROM reseal_firing WHERE state = 'claimed' AND epoch > 3";
    wait_for(&world, "three attempts", || {
        let rows = world.producer(&["sql", &world.control, waiting]);
        rows.as_array()?.first().map(drop)
    });
    std::fs::write(&backup, "a dump").unwrap();
    wait_for(&world, "its end", || firings(&world, "rotate").into_iter().find(|(state, _)| state == "done"));
    assert_eq!(letters(&world, "dead-man").len(), 1, "told once");
    assert_eq!(events(&world, "refused").len(), 1, "one answer, one event");
    daemon.stop();
}

/// Watches the words of a check that finds cells under the old key: they open, and no rotation is under way. Who hears of
/// quarantined cells hears of it, where the plan names nobody else.
#[test]
fn a_check_that_finds_old_cells_says_under_which_key() {
    let world = World::new("sqlite", "aes-gcm", 10);
    world.plan(
        "schedule: { zone: UTC, sweep: { cron: \"*/10 * * * *\", do: verify } }\n\
         notify: { via: { log: { log: {} } }, on: { quarantined: [log] } }\n",
    );
    let daemon = Daemon::start(&world, "2026-03-01T10:59:30Z");
    let told = wait_for(&world, "what was found", || letters(&world, "not-clean").pop());
    assert!(told[2].contains("18 cells under main/v1") && !told[2].contains("not open"), "{told:?}");
    assert_eq!(letters(&world, "quarantined").len(), 0);
    daemon.stop();
}

/// Watches the dead man: reminders that were due while nobody served are told of once, and each missed slot is an event. The
/// last one goes out late.
#[test]
fn what_was_missed_is_told_and_recorded() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(&format!(
        "schedule:\n  zone: UTC\n  hourly: {{ cron: \"0 * * * *\", misfire: once, do: {{ remind: look }} }}\n\
         \x20 count: {{ cron: \"0 * * * *\", misfire: skip, do: census }}\n{NOTIFY}"
    ));
    Daemon::start(&world, "2026-03-01T10:10:00Z").stop_once_it_serves(&world);
    let daemon = Daemon::start(&world, "2026-03-01T13:30:00Z");
    wait_for(&world, "the reminders that did not go out", || {
        (!letters(&world, "dead-man").is_empty()).then_some(())
    });
    let first = letters(&world, "dead-man");
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0][2].contains("the reminder hourly") && first[0][2].contains("2 times"), "{first:?}");
    let missed = events(&world, "schedule-missed");
    let of = |job: &str| missed.iter().filter(|event| event["job"] == job).count();
    assert_eq!((of("hourly"), of("count")), (2, 3), "{missed:?}");
    daemon.stop();
}

/// Watches the transaction around a claim: a reminder that cannot be posted is not claimed either, and goes out late.
#[test]
fn a_reminder_is_claimed_and_posted_together() {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(
        "schedule:\n  zone: UTC\n  look: { cron: \"*/5 * * * *\", misfire: all, do: { remind: look } }\n\
         notify:\n  via: { log: { log: {} } }\n  on: { remind: [log] }\n",
    );
    let daemon = Daemon::start(&world, "2026-03-01T10:03:00Z");
    wait_for(&world, "the first reminder", || letters(&world, "remind").pop());
    world.producer(&["sql", &world.control, "ALTER TABLE reseal_outbox RENAME TO away"]);
    let claimed = firings(&world, "look").len();
    std::thread::sleep(std::time::Duration::from_secs(5));
    let meanwhile = firings(&world, "look").len();
    world.producer(&["sql", &world.control, "ALTER TABLE away RENAME TO reseal_outbox"]);
    assert!(meanwhile <= claimed + 1, "claimed without a letter: {claimed} and {meanwhile}");
    wait_for(&world, "the reminders that were held up", || {
        (letters(&world, "remind").len() > claimed + 2).then_some(())
    });
    daemon.stop();
    assert_eq!(letters(&world, "remind").len(), firings(&world, "look").len(), "a letter for each claim");
    let reminder = &letters(&world, "remind")[0];
    assert!(
        reminder[2].contains("next_due") && reminder[2].contains("\"template\",\"look\""),
        "{reminder:?}"
    );
}
