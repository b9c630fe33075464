//! What people must agree to before it begins.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::custody::code;
use crate::world::World;

/// Somebody who may agree: makes the key, gives the line for the file of approvers.
fn approver(world: &World, name: &str) -> String {
    let file = world.path(&format!("{name}.approver")).display().to_string();
    let (code, made) = world.reseal(&["approve", "keygen", name, "--file", &file]);
    assert_eq!(code, 0, "{made}");
    made["line"].as_str().unwrap().to_owned()
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The request that a command names when it ends with 4.
fn request(answer: &(i32, Value)) -> String {
    assert_eq!(code(answer), (4, "approval-needed"), "{}", answer.1);
    let message = answer.1["error"]["message"].as_str().unwrap();
    message.strip_prefix("request ").unwrap().split(':').next().unwrap().to_owned()
}

struct Approved {
    world: World,
}

impl Approved {
    /// Two of alice, bob and carol must agree to anything.
    fn new(approvals: &str) -> Approved {
        let world = World::new("sqlite", "aes-gcm", 5);
        let lines: Vec<String> = ["alice", "bob", "carol"].map(|name| approver(&world, name)).into();
        write(&world.path("approvers"), &format!("# who may agree\n{}\n", lines.join("\n")), 0o644);
        let approved = Approved { world };
        approved.plan(approvals, "");
        approved
    }

    fn plan(&self, approvals: &str, more: &str) {
        let file = self.world.path("approvers").display().to_string();
        self.world.plan(&format!(
            "policy: {{ approvals: {approvals}, approvers: {{ file: \"{file}\" }} }}\n{more}"
        ));
    }

    fn command(&self, operator: &str, args: &[&str]) -> (i32, Value) {
        let output = self
            .world
            .command(&[args, &["--json"]].concat())
            .env_remove("SUDO_USER")
            .env("USER", operator)
            .output()
            .unwrap();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
    }

    fn approve(&self, request: &str, name: &str) -> (i32, Value) {
        let key = self.world.path(&format!("{name}.approver")).display().to_string();
        self.world.reseal(&["approve", request, "--key", &key])
    }

    fn control(&self, statement: &str) {
        let control = self.world.control.clone();
        self.world.producer(&["sql", &control, statement]);
    }
}

/// Watches: two distinct approvers, neither of them the operator, one approval each.
#[test]
fn two_others_must_agree_before_a_run_begins() {
    let approved = Approved::new("2");
    let run = || approved.command("alice", &["run", "PLAN"]);
    let id = request(&run());
    assert_eq!(request(&run()), id, "a second attempt waits for the same request");
    assert_eq!(approved.approve(&id, "alice").0, 0);
    assert_eq!(code(&approved.approve(&id, "alice")), (3, "approved-already"));
    assert_eq!(approved.approve(&id, "bob").0, 0);
    let own = run();
    assert!(own.1["error"]["message"].as_str().unwrap().contains("alice asked for it"), "{}", own.1);
    let (_, list) = approved.command("alice", &["approve", "list", "PLAN"]);
    assert_eq!(list["requests"][0]["request"], id.as_str());
    assert_eq!(approved.approve(&id, "carol").0, 0);
    assert_eq!(run().0, 0);
    // Made use of once, it is good for nothing more.
    let back = || approved.command("alice", &["rollback", "PLAN", "--confirm", "people"]);
    let rollback = request(&back());
    assert_eq!(approved.approve(&rollback, "bob").0, 0);
    assert_eq!(approved.approve(&rollback, "carol").0, 0);
    assert_eq!(back().0, 0);
    assert_ne!(request(&run()), id);
}

/// Watches the signature: over the plan, the scope, the keys, the time, by the key that the file names.
#[test]
fn an_approval_is_of_one_plan_one_scope_one_set_of_keys_and_one_time() {
    let approved = Approved::new("1");
    let run = || approved.command("dave", &["run", "PLAN"]);
    let not_counted = |answer: (i32, Value), why: &str| {
        let message = answer.1["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(code(&answer), (4, "approval-needed"), "{}", answer.1);
        assert!(message.contains(why), "{message}");
    };
    let id = request(&run());
    // Another's name with a key of one's own.
    let world = &approved.world;
    let real = std::fs::read_to_string(world.path("bob.approver")).unwrap();
    std::fs::remove_file(world.path("bob.approver")).unwrap();
    approver(world, "bob");
    assert_eq!(approved.approve(&id, "bob").0, 0);
    not_counted(run(), "not of this request, or not by bob's key");
    approved.control("DELETE FROM reseal_approval");
    approver(world, "mallory");
    assert_eq!(approved.approve(&id, "mallory").0, 0);
    not_counted(run(), "mallory is not among the approvers");
    approved.control("DELETE FROM reseal_approval");
    write(&world.path("bob.approver"), &real, 0o600);
    assert_eq!(approved.approve(&id, "bob").0, 0);
    // The same signature under other facts.
    assert_ne!(
        request(&approved.command("dave", &["run", "PLAN", "--table", "people"])),
        id,
        "another scope"
    );
    approved.plan("1", "ignore: [people.note]\n");
    assert_ne!(request(&run()), id, "another plan");
    approved.plan("1", "");
    approved.control(&format!(
        "UPDATE reseal_approval_request SET expires_at = expires_at + 1 WHERE id = '{id}'"
    ));
    not_counted(run(), "not of this request");
    approved.control(&format!("UPDATE reseal_approval_request SET expires_at = 1 WHERE id = '{id}'"));
    assert_ne!(request(&run()), id, "it has lapsed");
    let lapsed = approved.approve(&id, "carol");
    assert_eq!(code(&lapsed), (3, "request-over"));
    // Other keys.
    let id = request(&run());
    assert_eq!(approved.approve(&id, "bob").0, 0);
    world.new_key("v2");
    assert_ne!(request(&run()), id, "another key");
    let id = request(&run());
    assert_eq!(approved.approve(&id, "bob").0, 0);
    assert_eq!(run().0, 0);
}

/// Watches the modes of the files, and that an emergency is counted by its own number.
#[test]
fn files_that_others_could_write_or_read_prove_nothing() {
    let approved = Approved::new("{ run: 1, emergency: 0 }");
    let world = &approved.world;
    let path = world.path("approvers");
    let text = std::fs::read_to_string(&path).unwrap();
    write(&path, &text, 0o666);
    assert_eq!(code(&approved.command("dave", &["run", "PLAN"])), (3, "approvers"));
    write(&path, &text, 0o644);
    let id = request(&approved.command("dave", &["run", "PLAN"]));
    let key = world.path("bob.approver");
    write(&key, &std::fs::read_to_string(&key).unwrap(), 0o644);
    assert_eq!(code(&approved.approve(&id, "bob")), (3, "approver-key"));
    write(&path, "bob ed25519 AAAA\n", 0o644);
    assert_eq!(code(&approved.command("dave", &["run", "PLAN"])), (3, "approvers"));
    write(&path, &text, 0o644);
    assert_eq!(approved.command("dave", &["run", "PLAN", "--emergency"]).0, 0);
}
