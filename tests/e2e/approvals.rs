//! What people must agree to before it begins.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::custody::code;
use crate::world::{World, answer, variable};

/// Somebody who may agree: makes the key, gives the line for the file of approvers.
pub(crate) fn approver(world: &World, name: &str) -> String {
    let file = world.path(&format!("{name}.approver")).display().to_string();
    let (code, made) = world.reseal(&["approve", "keygen", name, "--file", &file]);
    assert_eq!(code, 0, "{made}");
    made["line"].as_str().unwrap().to_owned()
}

pub(crate) fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The request that a command names when it ends with 4.
pub(crate) fn request(answer: &(i32, Value)) -> String {
    assert_eq!(code(answer), (4, "approval-needed"), "{}", answer.1);
    let message = answer.1["error"]["message"].as_str().unwrap();
    message.strip_prefix("request ").unwrap().split(':').next().unwrap().to_owned()
}

/// A world in which people must agree.
pub(crate) struct Approved {
    pub(crate) world: World,
}

impl Approved {
    /// Two of alice, bob and carol must agree to anything.
    pub(crate) fn new(approvals: &str) -> Approved {
        Approved::of(World::new("sqlite", "aes-gcm", 5), approvals)
    }

    fn of(world: World, approvals: &str) -> Approved {
        let lines: Vec<String> = ["alice", "bob", "carol"].map(|name| approver(&world, name)).into();
        write(&world.path("approvers"), &format!("# who may agree\n{}\n", lines.join("\n")), 0o644);
        let approved = Approved { world };
        approved.plan(approvals, "");
        approved
    }

    pub(crate) fn plan(&self, approvals: &str, more: &str) {
        let file = self.world.path("approvers").display().to_string();
        self.world.plan(&format!(
            "policy: {{ approvals: {approvals}, approvers: {{ file: \"{file}\" }} }}\n{more}"
        ));
    }

    pub(crate) fn command(&self, operator: &str, args: &[&str]) -> (i32, Value) {
        let mut command = self.world.command(&[args, &["--json"]].concat());
        answer(command.env_remove("SUDO_USER").env("USER", operator))
    }

    /// These agree to what an answer asks for; gives the request.
    pub(crate) fn agree(&self, answer: &(i32, Value), names: &[&str]) -> String {
        let id = request(answer);
        for name in names {
            assert_eq!(self.approve(&id, name).0, 0, "{name}");
        }
        id
    }

    pub(crate) fn approve(&self, request: &str, name: &str) -> (i32, Value) {
        let key = self.world.path(&format!("{name}.approver")).display().to_string();
        self.world.reseal(&["approve", request, "--key", &key])
    }

    /// What somebody does to the trail who wants to choose the approvers.
    pub(crate) fn forget_set(&self) {
        self.world.control("DELETE FROM reseal_audit_event WHERE kind = 'approvers-accepted'");
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
    assert!(own.1["error"]["message"].as_str().unwrap().contains("alice made the request"), "{}", own.1);
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
    // Nor where somebody takes that back in the control database: the trail knows what began by it.
    approved.world.control("UPDATE reseal_approval_request SET used_at = NULL");
    assert!(![id, rollback].contains(&request(&run())));
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
    // Another's name with a key of one's own, in a control database that was told to know nobody.
    let world = &approved.world;
    approved.forget_set();
    let real = std::fs::read_to_string(world.path("bob.approver")).unwrap();
    std::fs::remove_file(world.path("bob.approver")).unwrap();
    approver(world, "bob");
    assert_eq!(approved.approve(&id, "bob").0, 0);
    not_counted(run(), "the signature of bob is for another request or was made with another key");
    approved.world.control("DELETE FROM reseal_approval");
    approved.forget_set();
    approver(world, "mallory");
    assert_eq!(approved.approve(&id, "mallory").0, 0);
    not_counted(run(), "mallory is not an approver");
    approved.world.control("DELETE FROM reseal_approval");
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
    approved.world.control(&format!(
        "UPDATE reseal_approval_request SET expires_at = expires_at + 1 WHERE id = '{id}'"
    ));
    not_counted(run(), "is for another request");
    approved.world.control(&format!("UPDATE reseal_approval_request SET expires_at = 1 WHERE id = '{id}'"));
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

/// Watches that a rollback waits for approval also where the run moved no cell: what its steps did is undone too.
#[test]
fn a_rollback_of_steps_alone_is_agreed_to() {
    let approved = Approved::new("{ rollback: 1 }");
    let world = &approved.world;
    let note = world.path("note").display().to_string();
    let command = |more: &str| format!("command: [sh, -c, 'echo back >> \"$0\"', \"{note}\"]{more}");
    approved.plan(
        "{ rollback: 1 }",
        &format!(
            "hooks:\n  before: [{{ {} }}, {{ command: [\"false\"] }}]\n  on_failure: [{{ {} }}]\n",
            command(""),
            command(", when: rolled_back")
        ),
    );
    assert_eq!(code(&approved.command("dave", &["run", "PLAN"])), (3, "hook-failed"));
    let back = || approved.command("dave", &["rollback", "PLAN", "--confirm", "people"]);
    approved.agree(&back(), &["bob"]);
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "back\n", "a step ran before people agreed");
    let (exit, done) = back();
    assert_eq!((exit, done["state"].as_str()), (0, Some("rolled_back")), "{done}");
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "back\nback\n");
}

/// Watches that the destruction of a key is agreed to for that key, and counted by its own number.
#[test]
fn a_key_is_destroyed_only_when_people_agreed_to_that_key() {
    let approved = Approved::new("{ destroy: 2 }");
    let world = &approved.world;
    let file = world.path("approvers").display().to_string();
    world.plan(&format!(
        "policy: {{ approvals: {{ destroy: 2 }}, approvers: {{ file: \"{file}\" }}, keep_retired: 1ms }}\nundo: none\n"
    ));
    assert_eq!(approved.command("dave", &["run", "PLAN"]).0, 0, "a run is not the destruction of a key");
    assert_eq!(approved.command("dave", &["keys", "retire", "PLAN", "v1"]).0, 0);
    let destroy = || approved.command("alice", &["keys", "destroy", "PLAN", "v1", "--confirm", "v1"]);
    let id = approved.agree(&destroy(), &["alice", "bob"]);
    assert_eq!(request(&destroy()), id, "who asks for it does not count");
    assert!(world.path("v1.key").exists());
    let (_, list) = approved.command("alice", &["approve", "list", "PLAN"]);
    let asked = &list["requests"][0];
    assert_eq!(asked["kind"], "destroy");
    assert!(asked["scope"].as_str().unwrap().starts_with("main/v1 "), "{asked}");
    assert_eq!(approved.approve(&id, "carol").0, 0);
    assert_eq!(destroy().0, 0);
    assert!(!world.path("v1.key").exists());
    // Made use of once.
    let used = world.control("SELECT count(*) FROM reseal_approval_request WHERE used_at IS NOT NULL");
    assert_eq!(used[0][0], 1, "{used}");
}

/// Watches that two names with one key are one approver, and that what is agreed to of one kind is not of another.
#[test]
fn one_key_under_two_names_counts_once_and_a_run_is_no_emergency() {
    let approved = Approved::new("{ run: 2, emergency: 1 }");
    let world = &approved.world;
    let file = world.path("approvers");
    let text = std::fs::read_to_string(&file).unwrap();
    let bob = text.lines().find(|line| line.starts_with("bob ")).unwrap();
    write(&file, &format!("{text}{}\n", bob.replace("bob ", "robert ")), 0o644);
    let secret = std::fs::read_to_string(world.path("bob.approver")).unwrap();
    write(&world.path("robert.approver"), &secret.replace(" bob ", " robert "), 0o600);
    let run = || approved.command("dave", &["run", "PLAN"]);
    let id = approved.agree(&run(), &["bob", "robert"]);
    let waits = run();
    assert_eq!(request(&waits), id);
    let message = waits.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("robert uses the key of another approver"), "{message}");
    assert_ne!(request(&approved.command("dave", &["run", "PLAN", "--emergency"])), id, "another kind");
    assert_eq!(approved.approve(&id, "carol").0, 0);
    assert_eq!(run().0, 0);
}

/// Watches that whoever agrees can hold the request against the plan that he has read, and the folder of the approvers' file.
#[test]
fn a_plan_that_was_not_asked_about_is_not_agreed_to() {
    let approved = Approved::new("1");
    let world = &approved.world;
    let run = || approved.command("dave", &["run", "PLAN"]);
    let id = request(&run());
    let key = world.path("bob.approver").display().to_string();
    let agree = || world.reseal(&["approve", &id, "--key", &key, "--plan", "PLAN"]);
    approved.plan("1", "ignore: [people.note]\n");
    assert_eq!(code(&agree()), (3, "plan-changed"));
    approved.plan("1", "");
    assert_eq!(agree().0, 0);
    // Whoever may write the folder can put another file in its place.
    let folder = world.path("people");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(world.path("approvers"), folder.join("approvers")).unwrap();
    world.rewrite_plan(
        &world.path("approvers").display().to_string(),
        &folder.join("approvers").display().to_string(),
    );
    let mode = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let refused = run();
    mode(0o700);
    assert_eq!(code(&refused), (3, "approvers"), "{}", refused.1);
    std::fs::rename(folder.join("approvers"), world.path("approvers")).unwrap();
    approved.plan("1", "");
    assert_eq!(run().0, 0);
}

/// Watches a forger who comes first: with the plan at hand his signature is refused, without it the real one takes its place,
/// and the list counts only what counts.
#[test]
fn a_forged_signature_locks_nobody_out() {
    let approved = Approved::new("1");
    let world = &approved.world;
    let id = request(&approved.command("dave", &["run", "PLAN"]));
    let own = world.path("forged").display().to_string();
    assert_eq!(world.reseal(&["approve", "keygen", "bob", "--file", &own]).0, 0);
    let forged = world.reseal(&["approve", &id, "--key", &own, "--plan", "PLAN"]);
    assert_eq!(code(&forged), (3, "approval-wrong"), "{}", forged.1);
    let forge = || world.reseal(&["approve", &id, "--key", &own]);
    assert_eq!(code(&forge()), (3, "approval-wrong"), "the trail knows who may agree");
    approved.forget_set();
    assert_eq!(forge().0, 0, "nobody can tell without trail and file of approvers");
    let (_, list) = world.reseal(&["approve", "list", "PLAN"]);
    let listed = &list["requests"][0];
    assert_eq!(
        (listed["approvers"].as_array().unwrap().len(), listed["not_counted"].as_array().unwrap().len()),
        (0, 1)
    );
    let bobs = world.path("bob.approver").display().to_string();
    let blocked = approved.approve(&id, "bob");
    assert_eq!(code(&blocked), (3, "approved-already"), "{}", blocked.1);
    assert!(blocked.1["error"]["help"].as_str().unwrap().contains("--plan"), "{}", blocked.1);
    assert_eq!(world.reseal(&["approve", &id, "--key", &bobs, "--plan", "PLAN"]).0, 0);
    assert_eq!(approved.command("dave", &["run", "PLAN"]).0, 0);
}

/// Watches what an approval is bound to beside the run: the key that a rollback goes back to; and that an emergency is agreed
/// to as such, also where a run is there to go on with.
#[test]
fn an_approval_is_of_one_way_back_and_of_no_emergency() {
    let approved = Approved::new("{ run: 0, rollback: 1, emergency: 1 }");
    let world = &approved.world;
    crate::custody::with_keys(world, &["v3"]);
    assert_eq!(approved.command("dave", &["run", "PLAN"]).0, 0);
    let back =
        |key: &str| approved.command("dave", &["rollback", "PLAN", "--confirm", "people", "--to-key", key]);
    let asked = back("v1");
    approved.agree(&asked, &["alice"]);
    assert_eq!(code(&back("v2")), (4, "approval-needed"), "another key than was agreed to");
    assert_eq!(back("v1").0, 0);
    let broken = "UPDATE people SET a = 'v1:AAAA:AAAA' WHERE id = 1";
    world.sql(&[broken]);
    assert_eq!(approved.command("dave", &["run", "PLAN"]).0, 1);
    let urgent = approved.command("dave", &["run", "PLAN", "--emergency"]);
    assert_eq!(code(&urgent), (3, "no-emergency"), "{}", urgent.1);
}

/// Watches which database people agreed to: another one that the plan reaches by then, a copy that was put in its place or a way
/// by another name, is asked for anew, and the first is still agreed to.
#[test]
fn what_was_agreed_to_of_one_database_is_not_done_to_another() {
    let approved = Approved::new("1");
    let world = &approved.world;
    let run = || approved.command("dave", &["run", "PLAN"]);
    let id = approved.agree(&run(), &["alice"]);
    let before = world.digest();
    let (data, original) = (world.path("data.db"), world.path("original.db"));
    std::fs::rename(&data, &original).unwrap();
    std::fs::copy(&original, &data).unwrap();
    let other = request(&run());
    assert_ne!(other, id, "a copy in its place");
    // Nor where the control database says that people were asked about the copy, or about no database: they signed which it was.
    let target = |id: &str| format!("SELECT target FROM reseal_approval_target WHERE request = '{id}'");
    let asked = world.control(&target(&id))[0][0].as_str().unwrap().to_owned();
    let change = format!("WHERE request = '{id}'");
    for edit in [
        format!("UPDATE reseal_approval_target SET target = ({}) {change}", target(&other)),
        format!("DELETE FROM reseal_approval_target {change}"),
    ] {
        world.control(&edit);
        assert_eq!(code(&run()), (4, "approval-needed"), "{edit}");
    }
    world.control(&format!("INSERT INTO reseal_approval_target VALUES ('{id}', '{asked}')"));
    assert_eq!(world.digest(), before);
    std::fs::rename(&original, &data).unwrap();
    let (_, list) = approved.command("dave", &["approve", "list", "PLAN"]);
    let listed = list["requests"].as_array().unwrap().iter();
    let mut of = listed.filter(|listed| listed["request"] == id.as_str());
    let database = &of.next().unwrap()["database"];
    assert!(database["place"].as_str().unwrap().ends_with("data.db"), "{database}");
    assert!(database["server"].as_str().unwrap().contains("inode"), "{database}");
    assert_eq!(run().0, 0);
}

/// The same on servers: by another name of the host, in another database of the server, on another server.
#[test]
fn what_was_agreed_to_of_one_server_is_not_done_to_another() {
    for store in ["postgres", "mysql"] {
        let mut approved = Approved::of(World::new(store, "aes-gcm", 5), "1");
        let here = approved.world.url.clone();
        let run = |approved: &Approved| approved.command("dave", &["run", "PLAN"]);
        let id = approved.agree(&run(&approved), &["alice"]);
        let other = World::new(store, "aes-gcm", 5);
        let server = if store == "postgres" { "TLS_POSTGRES" } else { "LOGGED_MYSQL" };
        let elsewhere = World::empty_at(&variable(&format!("RESEAL_TEST_{server}_URL")), "aes-gcm");
        elsewhere.producer(&["seed", &elsewhere.url, "people", "aes-gcm", "v1.json", "5"]);
        for url in [here.replace("127.0.0.1", "localhost"), other.url.clone(), elsewhere.url.clone()] {
            approved.world.url = url.clone();
            assert_ne!(request(&run(&approved)), id, "{url}");
        }
        approved.world.url = here;
        // A ledger that was made meanwhile, or restored, is another one too.
        assert_eq!(approved.world.reseal(&["migrate", "PLAN"]).0, 0, "{store}");
        let again = run(&approved);
        assert_ne!(request(&again), id, "{store}: a ledger");
        approved.agree(&again, &["alice"]);
        assert_eq!(run(&approved).0, 0, "{store}");
    }
}
