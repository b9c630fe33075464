//! PazPaz: two keys in the application at once, once a year and after an incident.

use serde_json::{Value, json};

use super::system::System;
use crate::copies::identity;

#[test]
fn pazpaz_carries_out_its_runbook() {
    let mut system = System::new("pazpaz", "postgres");
    let first = system.generate("base64");
    system.seed(&json!({ "primary": "v1", "v1": first }), 250);
    system.write("application.json", &json!({ "database": system.url }).to_string());
    for name in ["alice", "bob"] {
        approver(&system, name);
    }
    system.write("backups/pazpaz-latest.dump", "dump");
    let second = system.generate("base64");
    hold(&mut system, "v2", &json!({ "v1": first, "v2": second }));

    let before = system.digest();
    prepares(&system);
    assert_eq!(system.digest(), before, "a dry run wrote");
    rotates(&system);
    let (old, new) = (json!({ "v1": first }), json!({ "v2": second }));
    system.reads_all(&new, &old);
    assert_eq!(system.digest().1, before.1, "columns beside the plan changed");

    system.refused(2, "confirm", &["rollback", "PLAN", "--confirm", "clinic"]);
    let back = ["rollback", "PLAN", "--confirm", "pazpaz"];
    agree(&system, &back, &["alice", "bob"]);
    system.runs("rolled_back", &back);
    assert_eq!(system.digest(), before, "not the exact old bytes");
    agree(&system, &["run", "PLAN"], &["alice", "bob"]);
    system.runs("complete", &["run", "PLAN"]);
    system.reads_all(&new, &old);

    // "Key backup", and the test of every quarter that it opens what it has to.
    let (identity, to) = identity(&system.path(""), "identity");
    system.ends(0, &["keys", "backup", "PLAN", "--to", &to, "--file", "keys.age"]);
    let restored =
        system.ends(0, &["keys", "restore-test", "PLAN", "--file", "keys.age", "--identity", &identity]);
    assert_eq!(restored["passed"], true, "{restored}");

    // Phase 4: nothing holds the old key any more; it is archived and kept for ever.
    system.refused(3, "undo-holds", &["keys", "retire", "PLAN", "v1"]);
    system.drops_undo();
    system.retires("v1", (", plan: phi", ""), "sessions.plan");
    system.ends(0, &["keys", "archive", "PLAN", "v1", "--to", &to, "--file", "v1.age"]);
    system.refused(3, "key-kept", &["keys", "destroy", "PLAN", "v1", "--confirm", "v1"]);

    // The next key, after an incident: the secret grows, the plan stays.
    let third = system.generate("base64");
    hold(&mut system, "v3", &json!({ "v2": second, "v3": third }));
    agree(&system, &["run", "PLAN", "--emergency"], &["alice"]);
    let run = system.runs("complete", &["run", "PLAN", "--emergency"]);
    let status = system.ends(0, &["status", "PLAN"]);
    assert!(status["deadline"].is_string(), "{status}");
    assert!(run["seconds"].as_f64().unwrap() < 10.0, "an emergency has no throttle: {run}");
    system.reads_all(&json!({ "v3": third }), &new);
    let audit = system.sql(&[
        "SELECT old_key_version, new_key_version, rotation_type, initiated_by, records_reencrypted > 0
         FROM key_rotation_audit ORDER BY rotation_date",
    ]);
    let who = "ops@example.com";
    let routine = json!(["v1", "v2", "routine", who, true]);
    assert_eq!(audit, json!([routine, routine, ["v2", "v3", "emergency", who, true]]));
}

/// Phases 1 and 2: the secret holds both keys, the application opens both and seals with the newer one.
fn hold(system: &mut System, primary: &str, keys: &Value) {
    system.write("secret.json", &keys.to_string());
    system.set("PAZPAZ_PRIMARY_KEY_ID", primary);
}

/// "Review data inventory", "estimate re-encryption time", "verify dual-key mode".
fn prepares(system: &System) {
    system.ends(0, &["check", "PLAN", "--connect"]);
    let census = system.ends(0, &["census", "PLAN"]);
    assert_eq!(cells(&census, "v2"), 0, "{census}");
    let dry = system.ends(0, &["run", "PLAN", "--dry-run"]);
    assert_eq!(dry["cells_old"].as_u64(), Some(cells(&census, "v1")), "{dry}");
    assert!(dry["estimate_seconds"].is_f64(), "{dry}");
}

/// Phase 3, counted by version while it is on its way, and the gate before phase 4: no v1 is left.
fn rotates(system: &System) {
    agree(system, &["run", "PLAN"], &["alice", "bob"]);
    let mut run = system.start(&["run", "PLAN"]);
    system.wait_for_first_swap();
    system.ends(0, &["pause", "PLAN"]);
    assert_eq!(run.wait().unwrap().code(), Some(4), "200 rows in a second, and it was over before the pause");
    let census = system.ends(0, &["census", "PLAN"]);
    assert!(cells(&census, "v1") > 0 && cells(&census, "v2") > 0, "{census}");
    system.runs("complete", &["resume", "PLAN"]);
    let verify = system.ends(0, &["verify", "PLAN"]);
    assert_eq!((verify["clean"].as_bool(), cells(&verify, "v1")), (Some(true), 0), "{verify}");
    let late = "UPDATE clients SET email = 'v1:AAAA:AAAA' WHERE number = 1";
    assert!(system.refuses(late), "the guard let a cell in that names the old key");
}

/// Somebody whose word counts: a key pair, and a line in the file of approvers.
fn approver(system: &System, name: &str) {
    let key = format!("{name}.key");
    let made = system.ends(0, &["approve", "keygen", name, "--file", &key]);
    let others = std::fs::read_to_string(system.path("pazpaz.approvers")).unwrap_or_default();
    system.write("pazpaz.approvers", &format!("{others}{}\n", made["line"].as_str().unwrap()));
}

/// "No single person can rotate keys": the command waits until these have agreed.
fn agree(system: &System, args: &[&str], names: &[&str]) {
    let asked = system.ends(4, args);
    assert_eq!(asked["error"]["code"], "approval-needed", "{asked}");
    let message = asked["error"]["message"].as_str().unwrap();
    let request = message.strip_prefix("request ").unwrap().split(':').next().unwrap();
    for name in names {
        system.ends(0, &["approve", request, "--key", &format!("{name}.key")]);
    }
}

/// Cells under a key, in all fields of a census.
fn cells(census: &Value, key: &str) -> u64 {
    let fields = census["fields"].as_array().unwrap().iter();
    let counts = fields.flat_map(|field| field["counts"].as_array().unwrap());
    counts.filter(|count| count["key"] == key).map(|count| count["cells"].as_u64().unwrap()).sum()
}
