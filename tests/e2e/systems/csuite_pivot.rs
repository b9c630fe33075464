//! csuite-pivot: keys derived per tenant, a version per row, tenant by tenant and domain by domain; on two databases.

use serde_json::json;

use super::system::System;

#[test]
fn csuite_pivot_carries_out_its_runbook_on_postgresql() {
    carries_out_its_runbook("postgres");
}

#[test]
fn csuite_pivot_carries_out_its_runbook_on_mariadb() {
    carries_out_its_runbook("mysql");
}

fn carries_out_its_runbook(store: &str) {
    let mut system = System::new("csuite-pivot", store);
    let (first, second) = (system.generate("base64"), system.generate("base64"));
    system.seed(&json!({ "primary": "1", "1": first }), 150);
    let before = system.digest();
    // "Recent database snapshot captured".
    system.write("snapshots/before-2.sql", "dump");
    promote(&mut system, "2", &second, &json!({ "1": first }));

    // Dry runs as the runbook has them: whole, and scoped.
    let whole = system.ends(0, &["run", "PLAN", "--dry-run"])["cells_old"].as_u64().unwrap();
    let scoped = ["run", "PLAN", "--tenant", "demo-company", "--domain", "connectors"];
    let one = system.ends(0, &[&scoped[..], &["--dry-run"]].concat());
    system.ends(0, &["run", "PLAN", "--domain", "knowledge", "--batch-rows", "250", "--dry-run"]);
    assert_eq!(system.digest(), before, "a dry run wrote");
    assert!(!system.path("queues.log").exists(), "a dry run paused the queues");

    // Phased: one tenant's connectors first, then what is left; rows of the latest version are skipped.
    let phase = system.runs("scope_done", &scoped);
    assert_eq!(queues(&system), ["paused", "running"]);
    assert_eq!(phase["cells_rotated"], one["cells_old"], "{phase}");
    let phase = phase["cells_rotated"].as_u64().unwrap();
    assert!(phase > 0 && phase < whole);
    a_row_moves_whole_or_not_at_all(&system, whole - phase);
    let (old, new) = (json!({ "1": first }), json!({ "2": second }));
    assert_eq!(system.reads_all(&new, &old), whole);
    assert_eq!(system.digest().1, before.1, "columns beside the plan changed, or settings did");
    let again = system.ends(0, &["run", "PLAN", "--dry-run"]);
    assert_eq!(again["cells_old"], 0, "legacy versions remain: {again}");

    // Nothing holds the old key any more.
    system.drops_undo();
    promote(&mut system, "2", &second, &json!({ "1": first }));
    system.retires("1", (", summary: tenant", ""), "knowledge_entries.summary");

    // The next year's key by the same plan; --target-version picks it before the registry does.
    let third = system.generate("base64");
    promote(&mut system, "2", &second, &json!({ "3": third }));
    system.runs("complete", &["run", "PLAN", "--primary", "3"]);
    system.reads_all(&json!({ "3": third }), &new);
    let back = ["rollback", "PLAN", "--confirm", "csuite-pivot"];
    let told = queues(&system).len();
    system.runs("rolled_back", &back);
    assert_eq!(queues(&system)[told..], ["paused", "running"], "the workers ran while cells went back");
    system.reads_all(&new, &json!({ "3": third }));
}

fn promote(system: &mut System, version: &str, key: &str, previous: &serde_json::Value) {
    system.set_all([
        ("MASTER_ENCRYPTION_KEY", key),
        ("MASTER_ENCRYPTION_KEY_VERSION", version),
        ("MASTER_ENCRYPTION_PREVIOUS_KEYS", &previous.to_string()),
    ]);
}

/// What the workers' queues were told, in order.
fn queues(system: &System) -> Vec<String> {
    let log = std::fs::read_to_string(system.path("queues.log")).unwrap();
    log.lines().map(str::to_owned).collect()
}

/// A cell that does not open keeps its whole row under the old version, and the run from success; mended, the same
/// command goes on and takes only what is left.
fn a_row_moves_whole_or_not_at_all(system: &System, left: u64) {
    let row = "FROM knowledge_entries WHERE number = 8";
    let summary = system.value(&format!("SELECT summary {row}"));
    let content = system.value(&format!("SELECT content {row}"));
    system.sql(&["UPDATE knowledge_entries SET summary = 'AAAA.BBBB.CCCC' WHERE number = 8"]);
    let run = system.ends(1, &["run", "PLAN"]);
    assert!(run["cells_quarantined"].as_u64().unwrap() > 0, "{run}");
    assert_eq!(queues(system).last().unwrap(), "running", "the workers stay paused for ever");
    assert_eq!(system.value(&format!("SELECT encryption_key_version {row}")), 1);
    assert_eq!(system.value(&format!("SELECT content {row}")), content, "half of a row moved");
    let summary = summary.as_str().unwrap();
    system.sql(&[&format!("UPDATE knowledge_entries SET summary = '{summary}' WHERE number = 8")]);
    let told = queues(system).len();
    let again = system.runs("complete", &["run", "PLAN"]);
    assert_eq!(queues(system)[told..], ["paused", "running"], "the workers ran while cells moved");
    let both = run["cells_rotated"].as_u64().unwrap() + again["cells_rotated"].as_u64().unwrap();
    assert!(again["cells_rotated"].as_u64().unwrap() >= left, "{again} after {run}, {both} of {left}");
}
