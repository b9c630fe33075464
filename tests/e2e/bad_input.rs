//! Bad input: refused, named, with nothing written.

use crate::world::{STORES, World};

/// Watches the sample before the first write: under a wrong key nothing is written.
#[test]
fn a_wrong_key_is_refused_before_the_first_write() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 1500);
        let before = world.digest();
        world.new_key("v1");
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("wrong-key")), "{store}: {refused}");
        assert_eq!(world.digest(), before, "{store}");
    }
}

/// Watches the breaker: the sample opens, but from some row on cell after cell does not. That is a key which is missing, and no
/// reason to list a million cells.
#[test]
fn cell_after_cell_that_does_not_open_stops_the_run() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 2600);
        // Pages of a few rows: one that opens in between starts the count again.
        world.plan("workers: 1\nbatch: { rows: 20 }\n");
        let foreign = format!("v1:{}:{}", "A".repeat(16), "A".repeat(32));
        world.sql(&[&format!("UPDATE people SET a = '{foreign}' WHERE id > 1300")]);
        let (code, stopped) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, stopped["error"]["code"].as_str()), (3, Some("wrong-key")), "{store}: {stopped}");
        let (_, listed) = world.reseal(&["status", "PLAN"]);
        assert!(listed["cells_quarantined"].as_u64().unwrap() <= 1000, "{store}: {listed}");
    }
}

/// Watches `--until`: a run that is over within a second never looks at the clock again.
#[test]
fn a_time_that_is_past_is_refused_before_the_first_write() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let before = world.digest();
    let (code, refused) = world.reseal(&["run", "PLAN", "--until", "2020-01-01T00:00:00Z"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (2, Some("until")), "{refused}");
    assert_eq!(world.digest(), before);
    let (code, run) = world.reseal(&["run", "PLAN", "--until", "2200-01-01T00:00:00Z"]);
    assert_eq!(code, 0, "{run}");
}

/// Watches the bound on what is read as a plan: what never ends must not be read to its end.
#[test]
fn what_is_no_plan_is_named_once_and_not_read_to_its_end() {
    let world = World::empty("sqlite", "aes-gcm");
    let path = |name: &str| world.path(name).display().to_string();
    std::fs::write(world.path("large.yaml"), vec![b'#'; (8 << 20) + 1]).unwrap();
    std::fs::write(world.path("latin1.yaml"), b"name: caf\xe9\n").unwrap();
    let cases = [
        ("/dev/zero".to_owned(), "not a regular file"),
        (world.folder.path().display().to_string(), "directory"),
        (path("large.yaml"), "8 MiB"),
        (path("latin1.yaml"), "UTF-8"),
        (path("missing.yaml"), "does not exist"),
    ];
    for (plan, said) in cases {
        let (code, refused) = world.reseal(&["run", &plan]);
        let message = refused["error"]["message"].as_str().unwrap();
        assert_eq!(code, 2, "{plan}: {refused}");
        assert!(message.contains(said), "{plan}: {message}");
        let output = world.output(&["check", &plan]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), text.matches(&plan).count()), (Some(2), 1), "{text}");
    }
}

/// Watches the pins.
#[test]
fn a_key_that_changed_under_its_id_is_refused() {
    let world = World::new("sqlite", "aes-gcm", 50);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    world.new_key("v1");
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("key-changed")), "{refused}");
}

#[test]
fn one_key_under_two_ids_is_refused_and_not_shown() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let key = std::fs::read_to_string(world.path("v1.key")).unwrap();
    world.set_key("v2", &key);
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 3, "{refused}");
    let text = refused.to_string();
    assert!(text.contains("v1") && text.contains("v2") && !text.contains(&key), "{text}");
}

#[test]
fn keys_that_do_not_fit_are_named_and_not_shown() {
    let world = World::new("sqlite", "aes-gcm", 5);
    for (key, said) in [("c2hvcnQ=", "bytes"), ("not base64 !!", "base64")] {
        world.set_key("v2", key);
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        let text = refused.to_string();
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("v2") && text.contains(said) && !text.contains(key), "{text}");
    }
    std::fs::remove_file(world.path("v2.key")).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 3);
}

#[test]
fn a_key_file_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new("sqlite", "aes-gcm", 5);
    std::fs::set_permissions(world.path("v2.key"), std::fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 3);
}

#[test]
fn tables_columns_and_servers_that_are_not_there_are_named() {
    for store in STORES {
        let world = World::empty(store, "aes-gcm");
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!(
            (code, refused["error"]["code"].as_str()),
            (3, Some("no-such-table")),
            "{store}: {refused}"
        );
        world.sql(&["CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, a text, note text)"]);
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!(
            (code, refused["error"]["code"].as_str()),
            (3, Some("no-such-column")),
            "{store}: {refused}"
        );
    }
}

/// Watches what a failed connection says: where it was tried and what is wrong, and nothing of the login.
#[test]
fn servers_and_files_that_are_not_there_are_named() {
    let mut world = World::empty("sqlite", "aes-gcm");
    let missing = world.path("none.db").display().to_string();
    let cases = [
        ("postgres://nobody:hunter2@127.0.0.1:1/none".to_owned(), ["127.0.0.1:1", "refused"], "password"),
        ("mysql://nobody:hunter2@127.0.0.1:1/none".into(), ["127.0.0.1:1", "refused"], "password"),
        (
            "postgres://nobody:hunter2@nowhere.invalid/none".into(),
            ["nowhere.invalid:5432", "address"],
            "host",
        ),
        (format!("sqlite://{missing}"), [missing.as_str(), "does not exist"], "path"),
    ];
    for (url, said, help) in cases {
        world.url = url;
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        let error = &refused["error"];
        assert_eq!((code, error["code"].as_str()), (3, Some("connection-refused")), "{refused}");
        let message = error["message"].as_str().unwrap();
        assert!(said.iter().all(|said| message.contains(said)), "{message}");
        assert!(error["help"].as_str().unwrap().contains(help), "{refused}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}

/// Watches what is said of a `where:` that the database refuses: the table, the line's name, and what to do.
#[test]
fn a_condition_that_the_database_refuses_is_named() {
    for store in STORES {
        let mut cases = vec!["nocol = 1", "id >"];
        if store == "postgres" {
            cases.push("1 / (id - 2) > 0");
        }
        let world = World::new(store, "aes-gcm", 20);
        for condition in cases {
            world.plan(&format!("    where: \"{condition}\"\n"));
            for command in ["run", "verify"] {
                let (code, refused) = world.reseal(&[command, "PLAN"]);
                let error = &refused["error"];
                assert_eq!(
                    (code, error["code"].as_str()),
                    (3, Some("where")),
                    "{store} {condition}: {refused}"
                );
                let message = error["message"].as_str().unwrap();
                assert!(message.starts_with("people: ") && message.contains("`where:`"), "{message}");
                assert!(error["help"].as_str().unwrap().contains("SELECT count(*) FROM people"), "{refused}");
            }
        }
    }
}

/// Watches what is said to a user of PostgreSQL who may not read all that a rotation reads.
#[test]
fn privileges_that_are_missing_are_named() {
    let mut world = World::new("postgres", "aes-gcm", 20);
    let role = world.url.rsplit_once('/').unwrap().1.replace("reseal_", "reseal_user_");
    world.sql(&[
        &format!("CREATE ROLE {role} LOGIN"),
        &format!("GRANT SELECT (id, a, b), UPDATE (a, b) ON people TO {role}"),
    ]);
    let admin = std::mem::take(&mut world.url);
    world.url = admin.replacen("postgres@", &format!("{role}@"), 1);
    let (code, columns) = world.reseal(&["run", "PLAN"]);
    let granted = ["GRANT SELECT ON people TO", "ALTER TABLE people ENABLE ROW LEVEL SECURITY --"];
    let granted = granted.map(|sql| format!("{sql} {role}"));
    world.producer(&["sql", &admin, &granted[0], &granted[1]]);
    let (security_code, security) = world.reseal(&["run", "PLAN"]);
    world.producer(&["sql", &admin, &format!("DROP OWNED BY {role}"), &format!("DROP ROLE {role}")]);
    assert_eq!((code, columns["error"]["code"].as_str()), (3, Some("privilege-missing")), "{columns}");
    assert!(
        columns["error"]["help"].as_str().unwrap().contains("SELECT (ctid, xmin) ON people"),
        "{columns}"
    );
    assert_eq!((security_code, security["error"]["code"].as_str()), (3, Some("row-security")), "{security}");
    assert!(security["error"]["help"].as_str().unwrap().contains("BYPASSRLS"), "{security}");
}

/// Watches preflight: each of these would lose rows or overwrite them.
#[test]
fn schemas_that_cannot_be_rotated_safely_are_refused() {
    let cases = [
        ("id integer, a text, b text, note text", "row-key"),
        ("id real NOT NULL PRIMARY KEY, a text, b text", "row-key-type"),
        ("id integer NOT NULL, a text, b text", "row-key-not-unique"),
        ("id integer NOT NULL PRIMARY KEY, a varchar(90) UNIQUE, b text", "unique-cells"),
    ];
    for store in STORES {
        for (columns, code) in cases {
            let world = World::empty(store, "aes-gcm");
            world.sql(&[&format!("CREATE TABLE people ({columns})")]);
            let (exit, refused) = world.reseal(&["run", "PLAN"]);
            assert_eq!(exit, 3, "{store} {columns}: {refused}");
            let found = refused["error"]["code"].as_str().unwrap();
            assert!(found.starts_with(code), "{store} {columns}: {refused}");
        }
    }
}

/// Watches row keys that compare in a way of their own.
#[test]
fn row_keys_that_do_not_compare_exactly_are_refused() {
    for (store, before, columns) in [
        ("sqlite", "SELECT 1", "id NOT NULL PRIMARY KEY, a text, b text"),
        ("postgres", "SELECT 1", "id real NOT NULL PRIMARY KEY, a text, b text"),
    ] {
        let world = World::empty(store, "aes-gcm");
        world.sql(&[before, &format!("CREATE TABLE people ({columns})")]);
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        let error = &refused["error"];
        assert_eq!((code, error["code"].as_str()), (3, Some("row-key-type")), "{store}: {refused}");
    }
}

/// Watches what the command line may ask for, and what is said where it may not.
#[test]
fn mistakes_of_the_command_line_are_named() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let cases: [(&[&str], &str); 4] = [
        (&["run", "PLAN", "--primary", "v9"], "v9"),
        (&["run", "PLAN", "--workers", "257"], "257"),
        (&["run"], "no plan was passed"),
        (&["inspect", "PLAN", "--table", "people"], "--row"),
    ];
    for (args, said) in cases {
        let (code, refused) = world.reseal(args);
        let message = refused["error"]["message"].as_str().unwrap();
        assert_eq!(code, 2, "{args:?}: {refused}");
        assert!(message.contains(said), "{args:?}: {message}");
    }
    let (code, run) = world.reseal(&["run", "PLAN", "--workers", "256"]);
    assert_eq!(code, 0, "{run}");
    let version = String::from_utf8(world.output(&["--version"]).stdout).unwrap();
    assert!(version.contains(", sql\n"), "{version}");
}

/// Watches what the arguments take for a table: the plan's name for it, and the database's.
#[test]
fn a_table_has_the_name_that_the_plan_gives_it() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let plan = plan.replace("  people:\n", "  humans:\n    name: people\n");
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
    for name in ["humans", "people"] {
        let (code, run) = world.reseal(&["run", "PLAN", "--table", name]);
        assert_eq!((code, run["state"].as_str()), (0, Some("scope_done")), "{name}: {run}");
        for args in [
            &["inspect", "PLAN", "--row", "3", "--table", name][..],
            &["verify", "PLAN", "--table", name],
            &["census", "PLAN", "--table", name],
        ] {
            let (code, answer) = world.reseal(args);
            assert_eq!(code, 0, "{args:?}: {answer}");
        }
    }
    assert_eq!(world.reseal(&["run", "PLAN", "--table", "nobody"]).0, 2);
}

#[test]
fn a_column_too_narrow_for_the_new_cells_is_refused() {
    for store in ["postgres", "mysql"] {
        let world = World::new(store, "aes-gcm", 30);
        let narrow = match store {
            "postgres" => "ALTER TABLE people ALTER COLUMN a TYPE varchar(200)",
            _ => "ALTER TABLE people MODIFY a varchar(200)",
        };
        world.sql(&[narrow]);
        // The new id is longer than the old one, and so is every new cell.
        let long = "v2-".to_owned() + &"x".repeat(120);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        std::fs::write(world.path("plan.yaml"), plan.replace("v2: {", &format!("v2: {{ tag: \"{long}\",")))
            .unwrap();
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("too-narrow")), "{store}: {refused}");
    }
}

/// A run under a changed plan is refused; under another pace it goes on.
#[test]
fn an_unfinished_run_under_a_changed_plan_is_refused() {
    let world = World::new("sqlite", "aes-gcm", 50);
    world.sql(&["UPDATE people SET a = 'v1:broken' WHERE id = 3"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    world.plan("undo: none\n");
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("plan-changed")), "{refused}");
    world.plan("batch: { rows: 7 }\n");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1);
    assert_eq!(world.reseal(&["cancel", "PLAN"]).0, 0);
}

#[test]
fn a_wrong_plan_is_answered_with_exit_two_and_json() {
    let world = World::empty("sqlite", "aes-gcm");
    std::fs::write(world.path("plan.yaml"), "reseal: 1\nnmae: x\n").unwrap();
    let (code, check) = world.reseal(&["check", "PLAN"]);
    assert_eq!((code, check["ok"].as_bool()), (2, Some(false)), "{check}");
    let problems = check["problems"].as_array().unwrap();
    assert!(
        problems.iter().any(|problem| problem["line"] == 2 && problem["code"] == "unknown-name"),
        "{check}"
    );
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 2);
    assert_eq!(world.reseal(&["walk", "PLAN"]).0, 2);
}

/// Watches what counts as plaintext: a sealed cell that was cut short must not be sealed once more.
#[test]
fn a_damaged_cell_is_no_plaintext() {
    for store in STORES {
        let world = World::new(store, "plaintext", 20);
        world.sql(&[
            "UPDATE people SET a = 'v1:Zm9v' WHERE id = 3",
            "UPDATE people SET a = 'v9: a note' WHERE id = 4",
        ]);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["cells_quarantined"].as_u64()), (1, Some(1)), "{store}: {run}");
        let left = world.sql(&["SELECT a FROM people WHERE id = 3"]);
        assert_eq!(left[0][0], "v1:Zm9v", "{store}");
    }
}

/// Watches that a lag nobody can measure counts as too much: no server of these has a replica.
#[test]
fn a_lag_limit_without_a_replica_is_refused() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 20);
        let before = world.digest();
        world.plan("throttle: { max_lag: 5s }\n");
        let (code, refused) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("lag-unknown")), "{store}: {refused}");
        assert_eq!(world.digest(), before, "{store}");
    }
}

/// Watches columns on either side of a foreign key, whatever the case of their names: a new cell there would break it.
#[test]
fn a_column_that_a_foreign_key_hangs_on_is_refused() {
    for store in STORES {
        for key in [
            "TABLE child ADD FOREIGN KEY (x) REFERENCES people (A)",
            "TABLE people ADD FOREIGN KEY (a) REFERENCES child (X)",
        ] {
            let world = World::new(store, "aes-gcm", 0);
            world.sql(&["DROP TABLE people"]);
            let refers =
                |to: &str| if store == "sqlite" { format!(" REFERENCES {to}") } else { String::new() };
            world.sql(&[
                &format!(
                    "CREATE TABLE people (id integer NOT NULL PRIMARY KEY, a varchar(200) UNIQUE{}, b text)",
                    refers("child (X)")
                ),
                &format!("CREATE TABLE child (x varchar(200) UNIQUE{})", refers("people (A)")),
            ]);
            if store != "sqlite" {
                world.sql(&[&format!("ALTER {key}")]);
            }
            let (code, refused) = world.reseal(&["run", "PLAN"]);
            let at = format!("{store}: {key}: {refused}");
            assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("referenced-column")), "{at}");
            assert!(refused["error"]["message"].as_str().unwrap().contains("people.a"), "{at}");
        }
    }
}
