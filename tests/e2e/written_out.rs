//! Secrets where they do not belong, and names that a terminal would act on: neither gets through.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command};

use serde_json::Value;

use crate::custody::code;
use crate::steered::wait_until;
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
        // It could be the name of a variable, but for how it begins.
        (format!("env: {IDENTITY}"), IDENTITY),
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
        format!(
            "schedule: {{ zone: UTC, copy: {{ every: 1d, do: {{ keys-backup: {{ to: [{IDENTITY}, hunter2], file: \"{{slot}}\" }} }} }} }}\n"
        ),
    ];
    for section in sections {
        world.plan(&section);
        let (exit, text) = printed(&world, &["check", "PLAN"]);
        assert_eq!(exit, 2, "{section}: {text}");
        let shows = |secret: &&str| text.contains(secret);
        assert!(!["hunter2", KEY, IDENTITY].iter().any(shows), "{section}: {text}");
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
    assert!(exit == 3 && text.contains("the same name") && !text.contains("hunter2"), "{text}");
}

/// Watches an identity in each place of the command line where none belongs, and a secret in the place of a variable's name.
#[test]
fn a_secret_on_the_command_line_is_not_repeated() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let file = world.path("copy.age").display().to_string();
    let small = IDENTITY.to_lowercase();
    for secret in [IDENTITY, &small] {
        for args in [
            &["keys", "backup", "PLAN", "--to", secret, "--file", &file][..],
            &["keys", "restore-test", "PLAN", "--file", &file, "--identity", secret],
            &["keys", "restore-test", "PLAN", "--file", &file, secret],
            &["check", "PLAN", &format!("--identity={secret}")],
            &["migrate", "env:hunter2"],
            &["migrate", &format!("env:{secret}")],
            &["migrate", "postgres://app:hunter2@db.invalid/x"],
            &["migrate", "mysql://db.invalid/x?password=hunter2"],
            &["migrate", "postgres://db.invalid/x?PASSWORD=hunter2"],
        ] {
            for form in [&[][..], &["--json"], &["--log-json"]] {
                let (exit, text) = printed(&world, &[args, form].concat());
                let expected = if args[1].starts_with("env:") { 3 } else { 2 };
                assert_eq!(exit, expected, "{args:?} {form:?}: {text}");
                assert!(text.contains("error") || text.contains("ERROR"), "{args:?} {form:?}: {text}");
                let text = text.to_lowercase();
                assert!(!text.contains(&small) && !text.contains("hunter2"), "{args:?} {form:?}: {text}");
            }
        }
    }
}

/// Watches names that the command line, files and databases bring: in an answer, an error, a warning and a mistake of
/// usage, on a terminal and behind a pipe.
#[test]
fn nothing_that_is_printed_does_anything_to_a_terminal() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let key = world.path(NAME).display().to_string();
    std::fs::copy(world.path("v1.key"), &key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let quoted = format!("\"{}\"", world.path("v1.key").display());
    let one = |c: char| if c.is_ascii_graphic() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    let escaped = format!("\"{}\"", key.chars().map(one).collect::<String>());
    std::fs::write(world.path("plan.yaml"), plan.replace(&quoted, &escaped)).unwrap();
    world.sql(&[&format!("CREATE TABLE \"{NAME}\" (id INTEGER PRIMARY KEY, a TEXT)")]);
    world.sql(&[&format!("INSERT INTO \"{NAME}\" SELECT id, a FROM people")]);
    let absent = world.path(&format!("{NAME}.yaml")).display().to_string();
    let shows = |text: &str| text.contains("\\u{202e}gpj") || text.contains("\\u202egpj");
    for (args, form) in [
        (&["check", "PLAN", "--connect"][..], "an answer and a warning"),
        (&["check", "PLAN", "--connect", "--json"], "an answer and a warning"),
        (&["check", "PLAN", "--connect", "--log-json"], "an answer and a warning"),
        (&["census", &absent], "an error"),
        (&["census", &absent, "--json"], "an error"),
        (&["census", &absent, "--log-json"], "an error"),
        (&["check", "PLAN", NAME, &format!("--{NAME}")], "a mistake of usage"),
        (&["check", "PLAN", NAME, &format!("--{NAME}"), "--json"], "a mistake of usage"),
        (&["check", "PLAN", NAME, &format!("--{NAME}"), "--log-json"], "a mistake of usage"),
    ] {
        let (_, text) = printed(&world, args);
        assert!(!text.contains(acts) && shows(&text), "{form}, {args:?}: {text:?}");
        let text = on_terminal(&world, args);
        // What a terminal is sent by itself: colours, and lines that are drawn anew.
        let own = ["\r", "\u{1b}[2K", "\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[33m", "\u{1b}[32m"];
        let rest = own.iter().fold(text.clone(), |text, own| text.replace(own, ""));
        assert!(!rest.contains(acts) && shows(&text), "{form}, {args:?}, on a terminal: {text:?}");
    }
}

/// A name that reads otherwise than it is, clears the line, and holds what JSON escapes.
const NAME: &str = "ops\u{9b}2K\u{202e}gpj\u{1b}[31m\u{7f}\u{2066}";

/// Whether a character does something instead of being shown.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n') || "\u{202e}\u{2066}".contains(c)
}

/// All that a command prints on a terminal.
fn on_terminal(world: &World, args: &[&str]) -> String {
    let inner = world.command(args);
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''"));
    let words: Vec<String> =
        std::iter::once(inner.get_program()).chain(inner.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    inner.get_envs().for_each(|(name, value)| {
        script.env(name, value.unwrap_or_default());
    });
    let output = script.env("SHELL", "/bin/sh").stdin(std::process::Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Watches names that the control database brings back: a terminal does nothing, and the export is JSON.
#[test]
fn names_do_nothing_to_a_terminal_and_leave_json_as_it_is() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let name = "ops\u{1b}[2K\u{202e}gpj\u{9b}31m\u{7f}\u{2066}\"\\";
    let mut command = world.command(&["run", "PLAN"]);
    assert!(command.env_remove("SUDO_USER").env("USER", name).output().unwrap().status.success());
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
    let shown = on_terminal(&world, &["audit", "export"]).replace('\r', "");
    assert!(!shown.contains(acts), "{shown:?}");
    let lines = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(lines.filter_map(|event| event["operator"].as_str().map(str::to_owned)).eq(operators));
    assert_eq!(code(&world.reseal(&["audit", "verify", "--file", "/dev/zero"])), (2, "export-unreadable"));
}

/// Watches that no other process of this user may look into one that holds keys: by then /proc gives its files to root.
#[test]
fn a_process_with_keys_is_closed_to_others_of_its_user() {
    let waiting = Waiting::start(&["prlimit", "--core=1048576"]);
    let is_reseal =
        || std::fs::read_to_string(waiting.file("comm")).is_ok_and(|name| name.trim() == "reseal");
    wait_until("it is reseal", is_reseal);
    let owner = || std::fs::metadata(waiting.file("mem")).unwrap().uid();
    wait_until("its memory is closed", || owner() == 0);
    let limits = std::fs::read_to_string(waiting.file("limits")).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert!(core.split_whitespace().take(2).eq(["0", "0"]), "a core dump would be written: {core}");
    let user = waiting.status("Uid:").unwrap();
    assert_ne!(user, 0, "nothing was tried");
}

/// Watches both ways: where no limit binds Reseal no key can be swapped out, and below a limit it works as ever. Only whoever
/// may lock all that he wants can try the first.
#[test]
fn memory_is_locked_where_the_limit_allows_it() {
    let locked = |waiting: &Waiting| {
        // It reads the plan once the runtime has its threads.
        wait_until("it has threads", || waiting.status("Threads:").is_some_and(|threads| threads > 1));
        waiting.status("VmLck:").unwrap()
    };
    // As much as may be asked for here, and less than a run may need.
    let most = rlimit::Resource::MEMLOCK.get_hard().unwrap().min(1 << 30);
    assert_eq!(locked(&Waiting::start(&["prlimit", &format!("--memlock={most}:{most}")])), 0);
    if has_cap_ipc_lock() {
        assert!(locked(&Waiting::start_as_it_is()) > 1000);
    }
}

/// Whether no limit on locked memory binds this process (bit 14, see capabilities(7)).
fn has_cap_ipc_lock() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() & (1 << 14) != 0
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A process of reseal that waits for somebody who writes into the pipe that its plan is.
struct Waiting {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Waiting {
    /// Starts it behind another program. Root's own processes belong to root in any case, and may lock what they want, so root
    /// tries it as somebody else, whom the other program is started by.
    fn start(behind: &[&str]) -> Waiting {
        let folder = Self::folder();
        let mut command = Command::new(behind[0]);
        command.args(&behind[1..]);
        let program = match is_root() {
            true => {
                command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
                let program = folder.path().join("reseal");
                std::fs::copy(binary(), &program).unwrap();
                program
            }
            false => binary(),
        };
        command.arg(program);
        Self::spawn(folder, command)
    }

    /// Starts it as the user that runs the tests.
    fn start_as_it_is() -> Waiting {
        Self::spawn(Self::folder(), Command::new(binary()))
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let plan = folder.path().join("plan.yaml");
        assert!(Command::new("mkfifo").args(["-m", "666"]).arg(plan).status().unwrap().success());
        folder
    }

    fn spawn(folder: tempfile::TempDir, mut command: Command) -> Waiting {
        let process = command.arg("check").arg(folder.path().join("plan.yaml")).spawn().unwrap();
        Waiting { process, _folder: folder }
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.process.id())
    }

    /// A number of its status; `None` once it is gone.
    fn status(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(self.file("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
