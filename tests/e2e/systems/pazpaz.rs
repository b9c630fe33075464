//! PazPaz: two keys in the application at once, once a year and after an incident.

use serde_json::{Value, json};

use super::mails::Mails;
use super::system::System;
use crate::copies::{decrypted, identity};

#[test]
fn pazpaz_carries_out_its_runbook() {
    let mut system = System::new("pazpaz", "postgres");
    let [first, second] = begin(&mut system, 250);

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
    let run = system.runs("complete", &["run", "PLAN"]);
    assert!(run["seconds"].as_f64().unwrap() > 4.0, "a thousand rows, 200 in a second: {run}");
    system.reads_all(&new, &old);

    // "Key backup", and the test of every quarter that it opens what it has to.
    let (identity, to) = identity(&system.path(""), "identity");
    system.ends(0, &["keys", "backup", "PLAN", "--to", &to, "--file", "keys.age"]);
    let restored =
        system.ends(0, &["keys", "restore-test", "PLAN", "--file", "keys.age", "--identity", &identity]);
    assert_eq!(restored["passed"], true, "{restored}");
    // "Encryption key deleted from secrets manager": age itself prints what the backup holds.
    let backup = decrypted(&system.path("keys.age").display().to_string(), &identity);
    assert!(backup.contains(&first) && backup.contains(&second), "a key cannot be had again");

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

/// The year after: three keys are in the secret, and whoever agrees to a rollback agrees to one that can be done.
#[test]
fn pazpaz_rolls_back_where_older_keys_are_still_there() {
    let mut system = System::new("pazpaz", "postgres");
    let [first, second] = begin(&mut system, 70);
    agree(&system, &["run", "PLAN"], &["alice", "bob"]);
    system.runs("complete", &["run", "PLAN"]);
    let (before, third) = (system.digest(), system.generate("base64"));
    hold(&mut system, "v3", &json!({ "v1": first, "v2": second, "v3": third }));
    agree(&system, &["run", "PLAN"], &["alice", "bob"]);
    system.runs("complete", &["run", "PLAN"]);
    let back = ["rollback", "PLAN", "--confirm", "pazpaz"];
    system.refused(2, "which-key", &back);
    assert_eq!(
        system.ends(0, &["approve", "list", "PLAN"])["requests"],
        json!([]),
        "people were asked in vain"
    );
    let back = [&back[..], &["--to-key", "v2"]].concat();
    agree(&system, &back, &["alice", "bob"]);
    system.runs("rolled_back", &back);
    assert_eq!(system.digest(), before, "not the exact old bytes");
}

/// "Communication plan", "daily automated backup", "key recovery testing" and the annual report, each in its own hour in
/// Jerusalem, as `reseal serve` does them.
#[test]
fn pazpaz_does_what_its_schedule_says() {
    let mut system = System::new("pazpaz", "postgres");
    begin(&mut system, 70);
    let mails = Mails::start(&mut system);
    let (identity, to) = identity(&system.path(""), "identity");
    system.set("PAZPAZ_BACKUP_RECIPIENTS", to);
    // The one thing of the plan that is the machine's and not the folder's.
    let plan = std::fs::read_to_string(system.path("pazpaz.yaml")).unwrap();
    let here = plan.replace("/run/secrets/pazpaz-restore", &identity);
    assert_ne!(plan, here);
    system.write("pazpaz.yaml", &here);

    system.fires("key-backup", "2026-03-31T23:40:00Z", "2026-04-01T00:00:00Z");
    let backup = only_file(&system, "backups", "keys-", ".age");
    assert!(backup.starts_with("age-encryption.org/v1"));
    system.fires("restore-test", "2026-04-01T02:40:00Z", "2026-04-01T03:00:00Z");
    let copies = system.ends(0, &["keys", "list", "PLAN"])["keys"].to_string();
    assert!(copies.contains("passed: opened"), "{copies}");

    let daemon = system.serve("2026-06-24T05:40:00Z", crate::served::SPEED);
    system.wait("the announcement", || (mails.of("announced").len() == 2).then_some(()));
    daemon.stop();
    assert_eq!(mails.told("announced").0, ["dba", "devops"]);
    let mail = &mails.of("announced")[0];
    let (subject, text) = (mail["headers"]["subject"].as_str().unwrap(), mail["text"].as_str().unwrap());
    assert!(
        subject.contains("Scheduled encryption key rotation: Wednesday, 1 July 2026, 09:00"),
        "{subject}"
    );
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Team, we will be performing a routine encryption key rotation on Wednesday, 1 July 2026, 09:00",
        "as part of our HIPAA compliance procedures. This is a zero-downtime operation.",
        "Expected impact: none.",
        "monitor error rates during the rotation window",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    system.fires("audit", "2026-10-01T05:40:00Z", "2026-10-01T06:00:00Z");
    let report = only_file(&system, "reports", "hipaa-", ".html");
    assert!(report.contains("HIPAA") && report.contains("pazpaz"), "{report}");
}

/// What the one file of a folder holds that is called so.
fn only_file(system: &System, folder: &str, begin: &str, end: &str) -> String {
    let files = std::fs::read_dir(system.path(folder)).unwrap().map(|file| file.unwrap().file_name());
    let names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    let found: Vec<&String> =
        names.iter().filter(|name| name.starts_with(begin) && name.ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{names:?}");
    String::from_utf8_lossy(&std::fs::read(system.path(folder).join(found[0])).unwrap()).into_owned()
}

/// Rows under v1, v2 in the secret, two people who may agree, and a backup.
fn begin(system: &mut System, rows: u32) -> [String; 2] {
    let keys = [system.generate("base64"), system.generate("base64")];
    system.seed(&json!({ "primary": "v1", "v1": keys[0] }), rows);
    system.write("application.json", &json!({ "database": system.url }).to_string());
    for name in ["alice", "bob"] {
        approver(system, name);
    }
    system.write("backups/pazpaz-latest.dump", "dump");
    hold(system, "v2", &json!({ "v1": keys[0], "v2": keys[1] }));
    keys
}

/// Phases 1 and 2: the secret holds both keys, the application opens both and seals with the newer one.
fn hold(system: &mut System, primary: &str, keys: &Value) {
    system.write("secret.json", &keys.to_string());
    system.set("PAZPAZ_PRIMARY_KEY_ID", primary);
}

/// "Review data inventory", "estimate re-encryption time", "verify dual-key mode".
fn prepares(system: &System) {
    system.ends(0, &["check", "PLAN", "--keys"]);
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
