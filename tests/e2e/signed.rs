//! Whose key signs the trail: every command that writes there, and a daemon that writes for weeks.

use crate::served::{Daemon, events, wait_for};
use crate::world::World;

/// How many events there are, and through which of them the trail is signed.
fn signed(world: &World) -> (u64, u64) {
    let (code, verified) = world.reseal(&["audit", "verify"]);
    assert_eq!(code, 0, "{verified}");
    (verified["events"].as_u64().unwrap(), verified["signed_through"].as_u64().unwrap_or(0))
}

/// Watches the signature at the end of what moves and copies keys.
#[test]
fn whatever_is_done_to_keys_ends_signed() {
    let world = World::new("sqlite", "aes-gcm", 10);
    assert_eq!(world.reseal(&["audit", "keygen"]).0, 0);
    let to = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let files = ["b.age", "c.age"].map(|name| world.path(name).display().to_string());
    let commands: [&[&str]; 6] = [
        &["keys", "activate", "PLAN", "v1", "--since", "2026-01-01"],
        &["run", "PLAN"],
        &["keys", "retire", "PLAN", "v1"],
        &["keys", "backup", "PLAN", "--to", to, "--file", &files[0]],
        &["keys", "archive", "PLAN", "v1", "--to", to, "--file", &files[1]],
        &["keys", "destroy", "PLAN", "v1", "--confirm", "v1"],
    ];
    let mut before = 0;
    for command in commands {
        let (code, answer) = world.reseal(command);
        assert_eq!(code, 0, "{command:?}: {answer}");
        if let Some(run) = answer["run_id"].as_str() {
            assert_eq!(world.reseal(&["undo", "drop", "PLAN", "--confirm", "people", "--run", run]).0, 0);
        }
        let (events, through) = signed(&world);
        assert!(events > before, "{command:?} is in the trail");
        assert_eq!(through, events, "{command:?}");
        before = events;
    }
}

/// Watches that a daemon signs what it wrote while it serves: one that is killed leaves an hour without at the most.
#[test]
fn a_daemon_signs_while_it_serves() {
    let world = World::empty("sqlite", "aes-gcm");
    assert_eq!(world.reseal(&["audit", "keygen"]).0, 0);
    world.plan("schedule: { zone: UTC, ages: { cron: \"*/30 * * * *\", do: key-age } }\n");
    let daemon = Daemon::start_at(&world, "2027-02-01T05:55:00Z", 900);
    wait_for(&world, "firings", || {
        (world.path("control.db").metadata().is_ok_and(|file| file.len() > 0)
            && world.reseal(&["audit", "export"]).0 == 0
            && events(&world, "schedule-ended").len() > 1)
            .then_some(())
    });
    let (fired, _) = signed(&world);
    wait_for(&world, "a signature", || (signed(&world).1 >= fired).then_some(()));
    assert_eq!(events(&world, "service-stopped").len(), 0);
    daemon.stop();
    let (events, through) = signed(&world);
    assert_eq!(through, events, "a daemon that stops signs");
}
