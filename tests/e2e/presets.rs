//! The plans for presets on SQLite: cells of a producer are rotated and read back by it, and what is damaged stays.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::{answer, binary, run_script, script};

/// How many cells under the old key the producer makes.
const OLD: u64 = 200;

/// A table of one producer's cells.
struct Vault {
    name: String,
    folder: tempfile::TempDir,
    keys: Value,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn producer(args: &[&str], folder: &Path) -> Value {
    let producers = root().join("plugins/format-custom/vectors/producer.py");
    let producers = producers.to_string_lossy().into_owned();
    run_script(&mut script("vault.py", &[&[&producers[..]], args].concat(), folder))
}

impl Vault {
    fn new(name: &str) -> Vault {
        let folder = tempfile::tempdir().unwrap();
        let keys = producer(&["fill", name, &folder.path().to_string_lossy()], folder.path());
        std::fs::write(folder.path().join("keys.json"), keys.to_string()).unwrap();
        Vault { name: name.to_owned(), folder, keys }
    }

    fn reseal(&self, args: &[&str]) -> (i32, Value) {
        let plan = root().join(format!("rotation-plans/formats/{}.yaml", self.name));
        let mut command = Command::new(binary());
        command.args(&args[..1]).arg(plan).args(&args[1..]).arg("--json");
        let database = format!("sqlite://{}", self.folder.path().join("vault.db").display());
        command.env("DATABASE_URL", database).env("HOME", self.folder.path());
        for (variable, key) in [("OLD_KEY", "old"), ("NEW_KEY", "new"), ("SALT", "salt")] {
            command.env(variable, self.keys[key].as_str().unwrap());
        }
        answer(&mut command)
    }

    fn sql(&self, statement: &str) -> String {
        let database = self.folder.path().join("vault.db");
        let code = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); print(d.execute(sys.argv[2]).fetchall()); d.commit()";
        let mut command = Command::new(crate::world::python());
        let output = command.args(["-c", code]).arg(database).arg(statement).output().unwrap();
        assert!(output.status.success(), "{statement}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn cells(&self, rows: &str) -> String {
        self.sql(&format!("SELECT id, hex(secret), typeof(secret) FROM vault WHERE {rows} ORDER BY id"))
    }
}

/// Watches that a damaged row stays as it is, that rows under the new key and NULL are left, and that the producer reads the
/// rest: an application of that producer would lose values otherwise.
#[test]
fn presets_rotate_what_their_producers_sealed() {
    let names = producer(&["list"], Path::new("."));
    let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        rotates(&Vault::new(name));
    }
}

fn rotates(vault: &Vault) {
    let name = &vault.name;
    let (all, others) = (vault.cells("id < 9001"), vault.cells("id > 4000"));
    let (code, run) = vault.reseal(&["run"]);
    assert_eq!((code, run["cells_rotated"].as_u64()), (1, Some(OLD)), "{name}: {run}");
    assert_eq!(vault.cells("id > 4000"), others, "{name}: a row changed that must not");
    let read = producer(&["read", name, &vault.folder.path().to_string_lossy()], vault.folder.path());
    assert_eq!(read.as_u64(), Some(OLD), "{name}: the producer does not read its cells");
    vault.sql("DELETE FROM vault WHERE id = 9001");
    for command in ["run", "verify"] {
        let (code, done) = vault.reseal(&[command]);
        assert_eq!(code, 0, "{name}: {done}");
    }
    let (code, back) = vault.reseal(&["rollback", "--confirm", name]);
    assert_eq!(code, 0, "{name}: {back}");
    assert_eq!(vault.cells("id < 9001"), all, "{name}: not the exact old bytes");
}
