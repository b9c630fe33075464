//! Formats that a plan brings along.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{World, python, run_script};

/// Cells as typeorm-encrypted writes them, and whether they open under a key: `typeorm.py fill|read KEY`.
const TYPEORM: &str = r#"
import base64, json, os, sqlite3, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
what, key = sys.argv[1], AESGCM(bytes.fromhex(open(sys.argv[2]).read()))
with sqlite3.connect("data.db") as database:
    if what == "fill":
        database.execute("CREATE TABLE vault (id INTEGER PRIMARY KEY, secret TEXT)")
        for n in range(200):
            iv = os.urandom(16)
            sealed = key.encrypt(iv, f"geheim {n}".encode(), None)
            cell = base64.b64encode(iv + sealed[-16:] + sealed[:-16]).decode()
            database.execute("INSERT INTO vault VALUES (?, ?)", (n, cell))
    right = 0
    for n, cell in database.execute("SELECT id, secret FROM vault").fetchall():
        raw = base64.b64decode(cell)
        right += key.decrypt(raw[:16], raw[32:] + raw[16:32], None) == f"geheim {n}".encode()
    print(json.dumps(right))
"#;

fn typeorm(world: &World, what: &str, key: &str) -> Value {
    let mut command = Command::new(python());
    run_script(command.args(["-c", TYPEORM, what, key]).current_dir(world.folder.path()))
}

fn world() -> World {
    let world = World::empty("sqlite", "aes-gcm");
    for (key, byte) in [("old", "17"), ("new", "2a")] {
        let text: String = (0..32)
            .map(|n| format!("{:02x}", (n * 7 + u32::from_str_radix(byte, 16).unwrap()) % 256))
            .collect();
        std::fs::write(world.path(key), text).unwrap();
    }
    let format = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats/typeorm.yaml");
    std::fs::create_dir(world.path("formats")).unwrap();
    std::fs::copy(format, world.path("formats/typeorm.yaml")).unwrap();
    let plan = "reseal: 1\nname: people\ndatabase: { env: TEST_DATABASE_URL }\napplication: both-keys\n\
        formats: [formats/typeorm.yaml]\n\
        keysets:\n  app:\n    primary: new\n    keys:\n\
        \x20     old: { file: old, encoding: hex }\n      new: { file: new, encoding: hex }\n\
        seals:\n  app: { keyset: app, format: typeorm }\n\
        tables:\n  vault: { row_key: id, fields: { secret: app } }\n";
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    world
}

/// Watches that a format of nobody's list is rotated by a file of a few lines, and that what it produces is the producer's.
#[test]
fn a_format_of_the_plans_own_is_rotated() {
    let world = world();
    assert_eq!(typeorm(&world, "fill", "old"), 200);
    let (exit, run) = world.reseal(&["run", "PLAN", "--accept-weak-key"]);
    assert_eq!((exit, &run["cells_rotated"]), (0, &json!(200)), "{run}");
    assert_eq!(typeorm(&world, "read", "new"), 200);
    // The file says what is done, as the plan does: a paused or a rolled back run is of the file as it was.
    world_changes(&world, "cipher: aes-256-gcm", "cipher: aes-256-gcm\n  compression: zlib");
    let (exit, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!((exit, &back["error"]["code"]), (3, &json!("plan-changed")), "{back}");
}

fn world_changes(world: &World, from: &str, to: &str) {
    let file = world.path("formats/typeorm.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

/// Watches that mistakes of such a file have its name, line and column.
#[test]
fn mistakes_of_a_format_are_shown_where_they_are() {
    let cases = [
        ("aes-256-gcm", "aes-256-gmc", "formats/typeorm.yaml", 6),
        ("{tag|16}", "{tga|16}", "formats/typeorm.yaml", 5),
        ("custom:", "costum:", "formats/typeorm.yaml", 4),
    ];
    for (from, to, file, line) in cases {
        let world = world();
        world_changes(&world, from, to);
        let (exit, check) = world.reseal(&["check", "PLAN"]);
        let problems = check["problems"].as_array().unwrap();
        let is_there = |problem: &Value| {
            problem["line"] == line && problem["file"].as_str().is_some_and(|found| found.ends_with(file))
        };
        assert!(exit == 2 && problems.iter().any(is_there), "{to}: {check}");
    }
    let world = world();
    world_changes(&world, "format: typeorm", "format: laravel");
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["error"]["code"]), (2, &json!("format-exists")), "{run}");
    std::fs::remove_file(world.path("formats/typeorm.yaml")).unwrap();
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["error"]["code"]), (2, &json!("plan-unreadable")), "{run}");
}
