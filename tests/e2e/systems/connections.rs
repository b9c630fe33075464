//! connections: envelopes under AWS KMS in columns, older rows under a key that lies in the database.

use serde_json::{Value, json};

use super::system::System;
use crate::copies::identity;
use crate::kms::Kms;

#[test]
fn connections_carries_out_its_runbook() {
    let mut system = System::new("connections", "postgres");
    let (mut kms, old, new) = begin(&mut system);
    let second = new["arn"].as_str().unwrap().to_owned();
    let before = system.digest();
    asks_the_kms(&system, &mut kms);
    // By the keys that are registered: what is under the current one already has nowhere to go.
    let dry = system.ends(0, &["run", "PLAN", "--dry-run"]);
    let derived = "SELECT count(*) FROM connections WHERE number % 4 = 1 AND payload_ciphertext IS NOT NULL";
    assert_eq!(dry["cells_old"], system.value(derived), "{dry}");
    assert_eq!(system.digest(), before, "a dry run wrote");
    undone_step_by_step(&system);
    assert_eq!(system.digest(), before, "a run without a key wrote");
    let payloads = envelopes(&system);
    completes_with_errors(&system);
    system.reads_all(&new, &old);
    assert_eq!(envelopes(&system), payloads, "a rewrap wrote a payload");
    assert_eq!(system.digest().1, before.1, "columns beside the plan changed");
    finalizes(&system);

    system.runs("rolled_back", &["rollback", "PLAN", "--confirm", "connections"]);
    // The row that was damaged meanwhile was swapped in two rounds: the reason that stood in it between them is gone again.
    let reason = system.value("SELECT last_error FROM connections WHERE number = 6");
    assert_eq!(reason, Value::Null);
    assert_eq!(system.digest(), before, "not the exact old bytes");
    assert_eq!(key_status(&system, "2024-03-kms"), "active");
    system.runs("complete", &["run", "PLAN"]);
    system.reads_all(&new, &old);
    system.drops_undo();
    // Whoever looks on later has no next key to name.
    for name in ["NEXT_KEY_ID", "NEXT_KMS_KEY_ARN", "NEXT_KMS_ALIAS"] {
        system.unset(name);
    }
    for args in [["verify", "PLAN"], ["census", "PLAN"], ["status", "PLAN"], ["quarantine", "PLAN"]] {
        system.ends(0, &args);
    }
    let mirrors = "        mirrors: { ciphertext: encrypted_credentials, nonce: iv }      # assumed names\n";
    re_encrypts(&mut system, &mut kms, &second);
    // "Remove or archive the legacy key material."
    let (_, to) = identity(&system.path(""), "identity");
    system.ends(0, &["keys", "retire", "PLAN", "derived"]);
    system.ends(0, &["keys", "archive", "PLAN", "derived", "--to", &to, "--file", "derived.age"]);
    system.refused(
        3,
        "kek",
        &["keys", "backup", "PLAN", "--key", "2025-03-kms", "--to", &to, "--file", "kek.age"],
    );
    system.retires("2024-03-kms", (mirrors, ""), "connections.encrypted_credentials");
    // Its row may go then, as may the row of the key that was archived.
    system.sql(&[
        "UPDATE connections SET encryption_key_id = NULL WHERE payload_ciphertext IS NULL",
        "DELETE FROM encryption_keys WHERE key_id IN ('derived', '2024-03-kms')",
    ]);
    system.ends(0, &["check", "PLAN", "--connect"]);
    assert_eq!(system.ends(0, &["verify", "PLAN"])["clean"], true);
}

/// "Decryption failures": the row of a key that connections refer to was deleted. It is restored, and the job runs again.
#[test]
fn connections_goes_on_once_a_deleted_key_is_restored() {
    let mut system = System::new("connections", "postgres");
    let (mut kms, old, new) = begin(&mut system);
    let older = kms.another();
    system.write("older.json", &json!({ "endpoint": kms.endpoint, "older": older }).to_string());
    system.producer("older", &["older.json"]);
    let before = system.digest();
    system.sql(&[
        "ALTER TABLE connections DROP CONSTRAINT connections_encryption_key_id_fkey",
        "CREATE TABLE deleted AS SELECT * FROM encryption_keys WHERE key_id = '2023-03-kms'",
        "DELETE FROM encryption_keys WHERE key_id = '2023-03-kms'",
    ]);
    let run = system.ends(1, &["run", "PLAN"]);
    assert_eq!(run["cells_quarantined"], 3, "{run}");
    let listed = system.ends(0, &["quarantine", "PLAN"]);
    let reasons: Vec<&Value> =
        listed["cells"].as_array().unwrap().iter().map(|cell| &cell["reason"]).collect();
    assert_eq!(reasons, ["unknown-key"; 3], "{listed}");
    let told = "SELECT count(*) FROM connections WHERE last_error = 'unknown-key'";
    assert_eq!(system.value(told), 3);
    let progress = "SELECT failed_records FROM reseal.rotation_progress";
    assert_eq!(system.value(progress), 3);
    assert_eq!(system.ends(0, &["status", "PLAN"])["run_id"], run["run_id"]);

    system.sql(&["INSERT INTO encryption_keys SELECT * FROM deleted"]);
    let again = system.runs("complete", &["run", "PLAN"]);
    assert_eq!(again["run_id"], run["run_id"], "another run has other steps to undo");
    system.reads_all(&new, &old);
    assert_eq!(system.value(told), 0);
    // What is kept of the run is under that key too.
    let retire = ["keys", "retire", "PLAN", "2023-03-kms", "--keyset", "kms"];
    system.refused(3, "undo-holds", &retire);
    let back = ["rollback", "PLAN", "--confirm", "connections"];
    system.refused(2, "which-key", &back);
    system.runs("rolled_back", &[&back[..], &["--to-key", "2024-03-kms"]].concat());
    assert_eq!(system.digest(), before, "not the exact old bytes");
}

/// "Run the built-in self-test", every day.
#[test]
fn connections_counts_every_day() {
    let mut system = System::new("connections", "postgres");
    let _kms = begin(&mut system);
    system.set("OPS_WEBHOOK_URL", "http://127.0.0.1:9/");
    for name in ["NEXT_KEY_ID", "NEXT_KMS_KEY_ARN", "NEXT_KMS_ALIAS"] {
        system.unset(name);
    }
    system.fires("self-test", "2026-03-02T06:40:00Z", "2026-03-02T07:00:00Z");
    system.fires("self-test", "2026-03-03T06:40:00Z", "2026-03-03T07:00:00Z");
}

/// The KMS with two keys, rows under the first of them and under a derived key, and the next one, named in the environment
/// (1.1 and 1.2). Gives the keys that the application reads with before and afterwards.
fn begin(system: &mut System) -> (Kms, Value, Value) {
    let kms = Kms::start(system.script("kms.py", &[]));
    let [first, second] = kms.keys.clone();
    system.set_all([
        ("AWS_ENDPOINT_URL_KMS", kms.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("NEXT_KEY_ID", "2025-03-kms"),
        ("NEXT_KMS_KEY_ARN", &second),
        ("NEXT_KMS_ALIAS", "prod/app/2025-03"),
    ]);
    let application = json!({ "database": system.url, "endpoint": kms.endpoint });
    system.write("application.json", &application.to_string());
    let old = json!({ "endpoint": kms.endpoint, "arn": first, "derived": system.generate("base64") });
    let new = json!({ "endpoint": kms.endpoint, "arn": second });
    system.seed(&old, 400);
    (kms, old, new)
}

/// 2.3: the KMS wraps and unwraps, or the check says so.
fn asks_the_kms(system: &System, kms: &mut Kms) {
    drop(kms.counts());
    system.ends(0, &["check", "PLAN", "--connect"]);
    let asked = kms.counts();
    assert!(asked("GenerateDataKey") + asked("Encrypt") > 0 && asked("Decrypt") > 0, "the KMS was not asked");
    kms.stub(&json!({ "GenerateDataKey": "AccessDeniedException", "Encrypt": "AccessDeniedException" }));
    let (code, refused) = system.reseal(&["check", "PLAN", "--connect"]);
    assert!(code == 3 && refused.to_string().contains("2024-03-kms"), "{code}: {refused}");
    kms.stub(&json!({}));
}

/// The payloads of rows that were envelopes from the beginning.
fn envelopes(system: &System) -> Value {
    let of = "SELECT md5(string_agg(payload_ciphertext || payload_iv, ',' ORDER BY number))";
    system.value(&format!("{of} FROM connections WHERE number % 4 <> 1"))
}

/// A run that fails at its first step, and at its second: its rollback leaves the key active that was.
fn undone_step_by_step(system: &System) {
    system.sql(&[
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$",
    ]);
    for (event, then) in [("UPDATE", "active"), ("INSERT", "rotating")] {
        let create = format!(
            "CREATE TRIGGER refuse BEFORE {event} ON encryption_keys FOR EACH ROW EXECUTE FUNCTION refuse()"
        );
        system.sql(&[&create]);
        system.refused(3, "hook-failed", &["run", "PLAN"]);
        assert_eq!(key_status(system, "2024-03-kms"), then);
        // What refused the step must not refuse what undoes it.
        system.sql(&["DROP TRIGGER refuse ON encryption_keys"]);
        system.runs("rolled_back", &["rollback", "PLAN", "--confirm", "connections"]);
        assert_eq!(key_status(system, "2024-03-kms"), "active", "{event}");
    }
    system.sql(&["DROP FUNCTION refuse"]);
}

fn key_status(system: &System, id: &str) -> Value {
    system.value(&format!("SELECT status FROM encryption_keys WHERE key_id = '{id}'"))
}

/// 1.4 and 1.5: "completed_with_errors", the row's own last_error, and the same command again once it is mended.
fn completes_with_errors(system: &System) {
    let row = "FROM connections WHERE number = 6";
    let dek = system.value(&format!("SELECT data_key_ciphertext {row}"));
    let dek = dek.as_str().unwrap();
    let set = |dek: &str| format!("UPDATE connections SET data_key_ciphertext = '{dek}' WHERE number = 6");
    let end = if dek.ends_with("AAAA") { "BBBB" } else { "AAAA" };
    system.sql(&[&set(&format!("{}{end}", &dek[..dek.len() - 4]))]);
    let run = system.ends(1, &["run", "PLAN"]);
    assert_eq!(run["cells_quarantined"], 1, "{run}");
    assert_eq!(system.value(&format!("SELECT last_error {row}")), "wrapped-dek-invalid");
    assert_eq!(key_status(system, "2024-03-kms"), "rotating", "the old key stays until all is moved");
    assert_eq!(std::fs::read_to_string(system.path("refreshed.log")).unwrap(), "refreshed\n");
    system.sql(&[&set(dek)]);
    system.runs("complete", &["run", "PLAN"]);
    assert_eq!(system.value(&format!("SELECT last_error {row}")), Value::Null);
}

/// 1.6 and 2.3: the old key is retired, expired tokens are gone, the census says that all is well.
fn finalizes(system: &System) {
    assert_eq!(key_status(system, "2024-03-kms"), "retired");
    assert_eq!(key_status(system, "2025-03-kms"), "active");
    let aged = "FROM connection_scoped_tokens WHERE expires_at < now() OR used_at IS NOT NULL";
    assert_eq!(system.value(&format!("SELECT count(*) {aged}")), 0);
    assert_ne!(system.value("SELECT count(*) FROM connection_scoped_tokens"), 0);
    system.ends(0, &["verify", "PLAN"]);
}

/// "Or fresh data keys", where one has leaked: the next KMS key by the plan with `move: re-encrypt`.
fn re_encrypts(system: &mut System, kms: &mut Kms, second: &str) {
    let plan = std::fs::read_to_string(system.path("connections.yaml")).unwrap();
    let fresh = plan.replace("move: rewrap", "move: re-encrypt");
    assert_ne!(plan, fresh);
    system.write("fresh.yaml", &fresh);
    let third = kms.another();
    system.set_all([
        ("NEXT_KEY_ID", "2026-03-kms"),
        ("NEXT_KMS_KEY_ARN", &third),
        ("NEXT_KMS_ALIAS", "prod/app/2026-03"),
    ]);
    let deks = "SELECT count(DISTINCT data_key_ciphertext), count(data_key_ciphertext) FROM connections";
    let before = system.sql(&[deks]);
    assert_ne!(before[0][0], before[0][1], "some rows share a data key");
    let (payloads, digest) = (envelopes(system), system.digest());
    system.runs("complete", &["run", "fresh.yaml"]);
    let after = system.sql(&[deks]);
    assert_eq!(after[0][0], after[0][1], "every row has a data key of its own");
    assert_ne!(envelopes(system), payloads, "payloads are sealed anew");
    let old = json!({ "endpoint": kms.endpoint, "arn": second });
    let new = json!({ "endpoint": kms.endpoint, "arn": third });
    system.reads_all(&new, &old);
    system.runs(
        "rolled_back",
        &["rollback", "fresh.yaml", "--confirm", "connections", "--to-key", "2025-03-kms"],
    );
    assert_eq!(system.digest(), digest, "not the exact old bytes");
}
