//! Certificates of rotations, checked by the verifier of docs/certificate.md: without Reseal, and without a database.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::approvals::Approved;
use crate::audit::{events, field};
use crate::custody::code;
use crate::world::{STORES, World, python};

/// The verifier, as the page shows it.
fn verifier() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/certificate.md");
    let page = std::fs::read_to_string(page).unwrap();
    let code = page.split_once("```python\n").unwrap().1.split_once("```\n").unwrap().0;
    assert!(code.lines().count() <= 40, "the page promises a short verifier");
    code.to_owned()
}

/// A certificate with what it takes to check it.
struct Certified {
    folder: tempfile::TempDir,
    key: String,
    envelope: Value,
    statement: Value,
}

impl Certified {
    /// Certifies the latest run of a world.
    fn of(world: &World) -> Certified {
        let key = new_key(world);
        let (exit, answer) = certify(world, &["--key", &key.file]);
        assert_eq!(exit, 0, "{answer}");
        assert_eq!(answer["public_key"], key.public.as_str());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("verify_certificate.py"), verifier()).unwrap();
        Certified {
            folder,
            key: key.public,
            envelope: answer["envelope"].clone(),
            statement: answer["statement"].clone(),
        }
    }

    /// What the verifier says of an envelope: the predicate, or why it does not hold. It gets an empty environment.
    fn check(&self, envelope: &Value, key: &str, digest: Option<&str>) -> Result<Value, String> {
        let file = self.folder.path().join("certificate.json");
        std::fs::write(&file, envelope.to_string()).unwrap();
        let mut command = Command::new(python());
        command.arg("verify_certificate.py").arg(&file).arg(key).args(digest);
        let output = command.current_dir(self.folder.path()).env_clear().output().unwrap();
        match output.status.code() {
            Some(0) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            code => {
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!((code, said.contains("does not hold")), (Some(1), true), "{said}");
                Err(said)
            }
        }
    }
}

struct NewKey {
    file: String,
    public: String,
}

/// A key that signs certificates and nothing else.
fn new_key(world: &World) -> NewKey {
    let file = world.path("certificates.key").display().to_string();
    let (exit, made) = world.reseal(&["audit", "keygen", "--file", &file]);
    assert_eq!(exit, 0, "{made}");
    NewKey { file, public: made["public_key"].as_str().unwrap().to_owned() }
}

fn certify(world: &World, more: &[&str]) -> (i32, Value) {
    world.reseal(&[&["audit", "certificate", "PLAN"], more].concat())
}

/// Milliseconds since 1970 by this machine's clock.
fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64
}

/// Watches what a certificate says of a real rotation, and that somebody else's verifier takes it.
#[test]
fn a_rotation_is_certified_and_checked_without_reseal() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let before = now();
        let (exit, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!(exit, 0, "{store}: {run}");
        let certified = Certified::of(&world);
        let digest = run["plan_digest"].as_str();
        let predicate = certified.check(&certified.envelope, &certified.key, digest).unwrap();
        assert_eq!(predicate, certified.statement["predicate"], "{store}");
        assert_eq!(predicate["run"]["id"], run["run_id"], "{store}");
        assert_eq!(predicate["plan"], json!({ "name": "people", "digest": digest, "scope": {} }), "{store}");
        assert_eq!(predicate["reseal"], env!("CARGO_PKG_VERSION"), "{store}");
        for count in ["cells_rotated", "cells_null", "rows_scanned"] {
            assert_eq!(predicate["counts"][count], run[count], "{store}: {count}");
        }
        let sweep = &predicate["sweep"];
        assert_eq!(
            (&sweep["clean"], &sweep["cells"]),
            (&json!(true), &run["cells_rotated"]),
            "{store}: {sweep}"
        );
        let shown = world.sql(&[&snapshot_in_ms(store, sweep["snapshot"].as_str().unwrap())]);
        let swept = shown[0][0].as_i64().unwrap_or_else(|| shown[0][0].as_str().unwrap().parse().unwrap());
        assert!((before - 2000..=now() + 2000).contains(&swept), "{store}: {sweep} is {swept}");
        keys_and_tables(&predicate, store);
        recorded_behind(&world, &predicate["trail"], store);
        assert_eq!(predicate["approvals"], json!({ "request": null, "given": [] }), "{store}");
    }
}

/// Watches where a certificate says that the trail stood: right before the event that records it.
fn recorded_behind(world: &World, trail: &Value, store: &str) {
    let (sequence, head) = (trail["sequence"].as_i64().unwrap(), trail["head"].as_str().unwrap());
    let (exit, verified) =
        world.reseal(&["audit", "verify", "--sequence", &sequence.to_string(), "--head", head]);
    assert_eq!(exit, 0, "{store}: {verified}");
    assert_eq!(verified["events"], sequence + 1, "{store}: the event of the certificate comes behind");
}

/// Watches the event that says who issued which file, by digest, and that verifiers in other languages take such a trail.
#[test]
fn a_certificate_is_recorded_by_the_digest_of_its_file() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let (_, run) = world.reseal(&["run", "PLAN"]);
    let key = new_key(&world);
    let file = world.path("certificate.json").display().to_string();
    let (exit, written) = certify(&world, &["--key", &key.file, "--out", &file]);
    assert_eq!(exit, 0, "{written}");
    let printed = world.output(&["audit", "certificate", "PLAN", "--key", &key.file]);
    assert_eq!(printed.status.code(), Some(0));
    let of = |bytes: &[u8]| sha256(&world, bytes);
    let digests = [of(&std::fs::read(&file).unwrap()), of(&printed.stdout)];
    assert_ne!(digests[0], digests[1], "each says when it was issued");
    assert_eq!(written["sha256"], digests[0].as_str());
    let events: Vec<Value> =
        events(&world).into_iter().filter(|event| event["kind"] == "certificate-issued").collect();
    let recorded: Vec<&str> = events.iter().map(|event| field(event, "sha256").as_str().unwrap()).collect();
    assert_eq!(recorded, digests);
    assert_eq!(written["event"], events[0]["sequence"]);
    let (_, mine) = world.reseal(&["status", "PLAN"]);
    for event in &events {
        assert_eq!(
            (&event["run_id"], &event["plan_digest"]),
            (&run["run_id"], &run["plan_digest"]),
            "{event}"
        );
        assert_eq!(event["operator"], mine["operator"], "{event}");
        assert_eq!(*field(event, "signed_by"), key.public.as_str());
        let through = field(event, "trail_sequence").as_i64().unwrap();
        assert_eq!(through + 1, event["sequence"].as_i64().unwrap(), "nothing else was recorded then");
    }
    assert_eq!((field(&events[0], "file"), field(&events[1], "file")), (&json!(file), &Value::Null));
    let export = world.path("trail.jsonl").display().to_string();
    assert_eq!(world.reseal(&["audit", "export", "--out", &export]).0, 0);
    assert_eq!(world.reseal(&["audit", "verify", "--file", &export]).0, 0);
    let other = world.script("verify_trail.py", &[&export]).output().unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    let report = world.path("report.html").display().to_string();
    let range = ["--from", "2020-01-01", "--to", "2099-12-31"];
    let args = [&["audit", "report", "PLAN", "--standard", "soc2", "--out", &report][..], &range].concat();
    assert_eq!(world.reseal(&args).0, 0);
    let report = std::fs::read_to_string(&report).unwrap();
    assert!(
        report.contains("certificate-issued") && report.contains(&format!("sha256 {}…", &digests[0][..12]))
    );
}

/// SHA-256 in hexadecimal digits, by another program.
fn sha256(world: &World, bytes: &[u8]) -> String {
    let file = world.path("digested");
    std::fs::write(&file, bytes).unwrap();
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// Watches that no certificate leaves which the trail does not have: neither a new file, nor one in place of another.
#[test]
fn a_trail_that_takes_no_event_is_no_ground_for_a_certificate() {
    for store in ["sqlite", "postgres"] {
        let mut world = World::new("sqlite", "aes-gcm", 5);
        let control = World::empty(store, "aes-gcm");
        world.control = control.url.clone();
        assert_eq!(world.reseal(&["run", "PLAN"]).0, 0, "{store}");
        let key = new_key(&world).file;
        let (old, new) = (world.path("old.json"), world.path("new.json"));
        std::fs::write(&old, "before").unwrap();
        let certify_to =
            |file: &Path| certify(&world, &["--key", &key, "--out", &file.display().to_string()]);
        match store {
            "postgres" => {
                let name = control.url.rsplit('/').next().unwrap();
                world.control(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
            }
            _ => drop(world.control(
                "CREATE TRIGGER no_more BEFORE INSERT ON reseal_audit_event BEGIN SELECT RAISE(ABORT, 'no'); END",
            )),
        }
        for file in [&old, &new] {
            let refused = certify_to(file);
            assert_eq!(code(&refused), (3, "audit-trail"), "{store}: {}", refused.1);
        }
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "before", "{store}");
        assert!(!new.exists(), "{store}");
        // A file that cannot be written leaves no event.
        if store == "sqlite" {
            world.control("DROP TRIGGER no_more");
            let count =
                || events(&world).iter().filter(|event| event["kind"] == "certificate-issued").count();
            let nowhere = certify_to(&world.path("no/such/folder.json"));
            assert_eq!((code(&nowhere), count()), ((5, "file"), 0), "{}", nowhere.1);
            assert_eq!((certify_to(&old).0, count()), (0, 1));
            assert!(std::fs::read_to_string(&old).unwrap().starts_with("{\"payload"));
        }
    }
}

/// A query for a time in milliseconds since 1970.
fn snapshot_in_ms(store: &str, time: &str) -> String {
    let time = time.trim_end_matches('Z');
    match store {
        "postgres" => format!("SELECT (extract(epoch FROM timestamptz '{time}Z') * 1000)::bigint"),
        "mysql" => {
            let time = time.replace('T', " ");
            format!("SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', '{time}') DIV 1000 AS SIGNED)")
        }
        _ => format!("SELECT CAST((julianday('{time}') - 2440587.5) * 86400000 AS INTEGER)"),
    }
}

/// What a predicate says of the keys that moved, the table and its fields.
fn keys_and_tables(predicate: &Value, store: &str) {
    let main = &predicate["keysets"][0];
    assert_eq!((&main["keyset"], &main["new"]["key"]), (&json!("main"), &json!("v2")), "{store}");
    assert_eq!(main["old"][0]["key"], "v1", "{store}");
    let (new, old) = (&main["new"]["fingerprint"], &main["old"][0]["fingerprint"]);
    let is_print = |print: &Value| print.as_str().is_some_and(|print| print.split(':').count() == 3);
    assert!(is_print(new) && is_print(old) && new != old, "{store}: {main}");
    let table = &predicate["tables"][0];
    assert_eq!(table["table"], "people", "{store}");
    let identity: Value = serde_json::from_str(table["identity"].as_str().unwrap()).unwrap();
    assert_eq!(identity["database"], predicate["database"], "{store}");
    assert_eq!(identity["table"]["name"], "people", "{store}");
    assert!(predicate["database"]["ledger"].is_string(), "{store}: {predicate}");
    let fields = predicate["fields"].as_array().unwrap();
    let names: Vec<&str> = fields.iter().map(|field| field["field"].as_str().unwrap()).collect();
    assert_eq!(names, ["people.a", "people.b"], "{store}");
    assert_eq!(
        (&fields[0]["algorithm"], &fields[0]["key_bits"]),
        (&json!("AES-256-GCM"), &json!(256)),
        "{store}"
    );
}

/// Watches the verifier on the page: it must refuse whatever was not signed so.
#[test]
fn a_certificate_that_was_changed_is_refused() {
    let world = World::new("sqlite", "aes-gcm", 5);
    let (_, run) = world.reseal(&["run", "PLAN"]);
    let certified = Certified::of(&world);
    let (envelope, key) = (&certified.envelope, certified.key.as_str());
    let digest = run["plan_digest"].as_str().unwrap();
    assert!(certified.check(envelope, key, Some(digest)).is_ok());
    let with = |pointer: &str, value: Value| {
        let mut envelope = envelope.clone();
        *envelope.pointer_mut(pointer).unwrap() = value;
        envelope
    };
    let payload = certified.statement.to_string();
    let changed = |from: &str, to: &str| {
        let changed = payload.replace(from, to);
        assert_ne!(changed, payload, "{from}");
        with("/payload", STANDARD.encode(changed).into())
    };
    let signature = envelope["signatures"][0]["sig"].as_str().unwrap();
    let other_digest = format!("{}{}", if digest.starts_with('0') { '1' } else { '0' }, &digest[1..]);
    for (envelope, what) in [
        (changed("\"cells_rotated\":", "\"cells_rotated\":1"), "a count"),
        (changed(digest, &other_digest), "the plan's digest"),
        (changed("\"people\"", "\"pupils\""), "a name"),
        (with("/payloadType", "application/json".into()), "the type"),
        (with("/signatures/0/sig", signature[..signature.len() - 4].into()), "a signature that is too short"),
        (with("/signatures/0/sig", "".into()), "no signature"),
        (with("/signatures", json!([])), "no signatures"),
    ] {
        assert!(certified.check(&envelope, key, None).is_err(), "{what}");
    }
    let other = World::empty("sqlite", "aes-gcm");
    assert!(certified.check(envelope, &new_key(&other).public, None).is_err(), "another key");
    let refused = certified.check(envelope, key, Some(&other_digest)).unwrap_err();
    assert!(refused.contains("the certificate of another plan"), "{refused}");
}

/// Watches each refusal: a run is certified as long as it is complete, and as long as the trail proves it.
#[test]
fn what_is_not_so_is_not_certified() {
    let world = World::new("sqlite", "aes-gcm", 30);
    assert_eq!(code(&certify(&world, &[])), (2, "certificate-key"));
    let key = new_key(&world).file;
    let refused = || {
        let answer = certify(&world, &["--key", &key]);
        let (exit, code) = code(&answer);
        assert!(exit == 3 || exit == 2, "{}", answer.1);
        code.to_owned()
    };
    assert_eq!(refused(), "no-run");
    world.sql(&["UPDATE people SET a = 'v1:AAAA:AAAA' WHERE id = 3"]);
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 1, "a cell that does not open is left");
    assert_eq!(refused(), "run-not-complete");
    world.sql(&["DELETE FROM people WHERE id = 3"]);
    let (exit, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!(exit, 0, "{run}");
    let missing = world.path("nothing.key").display().to_string();
    assert_eq!(code(&certify(&world, &["--key", &missing])), (3, "audit-key"));
    assert_eq!(certify(&world, &["--key", &key]).0, 0);
    let control = world.path("control.db");
    let kept = std::fs::read(&control).unwrap();
    for (statement, code) in [
        ("UPDATE reseal_audit_event SET operator = 'eve' WHERE kind = 'run-finished'", "trail-broken"),
        ("UPDATE reseal_audit_event SET kind = 'run-paused' WHERE kind = 'run-finished'", "trail-broken"),
    ] {
        world.control(statement);
        assert_eq!(refused(), code, "{statement}");
        std::fs::write(&control, &kept).unwrap();
    }
    let id = run["run_id"].as_str().unwrap();
    let set = |what: &str| world.sql(&[&format!("UPDATE reseal_run SET {what} WHERE id = '{id}'")]);
    set("plan_digest = 'other'");
    assert_eq!(refused(), "ledger-differs");
    set(&format!("plan_digest = '{}'", run["plan_digest"].as_str().unwrap()));
    assert_eq!(certify(&world, &["--key", &key]).0, 0);
    // A trail that never knew the run.
    std::fs::write(&control, "").unwrap();
    world.reseal(&["census", "PLAN"]);
    assert_eq!(refused(), "run-not-in-trail");
    std::fs::write(&control, &kept).unwrap();
    let (exit, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!(exit, 0, "{back}");
    assert_eq!(refused(), "run-rolled-back");
    // Whatever the ledger says then.
    set("state = 'complete'");
    world.sql(&["DELETE FROM reseal_rollback"]);
    let answer = certify(&world, &["--key", &key, "--run", id]);
    assert_eq!(code(&answer), (3, "run-rolled-back"), "{}", answer.1);
}

/// Watches that a certificate names who agreed, by which key and when, and a run of a part of the plan for what it is.
#[test]
fn approvals_and_scope_are_certified() {
    let approved = Approved::new("2");
    let run = || approved.command("dave", &["run", "PLAN", "--table", "people"]);
    approved.agree(&run(), &["alice", "bob"]);
    let (exit, ran) = run();
    assert_eq!((exit, ran["state"].as_str()), (0, Some("scope_done")), "{ran}");
    let certified = Certified::of(&approved.world);
    let predicate = certified.check(&certified.envelope, &certified.key, None).unwrap();
    assert_eq!((&predicate["run"]["state"], &predicate["plan"]["scope"]), (&ran["state"], &ran["scope"]));
    let lines = std::fs::read_to_string(approved.world.path("approvers")).unwrap();
    let given = predicate["approvals"]["given"].as_array().unwrap();
    let told: Vec<&str> = given.iter().map(|given| given["approver"].as_str().unwrap()).collect();
    assert_eq!(told, ["alice", "bob"], "{predicate}");
    for given in given {
        let line = format!(
            "{} ed25519 {}",
            given["approver"].as_str().unwrap(),
            given["public_key"].as_str().unwrap()
        );
        assert!(lines.contains(&line), "{line}");
        let at = given["at"].as_str().unwrap();
        assert!(at <= predicate["run"]["began"].as_str().unwrap(), "{predicate}");
    }
}
