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
    let daemon = Daemon::start(&world, "2026-03-01T10:58:00Z");
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
    assert!(told[2].contains("the identity does not decrypt the file"), "{told:?}");
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
    let daemon = Daemon::start(&world, "2026-03-01T10:58:00Z");
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
