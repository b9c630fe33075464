//! Backups, restore tests and reports that a schedule asks for.

use crate::copies::identity;
use crate::served::{Daemon, events, firings, letters, wait_for};
use crate::world::World;

fn upkeep(world: &World, identity: &str, recipient: &str) {
    let file = |name: &str| world.path(name).display().to_string();
    let (backup, report) = (file("keys-{slot}.age"), file("report-{slot}.html"));
    world.plan(&format!(
        "schedule:\n  zone: Europe/Berlin\n\
         \x20 backup: {{ cron: \"*/10 * * * *\", do: {{ keys-backup: {{ to: [{recipient}], file: \"{backup}\" }} }} }}\n\
         \x20 restore: {{ cron: \"5-59/10 * * * *\", do: {{ restore-test: {{ file: \"{backup}\", identity: {{ file: \"{identity}\" }} }} }} }}\n\
         \x20 report: {{ cron: \"7-59/10 * * * *\", do: {{ report: {{ standard: pci-dss, period: 3650d, out: \"{report}\" }} }} }}\n\
         notify:\n  via: {{ log: {{ log: {{}} }} }}\n\
         \x20 on: {{ dead-man: [log], restore-test-failed: [log], restore-test-due: [log] }}\n"
    ));
}

/// How many times as fast the clock runs: a backup is made by a process of its own, and is to be there before it is tried, five
/// minutes of the clock later.
const SPEED: u32 = 40;

fn last(world: &World, job: &str) -> Option<(String, String)> {
    firings(world, job).pop().filter(|(state, _)| state != "claimed")
}

/// Watches that the newest backup is tried, that a backup which is of no use is told of, and that both are in the trail.
#[test]
fn keys_are_backed_up_and_tried_and_reports_are_written() {
    let world = World::new("sqlite", "aes-gcm", 20);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let (file, recipient) = identity(world.folder.path(), "identity");
    upkeep(&world, &file, &recipient);
    let daemon = Daemon::start_at(&world, "2026-03-01T10:58:00Z", SPEED);
    wait_for(&world, "a report", || last(&world, "report"));
    for job in ["backup", "restore", "report"] {
        let all = firings(&world, job);
        assert!(all.iter().any(|(state, _)| state == "done"), "{job}: {all:?}");
        assert!(all.iter().all(|(state, _)| state != "failed"), "{job}: {all:?}");
    }
    assert_eq!(letters(&world, "restore-test-failed").len(), 0);
    let page = std::fs::read_to_string(world.path("report-20260301T110700Z.html")).unwrap();
    assert!(page.contains("PCI DSS") && page.contains("people"), "{page}");
    let passed = events(&world, "restore-tested");
    assert_eq!(passed[0]["result"].as_str().unwrap().split(':').next(), Some("passed"), "{passed:?}");
    assert!(!events(&world, "key-backed-up").is_empty());

    // Whoever restores has lost the identity that fits.
    let (other, _) = identity(world.folder.path(), "other");
    std::fs::rename(other, file).unwrap();
    let told = wait_for(&world, "a failed test", || letters(&world, "restore-test-failed").pop());
    assert!(told[2].contains("the identity cannot decrypt the file"), "{told:?}");
    let tested = events(&world, "restore-tested").pop().unwrap();
    assert!(tested["result"].as_str().unwrap().starts_with("failed: undecryptable"), "{tested}");
    let ended = events(&world, "schedule-ended");
    let of = |job: &str| ended.iter().filter(|event| event["job"] == job).count();
    assert!(of("backup") > 0 && of("restore") > 1 && of("report") > 0, "{ended:?}");
    daemon.stop();
}

/// Watches that a file which is there already (half of one, of a daemon that died) keeps no backup from being made, and
/// that a test which cannot be held is told as one that people have to hold.
#[test]
fn a_backup_is_made_beside_what_is_there_and_a_test_that_cannot_be_held_is_due() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let (file, recipient) = identity(world.folder.path(), "identity");
    upkeep(&world, &file, &recipient);
    std::fs::write(world.path("keys-20260301T110000Z.age"), "half").unwrap();
    let daemon = Daemon::start_at(&world, "2026-03-01T10:58:00Z", SPEED);
    let restored = wait_for(&world, "a restore test", || last(&world, "restore"));
    assert_eq!(restored.0, "done", "{restored:?}");
    assert!(world.path("keys-20260301T110000Z_1.age").exists());
    assert_eq!(letters(&world, "restore-test-failed").len(), 0, "the newer of both was tried");
    // Without the keys in use there is nothing to compare a backup with.
    std::fs::rename(world.path("v1.key"), world.path("kept")).unwrap();
    let due = wait_for(&world, "a test that is due", || letters(&world, "restore-test-due").pop());
    assert!(due[2].contains("v1"), "{due:?}");
    let gone = wait_for(&world, "a backup that did not succeed", || letters(&world, "dead-man").pop());
    assert!(gone[2].contains("the job backup"), "{gone:?}");
    daemon.stop();
}

/// Watches that folders of files which a schedule names are made, for their owner alone, and named where they cannot be.
#[test]
fn the_folders_of_a_schedules_files_are_made() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new("sqlite", "aes-gcm", 5);
    let (_, recipient) = identity(world.folder.path(), "identity");
    let file = |name: &str| world.path(name).display().to_string();
    let (backup, report) = (file("kept/keys/k-{slot}.age"), file("v1.key/report-{slot}.html"));
    world.plan(&format!(
        "schedule:\n  zone: UTC\n\
         \x20 backup: {{ cron: \"*/10 * * * *\", do: {{ keys-backup: {{ to: [{recipient}], file: \"{backup}\" }} }} }}\n\
         \x20 report: {{ cron: \"*/10 * * * *\", do: {{ report: {{ standard: soc2, period: 30d, out: \"{report}\" }} }} }}\n"
    ));
    let daemon = Daemon::start(&world, "2026-03-01T10:58:00Z");
    let made = wait_for(&world, "a backup", || last(&world, "backup"));
    assert_eq!(made.0, "done", "{made:?}");
    let mode = std::fs::metadata(world.path("kept/keys")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let failed = wait_for(&world, "a report", || last(&world, "report"));
    assert!(
        failed.0 == "failed"
            && failed.1.contains("the output directory")
            && failed.1.contains("v1.key is not a directory"),
        "{failed:?}"
    );
    daemon.stop();
}

/// By hand, a job stands for what the schedule says.
#[test]
fn a_job_can_be_done_by_hand() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let (file, recipient) = identity(world.folder.path(), "identity");
    upkeep(&world, &file, &recipient);
    let (code, none) = world.reseal(&["keys", "restore-test", "PLAN", "--job", "restore"]);
    assert_eq!((code, none["error"]["code"].as_str()), (3, Some("file")), "{none}");
    let backup = world.path("keys-20260301T110000Z.age").display().to_string();
    let (code, made) = world.reseal(&["keys", "backup", "PLAN", "--job", "backup", "--file", &backup]);
    assert_eq!(code, 0, "{made}");
    let (code, tested) = world.reseal(&["keys", "restore-test", "PLAN", "--job", "restore"]);
    assert_eq!((code, tested["file"].as_str()), (0, Some(backup.as_str())), "{tested}");
    let (code, none) = world.reseal(&["keys", "restore-test", "PLAN", "--job", "backup"]);
    assert_eq!((code, none["error"]["code"].as_str()), (2, Some("no-job")), "{none}");
}

/// Watches the comparison of both books: a run that only the ledger knows is an exception in the report.
#[test]
fn a_run_that_the_trail_lacks_is_named_in_the_report() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let report = || {
        let args =
            ["audit", "report", "PLAN", "--standard", "soc2", "--from", "2020-01-01", "--to", "2100-01-01"];
        let (code, report) = world.reseal(&args);
        assert_eq!(code, 0, "{report}");
        let mut exceptions = report["exceptions"].as_array().unwrap().clone();
        // Nobody has to agree to runs of this plan, and each of them is one.
        exceptions.retain(|exception| exception["kind"] != "run-without-approval");
        exceptions
    };
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(report(), Vec::<serde_json::Value>::new());
    // A run under another control database: this trail never heard of it.
    let (code, run) = {
        let elsewhere = format!("sqlite://{}?mode=rwc", world.path("elsewhere.db").display());
        let mut command = world.command(&["run", "PLAN", "--accept-control-database", "--json"]);
        let output = command.env("RESEAL_DATABASE_URL", elsewhere).output().unwrap();
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    assert_eq!(code, Some(0), "{run}");
    let exceptions = report();
    assert_eq!(exceptions.len(), 1, "{exceptions:?}");
    assert_eq!(exceptions[0]["kind"], "run-without-trail");
    assert!(exceptions[0]["what"].as_str().unwrap().contains(run["run_id"].as_str().unwrap()));
    std::fs::rename(world.path("data.db"), world.path("gone.db")).unwrap();
    assert_eq!(report()[0]["kind"], "ledger-unread", "what was not compared is said to be so");
}

/// Watches the second digest: a change of pace leaves a run resumable, and is an event all the same.
#[test]
fn a_change_of_pace_is_in_the_trail() {
    let world = World::new("sqlite", "aes-gcm", 5);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(events(&world, "plan-changed").len(), 0);
    world.plan("workers: 2\nschedule: { zone: UTC, count: { every: 90d, do: census } }\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    let changed = events(&world, "plan-changed");
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0]["changed"], "pace, schedule or notices");
    assert_ne!(changed[0]["before"], changed[0]["after"]);
    // A daemon notes what it serves, where that is not what the trail knows.
    world.plan("workers: 3\nschedule: { zone: UTC, count: { every: 90d, do: census } }\n");
    for _ in 0..2 {
        Daemon::start(&world, "2026-03-01T10:58:00Z").stop_once_it_serves(&world);
    }
    assert_eq!(events(&world, "plan-changed").len(), 2);
    world.plan("workers: 3\npolicy: { max_key_age: 90d }\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(events(&world, "plan-changed").pop().unwrap()["changed"], "what is rotated");
    let started = events(&world, "run-started");
    let limits: Vec<_> = started.iter().map(|event| event["max_key_age_seconds"].to_string()).collect();
    assert_eq!(limits.last().map(String::as_str), Some("7776000"), "{limits:?}");
    assert_eq!(limits[0], "\"none\"");
}
