//! Who agrees, and who says so: the system's word beside what is claimed, and sets of approvers over time.

use std::process::Command;

use serde_json::Value;

use crate::approvals::{Approved, approver, request, write};
use crate::audit::{events, field};
use crate::custody::code;
use crate::world::{World, answer};

/// A command of a user of the system, whatever `USER` claims.
fn as_user(world: &World, uid: u32, claims: &str, args: &[&str]) -> (i32, Value) {
    let own = world.command(&[args, &["--json"]].concat());
    let mut command = Command::new("unshare");
    command.args(["--user", &format!("--map-user={uid}")]).arg(own.get_program()).args(own.get_args());
    let set = own.get_envs().filter_map(|(name, value)| Some((name, value?)));
    answer(command.envs(set).env_remove("SUDO_USER").env("USER", claims))
}

/// Watches that nobody agrees to his own request, whatever key he signs with and whatever name he claims.
#[test]
fn nobody_agrees_from_the_login_that_asked() {
    let approved = Approved::new("2");
    // Users that every system has: daemon and bin.
    let run = || as_user(&approved.world, 1, "dave", &["run", "PLAN"]);
    let id = request(&run());
    let approve = |uid: u32, name: &str| {
        let key = approved.world.path(&format!("{name}.approver")).display().to_string();
        as_user(&approved.world, uid, name, &["approve", &id, "--key", &key])
    };
    let own = approve(1, "bob");
    assert_eq!(code(&own), (3, "approval-own"), "{}", own.1);
    let message = own.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("daemon (uid 1 on ") && message.contains("claims to be bob"), "{message}");
    let (_, list) = approved.command("carol", &["approve", "list", "PLAN"]);
    let asked = list["requests"][0]["operator"].as_str().unwrap();
    assert!(asked.starts_with("daemon (uid 1 on ") && asked.ends_with("claims to be dave)"), "{asked}");
    assert_eq!(approve(2, "bob").0, 0);
    // Root of a container is whoever came in: the system names nobody, and the request says so.
    assert_eq!(approved.approve(&id, "carol").0, 0);
    assert_eq!(run().0, 0);
    let events = events(&approved.world);
    let told = |kind: &str| events.iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>();
    let who = |event: &Value| ["uid", "login", "claims"].map(|name| field(event, name).clone());
    let started = told("run-started")[0];
    assert_eq!(started["operator"], "daemon", "{started}");
    assert_eq!(who(started), [Value::from(1), "daemon".into(), "dave".into()], "{started}");
    let given: Vec<_> = told("approval-given").into_iter().map(|event| [&who(event)[..2]].concat()).collect();
    assert_eq!(given, [[Value::from(2), "bin".into()], [Value::from(0), Value::Null]]);
}

/// Watches that another set of approvers counts only once those before have agreed to it, whether the file was changed or
/// another was put in its place; and that the trail has both sets.
#[test]
fn another_set_of_approvers_needs_the_agreement_of_those_before() {
    let approved = Approved::new("{ run: 1, rollback: 2 }");
    let world = &approved.world;
    let run = || approved.command("dave", &["run", "PLAN"]);
    let first = request(&run());
    let file = world.path("approvers");
    let before = std::fs::read_to_string(&file).unwrap();
    let mallory = approver(world, "mallory");
    // A file of one's own.
    write(&world.path("mine"), &format!("{mallory}\n"), 0o644);
    world.rewrite_plan(&file.display().to_string(), &world.path("mine").display().to_string());
    let asked = run();
    let id = request(&asked);
    let message = asked.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("0 of 2 required approvals received for this change of approvers"), "{message}");
    assert_eq!(code(&approved.approve(&id, "mallory")), (3, "approval-wrong"));
    let (_, shown) = world.reseal(&["approve", &id]);
    assert_eq!((&shown["kind"], &shown["scope"]), (&"approvers".into(), &mallory.as_str().into()));
    approved.plan("{ run: 1, rollback: 2 }", "");
    assert_eq!(request(&run()), first, "with the file as it was, nothing has changed");
    // A change that those before want.
    write(&file, &format!("{before}{mallory}\n"), 0o644);
    let id = request(&run());
    assert_eq!(code(&approved.approve(&first, "mallory")), (3, "approval-wrong"), "not yet");
    assert_eq!(approved.approve(&id, "bob").0, 0);
    assert_eq!(request(&run()), id, "two must agree: a rollback needs two");
    assert_eq!(approved.approve(&id, "carol").0, 0);
    assert_eq!(request(&run()), first);
    assert_eq!(approved.approve(&first, "mallory").0, 0);
    assert_eq!(run().0, 0);
    let events = events(world);
    let sets: Vec<&Value> = events.iter().filter(|event| event["kind"] == "approvers-accepted").collect();
    let count = |event: &Value, name: &str| {
        event["fields"].as_array().unwrap().iter().filter(|field| field[0] == name).count()
    };
    let counts: Vec<_> = sets.iter().map(|set| (count(set, "approver"), count(set, "by"))).collect();
    assert_eq!(counts, [(3, 0), (4, 2)]);
    // What was agreed to once is not agreed to again, whatever the control database says of it.
    let with_mallory = format!("{before}{mallory}\n");
    for set in [&before, &with_mallory, &before] {
        write(&file, set, 0o644);
        let id = request(&run());
        assert_eq!((approved.approve(&id, "bob").0, approved.approve(&id, "carol").0), (0, 0));
        assert_ne!(request(&run()), id);
    }
    write(&file, &with_mallory, 0o644);
    world.control("UPDATE reseal_approval_request SET used_at = NULL");
    let asked = run();
    let message = asked.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("0 of 2 required approvals received for this change of approvers"), "{message}");
}
