//! P6: no key and no plaintext in any output, in the ledger, or in a server's log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::World;

/// Watches what is logged, printed and kept, at the finest level that can be asked for.
fn leaks_nothing(store: &str, format: &str) {
    let world = World::empty(store, format);
    let key = b"CANARY-KEY-0123456789-CANARY-KEY";
    world.set_key("v2", &STANDARD.encode(key));
    world.producer(&["seed", &world.url, "people", format, "v1.json", "40"]);
    let first_key = std::fs::read_to_string(world.path("v1.key")).unwrap();
    let mut seen = Vec::new();
    for args in [
        &["check", "PLAN", "--connect"][..],
        &["run", "PLAN", "--dry-run"],
        &["run", "PLAN"],
        &["verify", "PLAN"],
        &["inspect", "PLAN", "--table", "people", "--row", "3"],
        &["status", "PLAN"],
    ] {
        let output = world.command(args).env("RUST_LOG", "trace").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        seen.extend([output.stdout, output.stderr].concat());
    }
    let ledger = match store {
        "postgres" => ["reseal.run", "reseal.undo", "reseal.pin", "reseal.shard", "reseal.quarantine"],
        _ => ["reseal_run", "reseal_undo", "reseal_pin", "reseal_shard", "reseal_quarantine"],
    };
    for table in ledger {
        seen.extend(world.sql(&[&format!("SELECT * FROM {table}")]).to_string().into_bytes());
    }
    let back = world
        .command(&["rollback", "PLAN", "--confirm", "people"])
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    assert_eq!(back.status.code(), Some(0));
    seen.extend([back.stdout, back.stderr].concat());
    let seen = String::from_utf8_lossy(&seen);
    let keys = [STANDARD.encode(key), "CANARY-KEY".to_owned(), first_key];
    // Plaintexts as text, and as the hexadecimal of binary columns.
    let plaintexts = ["geheim".to_owned(), "67656865696d".to_owned()];
    for secret in keys.iter().chain(&plaintexts) {
        assert!(!seen.contains(secret.as_str()), "{store} {format}: output or ledger hold {secret}");
    }
}

#[test]
fn sqlite_leaks_nothing() {
    leaks_nothing("sqlite", "aes-gcm");
    leaks_nothing("sqlite", "plaintext");
}

#[test]
fn mariadb_leaks_nothing() {
    leaks_nothing("mysql", "aes-gcm");
}

/// Has PostgreSQL log all that it is sent to a world's database.
fn log_everything(world: &World) {
    let name = world.url.rsplit_once('/').unwrap().1.to_owned();
    world.sql(&[
        &format!("ALTER DATABASE {name} SET log_statement = 'all'"),
        &format!("ALTER DATABASE {name} SET log_parameter_max_length = -1"),
    ]);
}

/// What the server has logged; it must have logged swaps, else it proves nothing.
fn server_log() -> String {
    let log = std::env::var("RESEAL_TEST_POSTGRES_LOG").expect("run the tests with `cargo xtask test`");
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned();
    assert!(text.contains("UPDATE \"public\".\"people\""), "the log shows no swap: it proves nothing");
    text
}

/// PostgreSQL logs every statement with its parameters here; only the application's own statements may show plaintext.
#[test]
fn postgres_leaks_nothing_even_into_its_own_log() {
    leaks_nothing("postgres", "aes-gcm");
    leaks_nothing("postgres", "plaintext");
}

#[test]
fn postgres_logs_no_plaintext_of_a_first_encryption() {
    let world = World::empty("postgres", "plaintext");
    log_everything(&world);
    world.sql(&["CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)"]);
    // The canary is made by the server, so that no statement of the test holds it.
    world.sql(&[
        "INSERT INTO people SELECT n, 'CAN' || 'ARY-' || n, NULL, 'x' FROM generate_series(1, 200) n",
    ]);
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{run}");
    // Going back would send it, so while parameters are logged that is refused.
    let (code, refused) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("parameters-logged")), "{refused}");
    assert!(!server_log().contains("CANARY-1"), "the server's log holds plaintext");
}

/// Watches what a swap withholds: plaintext that the application left in a sealed column stays where it is, while the
/// cell beside it is swapped, fought for, and put back.
#[test]
fn postgres_logs_no_plaintext_that_stays_beside_a_swapped_cell() {
    let world = World::new("postgres", "aes-gcm", 300);
    log_everything(&world);
    world.rewrite_plan("b: { to: main }", "b: { to: main, last_error: note }");
    let strays = || world.sql(&["SELECT count(*), min(left(b, 5)) FROM people WHERE id % 3 = 0"]).to_string();
    world.sql(&["UPDATE people SET b = 'STR' || 'AY-' || id WHERE id % 3 = 0"]);
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, &run["cells_quarantined"]), (1, &serde_json::json!(100)), "{run}");
    let swapped = "SELECT count(*) FROM people WHERE id % 3 = 0 AND (a LIKE 'v2:%' OR a IS NULL)";
    assert_eq!((world.sql(&[swapped]), strays()), (serde_json::json!([[100]]), r#"[[100,"STRAY"]]"#.into()));
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!(code, 0, "{back}");
    let back = "SELECT count(*) FROM people WHERE id % 3 = 0 AND (a LIKE 'v1:%' OR a IS NULL)";
    assert_eq!((world.sql(&[back]), strays()), (serde_json::json!([[100]]), r#"[[100,"STRAY"]]"#.into()));
    assert!(!server_log().contains("STRAY"), "the server's log holds plaintext");
}
