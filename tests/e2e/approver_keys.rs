//! Whose key signs, and what people see of a request before they sign.

use crate::approvals::{Approved, request, write};
use crate::served::events;

/// Watches that nobody agrees to his own request by another name that his key goes by, and that the trail keeps the keys that
/// signed, whatever becomes of the file of approvers.
#[test]
fn an_approver_is_known_by_the_key() {
    let approved = Approved::new("2");
    let path = approved.world.path("approvers");
    let honest = std::fs::read_to_string(&path).unwrap();
    let key_of = |name: &str| {
        let line = honest.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    write(&path, &format!("{honest}alicia ed25519 {}\n", key_of("alice")), 0o644);
    let secret = std::fs::read_to_string(approved.world.path("alice.approver")).unwrap();
    write(&approved.world.path("alicia.approver"), &secret.replace("alice", "alicia"), 0o600);
    let run = || approved.command("alice", &["run", "PLAN"]);
    let id = approved.agree(&run(), &["bob", "alicia"]);
    let own = run();
    assert!(own.1["error"]["message"].as_str().unwrap().contains("alicia made the request"), "{}", own.1);
    assert_eq!(approved.approve(&id, "carol").0, 0);
    assert_eq!(run().0, 0);
    let (given, began) = (events(&approved.world, "approval-given"), events(&approved.world, "run-started"));
    let keys: Vec<_> = given.iter().map(|event| event["approver_key"].clone()).collect();
    assert_eq!(keys, ["bob", "alice", "carol"].map(key_of));
    assert_eq!(began[0]["approver_key"], key_of("carol"), "{began:?}");
}

/// Watches that a request can be looked at without a key, and that looking signs nothing.
#[test]
fn a_request_is_shown_before_anybody_signs_it() {
    let approved = Approved::new("1");
    let id = request(&approved.command("dave", &["run", "PLAN"]));
    let (exit, shown) = approved.world.reseal(&["approve", &id, "--plan", "PLAN"]);
    assert_eq!(
        (exit, shown["request"].as_str(), shown["scope"].as_str()),
        (0, Some(&*id), Some("{}")),
        "{shown}"
    );
    for part in ["keys", "database", "plan_digest", "expires"] {
        assert!(!shown[part].is_null(), "{part}: {shown}");
    }
    assert_eq!(
        approved.world.control("SELECT count(*) FROM reseal_approval")[0][0],
        0,
        "showing signs nothing"
    );
    let (exit, none) = approved.world.reseal(&["approve", "nothing"]);
    assert_eq!((exit, none["error"]["code"].as_str()), (2, Some("no-such-request")), "{none}");
}
