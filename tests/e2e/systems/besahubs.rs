//! BesaHubs CRM: one passphrase in the application, pgcrypto on the server, every quarter.

use serde_json::json;

use super::system::System;

#[test]
fn besahubs_carries_out_its_runbook() {
    let mut system = System::new("besahubs", "postgres");
    let (first, second) = (system.generate("hex"), system.generate("hex"));
    system.seed(&json!({ "key": first }), 150);
    system.set_all([("ENCRYPTION_KEY", &first), ("ENCRYPTION_KEY_NEW", &second)]);
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
    let early = ["keys", "destroy", "PLAN", "current", "--confirm", "current"];
    system.refused(3, "key-kept", &early);

    // The next quarter: the roles move on, the plan stays.
    let third = system.generate("hex");
    system.set_all([("ENCRYPTION_KEY", &second), ("ENCRYPTION_KEY_NEW", &third)]);
    system.runs("complete", &["run", "PLAN", "--accept-outage"]);
    system.reads_all(&json!({ "key": third }), &new);
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
