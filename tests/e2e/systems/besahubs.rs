//! BesaHubs CRM: one passphrase in the application, pgcrypto on the server, every quarter.

use serde_json::json;

use std::time::Duration;

use super::mails::Mails;
use super::system::System;
use crate::copies::identity;
use crate::world::signal;

#[test]
fn besahubs_carries_out_its_runbook() {
    let mut system = System::new("besahubs", "postgres");
    let [first, second] = begin(&mut system, 150);
    let before = system.digest();
    system.set("ROTATION_SCHEDULE", "enabled");
    reminds_every_quarter(&system);
    // "Database backup": a run wants to see one.
    system.refused(3, "proof", &["run", "PLAN", "--accept-outage"]);
    system.write("backups/backup-2025-10-01-03-00.sql", "dump");

    // "Dry run (mandatory)".
    system.ends(0, &["check", "PLAN", "--connect"]);
    let dry = system.ends(0, &["run", "PLAN", "--dry-run"]);
    assert!(dry["estimate_seconds"].is_f64(), "{dry}");
    assert_eq!(system.digest(), before, "a dry run wrote");

    // The CRM cannot read rotated rows until it is restarted: the run wants to hear that this is known.
    system.refused(3, "outage", &["run", "PLAN"]);
    let run = system.runs("complete", &["run", "PLAN", "--accept-outage"]);
    system.ends(0, &["verify", "PLAN"]);
    let (old, new) = (json!({ "key": first }), json!({ "key": second }));
    let cells = system.reads_all(&new, &old);
    assert_eq!(run["cells_rotated"].as_u64(), Some(cells), "{run}");
    assert_eq!(system.digest().1, before.1, "columns beside the plan changed");
    progress_by_sql(&system, &run["run_id"]);
    assert_eq!(audit_log(&system), json!([["completed", run["run_id"]]]));
    assert_eq!(analysed(&system), 3, "\"re-analyze tables after rotation\"");

    // "Emergency rollback (requires confirmation)", by the id of the run.
    let id = run["run_id"].as_str().unwrap().to_owned();
    system.refused(2, "confirm", &["rollback", "PLAN", "--run", &id]);
    system.runs("rolled_back", &["rollback", "PLAN", "--run", &id, "--confirm", "besahubs"]);
    assert_eq!(system.digest(), before, "not the exact old bytes");
    assert_eq!(audit_log(&system)[1], json!(["rolled_back", id]));
    system.runs("complete", &["run", "PLAN", "--accept-outage"]);
    system.reads_all(&new, &old);

    // "Post-rotation cleanup": nothing holds the old key any more, which is then kept for 90 days.
    system.drops_undo();
    system.retires("current", (", address: pii", ""), "contacts.address");
    let (_, to) = identity(&system.path(""), "identity");
    system.ends(0, &["keys", "archive", "PLAN", "current", "--to", &to, "--file", "old-key.age"]);
    let early = ["keys", "destroy", "PLAN", "current", "--confirm", "current"];
    system.refused(3, "key-kept", &early);

    // The next quarter: the roles move on, the plan stays.
    let third = system.generate("hex");
    system.set_all([("ENCRYPTION_KEY", &second), ("ENCRYPTION_KEY_NEW", &third)]);
    system.runs("complete", &["run", "PLAN", "--accept-outage", "--batch-rows", "500"]);
    system.reads_all(&json!({ "key": third }), &new);
}

/// What has to be there before a run, and "Troubleshooting": a run that was killed goes on, what failed is listed.
#[test]
fn besahubs_goes_on_where_it_stopped() {
    let mut system = System::new("besahubs", "postgres");
    let [first, second] = begin(&mut system, 400);
    system.write("backups/backup-2025-10-01-03-00.sql", "dump");
    let rotate = ["run", "PLAN", "--accept-outage", "--batch-rows", "5"];
    // "Check disk space", "verify pgcrypto extension is enabled".
    system.replace_program("free-disk", "#!/bin/sh\necho 19\n");
    system.refused(3, "disk-full", &rotate);
    system.restore_program("free-disk");
    system.sql(&["DROP EXTENSION pgcrypto"]);
    system.refused(3, "hook-failed", &rotate);
    system.sql(&["CREATE EXTENSION pgcrypto"]);
    system.refused(3, "outage", &["run", "PLAN"]);

    // "Script automatically resumes from last_checkpoint_id".
    let damaged = "FROM users WHERE number = 8";
    let phone = system.value(&format!("SELECT encode(phone, 'hex') {damaged}"));
    system.sql(&["UPDATE users SET phone = substring(phone FOR 40) WHERE number = 8"]);
    let mut run = system.start(&rotate);
    system.wait_for_first_swap();
    signal(&run, "-KILL");
    assert_eq!(run.wait().unwrap().code(), None, "it was over before it was killed");
    let last = "SELECT status, last_checkpoint_id IS NOT NULL, processed_records < total_records
        FROM reseal.rotation_progress ORDER BY started_at DESC, last_checkpoint_id IS NULL LIMIT 1";
    assert_eq!(system.sql(&[last]), json!([["in_progress", true, true]]));
    assert_eq!(system.ends(0, &["status", "PLAN"])["state"], "running");
    let run = system.ends(1, &["run", "PLAN"]);

    // "Failed records", and the run that is not over.
    let failed = "SELECT sum(failed_records) FROM reseal.rotation_progress WHERE status != 'completed'";
    assert_eq!(system.value(failed).to_string().trim_matches('"'), "1");
    let listed = system.ends(0, &["quarantine", "PLAN"]);
    assert_eq!(listed["cells"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        (&listed["cells"][0]["table"], &listed["cells"][0]["field"]),
        (&json!("users"), &json!("phone"))
    );
    let runs = system.ends(0, &["runs", "PLAN"]);
    assert_eq!((&runs["runs"][0]["run_id"], &runs["runs"][1]), (&run["run_id"], &json!(null)), "{runs}");
    system.sql(&[&format!("UPDATE users SET phone = '\\x{}' WHERE number = 8", phone.as_str().unwrap())]);

    // The decryption test does not pass: the run is complete, and the next command repeats the steps and nothing else.
    system.replace_program("node", "#!/bin/sh\necho 'Decryption test: FAILED'\nexit 1\n");
    let complete = system.ends(1, &["run", "PLAN"]);
    assert_eq!((&complete["state"], &complete["run_id"]), (&json!("complete"), &run["run_id"]), "{complete}");
    assert_eq!(audit_log(&system), json!([]), "a step behind one that failed was carried out");
    system.restore_program("node");
    system.runs("complete", &["run", "PLAN"]);
    assert_eq!(audit_log(&system), json!([["completed", run["run_id"]]]));
    system.reads_all(&json!({ "key": second }), &json!({ "key": first }));
}

/// "Alert configuration": each cause is mailed once, to whom the plan names, and once more when it is over.
#[test]
fn besahubs_mails_its_alerts() {
    let mut system = System::new("besahubs", "postgres");
    begin(&mut system, 400);
    system.write("backups/backup-2025-10-01-03-00.sql", "dump");
    let mails = Mails::start(&mut system);
    system.set("ROTATION_SCHEDULE", "enabled");
    system.write("free", "25");
    system.replace_program("free-disk", "#!/bin/sh\ncat free\n");
    let damage = "UPDATE users SET email = substring(email FOR 40), phone = substring(phone FOR 40) WHERE number <= 50";
    system.sql(&["CREATE TABLE kept AS SELECT id, email, phone FROM users", damage]);
    let daemon = system.serve(&crate::served::now(), crate::served::SPEED);
    let wait = |kind: &str, raised: &[&str], over: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let expected = (owned(raised), owned(over));
        system.wait(&format!("{kind} {expected:?}"), || (mails.told(kind) == expected).then_some(()));
    };

    // "Rotation time > 30 minutes": it began that long ago, and waited for its extension.
    let rotate = ["run", "PLAN", "--accept-outage", "--batch-rows", "1"];
    system.sql(&["DROP EXTENSION pgcrypto"]);
    system.refused(3, "hook-failed", &rotate);
    let earlier = |ms: i64| format!("UPDATE reseal.run SET created_at = created_at - {ms}");
    system.sql(&["CREATE EXTENSION pgcrypto", &earlier(1_800_000)]);
    let mut run = system.start(&rotate);
    wait("slow", &["dba"], &[]);
    // "Failed records > 0", "failed decryption attempts": both, where they are one in a hundred and more.
    assert_eq!(run.wait().unwrap().code(), Some(1));
    wait("slow", &["dba"], &["dba"]);
    system.sql(&[&earlier(-1_800_000)]);
    wait("quarantined", &["dba"], &[]);
    wait("failed-opens", &["security"], &[]);
    let mend = "UPDATE users SET email = kept.email, phone = kept.phone FROM kept WHERE kept.id = users.id AND number <= 50";
    system.sql(&[mend]);
    system.runs("complete", &["run", "PLAN"]);
    wait("quarantined", &["dba"], &["dba"]);
    wait("failed-opens", &["security"], &["security"]);
    wait("finished", &["dba", "security"], &[]);

    // "Disk space < 20%", "database connection errors".
    system.write("free", "19");
    wait("disk", &["dba"], &[]);
    system.write("free", "20");
    wait("disk", &["dba"], &["dba"]);
    system.accepts_connections(false);
    wait("connection-errors", &["dba"], &[]);
    system.accepts_connections(true);
    wait("connection-errors", &["dba"], &["dba"]);

    daemon.stop();
    for kind in ["slow", "quarantined", "failed-opens", "disk", "connection-errors"] {
        assert_eq!(mails.of(kind).len(), 2, "{kind}: once, and once that it is over");
    }
    tells_security(&system, &mails);
}

/// Who may change what is rotated may rotate: a plan that is another one than is served is told of. "Audit log tampering
/// detected": also by a daemon that comes later.
fn tells_security(system: &System, mails: &Mails) {
    let serve = || system.serve(&crate::served::now(), crate::served::SPEED);
    let told_once = |kind: &str| {
        system.wait(kind, || (!mails.of(kind).is_empty()).then_some(()));
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(mails.told(kind), (vec!["security".to_owned()], Vec::new()), "{kind}");
    };
    let daemon = serve();
    let serves = "SELECT 1 FROM reseal_audit_event WHERE kind = 'service-started' AND sequence >
        (SELECT max(sequence) FROM reseal_audit_event WHERE kind = 'service-stopped')";
    system.wait("a daemon that serves", || system.control(serves).get(0).map(drop));
    let plan = std::fs::read_to_string(system.path("besahubs.yaml")).unwrap();
    system.write("besahubs.yaml", &plan.replace("keep_retired: 90d", "keep_retired: 1d"));
    told_once("plan-changed");
    daemon.stop();
    system.control("UPDATE reseal_audit_event SET operator = 'nobody' WHERE sequence = 2");
    let daemon = serve();
    told_once("audit-broken");
    daemon.stop();
}

/// "The quarterly rotation reminder": it is mailed at four in New York, in winter and in summer, where the variable says so.
#[test]
fn besahubs_mails_its_reminder() {
    let mut system = System::new("besahubs", "postgres");
    begin(&mut system, 10);
    let mails = Mails::start(&mut system);
    system.set("ROTATION_SCHEDULE", "enabled");
    system.fires_and_mails("quarterly-reminder", "2026-01-01T08:40:00Z", "2026-01-01T09:00:00Z");
    system.fires_and_mails("quarterly-reminder", "2026-04-01T07:40:00Z", "2026-04-01T08:00:00Z");
    system.ends(0, &["notify", "send", "PLAN"]);
    assert_eq!(mails.told("remind"), (vec!["security".to_owned(); 2], Vec::new()));
}

/// Rows under a first key, and a second one that waits.
fn begin(system: &mut System, rows: u32) -> [String; 2] {
    let keys = [system.generate("hex"), system.generate("hex")];
    system.seed(&json!({ "key": keys[0] }), rows);
    system.set_all([("ENCRYPTION_KEY", &keys[0]), ("ENCRYPTION_KEY_NEW", &keys[1])]);
    keys
}

/// How many of the plan's tables were analysed.
fn analysed(system: &System) -> u64 {
    let count = "SELECT count(*) FROM pg_stat_user_tables
        WHERE relname IN ('users', 'contacts', 'companies') AND last_analyze IS NOT NULL";
    system.value(count).as_u64().unwrap()
}

/// "Rotation logged in audit_log".
fn audit_log(system: &System) -> serde_json::Value {
    system.sql(&["SELECT details->>'status', details->>'rotation_id' FROM audit_log
        WHERE event_type = 'KEY_ROTATION' ORDER BY created_at"])
}

/// "The quarterly rotation reminder runs on": four mornings at four o'clock, where the variable enables it.
fn reminds_every_quarter(system: &System) {
    let year = ["schedule", "next", "PLAN", "--from", "2026-01-01", "--until", "2027-01-01"];
    let next = system.ends(0, &year);
    let slots = next["slots"].as_array().unwrap().iter().filter(|slot| slot["job"] == "quarterly-reminder");
    let local: Vec<&str> = slots.map(|slot| &slot["local"].as_str().unwrap()[..16]).collect();
    assert_eq!(local, ["2026-01-01T04:00", "2026-04-01T04:00", "2026-07-01T04:00", "2026-10-01T04:00"]);
}

/// "Check rotation_progress": the runbook's own query, against the view of that name.
fn progress_by_sql(system: &System, run_id: &serde_json::Value) {
    let rows = system.sql(&[&format!(
        "SELECT table_name, total_records, processed_records, failed_records, status FROM reseal.rotation_progress
         WHERE rotation_id = '{}' ORDER BY table_name",
        run_id.as_str().unwrap()
    )]);
    let names: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(names, ["companies", "contacts", "users"]);
    for row in rows.as_array().unwrap() {
        assert_eq!((row[2].clone(), row[3].clone()), (row[1].clone(), json!(0)), "{row}");
        assert_eq!(row[4], "completed", "{row}");
    }
}
