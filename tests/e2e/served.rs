//! A daemon on a clock of its own, and what it left in the control database.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::World;

/// How many times as fast the clock runs: ten minutes of it are five seconds.
pub(crate) const SPEED: u32 = 120;

/// `reseal serve`; killed where a test ends without it.
pub(crate) struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    /// Serves the world's plan, from a time on.
    pub(crate) fn start(world: &World, from: &str) -> Daemon {
        Daemon::start_with(world, from, |_| {})
    }

    pub(crate) fn start_with(world: &World, from: &str, more: impl Fn(&mut Command)) -> Daemon {
        Daemon::start_as(world, from, SPEED, more)
    }

    /// Serves on a clock that runs so many times as fast.
    pub(crate) fn start_at(world: &World, from: &str, speed: u32) -> Daemon {
        Daemon::start_as(world, from, speed, |_| {})
    }

    fn start_as(world: &World, from: &str, speed: u32, more: impl Fn(&mut Command)) -> Daemon {
        let mut command = world.command(&["serve", "PLAN", "--clock-for-tests", &clock(from, speed)]);
        more(&mut command);
        Daemon::of(&mut command, &world.path("daemon.log"))
    }

    /// Serves by a command; what it says goes to the end of a file.
    pub(crate) fn of(command: &mut Command, log: &Path) -> Daemon {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        Daemon(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Stops it once it has looked at the clock: its jobs are noted then.
    pub(crate) fn stop_once_it_serves(self, world: &World) {
        let first = || world.reseal(&["audit", "export"]).0 == 0;
        wait_for(world, "a trail", || first().then_some(()));
        let started = || events(world, "service-started").len() == events(world, "service-stopped").len() + 1;
        wait_for(world, "a daemon that serves", || started().then_some(()));
        self.stop();
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(mut self) {
        terminate(&mut self.0);
    }
}

/// A clock that shows a time now, and runs so many times as fast from there.
pub(crate) fn clock(from: &str, speed: u32) -> String {
    format!("{from},{},{speed}", now())
}

pub(crate) fn terminate(child: &mut Child) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "a daemon that is told to stop ends well");
}

/// The time by the machine's clock, to the second, as RFC 3339.
pub(crate) fn now() -> String {
    let output = Command::new("date").args(["-u", "+%FT%TZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Asks until there is an answer; a minute and a half at the most.
pub(crate) fn wait_for<T>(world: &World, what: &str, ask: impl FnMut() -> Option<T>) -> T {
    wait_beside(&world.path("daemon.log"), what, ask)
}

/// The same beside a daemon that says what it does in a file.
pub(crate) fn wait_beside<T>(log: &Path, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        let log = std::fs::read_to_string(log).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_secs(90), "{what}: not within 90 s\n{log}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a table of the control database holds: nothing as long as the daemon has not made it.
fn rows(world: &World, table: &str, what: &str) -> Vec<Vec<String>> {
    let prefix = if world.control.starts_with("postgres") { "reseal." } else { "reseal_" };
    let select = format!("SELECT {what} FROM {prefix}{table}");
    let output = world.script("producer.py", &["sql", &world.control, &select]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if ["no such table", "does not exist", "doesn't exist"].iter().any(|missing| said.contains(missing)) {
        return Vec::new();
    }
    assert!(output.status.success(), "{select}: {said}");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows = rows.as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row.as_array().unwrap().iter().map(text).collect()).collect()
}

/// The firings of a job, oldest first: state and what came of it.
pub(crate) fn firings(world: &World, job: &str) -> Vec<(String, String)> {
    let mut rows = rows(world, "firing", "job, slot, state, outcome");
    rows.retain(|row| row[0] == job);
    rows.sort_by_key(|row| row[1].parse::<i64>().unwrap());
    rows.into_iter().map(|row| (row[2].clone(), row[3].clone())).collect()
}

/// The letters of a kind: subject, slot, fields, whether it tells that something is over, state.
pub(crate) fn letters(world: &World, kind: &str) -> Vec<Vec<String>> {
    let mut rows = rows(world, "outbox", "kind, subject, slot, fields, resolved, state, posted_at");
    rows.retain(|row| row[0] == kind);
    rows.sort_by_key(|row| row[6].parse::<i64>().unwrap());
    rows.into_iter().map(|row| row[1..6].to_vec()).collect()
}

/// The events of a kind in the audit trail, each with its fields as a map; the trail holds together.
pub(crate) fn events(world: &World, kind: &str) -> Vec<Value> {
    let (code, verified) = world.reseal(&["audit", "verify"]);
    assert_eq!(code, 0, "{verified}");
    let out = world.path("trail.jsonl").display().to_string();
    assert_eq!(world.reseal(&["audit", "export", "--out", &out]).0, 0);
    let text = std::fs::read_to_string(out).unwrap();
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let fields = |event: &Value| {
        let pairs = event["fields"].as_array().cloned().unwrap_or_default();
        let pairs = pairs.iter().map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone()));
        Value::Object(pairs.collect())
    };
    all.filter(|event| event["kind"] == kind).map(|event| fields(&event)).collect()
}
