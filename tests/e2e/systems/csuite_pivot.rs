//! csuite-pivot: keys derived per tenant, a version per row, tenant by tenant and domain by domain; on two databases.

use serde_json::json;

use super::system::System;
use crate::steered::wait_until;

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
    let [first, second] = begin(&mut system);
    let before = system.digest();
    system.ends(0, &["check", "PLAN", "--connect"]);
    // "Recent database snapshot captured".
    system.refused(3, "proof", &["run", "PLAN"]);
    system.write("snapshots/before-2.sql", "dump");

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
    assert_eq!(system.ends(0, &["verify", "PLAN"])["clean"], true);
    logbook(&system);

    // "Restore from the pre-rotation snapshot": both phases, the later one first.
    let back = ["rollback", "PLAN", "--confirm", "csuite-pivot"];
    assert_eq!(system.ends(1, &back)["state"], "rolled_back", "what the first phase moved is still there");
    system.runs("rolled_back", &back);
    assert_eq!(system.digest(), before, "not the exact old bytes");
    system.runs("scope_done", &scoped);
    system.runs("complete", &["run", "PLAN"]);

    // Nothing holds the old key any more, once no phase can be rolled back.
    system.drops_undo();
    system.refused(3, "undo-holds", &["keys", "retire", "PLAN", "1"]);
    system.drops_undo();
    system.retires("1", (", summary: tenant", ""), "knowledge_entries.summary");

    // The next year's key by the same plan; --target-version picks it before the registry does.
    let third = system.generate("base64");
    promote(&mut system, "2", &second, &json!({ "3": third }));
    system.runs("complete", &["run", "PLAN", "--primary", "3"]);
    system.reads_all(&json!({ "3": third }), &new);
    let told = queues(&system).len();
    system.runs("rolled_back", &back);
    assert_eq!(queues(&system)[told..], ["paused", "running"], "the workers ran while cells went back");
    system.reads_all(&new, &json!({ "3": third }));
}

/// The workers stand still for as long as cells move, whoever stops what, and run again once nothing moves.
#[test]
fn csuite_pivot_keeps_its_workers_paused_on_postgresql() {
    keeps_its_workers_paused("postgres");
}

#[test]
fn csuite_pivot_keeps_its_workers_paused_on_mariadb() {
    keeps_its_workers_paused("mysql");
}

fn keeps_its_workers_paused(store: &str) {
    let mut system = System::new("csuite-pivot", store);
    let [first, second] = begin(&mut system);
    let before = system.digest();
    system.write("snapshots/before-2.sql", "dump");
    let knowledge = ["run", "PLAN", "--domain", "knowledge", "--batch-rows", "1"];
    let cut_off = |signal: &str| {
        let told = queues(&system).len();
        let mut run = system.start(&knowledge);
        wait_until("the workers are paused", || queues(&system).len() > told);
        system.wait_for_first_swap();
        assert_eq!(queues(&system).last().unwrap(), "paused", "the workers run while cells move");
        crate::world::signal(&run, signal);
        run.wait().unwrap().code()
    };
    assert_eq!(cut_off("-INT"), Some(4));
    assert_eq!(queues(&system), ["paused", "running"]);
    // Killed, it can tell them nothing; "re-launch with the same flags".
    assert_eq!(cut_off("-KILL"), None);
    assert_eq!(queues(&system)[2..], ["paused"]);
    system.runs("scope_done", &["run", "PLAN", "--domain", "knowledge", "--batch-rows", "250"]);
    assert_eq!(queues(&system)[3..], ["paused", "running"]);
    system.runs("complete", &["run", "PLAN"]);
    system.reads_all(&json!({ "2": second }), &json!({ "1": first }));

    // And on the way back, with a third version in the registry by then.
    let third = system.generate("base64");
    promote(&mut system, "2", &second, &json!({ "1": first, "3": third }));
    let back = ["rollback", "PLAN", "--confirm", "csuite-pivot"];
    let told = queues(&system).len();
    system.refused(2, "which-key", &back);
    assert_eq!(queues(&system).len(), told, "a rollback that is refused paused the workers");
    let back = [&back[..], &["--to-key", "1"]].concat();
    system.ends(1, &back);
    system.runs("rolled_back", &back);
    assert_eq!(queues(&system)[told..], ["paused", "running", "paused", "running"]);
    assert_eq!(system.digest(), before, "not the exact old bytes");
}

/// "The rotation window in the security logbook, including command invocations and operator".
fn logbook(system: &System) {
    let runs = system.ends(0, &["runs", "PLAN"]);
    for run in runs["runs"].as_array().unwrap() {
        assert!(run["began"].is_string() && run["ended"].is_string(), "{run}");
        assert!(run["operator"].is_string() && !run["scope"].is_null(), "{run}");
    }
    let census = system.ends(0, &["census", "PLAN"]);
    assert!(census["fields"].as_array().is_some_and(|fields| fields.len() == 4), "{census}");
}

/// Rows under version 1, and version 2 promoted.
fn begin(system: &mut System) -> [String; 2] {
    let [first, second] = [system.generate("base64"), system.generate("base64")];
    system.seed(&json!({ "primary": "1", "1": first }), 150);
    promote(system, "2", &second, &json!({ "1": first }));
    [first, second]
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
    let log = std::fs::read_to_string(system.path("queues.log")).unwrap_or_default();
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
