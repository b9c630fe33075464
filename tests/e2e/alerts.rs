//! Alerts: each cause is told once, and once more when it is over, by a daemon that looks on or by the run itself.

use std::time::Duration;

use crate::served::{Daemon, events, letters, wait_for};
use crate::world::World;

/// A plan that tells a log of one event, on an interval that never comes, so that the daemon only looks on.
fn plan(world: &World, on: &str, more: &str) {
    world.plan(&format!(
        "schedule: {{ zone: UTC, never: {{ cron: \"0 0 29 2 *\", do: census }} }}\n\
         notify:\n  via: {{ log: {{ log: {{}} }} }}\n  on: {{ {on} }}\n{more}"
    ));
}

fn daemon(world: &World) -> Daemon {
    Daemon::start(world, &crate::served::now())
}

/// How often a cause was told, and how often that it is over.
fn told(world: &World, kind: &str) -> (usize, usize) {
    let letters = letters(world, kind);
    let over = letters.iter().filter(|letter| letter[3] == "1").count();
    (letters.len() - over, over)
}

fn wait_until_told(world: &World, kind: &str, times: (usize, usize)) {
    wait_for(world, &format!("{kind} {times:?}"), || (told(world, kind) == times).then_some(()));
}

/// Several looks of the daemon pass, and nothing more is told.
fn still_told(world: &World, kind: &str, times: (usize, usize)) {
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(told(world, kind), times, "{kind}");
    // What was raised and resolved is in the trail, as often.
    let of = |event: &str| events(world, event).iter().filter(|event| event["alert"] == kind).count();
    assert_eq!((of("alert-raised"), of("alert-resolved")), times, "{kind} in the trail");
}

/// Watches that a database which is away is told once, and again when it went away anew.
#[test]
fn connection_errors_are_told_once_per_cause() {
    let world = World::new("sqlite", "aes-gcm", 5);
    plan(&world, "connection-errors: { after: 1m, to: [log] }", "");
    let daemon = daemon(&world);
    for n in 1..=2 {
        std::fs::rename(world.path("data.db"), world.path("away.db")).unwrap();
        wait_until_told(&world, "connection-errors", (n, n - 1));
        still_told(&world, "connection-errors", (n, n - 1));
        std::fs::rename(world.path("away.db"), world.path("data.db")).unwrap();
        wait_until_told(&world, "connection-errors", (n, n));
    }
    still_told(&world, "connection-errors", (2, 2));
    daemon.stop();
}

/// Watches that nobody has to start a run to hear of a full disk.
#[test]
fn a_full_disk_is_told_by_the_daemon_alone() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let free = world.path("free");
    plan(
        &world,
        "disk: [log]",
        &format!("policy: {{ disk: {{ command: [cat, \"{}\"], min_free: 20 }} }}\n", free.display()),
    );
    std::fs::write(&free, "11").unwrap();
    let daemon = daemon(&world);
    wait_until_told(&world, "disk", (1, 0));
    std::fs::write(&free, "12").unwrap();
    std::thread::sleep(Duration::from_secs(4));
    still_told(&world, "disk", (1, 0));
    assert!(letters(&world, "disk")[0][2].contains("11 % of the disk is free"));
    // A program that says nothing of use resolves nothing.
    std::fs::write(&free, "much").unwrap();
    std::thread::sleep(Duration::from_secs(4));
    still_told(&world, "disk", (1, 0));
    std::fs::write(&free, "50").unwrap();
    wait_until_told(&world, "disk", (1, 1));
    still_told(&world, "disk", (1, 1));
    daemon.stop();
}

/// Watches both ways: a run that waits tells it itself, and of a rollback, which only the trail knows, the daemon does. Whoever
/// asks is no attacker; whoever signs and may not is told of as one.
#[test]
fn what_waits_for_approval_is_told_once_and_a_stranger_who_signs() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let key = world.path("alice.approver").display().to_string();
    let (_, made) = world.reseal(&["approve", "keygen", "alice", "--file", &key]);
    let approvers = world.path("approvers");
    std::fs::write(&approvers, format!("{}\n", made["line"].as_str().unwrap())).unwrap();
    let approvers = approvers.display();
    plan(
        &world,
        "unauthorised: [log]",
        &format!(
            "policy: {{ approvals: {{ run: 1, rollback: 1 }}, approvers: {{ file: \"{approvers}\" }} }}\n"
        ),
    );
    let stranger = world.path("mallory.approver").display().to_string();
    assert_eq!(world.reseal(&["approve", "keygen", "mallory", "--file", &stranger]).0, 0);
    let daemon = daemon(&world);
    let (mut times, mut strangers) = ((0, 0), (0, 0));
    for args in [["run", "PLAN"].as_slice(), &["rollback", "PLAN", "--confirm", "people"]] {
        let asked = world.reseal(args);
        assert_eq!((asked.0, asked.1["error"]["code"].as_str()), (4, Some("approval-needed")), "{}", asked.1);
        times.0 += 1;
        wait_until_told(&world, "approval-needed", times);
        world.reseal(args);
        still_told(&world, "approval-needed", times);
        still_told(&world, "unauthorised", strangers);
        let message = asked.1["error"]["message"].as_str().unwrap();
        let request = message.strip_prefix("request ").unwrap().split(':').next().unwrap();
        let told = letters(&world, "approval-needed").pop().unwrap();
        for part in ["the whole plan", "data.db", "main/v2, primary", request] {
            assert!(told[2].contains(part) || args[0] != "run", "{part}: {told:?}");
        }
        let strange = world.reseal(&["approve", request, "--key", &stranger]);
        assert_eq!((strange.0, strange.1["error"]["code"].as_str()), (3, Some("approval-wrong")));
        // It is in the control database all the same, by somebody who can write there.
        world.control(&format!("INSERT INTO reseal_approval VALUES ('{request}', 'mallory', 'AAAA', 1)"));
        world.reseal(args);
        strangers.0 += 1;
        wait_until_told(&world, "unauthorised", strangers);
        assert_eq!(world.reseal(&["approve", request, "--key", &key]).0, 0);
        (times.1, strangers.1) = (times.1 + 1, strangers.1 + 1);
        if args[0] == "run" {
            // Agreed to, and refused for another reason: the old refusal is not told anew.
            world.sql(&["ALTER TABLE people RENAME COLUMN b TO c"]);
            assert_eq!(world.reseal(args).0, 3);
            still_told(&world, "unauthorised", strangers);
            world.sql(&["ALTER TABLE people RENAME COLUMN c TO b"]);
        }
        assert_eq!(world.reseal(args).0, 0);
        wait_until_told(&world, "unauthorised", strangers);
        wait_until_told(&world, "approval-needed", times);
        still_told(&world, "unauthorised", strangers);
        still_told(&world, "approval-needed", times);
    }
    let causes: Vec<_> =
        letters(&world, "unauthorised").into_iter().map(|letter| letter[0].clone()).collect();
    assert_eq!(causes, ["run", "run", "rollback", "rollback"]);
    daemon.stop();
}

/// Watches that a request is told of for as long as it waits: a run that nobody has to agree to ends no request for a rollback.
#[test]
fn a_request_for_a_rollback_outlives_the_start_of_a_run() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let key = world.path("alice.approver").display().to_string();
    let (_, made) = world.reseal(&["approve", "keygen", "alice", "--file", &key]);
    let approvers = world.path("approvers");
    std::fs::write(&approvers, format!("{}\n", made["line"].as_str().unwrap())).unwrap();
    let policy = format!(
        "policy: {{ approvals: {{ rollback: 1 }}, approvers: {{ file: \"{}\" }} }}\n",
        approvers.display()
    );
    plan(&world, "unauthorised: [log]", &policy);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let daemon = daemon(&world);
    let back = || world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!(back().0, 4);
    wait_until_told(&world, "approval-needed", (1, 0));
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    still_told(&world, "approval-needed", (1, 0));
    daemon.stop();
}

/// Watches that a trail which somebody edited is told of without anybody asking.
#[test]
fn a_broken_trail_is_told_by_the_daemon() {
    let world = World::new("sqlite", "aes-gcm", 5);
    plan(&world, "audit-broken: [log]", "");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let edit = "UPDATE reseal_audit_event SET operator = 'nobody' WHERE sequence = 2";
    world.producer(&["sql", &world.control, edit]);
    let daemon = daemon(&world);
    wait_until_told(&world, "audit-broken", (1, 0));
    assert!(letters(&world, "audit-broken")[0][2].contains("\"2\""), "the first bad event is named");
    daemon.stop();
}

/// Watches three alerts of a run that another process works on.
#[test]
fn a_run_that_is_slow_or_stands_still_is_told_by_the_daemon() {
    let world = World::new("sqlite", "aes-gcm", 300);
    let pause = world.path("pause");
    plan(
        &world,
        "slow: { after: 1s, to: [log] }, no-progress: { after: 5s, to: [log] }",
        &format!(
            "batch: {{ rows: 10 }}\nthrottle: {{ rows_per_second: 40, pause_file: \"{}\" }}\n",
            pause.display()
        ),
    );
    let daemon = daemon(&world);
    let mut run = world.start(&["run", "PLAN"]);
    wait_until_told(&world, "slow", (1, 0));
    assert_eq!(told(&world, "no-progress"), (0, 0), "it is slow, and gets on");
    std::fs::write(&pause, "").unwrap();
    wait_until_told(&world, "no-progress", (1, 0));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(told(&world, "no-progress"), (1, 0));
    std::fs::remove_file(&pause).unwrap();
    wait_until_told(&world, "no-progress", (1, 1));
    assert_eq!(run.wait().unwrap().code(), Some(0));
    wait_until_told(&world, "slow", (1, 1));
    still_told(&world, "slow", (1, 1));
    still_told(&world, "no-progress", (1, 1));
    daemon.stop();
}

/// Watches the limit: a cell in quarantine is told as that, and is no flood.
#[test]
fn few_failed_opens_are_no_alert_of_their_own() {
    let world = World::new("sqlite", "aes-gcm", 100);
    plan(&world, "failed-opens: { percent: 2, to: [log] }, quarantined: [log]", "");
    let daemon = daemon(&world);
    world.sql(&["UPDATE people SET a = 'x' || a WHERE id = 3"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    wait_until_told(&world, "quarantined", (1, 0));
    assert_eq!(told(&world, "failed-opens"), (0, 0), "one cell of 200 is less than 2 %");
    world.sql(&["UPDATE people SET a = substr(a, 2) WHERE id = 3"]);
    assert_eq!(world.reseal(&["quarantine", "PLAN", "--retry"]).0, 0);
    wait_until_told(&world, "quarantined", (1, 1));
    assert_eq!(told(&world, "failed-opens"), (0, 0));
    daemon.stop();
}

/// Watches the share of cells that do not open, and that mended cells resolve it.
#[test]
fn a_share_of_failed_opens_is_told_and_resolved() {
    let world = World::new("sqlite", "aes-gcm", 100);
    plan(&world, "failed-opens: { percent: 2, to: [log] }", "");
    let daemon = daemon(&world);
    world.sql(&["UPDATE people SET a = 'x' || a WHERE id BETWEEN 3 AND 9"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    wait_until_told(&world, "failed-opens", (1, 0));
    still_told(&world, "failed-opens", (1, 0));
    world.sql(&["UPDATE people SET a = substr(a, 2) WHERE id BETWEEN 3 AND 9"]);
    assert_eq!(world.reseal(&["quarantine", "PLAN", "--retry"]).0, 0);
    wait_until_told(&world, "failed-opens", (1, 1));
    still_told(&world, "failed-opens", (1, 1));
    daemon.stop();
}

/// Watches what only the run itself knows: that a throttle holds it back. It looks every 20 s.
#[test]
fn a_run_that_is_held_back_tells_it_itself() {
    let world = World::new("sqlite", "aes-gcm", 300);
    let pause = world.path("pause");
    plan(
        &world,
        "throttled: { after: 1s, to: [log] }, no-progress: { after: 1s, to: [log] }",
        &format!(
            "batch: {{ rows: 10 }}\nthrottle: {{ rows_per_second: 400, pause_file: \"{}\" }}\n",
            pause.display()
        ),
    );
    std::fs::write(&pause, "").unwrap();
    let mut run = world.start(&["run", "PLAN"]);
    wait_until_told(&world, "throttled", (1, 0));
    assert!(letters(&world, "throttled")[0][2].contains("pause"), "why is named");
    std::fs::remove_file(&pause).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    still_told(&world, "throttled", (1, 1));
    assert_eq!(
        told(&world, "no-progress").0,
        0,
        "who is held back makes no progress, and one notice says so"
    );
}

/// Watches the transaction around an alert: where its letter cannot be posted, it is not raised either, and so is told
/// once that is mended.
#[test]
fn an_alert_goes_with_its_letter_or_not_at_all() {
    let world = World::new("sqlite", "aes-gcm", 5);
    plan(&world, "connection-errors: { after: 1m, to: [log] }", "");
    let daemon = daemon(&world);
    wait_for(&world, "a look", || (world.reseal(&["audit", "export"]).0 == 0).then_some(()));
    world.producer(&["sql", &world.control, "ALTER TABLE reseal_outbox RENAME TO away"]);
    std::fs::rename(world.path("data.db"), world.path("away.db")).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let raised =
        world.producer(&["sql", &world.control, "SELECT count(*) FROM reseal_alert WHERE active = 1"]);
    assert_eq!(raised[0][0], 0, "an alert that nobody can be told of");
    world.producer(&["sql", &world.control, "ALTER TABLE away RENAME TO reseal_outbox"]);
    wait_until_told(&world, "connection-errors", (1, 0));
    daemon.stop();
}
