//! Hostile ground: servers that say nothing, connections that others could read, URLs and conditions that mean something
//! else than they seem to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{STORES, World, answer};

/// A server that takes connections, greets as it is told to, and says no more.
fn silent(greet: fn(&mut TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            greet(&mut stream);
            held.push(stream);
        }
    });
    address
}

/// PostgreSQL's answer to whoever asks for TLS.
fn takes_tls(stream: &mut TcpStream) {
    stream.read_exact(&mut [0; 8]).unwrap();
    stream.write_all(b"S").unwrap();
}

/// The greeting of a MariaDB that takes TLS.
fn greets_with_tls(stream: &mut TcpStream) {
    let mut greeting = b"\x0a8.0.0\0".to_vec();
    greeting.extend([1, 0, 0, 0]);
    greeting.extend(
        b"12345678\0\xff\xff\x21\x02\0\xff\xff\x15\0\0\0\0\0\0\0\0\0\x00123456789012\0mysql_native_password\0",
    );
    let length = u8::try_from(greeting.len()).unwrap();
    stream.write_all(&[&[length, 0, 0, 0], &greeting[..]].concat()).unwrap();
}

/// Watches how long a server may say nothing, before TLS and in the midst of it.
#[test]
fn a_server_that_says_nothing_is_given_up() {
    let urls = [
        format!("postgres://u@{}/d", silent(|_| {})),
        format!("mysql://u@{}/d", silent(|_| {})),
        format!("postgres://u@{}/d?sslmode=require", silent(takes_tls)),
        format!("mysql://u@{}/d?ssl-mode=REQUIRED", silent(greets_with_tls)),
    ];
    let tries = urls.map(|url| {
        std::thread::spawn(move || {
            let mut world = World::empty("sqlite", "aes-gcm");
            world.url.clone_from(&url);
            let begun = Instant::now();
            let (code, refused) = world.reseal(&["run", "PLAN"]);
            let took = begun.elapsed();
            let error = &refused["error"];
            assert_eq!((code, &error["code"]), (3, &json!("connection-refused")), "{url}: {refused}");
            assert!(
                error["message"].as_str().unwrap().contains("not answered for 10 seconds"),
                "{url}: {refused}"
            );
            assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(40), "{url}: {took:?}");
        })
    });
    for tried in tries {
        tried.join().unwrap();
    }
}

/// The URL of a world with another host, by which Linux reaches this machine and which nobody takes for it.
fn elsewhere(url: &str) -> String {
    assert!(url.contains("127.0.0.1"), "{url}");
    url.replacen("127.0.0.1", "0.0.0.0", 1)
}

fn code(answer: &(i32, Value)) -> (i32, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

/// Watches that nothing is sent to another machine for all to read, unless the plan says so.
#[test]
fn plaintext_to_another_machine_needs_leave() {
    let mut world = World::new("postgres", "aes-gcm", 20);
    let here = std::mem::take(&mut world.url);
    let off = |world: &World| {
        world.rewrite_plan("{ env: TEST_DATABASE_URL }", "{ env: TEST_DATABASE_URL, tls: off }")
    };
    for more in ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=disable"] {
        world.plan("");
        world.url = elsewhere(&here) + more;
        let refused = world.reseal(&["run", "PLAN"]);
        assert_eq!(code(&refused), (3, "plaintext"), "{more}: {}", refused.1);
        assert!(refused.1.to_string().contains("tls: off"), "{more}: {}", refused.1);
        off(&world);
        let (exit, checked) = world.reseal(&["check", "PLAN", "--connect"]);
        assert_eq!(exit, 0, "{more}: {checked}");
    }
    // The URL still counts.
    world.url = elsewhere(&here) + "?sslmode=require";
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "plaintext"));
    let (exit, run) = {
        world.url = elsewhere(&here);
        world.reseal(&["run", "PLAN"])
    };
    assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{run}");
    world.url = "mysql://u@192.0.2.1/d?ssl-mode=DISABLED".into();
    world.plan("");
    assert_eq!(code(&world.reseal(&["run", "PLAN"])), (3, "plaintext"));
}

/// Watches the same for the control database.
#[test]
fn plaintext_to_a_control_database_elsewhere_needs_leave() {
    let mut world = World::new("sqlite", "aes-gcm", 20);
    world.control = elsewhere(&crate::world::new_database("postgres", world.folder.path()));
    let refused = world.reseal(&["run", "PLAN"]);
    assert_eq!(code(&refused), (3, "plaintext"), "{}", refused.1);
    assert!(refused.1.to_string().contains("RESEAL_DATABASE_TLS=off"), "{}", refused.1);
    for (value, expect) in [("off", 0), ("no", 3)] {
        let (exit, run) = answer(world.command(&["run", "PLAN", "--json"]).env("RESEAL_DATABASE_TLS", value));
        assert_eq!(exit, expect, "{value}: {run}");
    }
}

/// Watches the parameters of URLs: one that is not understood may have been meant for TLS.
#[test]
fn a_parameter_of_a_url_that_is_not_understood_is_refused() {
    let mut world = World::empty("sqlite", "aes-gcm");
    for (url, name, meant) in [
        ("postgres://u@127.0.0.1:1/d?sslmod=CANARY", "`sslmod`", "`sslmode`"),
        ("postgres://u@127.0.0.1:1/d?sslmode=require&sslpassword=CANARY", "`sslpassword`", "`password`"),
        ("mysql://u@127.0.0.1:1/d?tls=CANARY", "`tls`", "`ssl-mode`"),
        ("mariadb://u@127.0.0.1:1/d?ssl_mod=CANARY", "`ssl_mod`", "`ssl-mode`"),
        ("sqlite:///nowhere/x.db?mod=CANARY", "`mod`", "`mode`"),
    ] {
        world.url = url.into();
        let output = world.command(&["run", "PLAN", "--json"]).env("RUST_LOG", "trace").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(3), "{url}: {said}");
        assert!(
            said.contains("database-url") && said.contains(name) && said.contains(meant),
            "{url}: {said}"
        );
        assert!(!said.contains("CANARY"), "{url}: {said}");
    }
}

/// Watches conditions that reach beyond their end where the server reads quotes and comments otherwise than Reseal does, and
/// those with parameters: the server itself is asked before anything holds them.
#[test]
fn a_condition_that_breaks_out_is_refused_before_the_first_write() {
    for store in STORES {
        let conditions: &[(&str, i32)] = match store {
            "postgres" => &[
                (r"id < 0 AND note <> E'a\\'' OR 1=1) OR (note = E'b\\''", 2),
                (r"id < 0 AND note <> E'a'\n'b\\'' OR 1=1) OR (note = E'c\\''", 3),
                ("id < $1", 2),
                ("id < 5 -- or", 2),
                ("id < 5 ORDER BY id", 3),
                ("id < 5 UNION SELECT 1", 3),
            ],
            "mysql" => &[
                (r"id < 0 #(\n) or (1=1 #)\n", 3),
                (r"id < 0 AND note <> 'a\\'' OR 1=1) OR (note = 'c\\''", 3),
                ("id < ?", 2),
                ("id < 5 /* or */", 2),
                ("id < 5 LIMIT 1", 3),
            ],
            _ => &[("id < :x", 3), ("id < ?1", 2), ("id < 5; SELECT 1", 2), ("id < 5 LIMIT 1", 3)],
        };
        for (condition, exit) in conditions {
            let world = World::new(store, "aes-gcm", 20);
            world.plan(&format!("    where: \"{condition}\"\n"));
            let before = world.digest();
            for command in ["run", "verify"] {
                let refused = world.reseal(&[command, "PLAN"]);
                let expect = if *exit == 2 { (2, "plan") } else { (3, "where") };
                assert_eq!(code(&refused), expect, "{store} {condition}: {}", refused.1);
                if *exit == 2 {
                    let said = refused.1.to_string();
                    assert!(
                        said.contains("where") && said.contains("plan.yaml:21:"),
                        "{store} {condition}: {said}"
                    );
                }
            }
            assert_eq!(world.digest(), before, "{store} {condition}");
        }
    }
}

/// Watches the end of a condition: what comments out the rest of its line comments out no parenthesis of Reseal's.
#[test]
fn a_condition_with_a_comment_of_mariadb_ends_where_it_ends() {
    let world = World::new("mysql", "aes-gcm", 20);
    world.plan("    where: \"id <= 10 # or so\"\n");
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((exit, &run["state"]), (0, &json!("complete")), "{run}");
    let moved = "SELECT count(*), min(id), max(id) FROM people WHERE b LIKE 'v2:%' OR a LIKE 'v2:%'";
    assert_eq!(world.sql(&[moved]), json!([[10, 1, 10]]));
    assert_eq!(world.reseal(&["verify", "PLAN"]).0, 0);
}
