//! What each command shows, at a terminal of 80 columns and in a pipe, with long names, UUIDs and letters beyond ASCII.
//!
//! `UPDATE_GOLDEN=1 cargo xtask test -- -E 'test(screens::)'` writes the files of `tests/golden` anew. Read what changed, as the
//! people who will see it do.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::{World, binary};

const TABLE: &str = "versicherungsnehmer_stammdaten_archiv";
/// A row whose cell is damaged, as the tables of the ledger show it.
const DAMAGED: &str = "7d44484d-0000-4f1c-9e0a-000000000007";

/// A table with UUIDs as row keys and long names of columns.
fn world() -> World {
    let world = World::new("sqlite", "aes-gcm", 100);
    world.sql(&[
        &format!(
            "CREATE TABLE {TABLE} (kennung TEXT PRIMARY KEY NOT NULL, vollständiger_name TEXT, \
             bemerkung_der_behandelnden_ärztin TEXT)"
        ),
        &format!(
            "INSERT INTO {TABLE} SELECT '7d44484d-0000-4f1c-9e0a-' || printf('%012d', id), a, b FROM people"
        ),
        "DROP TABLE people",
    ]);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let (head, _) = plan.split_once("tables:").unwrap();
    let head = head
        .replace("name: people", "name: patientenakten-archiv-sued-2026")
        .replace(&world.folder.path().display().to_string(), ".");
    let tables = format!(
        "tables:\n  {TABLE}:\n    row_key: kennung\n    fields:\n      vollständiger_name: main\n\
         \x20     bemerkung_der_behandelnden_ärztin: main\n\
         schedule:\n  zone: Europe/Berlin\n\
         \x20 vierteljaehrliche-erinnerung: {{ cron: \"0 9 1 1,4,7,10 *\", do: {{ remind: rotation }} }}\n\
         \x20 zaehlung: {{ cron: \"0 4 * * 1\", do: census }}\n\
         notify:\n  via: {{ log: {{ log: {{}} }} }}\n  on: {{ remind: [log], finished: [log] }}\n"
    );
    std::fs::write(world.path("plan.yaml"), head.clone() + &tables).unwrap();
    for key in ["v1.key", "v2.key"] {
        std::fs::set_permissions(world.path(key), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let wrong = tables.replace("row_key: kennung", "row_kei: kennung").replace("_name: main", "_name: mian");
    std::fs::write(world.path("wrong.yaml"), head + &wrong).unwrap();
    world
}

/// The commands, in the order of a first rotation that meets a damaged cell.
fn steps() -> Vec<Value> {
    let damage = |with: &str| {
        let set = "bemerkung_der_behandelnden_ärztin";
        json!(["sql", format!("UPDATE {TABLE} SET {set} = {with} WHERE kennung = '{DAMAGED}'")])
    };
    let commands = |lines: &str| -> Vec<Value> {
        let words = |line: &str| line.split_whitespace().map(|word| word.replace("ROW", DAMAGED)).collect();
        lines.lines().map(words).collect()
    };
    let mut steps = vec![damage("substr(bemerkung_der_behandelnden_ärztin, 1, 20)")];
    steps.extend(commands(&include_str!("screens/damaged.txt").replace("TABLE", TABLE)));
    steps.push(damage("NULL"));
    steps.extend(commands(&include_str!("screens/repaired.txt").replace("TABLE", TABLE)));
    steps
}

/// What all commands show: `pipe`, or so many columns.
fn shown(how: &str) -> String {
    let world = world();
    let mut command = world.script("screens.py", &[how, &binary().display().to_string()]);
    command.env("RESEAL_DATABASE_URL", &world.control).env("XDG_STATE_HOME", world.folder.path());
    command.env("TEST_DATABASE_URL", &world.url).env("USER", "alice").env("TZ", "UTC");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let steps: String = steps().iter().map(|step| format!("{step}\n")).collect();
    child.stdin.take().unwrap().write_all(steps.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let shown = String::from_utf8(output.stdout).unwrap();
    shown.replace(&world.folder.path().display().to_string(), "/tmp/.tmpFOLDER")
}

fn compares(how: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/screens-{how}.txt"));
    let shown = shown(how);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        return std::fs::write(file, shown).unwrap();
    }
    let golden = std::fs::read_to_string(file).unwrap();
    for (shown, golden) in shown.split("\n\n$ ").zip(golden.split("\n\n$ ")) {
        assert_eq!(shown, golden, "{how}");
    }
    assert_eq!(shown.len(), golden.len(), "{how}: commands came or went");
}

#[test]
fn commands_show_in_a_pipe_what_they_did() {
    compares("pipe");
}

#[test]
fn commands_show_at_eighty_columns_what_they_did() {
    compares("80");
}
