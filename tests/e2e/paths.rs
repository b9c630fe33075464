//! Paths in a plan are relative to the plan's folder, whatever the working directory is.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::approvals::{approver, request, write};
use crate::copies::identity;
use crate::custody::code;
use crate::world::{World, answer};

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A world whose plan names its keys by relative paths: one file, and one program that reads the other file.
fn relative(more: &str) -> World {
    let world = World::new("sqlite", "aes-gcm", 5);
    world.plan(more);
    std::fs::create_dir(world.path("keys")).unwrap();
    for id in ["v1", "v2"] {
        let key = format!("{id}.key");
        std::fs::rename(world.path(&key), world.path("keys").join(&key)).unwrap();
    }
    script(&world.path("print.sh"), "cat keys/v2.key");
    let full = |id: &str| world.path(&format!("{id}.key")).display().to_string();
    world.rewrite_plan(&format!("file: \"{}\"", full("v1")), "file: keys/v1.key");
    world.rewrite_plan(&format!("file: \"{}\"", full("v2")), "command: [./print.sh]");
    world
}

/// A command with another working directory than the plan's folder.
fn elsewhere(world: &World, folder: &Path, args: &[&str]) -> (i32, Value) {
    answer(world.command(&[args, &["--json"]].concat()).current_dir(folder))
}

/// Watches keys, programs and steps: each is looked for, and started, where the plan lies.
#[test]
fn a_plan_is_the_same_from_every_folder() {
    let world = relative("hooks:\n  before: [{ command: [./step.sh, here] }]\n");
    script(&world.path("step.sh"), "pwd > \"$1\"");
    let away = tempfile::tempdir().unwrap();
    let (exit, report) = elsewhere(&world, away.path(), &["run", "PLAN"]);
    assert_eq!((exit, report["state"].as_str()), (0, Some("complete")), "{report}");
    assert_eq!(world.read("v2"), (5, 10, 5));
    let here = std::fs::read_to_string(world.path("here")).unwrap();
    assert_eq!(here.trim(), world.folder.path().canonicalize().unwrap().display().to_string());
    assert_eq!(std::fs::read_dir(away.path()).unwrap().count(), 0, "something was left where nobody asked");
}

/// Watches that the path of the plan itself, and other paths of the command line, are the caller's.
#[test]
fn paths_of_the_command_line_are_relative_to_the_working_directory() {
    let world = relative("");
    let (_, to) = identity(world.folder.path(), "identity");
    let away = tempfile::tempdir_in(world.folder.path()).unwrap();
    let args = ["keys", "backup", "../plan.yaml", "--to", &to, "--file", "copy.age"];
    let (exit, copied) = elsewhere(&world, away.path(), &args);
    assert_eq!(exit, 0, "{copied}");
    assert!(away.path().join("copy.age").exists());
}

/// Watches files of policy and schedule: the proof of a backup, and the backup that a restore test takes.
#[test]
fn files_of_policy_and_schedule_lie_beside_the_plan() {
    let test = "{ file: \"copies/keys-{slot}.age\", identity: { file: identity } }";
    let world = relative(&format!(
        "policy: {{ backup: {{ file: dump, max_age: 1h }} }}\nschedule: {{ zone: UTC, restore: {{ every: 90d, do: {{ restore-test: {test} }} }} }}\n"
    ));
    let (_, to) = identity(world.folder.path(), "identity");
    std::fs::create_dir(world.path("copies")).unwrap();
    let away = tempfile::tempdir().unwrap();
    let copy = world.path("copies/keys-20260101T000000Z.age").display().to_string();
    let (exit, copied) =
        elsewhere(&world, away.path(), &["keys", "backup", "PLAN", "--to", &to, "--file", &copy]);
    assert_eq!(exit, 0, "{copied}");
    let (exit, tested) =
        elsewhere(&world, away.path(), &["keys", "restore-test", "PLAN", "--job", "restore"]);
    assert_eq!(exit, 0, "{tested}");
    let refused = elsewhere(&world, away.path(), &["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "backup-missing"));
    std::fs::write(world.path("dump"), "rows").unwrap();
    let (exit, report) = elsewhere(&world, away.path(), &["run", "PLAN"]);
    assert_eq!(exit, 0, "{report}");
}

/// Watches people and programs of a policy: the list is the one beside the plan, and the program is started there.
#[test]
fn what_a_policy_names_lies_beside_the_plan() {
    let world = relative(
        "policy: { approvals: 1, approvers: { file: approvers }, disk: { command: [./free.sh, here], min_free: 20 } }\n",
    );
    script(&world.path("free.sh"), "pwd > \"$1\"; echo 42");
    let away = tempfile::tempdir().unwrap();
    let line = approver(&world, "alice");
    write(&world.path("approvers"), &format!("{line}\n"), 0o644);
    let run = || elsewhere(&world, away.path(), &["run", "PLAN"]);
    let id = request(&run());
    let key = world.path("alice.approver").display().to_string();
    let (exit, approved) = elsewhere(&world, away.path(), &["approve", &id, "--key", &key, "--plan", "PLAN"]);
    assert_eq!(exit, 0, "{approved}");
    // Whom the run's own user appoints.
    std::fs::write(away.path().join("approvers"), "").unwrap();
    let mut command = world.command(&["run", "PLAN", "--json"]);
    command.env_remove("SUDO_USER").env("USER", "dave").current_dir(away.path());
    let (exit, report) = answer(&mut command);
    assert_eq!(exit, 0, "{report}");
    let here = std::fs::read_to_string(world.path("here")).unwrap();
    assert_eq!(here.trim(), world.folder.path().canonicalize().unwrap().display().to_string());
    assert!(!away.path().join("here").exists());
}

/// Watches what stays the caller's: databases that URLs name, also one in a plan, and the audit key of the environment.
#[test]
fn urls_and_the_environment_are_relative_to_the_working_directory() {
    let world = relative("");
    world.rewrite_plan("database: { env: TEST_DATABASE_URL }", "database: \"sqlite://data.db\"");
    let away = tempfile::tempdir().unwrap();
    std::fs::rename(world.path("data.db"), away.path().join("data.db")).unwrap();
    let here = |args: &[&str]| {
        let mut command = world.command(&[args, &["--json"]].concat());
        command.env("RESEAL_DATABASE_URL", "sqlite://own.db").env("RESEAL_AUDIT_KEY", "own.key");
        answer(command.current_dir(away.path()))
    };
    assert_eq!(here(&["audit", "keygen"]).0, 0);
    let (exit, report) = here(&["run", "PLAN"]);
    assert_eq!((exit, report["cells_rotated"].as_u64()), (0, Some(10)), "{report}");
    let (exit, verified) = here(&["audit", "verify"]);
    assert_eq!(exit, 0, "{verified}");
    assert_eq!(verified["signed_through"], verified["events"], "{verified}");
    for name in ["data.db", "own.db", "own.key"] {
        assert!(away.path().join(name).exists() && !world.path(name).exists(), "{name}");
    }
}

/// Watches that whoever relied on the working directory learns where the file is now looked for.
#[test]
fn a_file_at_the_old_place_is_named_with_the_new_one() {
    let world = relative("throttle: { pause_file: stop }\n");
    let away = tempfile::tempdir().unwrap();
    let away = away.path().canonicalize().unwrap();
    let moved = |name: &str| {
        let answered = elsewhere(&world, &away, &["run", "PLAN"]);
        assert_eq!(code(&answered), (3, "path-moved"), "{}", answered.1);
        let message = answered.1["error"]["message"].as_str().unwrap();
        let old = away.join(name).display().to_string();
        let new = world.folder.path().canonicalize().unwrap().join(name).display().to_string();
        assert!(message.contains(&old) && message.contains(&new), "{message}");
        assert!(message.contains("plan.yaml:"), "{message}");
    };
    // A file whose absence says something, too: it would no longer pause the run.
    std::fs::write(away.join("stop"), "").unwrap();
    moved("stop");
    std::fs::remove_file(away.join("stop")).unwrap();
    std::fs::create_dir(away.join("keys")).unwrap();
    std::fs::rename(world.path("keys/v1.key"), away.join("keys/v1.key")).unwrap();
    moved("keys/v1.key");
    std::fs::copy(away.join("keys/v1.key"), world.path("keys/v1.key")).unwrap();
    assert_eq!(elsewhere(&world, &away, &["run", "PLAN"]).0, 0);
}
