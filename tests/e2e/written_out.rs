//! Secrets where they do not belong, and names that a terminal would act on: neither gets through.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::custody::code;
use crate::world::{World, binary};

/// An identity of age that nobody uses.
const IDENTITY: &str = "AGE-SECRET-KEY-1TX87538Q5H4NFGDC6ENJ5T5Q4NQD0YSF94W500TH8P5Z5RSMKFDQAQPSR2";
/// The text of a key that nobody uses.
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// All that a command prints.
fn printed(world: &World, args: &[&str]) -> (i32, String) {
    let output = world.output(args);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
}

/// Watches each place of a plan where somebody wrote the secret itself: the plan is refused, and nothing repeats it.
#[test]
fn a_secret_in_a_plan_is_refused_and_never_repeated() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let place = format!("file: \"{}\"", world.path("v1.key").display());
    let sources = [
        (format!("file: {IDENTITY}"), IDENTITY),
        (format!("age: [{IDENTITY}, keys/identity]"), IDENTITY),
        (format!("env: {KEY}"), KEY),
        ("command: [client, --password, hunter2]".to_owned(), "hunter2"),
        (format!("command: [client, {KEY}]"), KEY),
        (format!("command: [client], env: [\"{KEY}\"]"), KEY),
    ];
    for (source, secret) in sources {
        world.rewrite_plan(&place, &source);
        for args in [&["check", "PLAN"][..], &["check", "PLAN", "--json"], &["run", "PLAN"]] {
            let (exit, text) = printed(&world, args);
            assert_eq!(exit, 2, "{source}: {text}");
            assert!(!text.contains(secret), "{source}: {text}");
        }
        world.plan("");
    }
    let sections = [
        format!("hooks: {{ before: [{{ command: [client, \"--token={KEY}\"] }}] }}\n"),
        format!("hooks: {{ before: [{{ command: [client], env: [\"{KEY}\"] }}] }}\n"),
        format!("hooks: {{ before: [{{ sql: \"UPDATE app_keys SET bytes = '{KEY}'\" }}] }}\n"),
        format!("policy: {{ disk: {{ command: [client, {KEY}], min_free: 20 }} }}\n"),
    ];
    for section in sections {
        world.plan(&section);
        let (exit, text) = printed(&world, &["check", "PLAN"]);
        assert_eq!(exit, 2, "{section}: {text}");
        assert!(!text.contains(KEY), "{section}: {text}");
    }
    world.plan("");
    for url in ["postgres://app:hunter2@db/x", "postgres://db/x?PASSWORD=hunter2"] {
        world.rewrite_plan("database: { env: TEST_DATABASE_URL }", &format!("database: \"{url}\""));
        let (exit, text) = printed(&world, &["check", "PLAN"]);
        assert!(exit == 2 && !text.contains("hunter2"), "{text}");
        world.plan("");
    }
}

/// Watches a secret that looks like a name, and one on the command line: what is said of them does not repeat them.
#[test]
fn a_secret_in_the_place_of_a_name_is_not_repeated() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let place = format!("file: \"{}\"", world.path("v1.key").display());
    world.rewrite_plan(&place, "env: hunter2");
    let (exit, text) = printed(&world, &["check", "--keys", "PLAN"]);
    assert!(exit == 3 && !text.contains("hunter2"), "{text}");
    world.plan("");
    let file = world.path("copy.age").display().to_string();
    let args = ["keys", "restore-test", "PLAN", "--file", &file, "--identity", IDENTITY];
    let (exit, text) = printed(&world, &args);
    assert!(exit == 2 && !text.contains(IDENTITY), "{text}");
    std::fs::write(world.path("keys.json"), r#"{"hunter2": "QQ==", "hunter2": "QQ=="}"#).unwrap();
    let map = format!("keys_from: [{{ file: \"{}\", json: \"*\" }}]", world.path("keys.json").display());
    world.rewrite_plan("    primary: v2\n", &format!("    primary: v2\n    {map}\n"));
    let (exit, text) = printed(&world, &["check", "--keys", "PLAN"]);
    assert!(exit == 3 && text.contains("one name") && !text.contains("hunter2"), "{text}");
}

/// Watches names that the control database brings back: a terminal does nothing, and the export is JSON.
#[test]
fn names_do_nothing_to_a_terminal_and_leave_json_as_it_is() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let name = "ops\u{1b}[2K\u{202e}gpj\u{9b}31m\u{7f}\u{2066}\"\\";
    let mut command = world.command(&["run", "PLAN"]);
    assert!(command.env_remove("SUDO_USER").env("USER", name).output().unwrap().status.success());
    let acts = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}".contains(c);
    for args in
        [&["status", "PLAN"][..], &["runs", "PLAN"], &["status", "PLAN", "--json"], &["audit", "verify"]]
    {
        let (_, text) = printed(&world, args);
        assert!(!text.contains(acts), "{args:?}: {text:?}");
    }
    let export = world.output(&["audit", "export"]);
    let export = String::from_utf8(export.stdout).unwrap();
    let operators: Vec<String> = export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .filter_map(|event| event["operator"].as_str().map(str::to_owned))
        .collect();
    assert!(operators.iter().any(|operator| operator.contains("\u{202e}gpj")), "{operators:?}");
    std::fs::write(world.path("export"), export).unwrap();
    let file = world.path("export").display().to_string();
    assert_eq!(world.reseal(&["audit", "verify", "--file", &file]).0, 0);
    assert_eq!(code(&world.reseal(&["audit", "verify", "--file", "/dev/zero"])), (2, "export-unreadable"));
}

/// Watches that no other process of this user may look into one that holds keys: by then /proc gives its files to root.
#[test]
fn a_process_with_keys_is_closed_to_others_of_its_user() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let plan = folder.path().join("plan.yaml");
    assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&plan).status().unwrap().success());
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    // Root's own processes belong to root in any case, so root tries it as somebody else.
    let mut command = match is_root {
        true => {
            let program = folder.path().join("reseal");
            std::fs::copy(binary(), &program).unwrap();
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
            command
        }
        false => Command::new(binary()),
    };
    // It waits for somebody who writes into the pipe.
    let mut waiting = command.arg("check").arg(&plan).spawn().unwrap();
    let files = format!("/proc/{}", waiting.id());
    let is_reseal =
        || std::fs::read_to_string(format!("{files}/comm")).is_ok_and(|name| name.trim() == "reseal");
    wait_until(is_reseal);
    let owner = || std::fs::metadata(format!("{files}/mem")).unwrap().uid();
    wait_until(|| owner() == 0);
    let status = std::fs::read_to_string(format!("{files}/status")).unwrap();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_ne!(user.split_whitespace().next(), Some("0"), "nothing was tried: {status}");
}

fn wait_until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
