//! A database of its own, keys and a plan for each test; the binary and the foreign producer as processes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The databases that every promise has to hold on.
pub(crate) const STORES: [&str; 3] = ["sqlite", "postgres", "mysql"];

/// A plan's pace that is slow enough for something to happen in between.
pub(crate) const SLOW: &str = "throttle: { rows_per_second: 600 }\nbatch: { rows: 60 }\n";

/// Everything one test needs.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
    /// The URL of the control database: a file of this world's own, unless a test says otherwise.
    pub(crate) control: String,
    pub(crate) format: String,
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}

/// The binary that `cargo xtask test` has built beside the tests.
pub(crate) fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("reseal");
    assert!(path.exists(), "{} is missing: run the tests with `cargo xtask test`", path.display());
    path
}

/// The Python that holds the foreign producers' libraries.
pub(crate) fn python() -> PathBuf {
    variable("RESEAL_TEST_PYTHON").into()
}

/// The URL of a new database on a store; `folder` is for stores that keep files.
pub(crate) fn new_database(store: &str, folder: &Path) -> String {
    let url = match store {
        "sqlite" => return format!("sqlite://{}/data.db", folder.display()),
        "postgres" => variable("RESEAL_TEST_POSTGRES_URL"),
        _ => variable("RESEAL_TEST_MYSQL_URL"),
    };
    new_database_at(&url, folder)
}

/// The URL of a new database of a server.
fn new_database_at(url: &str, folder: &Path) -> String {
    let name = unused_name();
    let create = format!("CREATE DATABASE {name}");
    run_script(&mut script("producer.py", &["sql", &database(url, ""), &create], folder));
    database(url, &name)
}

/// A name that no database of the server has. Databases outlive their process, whose number the next one may have: a suite
/// starts more processes than there are numbers.
fn unused_name() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("reseal_{}_{since:x}_{number}", std::process::id())
}

/// Exit code and JSON document of a command.
pub(crate) fn answer(command: &mut Command) -> (i32, Value) {
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let document = serde_json::from_str(&stdout).unwrap_or_else(|_| {
        panic!("{command:?}: not one JSON document: {stdout}{}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code().unwrap_or(-1), document)
}

pub(crate) fn run_script(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// A script of the foreign producers, in a process that holds no Reseal code.
pub(crate) fn script(name: &str, args: &[&str], folder: &Path) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("producers").join(name);
    let mut command = Command::new(python());
    command.arg(script).args(args).current_dir(folder);
    command
}

impl World {
    /// A world with `rows` rows of a format, sealed under v1 by the foreign producer.
    pub(crate) fn new(store: &str, format: &str, rows: u32) -> World {
        let world = World::empty(store, format);
        world.producer(&["seed", &world.url, "people", format, "v1.json", &rows.to_string()]);
        world
    }

    /// A world without a table.
    pub(crate) fn empty(store: &str, format: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let url = new_database(store, folder.path());
        let world = World::of(folder, url, format);
        if store == "sqlite" {
            world.producer(&["sql", &world.url, "SELECT 1"]);
        }
        world
    }

    /// The same on a server of its own.
    pub(crate) fn empty_at(server: &str, format: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let url = new_database_at(server, folder.path());
        World::of(folder, url, format)
    }

    fn of(folder: tempfile::TempDir, url: String, format: &str) -> World {
        std::fs::write(folder.path().join("control.db"), "").unwrap();
        let control = format!("sqlite://{}/control.db", folder.path().display());
        let world = World { folder, url, control, format: format.to_owned() };
        for id in ["v1", "v2"] {
            world.new_key(id);
        }
        world.plan("");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new key under an id: for the plan, and for the producer.
    pub(crate) fn new_key(&self, id: &str) {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        let key = match self.format.as_str() {
            format if format.starts_with("fernet") => URL_SAFE.encode(bytes),
            _ => STANDARD.encode(bytes),
        };
        self.set_key(id, &key);
    }

    pub(crate) fn set_key(&self, id: &str, key: &str) {
        std::fs::write(self.path(&format!("{id}.key")), key).unwrap();
        std::fs::write(self.path(&format!("{id}.json")), json!({ "id": id, "key": key }).to_string())
            .unwrap();
    }

    /// Writes the plan, with more lines at its end.
    pub(crate) fn plan(&self, more: &str) {
        let (seal, from) = match self.format.as_str() {
            "fernet-bare" => ("fernet: {}", ""),
            "fernet-v2" => (r#"fernet: { layout: "FERNET_V2:{key}:{token}" }"#, ""),
            "pgcrypto" => ("pgcrypto: {}", ""),
            "aes-gcm-binary" => (r#"aes-gcm: { layout: "{=01}{nonce|12}{ciphertext|raw}" }"#, ""),
            "plaintext" => (AES_GCM, ", from: [plaintext]"),
            _ => (AES_GCM, ""),
        };
        let encoding = match self.format.as_str() {
            format if format.starts_with("fernet") => "base64url",
            "pgcrypto" => "utf8",
            _ => "base64",
        };
        let key = |id: &str| {
            format!(
                "      {id}: {{ file: \"{}\", encoding: {encoding} }}\n",
                self.path(&format!("{id}.key")).display()
            )
        };
        let plan = format!(
            "reseal: 1\nname: people\ndatabase: {{ env: TEST_DATABASE_URL }}\napplication: both-keys\n\
             keysets:\n  main:\n    primary: v2\n    keys:\n{}{}\
             seals:\n  main:\n    keyset: main\n    format: {{ {seal} }}\n\
             tables:\n  people:\n    row_key: id\n    fields:\n\
             \x20     a: {{ to: main{from} }}\n      b: {{ to: main{from} }}\n{more}",
            key("v1"),
            key("v2"),
        );
        std::fs::write(self.path("plan.yaml"), plan).unwrap();
    }

    /// Replaces what stands in the plan.
    pub(crate) fn rewrite_plan(&self, from: &str, to: &str) {
        let plan = std::fs::read_to_string(self.path("plan.yaml")).unwrap();
        assert!(plan.contains(from), "{plan}");
        std::fs::write(self.path("plan.yaml"), plan.replace(from, to)).unwrap();
    }

    /// The binary with `args`, where PLAN stands for the plan.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let plan = self.path("plan.yaml").display().to_string();
        let mut command = Command::new(binary());
        command.args(args.iter().map(|arg| if *arg == "PLAN" { plan.as_str() } else { arg }));
        command.env("RESEAL_DATABASE_URL", &self.control).env("XDG_STATE_HOME", self.folder.path());
        command.env("TEST_DATABASE_URL", &self.url).stdin(Stdio::null());
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Exit code and JSON document of a command.
    pub(crate) fn reseal(&self, args: &[&str]) -> (i32, Value) {
        answer(&mut self.command(&[args, &["--json"]].concat()))
    }

    /// The foreign producer, in a process that holds no Reseal code.
    pub(crate) fn producer(&self, args: &[&str]) -> Value {
        run_script(&mut self.producer_command(args))
    }

    /// The foreign producer of tables of every shape.
    pub(crate) fn shapes(&self, args: &[&str]) -> Value {
        run_script(&mut script("shapes.py", args, self.folder.path()))
    }

    pub(crate) fn producer_command(&self, args: &[&str]) -> Command {
        self.script("producer.py", args)
    }

    pub(crate) fn script(&self, name: &str, args: &[&str]) -> Command {
        script(name, args, self.folder.path())
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn sql(&self, statements: &[&str]) -> Value {
        self.producer(&[&["sql", &self.url], statements].concat())
    }

    /// A statement for the control database.
    pub(crate) fn control(&self, statement: &str) -> Value {
        self.producer(&["sql", &self.control, statement])
    }

    pub(crate) fn digest(&self) -> String {
        self.producer(&["digest", &self.url, "people"])["digest"].as_str().unwrap().to_owned()
    }

    /// Every row opened under a key by the foreign producer: (rows, cells opened, rows that hold what they should).
    pub(crate) fn read(&self, key: &str) -> (u64, u64, u64) {
        let format = if self.format == "plaintext" { "aes-gcm" } else { &self.format };
        let read = self.producer(&["read", &self.url, "people", format, &format!("{key}.json")]);
        let number = |name: &str| read[name].as_u64().unwrap();
        (number("rows"), number("opened"), number("right"))
    }
}

const AES_GCM: &str = r#"aes-gcm: { layout: "{key}:{nonce|base64}:{ciphertext|base64}" }"#;

/// The server's URL with another database.
fn database(url: &str, name: &str) -> String {
    let scheme = url.find("://").unwrap() + 3;
    let server = url[scheme..].find('/').map_or(url, |slash| &url[..scheme + slash]);
    format!("{server}/{name}")
}

/// Sends a signal, by the name that `kill` knows it by.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until the ledger shows that cells were rotated and some are left.
pub(crate) fn wait_for_first_swap(world: &World) {
    wait_until_swapping(|| world.reseal(&["status", "PLAN"]).1);
}

/// Waits until a status shows that cells were rotated.
pub(crate) fn wait_until_swapping(status: impl Fn() -> Value) {
    let begun = Instant::now();
    loop {
        let status = status();
        if status["cells_rotated"].as_u64().unwrap_or(0) > 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no swap within a minute: {status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
