//! The pages of the daemon: who may ask, how many, and whether they say that the daemon cannot work. And its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{World, binary};

/// A daemon that shows its pages; killed where a test ends without it.
pub(crate) struct Pages {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pages {
    pub(crate) fn start(command: &mut Command) -> Pages {
        command.env("RUST_LOG", "info").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, address)) = line.split_once("listening on ") {
                break address.trim().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Pages { child, address }
    }

    /// The answer to a GET request under a name, head and all.
    pub(crate) fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// How long it takes until `/healthz` answers with a status.
    pub(crate) fn until(&self, status: &str) -> Duration {
        let begun = Instant::now();
        while !self.get("/healthz", &self.address).starts_with(&format!("HTTP/1.1 {status}")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "no {status} within a minute");
            std::thread::sleep(Duration::from_millis(200));
        }
        begun.elapsed()
    }
}

fn scheduled() -> World {
    let world = World::empty("sqlite", "aes-gcm");
    world.plan("schedule: { zone: UTC, look: { cron: \"0 4 1 1 *\", do: { remind: look } } }\n");
    world
}

/// Watches the check of `Host`, by which a page in a browser is told from a person, and what each answer says to browsers.
#[test]
fn pages_answer_to_their_own_names_alone() {
    let world = scheduled();
    let args = ["serve", "PLAN", "--listen", "127.0.0.1:0", "--listen-name", "keys.example.com"];
    let pages = Pages::start(&mut world.command(&args));
    for (host, status) in [
        (pages.address.as_str(), 200),
        ("localhost:9187", 200),
        ("keys.example.com", 200),
        ("evil.example:9187", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ] {
        for path in ["/", "/metrics", "/healthz"] {
            let answer = pages.get(path, host);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host} {path}: {answer}");
            assert_eq!(
                answer.contains("people"),
                status == 200 && path != "/healthz",
                "{host} {path}: {answer}"
            );
            for header in [
                "content-security-policy: default-src 'none'; style-src 'self'; frame-ancestors 'none';",
                "x-content-type-options: nosniff\r\n",
                "x-frame-options: DENY\r\n",
                "referrer-policy: no-referrer\r\n",
            ] {
                assert!(answer.contains(header), "{host} {path}: {header}{answer}");
            }
        }
    }
    assert!(pages.get("/style.css", &pages.address).contains("text/css"));
}

/// Watches the cap on connections, and that those which say nothing are given up: the daemon keeps its descriptors, and
/// answers again by itself.
#[test]
fn connections_that_say_nothing_take_neither_descriptors_nor_answers() {
    let world = scheduled();
    let pages = Pages::start(&mut world.command(&["serve", "PLAN", "--listen", "127.0.0.1:0"]));
    pages.until("200");
    let open = || std::fs::read_dir(format!("/proc/{}/fd", pages.child.id())).unwrap().count();
    let before = open();
    let mut held: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&pages.address).unwrap()).collect();
    for stream in &mut held {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    }
    std::thread::sleep(Duration::from_secs(1));
    let more = open() - before;
    assert!((1..=70).contains(&more), "{more} descriptors for 100 connections");
    let begun = Instant::now();
    assert!(pages.get("/healthz", &pages.address).starts_with("HTTP/1.1 200"));
    // Without a time for the head, the library waits for half a minute.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    held.clear();
}

/// Watches the check beside the ticks, which come twice a minute.
#[test]
fn a_lost_database_is_told_within_fifteen_seconds() {
    let world = scheduled();
    std::fs::write(world.path("control.db"), "").unwrap();
    let control = format!("sqlite://{}", world.path("control.db").display());
    let mut command = world.command(&["serve", "PLAN", "--listen", "127.0.0.1:0"]);
    let pages = Pages::start(command.env("RESEAL_DATABASE_URL", &control));
    pages.until("200");
    std::fs::rename(world.path("control.db"), world.path("away.db")).unwrap();
    let passed = pages.until("503");
    assert!(passed < Duration::from_secs(15), "{passed:?}");
    std::fs::rename(world.path("away.db"), world.path("control.db")).unwrap();
    pages.until("200");
}

/// Watches the room on the disk that the control database lies on. The disk is one of the daemon's own.
#[test]
fn a_full_disk_is_told_within_fifteen_seconds() {
    let world = scheduled();
    std::fs::create_dir(world.path("disk")).unwrap();
    std::fs::set_permissions(world.path("disk"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    let script = "mount -t tmpfs -o size=40m,mode=0700 none disk || exit 90; \
                  (while [ ! -e fill ]; do sleep 0.1; done; dd if=/dev/zero of=disk/x bs=1M count=30) 2>/dev/null & \
                  exec \"$RESEAL\" serve plan.yaml --listen 127.0.0.1:0";
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .current_dir(world.folder.path());
    command.env("RESEAL", binary()).env("TEST_DATABASE_URL", &world.url).stdin(Stdio::null());
    let control = format!("sqlite://{}/disk/control.db", world.folder.path().display());
    let pages = Pages::start(command.env("RESEAL_DATABASE_URL", control));
    pages.until("200");
    std::fs::write(world.path("fill"), "").unwrap();
    let passed = pages.until("503");
    assert!(passed < Duration::from_secs(15), "{passed:?}");
    assert!(pages.get("/healthz", &pages.address).contains("MiB are free on the disk of"));
}

/// Watches that whoever reads the log by a program gets JSON alone, from mistakes of the command line to the last line, and
/// that people get times.
#[test]
fn a_log_is_json_alone_or_has_times() {
    let world = World::new("sqlite", "aes-gcm", 10);
    world.plan("schedule: { zone: UTC, look: { cron: \"* * * * *\", do: { remind: look } } }\n");
    let lines = |args: &[&str]| {
        let output = world.command(args).env("RUST_LOG", "info").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for args in [
        &["--log-json", "no-such-command"][..],
        &["serve", "--log-json"],
        &["serve", "--log-json", "/no/such/plan.yaml"],
        &["run", "PLAN", "--log-json"],
        &["run", "PLAN", "--log-json", "--until", "yesterday"],
    ] {
        let lines = lines(args);
        assert!(!lines.is_empty() || args.contains(&"PLAN"), "{args:?} says nothing");
        for line in lines {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{args:?}: {line}"));
            let has = |name: &str| event[name].is_string();
            assert!(has("timestamp") && has("level") && event["fields"]["message"].is_string(), "{line}");
        }
    }
    let serve = |more: &[&str]| {
        let args = [&["serve", "PLAN", "--listen", "127.0.0.1:0"], more].concat();
        let mut child = world
            .command(&args)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(3));
        crate::world::signal(&child, "-TERM");
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        text
    };
    let json = serve(&["--log-json"]);
    assert!(json.lines().count() > 1, "{json}");
    assert!(json.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{json}");
    let people = serve(&[]);
    let begins = |line: &str| line.get(..20).is_some_and(|time| time.starts_with("20") && time.contains('T'));
    let first = people.lines().next().unwrap_or_default();
    assert!(begins(first), "{people}");
}
