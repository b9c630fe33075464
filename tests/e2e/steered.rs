//! An engine that is stopped, ended or let go at a point that its database shows; and what others do meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{World, run_script, signal};

/// The command that puts the cells of `people` back.
pub(crate) const BACK: [&str; 4] = ["rollback", "PLAN", "--confirm", "people"];

/// A process that is killed where its test ends without it: one that is stopped would stay for ever.
pub(crate) struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Engine {
    /// Starts a command that runs freely.
    pub(crate) fn start(world: &World, args: &[&str]) -> Engine {
        Engine(world.start(args))
    }

    /// Starts a command and stops it with SIGSTOP where a query gives a true value and no transaction is open.
    pub(crate) fn stopped_at(world: &World, args: &[&str], query: &str) -> Engine {
        let engine = Engine::start(world, args);
        // It might be through before the script has begun.
        engine.stop();
        let hit = run_script(&mut engine.steered(world, "stop", &world.url, query));
        assert_eq!(
            hit,
            json!({ "hit": true }),
            "{args:?} came to its end, or nowhere in two minutes: {query}"
        );
        engine
    }

    /// Starts a command and ends it with signal 9 where a query to a database gives a true value. False: it came to its end
    /// before.
    pub(crate) fn killed_at(world: &World, args: &[&str], url: &str, query: &str) -> bool {
        let engine = Engine::start(world, args);
        engine.stop();
        run_script(&mut engine.steered(world, "kill", url, query)) == json!({ "hit": true })
    }

    fn steered(&self, world: &World, how: &str, url: &str, query: &str) -> Command {
        world.script("steer.py", &[how, url, &self.0.id().to_string(), query])
    }

    pub(crate) fn stop(&self) {
        signal(&self.0, "-STOP");
    }

    pub(crate) fn go_on(&self) {
        signal(&self.0, "-CONT");
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
    }

    /// Its exit code; `None` where a signal ended it.
    pub(crate) fn ends(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

/// Another session that holds statements open in one transaction, until it is dropped.
pub(crate) struct Holding(Child);

impl Holding {
    pub(crate) fn of(world: &World, statements: &[&str]) -> Holding {
        let mut command = world.script("steer.py", &[&["hold", &world.url], statements].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n", "{statements:?}");
        Holding(child)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // The end of its input is what it waits for.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A table of the ledger, by the name that a store gives it.
pub(crate) fn ledger(store: &str, table: &str) -> String {
    if store == "postgres" { format!("reseal.{table}") } else { format!("reseal_{table}") }
}

/// Lets the leases of all engines be over, as if twenty seconds had passed.
pub(crate) fn age_leases(world: &World, store: &str) {
    world.sql(&[&format!("UPDATE {} SET lease_until = 0", ledger(store, "run"))]);
}

/// A command that must end with 0; gives its document.
pub(crate) fn done(world: &World, store: &str, args: &[&str]) -> Value {
    let (code, document) = world.reseal(args);
    assert_eq!(code, 0, "{store}, {args:?}: {document}");
    document
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A step that is carried out once in a way of its own: it makes a folder, waits for the file `go` in it, and ends with this
/// code. Where the folder is there already, it ends with 0 at once.
pub(crate) fn held_step(world: &World, folder: &str, code: i32, more: &str) -> String {
    let path = world.path(folder).display().to_string();
    let script = format!(
        "mkdir \"$0\" || exit 0; for i in $(seq 600); do test -e \"$0/go\" && exit {code}; sleep 0.1; done; exit 9"
    );
    format!("{{ command: [sh, -c, '{script}', \"{path}\"]{more} }}")
}

/// Lets a held step end.
pub(crate) fn let_go(world: &World, folder: &str) {
    std::fs::write(world.path(folder).join("go"), "").unwrap();
}
