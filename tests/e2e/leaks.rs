//! P6: no key and no plaintext in any output, in the ledger, or in a server's log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::served::events;
use crate::world::{World, variable};

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
    leaks_nothing("mysql", "plaintext");
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
    let log = variable("RESEAL_TEST_POSTGRES_LOG");
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
    assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("plaintext-in-log")), "{refused}");
    assert!(!server_log().contains("CANARY-1"), "the server's log holds plaintext");
}

/// Watches each setting by which PostgreSQL, or an extension that is loaded, would log what a rollback puts back.
#[test]
fn a_rollback_to_plaintext_names_the_setting_that_would_log_it() {
    let world = World::empty("postgres", "plaintext");
    let name = world.url.rsplit_once('/').unwrap().1.to_owned();
    let set = |settings: &[(&str, &str)]| {
        let mut statements = vec![format!("ALTER DATABASE {name} RESET ALL")];
        let set = |(setting, value)| format!("ALTER DATABASE {name} SET {setting} = '{value}'");
        statements.extend(settings.iter().copied().map(set));
        statements.iter().for_each(|statement| drop(world.sql(&[statement])));
    };
    world.sql(&["CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)"]);
    world
        .sql(&["INSERT INTO people SELECT n, 'SEC' || 'RET-' || n, NULL, 'x' FROM generate_series(1, 50) n"]);
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{run}");
    let whole = ("log_parameter_max_length", "-1");
    for settings in [
        &[("log_statement", "mod"), whole][..],
        &[("log_min_duration_statement", "1000"), whole],
        &[("log_min_duration_sample", "1000"), ("log_statement", "none"), whole],
        &[("log_transaction_sample_rate", "0.5"), whole],
        &[("log_parameter_max_length_on_error", "64")],
        &[("auto_explain.log_min_duration", "60000")],
        &[("pgaudit.log", "write"), ("pgaudit.log_parameter", "on")],
        &[("pgaudit.log", "read"), ("pgaudit.log_parameter", "on")],
    ] {
        set(settings);
        let (code, refused) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
        let error = &refused["error"];
        assert_eq!((code, error["code"].as_str()), (3, Some("plaintext-in-log")), "{settings:?}: {refused}");
        assert!(error["message"].as_str().unwrap().contains(settings[0].0), "{settings:?}: {refused}");
    }
    assert!(!server_log().contains("SECRET-1"), "the server's log holds plaintext");
    set(&[("pgaudit.log", "all"), ("pgaudit.log_parameter", "on")]);
    accepts_the_log(&world, "pgaudit.log = all");
    assert!(server_log().contains("SECRET-1"), "pgaudit logs nothing here: it proves nothing");
}

/// Rolls back although the server logs what it is sent, which the trail keeps.
fn accepts_the_log(world: &World, setting: &str) {
    let back = ["rollback", "PLAN", "--confirm", "people", "--accept-plaintext-in-log"];
    let (code, back) = world.reseal(&back);
    assert_eq!((code, &back["state"]), (0, &serde_json::json!("rolled_back")), "{back}");
    let begun = events(world, "rollback-started").pop().unwrap();
    let accepted = begun["accepted_log"].as_str().unwrap_or_default();
    assert!(setting.ends_with(accepted) && !accepted.is_empty(), "{begun}");
}

/// What a MariaDB has logged that writes all it is sent to three logs; each must have logged swaps.
fn mysql_logs() -> String {
    let folder = std::path::PathBuf::from(variable("RESEAL_TEST_MYSQL_LOGS"));
    let read = |name: &str| {
        let text = String::from_utf8_lossy(&std::fs::read(folder.join(name)).unwrap()).into_owned();
        assert!(text.contains("UPDATE reseal_swap"), "{name} shows no swap: it proves nothing");
        text
    };
    ["general.log", "slow.log", "audit.log"].map(read).concat()
}

/// Watches what MariaDB is sent: neither the plaintext of a first encryption, nor what stays in a sealed column beside a cell
/// that is swapped, nor what a trigger's table is read back for.
#[test]
fn mariadb_logs_no_plaintext() {
    let world = World::empty_at(&variable("RESEAL_TEST_LOGGED_MYSQL_URL"), "plaintext");
    world.sql(&["CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)"]);
    let rows = "INSERT INTO people SELECT seq, concat('CAN', 'ARY-', seq), concat('CAN', 'ARY-', seq), 'x' FROM seq_1_to_200";
    world.sql(&[rows]);
    let runs = |expect: i32| {
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!(code, expect, "{run}");
        run
    };
    assert_eq!(runs(0)["cells_rotated"], 400);
    // The next rotation finds plaintext that it does not expect beside cells of its own.
    world.sql(&["UPDATE people SET b = concat('STR', 'AY-', id) WHERE id % 4 = 0"]);
    world.rewrite_plan(", from: [plaintext]", "");
    world.rewrite_plan("b: { to: main }", "b: { to: main, last_error: note }");
    world.new_key("v3");
    let line = |id: &str| format!("      {id}: {{ file: \"{}\"", world.path(&format!("{id}.key")).display());
    world.rewrite_plan(&line("v2"), &format!("{}, encoding: base64 }}\n{}", line("v3"), line("v2")));
    world.rewrite_plan("primary: v2", "primary: v3");
    let second = runs(1);
    assert_eq!(
        (&second["cells_rotated"], &second["cells_quarantined"]),
        (&350.into(), &50.into()),
        "{second}"
    );
    let strays = "SELECT count(*) FROM people WHERE b LIKE 'STRAY-%' AND a LIKE 'v3:%' AND id % 4 = 0";
    assert_eq!(world.sql(&[strays])[0][0], 50);
    let back = ["rollback", "PLAN", "--confirm", "people", "--to-key", "v2"];
    let (code, back) = world.reseal(&back);
    assert_eq!(code, 0, "{back}");
    let logs = mysql_logs();
    for secret in ["CANARY-1", "STRAY-4"] {
        assert!(!logs.contains(secret), "the server's logs hold {secret}");
    }
}

/// Watches that a rollback to plaintext is refused where MariaDB would log it, with each log named, and that a canary, which may
/// put it back, is too.
#[test]
fn mariadb_is_not_sent_plaintext_that_it_would_log() {
    let world = World::empty_at(&variable("RESEAL_TEST_LOGGED_MYSQL_URL"), "plaintext");
    world.sql(&["CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, a text, b text, note text)"]);
    world.sql(&["INSERT INTO people SELECT seq, concat('SEC', 'RET-', seq), NULL, 'x' FROM seq_1_to_200"]);
    world.plan("hooks:\n  canary:\n    - { command: [\"true\"] }\n");
    let refused = |args: &[&str]| {
        let (code, refused) = world.reseal(args);
        let error = refused["error"].to_string();
        assert_eq!((code, error.contains("plaintext-in-log")), (3, true), "{refused}");
        for setting in ["general_log = ON", "slow_query_log = ON", "server_audit_logging = ON"] {
            assert!(error.contains(setting), "{refused}");
        }
    };
    refused(&["run", "PLAN"]);
    world.plan("");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    refused(&["rollback", "PLAN", "--confirm", "people"]);
    assert!(!mysql_logs().contains("SECRET-1"), "the server's logs hold plaintext");
    accepts_the_log(&world, "server_audit_logging = ON");
    assert_eq!(world.sql(&["SELECT count(*) FROM people WHERE a LIKE 'SECRET-%'"])[0][0], 200);
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
