//! `reseal tutorial`: its steps, typed as they are printed.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::world::{binary, signal, wait_until_swapping};

/// The folder in which somebody types.
struct Desk {
    folder: tempfile::TempDir,
    /// The commands of the steps, without their first word.
    commands: Vec<Vec<String>>,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Desk { folder, commands: Vec::new() };
        let (code, made) = desk.answer(&["tutorial", "try"]);
        assert_eq!(code, Some(0), "{made}");
        let steps = made["steps"].as_str().unwrap();
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        desk.commands =
            steps.lines().filter_map(|line| line.strip_prefix("      reseal ")).map(words).collect();
        desk
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.folder.path()).env("XDG_STATE_HOME", self.folder.path());
        command.env_remove("RESEAL_DATABASE_URL").stdin(Stdio::null());
        command
    }

    fn answer(&self, args: &[&str]) -> (Option<i32>, Value) {
        let output = self.command(&[args, &["--json"]].concat()).output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The next command of the steps, which is this one.
    fn next(&mut self, begins: &str) -> Vec<String> {
        let command = self.commands.remove(0);
        assert!(command.join(" ").starts_with(begins), "{command:?} is not {begins}");
        command
    }

    /// Types the next command.
    fn types(&mut self, begins: &str, code: i32) -> Value {
        let command = self.next(begins);
        let (found, document) = self.answer(&command.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found, Some(code), "{begins}: {document}");
        document
    }

    /// Starts the next command, and leaves it running.
    fn starts(&mut self, begins: &str) -> Child {
        let command = self.next(begins);
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["--json"]).collect();
        self.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// P1, P2; watches the tutorial as a user meets it: each command that it prints does what the step says.
#[test]
fn the_steps_of_the_tutorial_do_what_they_say() {
    let mut desk = Desk::new();
    let before = desk.types("census", 0);
    assert_eq!(before["fields"][0]["counts"][0]["key"], "v1", "{before}");
    desk.types("check", 0);
    let application = desk.starts("tutorial try --write");
    assert_eq!(desk.types("tutorial try --damage", 0), json!({ "row": 4710 }));
    let mut run = desk.starts("run");
    wait_until_swapping(|| desk.answer(&["status", "try/plan.yaml"]).1);
    run.kill().unwrap();
    run.wait().unwrap();
    // There is nothing more to kill: the rest may go as fast as it can.
    let plan = desk.folder.path().join("try/plan.yaml");
    let slow = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, slow.replace("rows_per_second: 500", "rows_per_second: 50000")).unwrap();
    assert_eq!(desk.types("status", 0)["interrupted"], true);
    let run = desk.types("run", 1);
    assert_eq!(run["cells_quarantined"], 1, "{run}");
    let listed = desk.types("quarantine", 0);
    assert_eq!(listed["cells"][0]["row"], "4710", "{listed}");
    desk.types("inspect", 0);
    desk.types("tutorial try --repair", 0);
    assert_eq!(desk.types("resume", 0)["state"], "complete");
    assert_eq!(desk.types("verify", 0)["clean"], true);
    signal(&application, "-INT");
    let output = application.wait_with_output().unwrap();
    let wrote: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{wrote}");
    assert!(wrote["saved"].as_u64().unwrap() > 0, "{wrote}");
    assert_eq!((&wrote["unreadable"], &wrote["lost"]), (&json!(0), &json!(0)), "{wrote}");
    desk.types("rollback", 0);
    assert_eq!(desk.types("run", 0)["state"], "complete");
    desk.types("undo drop", 0);
    desk.types("keys retire", 0);
    desk.types("audit verify", 0);
    assert!(desk.commands.is_empty(), "{:?}", desk.commands);
}

/// Watches that steps are shown again, and that a folder of something else is left alone.
#[test]
fn a_tutorial_is_found_again_and_nothing_else_is_taken_for_one() {
    let desk = Desk::new();
    let (code, again) = desk.answer(&["tutorial", "try"]);
    assert!(
        code == Some(0) && again["steps"].as_str().unwrap().contains("reseal run try/plan.yaml"),
        "{again}"
    );
    std::fs::create_dir(desk.folder.path().join("mine")).unwrap();
    let (code, refused) = desk.answer(&["tutorial", "mine"]);
    assert_eq!((code, &refused["error"]["code"]), (Some(3), &json!("no-tutorial")), "{refused}");
    assert_eq!(std::fs::read_dir(desk.folder.path().join("mine")).unwrap().count(), 0);
    assert_eq!(desk.answer(&["tutorial", "none", "--damage"]).0, Some(3));
}
