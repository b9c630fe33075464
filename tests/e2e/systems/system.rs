//! One documented system: its database, the folder its operator works in, the variables he has set.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::served::{Daemon, SPEED, clock, wait_beside};
use crate::world::{binary, new_database, python, run_script, script, wait_until_swapping};

/// A system, as its operator has it before him.
pub(crate) struct System {
    folder: tempfile::TempDir,
    pub(crate) url: String,
    pub(crate) name: &'static str,
    variables: BTreeMap<String, String>,
}

/// What the system itself reads, with the keys that it was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Cells that hold something.
    pub(crate) cells: u64,
    /// Cells that were NULL from the beginning, and are.
    pub(crate) nulls: u64,
    /// Cells that opened.
    pub(crate) opened: u64,
    /// Cells that opened to what the application stored.
    pub(crate) right: u64,
}

impl System {
    /// An empty database, and a folder with the plan as it is shipped and what stands in for the system's programs.
    pub(crate) fn new(name: &'static str, store: &str) -> System {
        let folder = tempfile::tempdir().unwrap();
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let plan = format!("{name}.yaml");
        std::fs::copy(tests.join("../rotation-plans").join(&plan), folder.path().join(&plan)).unwrap();
        for program in std::fs::read_dir(tests.join("systems").join(name)).unwrap() {
            let program = program.unwrap();
            std::os::unix::fs::symlink(program.path(), folder.path().join(program.file_name())).unwrap();
        }
        let path = [folder.path().to_owned(), python().parent().unwrap().to_owned()]
            .iter()
            .map(|path| path.display().to_string())
            .chain(std::env::var("PATH"))
            .collect::<Vec<_>>()
            .join(":");
        let mut system = System { folder, url: String::new(), name, variables: BTreeMap::new() };
        system.url = new_database(store, system.folder.path());
        system.set("PATH", path);
        system.set("DATABASE_URL", system.url.clone());
        system.write("control.db", "");
        system.set("RESEAL_DATABASE_URL", format!("sqlite://{}", system.path("control.db").display()));
        system.set("USER", "ops@example.com");
        system
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Sets a variable in the operator's environment, which holds nothing else.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    pub(crate) fn set_all<const N: usize>(&mut self, variables: [(&str, &str); N]) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }

    /// `reseal` with `args`, where PLAN stands for the plan.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let plan = format!("{}.yaml", self.name);
        let mut command = Command::new(binary());
        command.args(args.iter().map(|arg| if *arg == "PLAN" { plan.as_str() } else { arg }));
        command.env_clear().envs(&self.variables).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Exit code and JSON document of a command.
    pub(crate) fn reseal(&self, args: &[&str]) -> (i32, Value) {
        let output = self.command(&[args, &["--json"]].concat()).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let document = serde_json::from_str(&stdout).unwrap_or_else(|_| {
            panic!("{args:?}: not one JSON document: {stdout}{}", String::from_utf8_lossy(&output.stderr))
        });
        (output.status.code().unwrap_or(-1), document)
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Serves the plan from a time on, on a clock that runs so many times as fast.
    pub(crate) fn serve(&self, from: &str, speed: u32) -> Daemon {
        let mut command = self.command(&["serve", "PLAN", "--clock-for-tests", &clock(from, speed)]);
        Daemon::of(&mut command, &self.path("daemon.log"))
    }

    /// Asks beside a daemon until there is an answer.
    pub(crate) fn wait<T>(&self, what: &str, ask: impl FnMut() -> Option<T>) -> T {
        wait_beside(&self.path("daemon.log"), what, ask)
    }

    /// Serves from a time on until a job has done its work of a slot (both in UTC).
    pub(crate) fn fires(&self, job: &str, from: &str, slot: &str) {
        let done = format!(
            "SELECT 1 FROM reseal_firing WHERE job = '{job}' AND state = 'done' AND slot = unixepoch('{slot}') * 1000"
        );
        let daemon = self.serve(from, SPEED);
        self.wait(&format!("the job {job}"), || self.control(&done).get(0).map(drop));
        daemon.stop();
    }

    /// The same, until its mails are out too: one that is interrupted is sent again, and by the daemon's clock it may be due
    /// months from now.
    pub(crate) fn fires_and_mails(&self, job: &str, from: &str, slot: &str) {
        let done = format!(
            "SELECT 1 FROM reseal_firing WHERE job = '{job}' AND state = 'done' AND slot = unixepoch('{slot}') * 1000
             AND NOT EXISTS (SELECT 1 FROM reseal_outbox WHERE state = 'waiting')"
        );
        let daemon = self.serve(from, SPEED);
        self.wait(&format!("the mails of the job {job}"), || self.control(&done).get(0).map(drop));
        daemon.stop();
    }

    /// What the control database answers; nothing as long as it has no such table.
    pub(crate) fn control(&self, select: &str) -> Value {
        let url = format!("sqlite://{}", self.path("control.db").display());
        let output = self.script("producer.py", &["sql", &url, select]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("no such table"), "{select}: {said}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Waits until the ledger shows that cells were rotated.
    pub(crate) fn wait_for_first_swap(&self) {
        wait_until_swapping(|| self.reseal(&["status", "PLAN"]).1);
    }

    /// A command that has to end with `exit`; its document.
    pub(crate) fn ends(&self, exit: i32, args: &[&str]) -> Value {
        let (code, document) = self.reseal(args);
        assert_eq!(code, exit, "{} {args:?}: {document}", self.name);
        document
    }

    /// A command that has to be refused for this reason.
    pub(crate) fn refused(&self, exit: i32, code: &str, args: &[&str]) {
        let document = self.ends(exit, args);
        assert_eq!(document["error"]["code"], code, "{} {args:?}: {document}", self.name);
    }

    /// A run that has to end in this state, with exit 0; its document.
    pub(crate) fn runs(&self, state: &str, args: &[&str]) -> Value {
        let run = self.ends(0, args);
        assert_eq!(run["state"], state, "{} {args:?}: {run}", self.name);
        run
    }

    /// A new key, as the runbook's first step makes it.
    pub(crate) fn generate(&self, encoding: &str) -> String {
        let output =
            self.command(&["keys", "generate", "--stdout", "--encoding", encoding]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The system's own script, in a process that holds no Reseal code.
    pub(crate) fn producer(&self, command: &str, args: &[&str]) -> Value {
        let script = format!("{}.py", self.name.replace('-', "_"));
        run_script(&mut self.script(&script, &[&[command, &self.url], args].concat()))
    }

    /// A script of the producers.
    pub(crate) fn script(&self, name: &str, args: &[&str]) -> Command {
        script(name, args, self.folder.path())
    }

    /// The stand-in for Django's management commands, as the operator calls it.
    pub(crate) fn manage(&self, name: &str) {
        let mut command = Command::new(python());
        command.args(["manage.py", name]).env_clear().envs(&self.variables).current_dir(self.folder.path());
        run_script(&mut command);
    }

    /// Makes the system's tables, and `rows` rows in each with sealed cells, under `keys`.
    pub(crate) fn seed(&self, keys: &Value, rows: u32) {
        self.write("keys.json", &keys.to_string());
        self.producer("seed", &["keys.json", &rows.to_string()]);
    }

    /// Every cell read by the system itself, with these keys and no others.
    pub(crate) fn read(&self, keys: &Value) -> Read {
        self.write("keys.json", &keys.to_string());
        let read = self.producer("read", &["keys.json"]);
        let number = |name: &str| read[name].as_u64().unwrap();
        Read {
            cells: number("cells"),
            nulls: number("nulls"),
            opened: number("opened"),
            right: number("right"),
        }
    }

    /// The bar of a rotation: the system reads every cell under the new key, and none under the old ones.
    pub(crate) fn reads_all(&self, new: &Value, old: &Value) -> u64 {
        let read = self.read(new);
        assert!(read.cells > 250 && read.nulls > 0, "{read:?}");
        assert_eq!((read.opened, read.right), (read.cells, read.cells), "{} under the new key", self.name);
        let under_old = self.read(old);
        assert_eq!((under_old.opened, under_old.nulls), (0, read.nulls), "{} under the old key", self.name);
        eprintln!("{}: {} cells right under the new key, 0 open under the old one", self.name, read.cells);
        read.cells
    }

    /// A digest of all rows, and one of what is not sealed.
    pub(crate) fn digest(&self) -> (String, String) {
        let digest = self.producer("digest", &[]);
        let text = |name: &str| digest[name].as_str().unwrap().to_owned();
        (text("digest"), text("beside"))
    }

    pub(crate) fn sql(&self, statements: &[&str]) -> Value {
        run_script(&mut self.script("producer.py", &[&["sql", &self.url], statements].concat()))
    }

    /// Lets the server accept connections to the system's database, or refuse them.
    pub(crate) fn accepts_connections(&self, accepts: bool) {
        let (server, name) = self.url.rsplit_once('/').unwrap();
        let alter = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {accepts}");
        run_script(&mut self.script("producer.py", &["sql", &format!("{server}/postgres"), &alter]));
    }

    /// Whether the database refuses a statement.
    pub(crate) fn refuses(&self, statement: &str) -> bool {
        !self.script("producer.py", &["sql", &self.url, statement]).output().unwrap().status.success()
    }

    /// Drops the old cells of the newest run that keeps any, as the tables of `rotation-plans/README.md` have it.
    pub(crate) fn drops_undo(&self) {
        let dropped = self.ends(0, &["undo", "drop", "PLAN", "--confirm", self.name]);
        assert_ne!(dropped["cells_dropped"], 0, "{dropped}");
    }

    /// Puts another program in the place of one that stands in for the system's.
    pub(crate) fn replace_program(&self, name: &str, script: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
        self.write(name, script);
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Puts back what stands in for one of the system's programs.
    pub(crate) fn restore_program(&self, name: &str) {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("systems").join(self.name);
        std::fs::remove_file(self.path(name)).unwrap();
        std::os::unix::fs::symlink(programs.join(name), self.path(name)).unwrap();
    }

    /// The bar of a key's end: by a plan that forgets one column, preflight names that column and the key stays; by the
    /// plan as it is shipped, the key is retired. `forget` is a part of the plan and what is left of it.
    pub(crate) fn retires(&self, key: &str, forget: (&str, &str), column: &str) {
        let plan = std::fs::read_to_string(self.path(&format!("{}.yaml", self.name))).unwrap();
        let forgetful = plan.replace(forget.0, forget.1);
        assert_ne!(plan, forgetful);
        self.write("forgetful.yaml", &forgetful);
        // Where one column names the key of a whole row, a run by such a plan would lose the column that is forgotten.
        let harms = forgetful.contains("key: encryption_key_version");
        let (exit, code) = if harms { (3, "shared-part") } else { (0, "column-outside-the-plan") };
        let check = self.ends(exit, &["check", "forgetful.yaml", "--connect"]);
        let named = check["problems"]
            .as_array()
            .unwrap()
            .iter()
            .any(|problem| problem["code"] == code && problem["message"].to_string().contains(column));
        assert!(named, "{}: {column} is not named: {check}", self.name);
        self.refused(3, "column-outside-the-plan", &["keys", "retire", "forgetful.yaml", key]);
        let retired = self.ends(0, &["keys", "retire", "PLAN", key]);
        assert_eq!(retired["state"], "retired", "{retired}");
        assert!(retired["notes"].to_string().contains("backups"), "what no scan covers is told: {retired}");
    }

    /// State of a key in the catalogue.
    pub(crate) fn key_state(&self, key: &str) -> String {
        let list = self.ends(0, &["keys", "list", "PLAN"]);
        let found = list["keys"].as_array().unwrap().iter().rfind(|other| other["key"] == key);
        found.map(|key| key["state"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    /// One value of one row.
    pub(crate) fn value(&self, query: &str) -> Value {
        self.sql(&[query])[0][0].clone()
    }
}
