//! Files that Reseal trusts: whose they are, who can write them, and what is no file at all.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::custody::code;
use crate::world::{World, answer};

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn error(answer: &(i32, Value)) -> String {
    let error = &answer.1["error"];
    format!(
        "{}\n{}",
        error["message"].as_str().unwrap_or_default(),
        error["help"].as_str().unwrap_or_default()
    )
}

/// Watches that nobody but its owner, or root, can change what a plan starts.
#[test]
fn a_plan_that_starts_programs_is_nobody_elses_to_write() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let plan = world.path("plan.yaml");
    mode(&plan, 0o666);
    assert_eq!(world.reseal(&["census", "PLAN"]).0, 0, "a plan without programs may be anyone's");
    for step in ["hooks: { before: [{ command: [\"true\"] }] }\n", "vars: { a: { command: [date] } }\n"] {
        world.plan(step);
        let refused = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&refused), (3, "plan-not-trusted"), "{}", refused.1);
        assert!(error(&refused).contains("chmod go-w"), "{}", error(&refused));
    }
    mode(&plan, 0o644);
    mode(world.folder.path(), 0o777);
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "plan-not-trusted"));
    mode(world.folder.path(), 0o700);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
}

/// Watches the control database: whoever writes it writes approvals and the trail.
#[test]
fn a_control_database_is_nobody_elses_to_write() {
    let mut world = World::new("sqlite", "aes-gcm", 5);
    let folder = world.path("control");
    let file = folder.join("control.db");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(world.path("control.db"), &file).unwrap();
    world.control = format!("sqlite://{}", file.display());
    let refused = |expect: &str| {
        let refused = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&refused), (3, "control-database"), "{}", refused.1);
        assert!(error(&refused).contains(expect), "{}", error(&refused));
    };
    mode(&file, 0o660);
    refused("chmod go-w");
    mode(&file, 0o600);
    mode(&folder, 0o770);
    refused("can be replaced by other users");
    mode(&folder, 0o1777);
    let (exit, report) = world.reseal(&["run", "PLAN"]);
    assert_eq!(exit, 0, "in a sticky folder nobody can swap it: {report}");
    // The one that is taken where none is named.
    let usual = |args: &[&str]| answer(world.command(args).env_remove("RESEAL_DATABASE_URL"));
    assert_eq!(usual(&["verify", "PLAN", "--json"]).0, 0);
    let file = world.path("reseal/control.db");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(usual(&["audit", "verify", "--json"]).0, 0);
    mode(&file, 0o602);
    assert_eq!(code(&usual(&["audit", "verify", "--json"])), (3, "control-database"));
}

/// Watches the key that signs the trail: whoever can write it could have another one sign. The run is not held up, and says so.
#[test]
fn an_audit_key_is_nobody_elses_to_write() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let folder = world.path("audit");
    let file = folder.join("audit.key");
    std::fs::create_dir(&folder).unwrap();
    let reseal = |args: &[&str]| {
        let mut command = world.command(args);
        let output = command.env("RESEAL_AUDIT_KEY", &file).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let unsigned = || {
        let verified: Value = serde_json::from_str(&reseal(&["audit", "verify", "--json"]).0).unwrap();
        verified["events"].as_u64().unwrap() - verified["signed_through"].as_u64().unwrap()
    };
    reseal(&["audit", "keygen"]);
    let (_, said) = reseal(&["run", "PLAN"]);
    assert!(!said.contains("audit key") && unsigned() == 0, "{said}");
    for (file_mode, folder_mode, expect) in
        [(0o620, 0o700, "is writable by other users"), (0o600, 0o770, "can be replaced by other users")]
    {
        mode(&file, file_mode);
        mode(&folder, folder_mode);
        let (_, said) = reseal(&["verify", "PLAN"]);
        assert!(said.contains("cannot sign the audit trail") && said.contains(expect), "{said}");
        mode(&file, 0o600);
        mode(&folder, 0o700);
        assert!(unsigned() > 0, "{expect}");
        reseal(&["verify", "PLAN"]);
        assert_eq!(unsigned(), 0);
    }
    mode(&file, 0o644);
    let (_, said) = reseal(&["verify", "PLAN"]);
    assert!(said.contains("is readable by other users") && unsigned() == 0, "{said}");
}

/// Watches that a secret mounted by Kubernetes is read, and one that others could swap is not.
#[test]
fn keys_are_read_as_clusters_mount_them_and_not_where_others_write() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let mount = world.path("mount");
    std::fs::create_dir_all(mount.join("..2026_01_01")).unwrap();
    std::fs::copy(world.path("v1.key"), mount.join("..2026_01_01/v1.key")).unwrap();
    mode(&mount.join("..2026_01_01/v1.key"), 0o440);
    symlink("..2026_01_01", mount.join("..data")).unwrap();
    symlink("..data/v1.key", mount.join("v1.key")).unwrap();
    mode(&mount, 0o1777);
    world.rewrite_plan(
        &world.path("v1.key").display().to_string(),
        &mount.join("v1.key").display().to_string(),
    );
    assert_eq!(world.reseal(&["check", "--keys", "PLAN"]).0, 0);
    mode(&mount, 0o777);
    let refused = world.reseal(&["census", "PLAN", "--open"]);
    assert_eq!(refused.0, 3, "{}", refused.1);
    assert!(error(&refused).contains("can be replaced by other users"), "{}", error(&refused));
    assert!(error(&refused).contains("chmod go-w"), "{}", error(&refused));
}

/// What is named where a file belongs, and gives no end, or nothing.
fn no_files(world: &World) -> Vec<PathBuf> {
    let (pipe, sparse) = (world.path("pipe"), world.path("sparse"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    mode(&pipe, 0o600);
    std::fs::File::create(&sparse).unwrap().set_len(10 << 30).unwrap();
    mode(&sparse, 0o600);
    vec!["/dev/zero".into(), pipe, world.folder.path().to_owned(), sparse]
}

/// Watches that nothing is waited for, and nothing without an end is read: with 1 GiB of address space, and in seconds.
#[test]
fn what_is_no_file_is_refused_at_once_wherever_it_is_named() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let bounded = |args: &[&str], variable: &str, value: &str| {
        let begun = Instant::now();
        let mut command = Command::new("prlimit");
        let inner = world.command(&[args, &["--json"]].concat());
        command
            .arg("--as=4294967296")
            .args(["timeout", "20"])
            .arg(inner.get_program())
            .args(inner.get_args());
        inner.get_envs().for_each(|(name, value)| {
            command.env(name, value.unwrap_or_default());
        });
        let answered = answer(command.env(variable, value));
        assert!(begun.elapsed() < Duration::from_secs(15), "{args:?} {value}");
        answered
    };
    let key = world.path("v1.key").display().to_string();
    for path in no_files(&world) {
        let path = path.display().to_string();
        // The run is not held up by a trail that cannot be signed; it warns.
        let signed = bounded(&["run", "PLAN"], "RESEAL_AUDIT_KEY", &path);
        assert_eq!(signed.0, 0, "{path}: {}", signed.1);
        let refused = bounded(&["approve", "00000000", "--key", &path, "--plan", "PLAN"], "X", "");
        assert!([2, 3].contains(&refused.0), "{path}: {}", refused.1);
        if !path.ends_with("sparse") {
            let refused = bounded(&["run", "PLAN"], "RESEAL_DATABASE_URL", &format!("sqlite://{path}"));
            assert_eq!(code(&refused), (3, "control-database"), "{path}: {}", refused.1);
        }
        world.rewrite_plan(&key, &path);
        let refused = bounded(&["census", "PLAN", "--open"], "X", "");
        assert_eq!(refused.0, 3, "{path}: {}", refused.1);
        world.rewrite_plan(&path, &key);
        world.plan(&format!("policy: {{ approvals: 1, approvers: {{ file: \"{path}\" }} }}\n"));
        let refused = bounded(&["run", "PLAN"], "X", "");
        assert_eq!(code(&refused), (3, "approvers"), "{path}: {}", refused.1);
        world.plan("");
    }
}
