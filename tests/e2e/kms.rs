//! KEKs in a KMS: moto's server, which encrypts for real, and a stub in front of it for what moto never does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::envelopes::{plan, world};
use crate::world::{World, wait_for_first_swap};

/// The KMS of one test; it stops with the test.
pub(crate) struct Kms {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
    pub(crate) keys: [String; 2],
}

impl Kms {
    /// Starts `kms.py`, and has it make two keys.
    pub(crate) fn start(mut command: Command) -> Kms {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (endpoint, keys) = (String::new(), [String::new(), String::new()]);
        let mut kms = Kms { process, stdin, stdout: BufReader::new(stdout), endpoint, keys };
        kms.endpoint = format!("http://127.0.0.1:{}", kms.line()["port"]);
        let made = kms.ask(&json!({ "keys": 2 }));
        kms.keys = [0, 1].map(|at| made["keys"][at].as_str().unwrap().to_owned());
        kms
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, what: &Value) -> Value {
        writeln!(self.stdin, "{what}").unwrap();
        self.line()
    }

    /// Makes another key.
    pub(crate) fn another(&mut self) -> String {
        self.ask(&json!({ "keys": 1 }))["keys"][0].as_str().unwrap().to_owned()
    }

    /// Has operations answered by an error, until it is told otherwise.
    pub(crate) fn stub(&mut self, errors: &Value) {
        self.ask(&json!({ "stub": errors }));
    }

    /// Requests by operation since the last time.
    pub(crate) fn counts(&mut self) -> impl Fn(&str) -> u64 + use<> {
        let counts = self.ask(&json!({ "counts": true }))["counts"].clone();
        move |operation| counts[operation].as_u64().unwrap_or(0)
    }

    fn plan(&self, world: &World, moves: &str, more: &str) {
        let of = |arn: &String| format!("{{ aws-kms: {{ key: \"{arn}\" }} }}");
        plan(world, moves, &[of(&self.keys[0]), of(&self.keys[1])], more);
    }

    fn command(&self, world: &World, args: &[&str]) -> Command {
        let mut command = world.command(args);
        command.env("AWS_ENDPOINT_URL_KMS", &self.endpoint);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    fn reseal(&self, world: &World, args: &[&str]) -> (i32, Value) {
        let output = self.command(world, &[args, &["--json"]].concat()).output().unwrap();
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap_or(-1), document)
    }
}

impl Drop for Kms {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A table of envelopes under the KEK v1; and how many wrapped DEKs it holds.
fn seeded(store: &str, rows: u64, deks: u64) -> (World, Kms, u64) {
    let world = world(store);
    let mut kms = Kms::start(world.script("kms.py", &[]));
    let of = |arn: &str| json!({ "kms": arn, "endpoint": kms.endpoint });
    let keks = json!({ "v1": of(&kms.keys[0]), "v2": of(&kms.keys[1]) });
    std::fs::write(world.path("keks.json"), keks.to_string()).unwrap();
    let made =
        world.envelopes(&["seed", &world.url, "keks.json", "v1", &rows.to_string(), &deks.to_string()]);
    drop(kms.counts());
    (world, kms, made["deks"].as_u64().unwrap())
}

fn cells(rows: u64) -> u64 {
    rows - rows.div_ceil(50)
}

/// Rows of a sample before a run, and rows in which a column is longest.
const SAMPLED: u64 = 50;

/// Watches the cache of answers and `ReEncrypt`: ten thousand envelopes cost no more requests than they have DEKs.
#[test]
fn a_rewrap_asks_once_for_each_wrapped_dek() {
    const ROWS: u64 = 10_000;
    let (world, mut kms, deks) = seeded("postgres", ROWS, 600);
    kms.plan(&world, "rewrap", "");
    let payloads = world.envelope_digest("payloads");
    let (code, run) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    assert_eq!(run["cells_rotated"], cells(ROWS), "{run}");
    let count = kms.counts();
    assert_eq!(count("ReEncrypt"), deks, "one request for each wrapped DEK, and nothing else moves it");
    assert_eq!(count("GenerateDataKey"), 1, "the proof that the new KEK wraps and unwraps");
    let (sweep, proofs) = (deks, SAMPLED + 1);
    assert!(count("Decrypt") <= sweep + proofs, "{} to open {deks} new DEKs", count("Decrypt"));
    assert!(count("ReEncrypt") + count("Decrypt") < cells(ROWS), "fewer requests than envelopes");
    assert_eq!(world.envelope_digest("payloads"), payloads, "a payload was written");
    let read = world.envelopes(&["read", &world.url, "keks.json"]);
    assert_eq!((&read["right"], &read["deks"]), (&json!(cells(ROWS)), &json!(deks)), "{read}");
    assert_eq!(read["keks"], json!({ "v2": cells(ROWS) }));
}

#[test]
fn a_re_encryption_gives_every_cell_a_data_key_of_its_own() {
    const ROWS: u64 = 120;
    let (world, mut kms, deks) = seeded("sqlite", ROWS, 12);
    kms.plan(&world, "re-encrypt", "");
    let (before, payloads) = (world.envelope_digest("digest"), world.envelope_digest("payloads"));
    let (code, run) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    let count = kms.counts();
    assert_eq!((count("GenerateDataKey"), count("ReEncrypt")), (cells(ROWS) + 1, 0));
    assert!(count("Decrypt") <= deks + cells(ROWS) + 1, "each wrapped DEK once, old or new");
    assert_ne!(world.envelope_digest("payloads"), payloads);
    let read = world.envelopes(&["read", &world.url, "keks.json"]);
    assert_eq!((&read["right"], &read["deks"]), (&json!(cells(ROWS)), &json!(cells(ROWS))), "{read}");
    let (code, back) = kms.reseal(&world, &["rollback", "PLAN", "--confirm", "secrets"]);
    assert_eq!((code, back["state"].as_str()), (0, Some("rolled_back")), "{back}");
    assert_eq!(world.envelope_digest("digest"), before);
}

/// P4, P8; watches that a KEK that cannot be asked is no result of a cell: the run pauses with the reason, no cell is
/// called broken, and it goes on when the KMS is well again. The stub answers in moto's place.
#[test]
fn a_kms_that_throttles_fails_or_refuses_pauses_the_run() {
    for (answer, code) in [
        ("ThrottlingException", "kek-throttled"),
        ("KMSInternalException", "kek-unavailable"),
        ("DisabledException", "kek-refused"),
        ("AccessDeniedException", "kek-refused"),
    ] {
        let (world, mut kms, _) = seeded("sqlite", 100, 60);
        kms.plan(&world, "rewrap", "batch: { rows: 20 }\n");
        kms.ask(&json!({ "stub": { "ReEncrypt": answer }, "after": 30 }));
        let (exit, failed) = kms.reseal(&world, &["run", "PLAN"]);
        assert_eq!((exit, failed["error"]["code"].as_str()), (4, Some(code)), "{answer}: {failed}");
        let (_, status) = kms.reseal(&world, &["status", "PLAN"]);
        assert_eq!(status["state"], "paused", "{answer}: {status}");
        assert!(status["reason"].as_str().unwrap().contains(answer), "{answer}: {status}");
        let (_, listed) = kms.reseal(&world, &["quarantine", "PLAN"]);
        assert_eq!(listed["cells"], json!([]), "{answer}: a cell was called broken");
        kms.ask(&json!({ "stub": {} }));
        let (exit, run) = kms.reseal(&world, &["run", "PLAN"]);
        assert_eq!((exit, run["state"].as_str()), (0, Some("complete")), "{answer}: {run}");
        assert_eq!(run["cells_rotated"], cells(100), "{answer}: {run}");
        let read = world.envelopes(&["read", &world.url, "keks.json"]);
        assert_eq!(read["right"], cells(100), "{answer}: {read}");
    }
}

/// Watches the proof before the first write: a KEK that wraps and does not unwrap is refused, and nothing is written.
#[test]
fn a_kek_that_does_not_give_back_what_it_wraps_is_refused() {
    let (world, mut kms, _) = seeded("sqlite", 40, 10);
    kms.plan(&world, "rewrap", "");
    let before = world.envelope_digest("digest");
    kms.ask(&json!({ "stub": { "Decrypt": "DisabledException" } }));
    let (exit, failed) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((exit, failed["error"]["code"].as_str()), (3, Some("kek-refused")), "{failed}");
    assert_eq!(kms.counts()("ReEncrypt"), 0);
    assert_eq!(world.envelope_digest("digest"), before);
    // Away altogether: nothing is wrong with the plan, so it may be tried again.
    let _ = kms.process.kill();
    let (exit, failed) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((exit, failed["error"]["code"].as_str()), (4, Some("kek-unavailable")), "{failed}");
}

/// Watches that KEKs are asked outside of any transaction: while every answer takes seconds, the application writes rows
/// of the batch in hand without waiting; and that a run killed in the middle goes on.
#[test]
fn a_slow_kms_holds_no_lock_and_a_killed_run_goes_on() {
    let (world, mut kms, _) = seeded("postgres", 200, 120);
    kms.plan(&world, "rewrap", "workers: 1\nbatch: { rows: 20 }\n");
    kms.ask(&json!({ "delay": 0.4 }));
    let mut run =
        kms.command(&world, &["run", "PLAN"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    wait_for_first_swap(&world);
    let begun = Instant::now();
    let number = |n: u64| n.to_string();
    let statements: Vec<String> = (1..=200)
        .map(|n| format!("UPDATE secrets SET last_error = 'seen' WHERE id = {}", number(n)))
        .collect();
    let mut script = vec!["SET lock_timeout = '200ms'"];
    script.extend(statements.iter().map(String::as_str));
    world.sql(&script);
    assert!(begun.elapsed() < Duration::from_secs(30));
    run.kill().unwrap();
    run.wait().unwrap();
    kms.ask(&json!({ "delay": 0 }));
    let (code, done) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((code, done["state"].as_str()), (0, Some("complete")), "{done}");
    let read = world.envelopes(&["read", &world.url, "keks.json"]);
    assert_eq!((&read["right"], &read["keks"]), (&json!(cells(200)), &json!({ "v2": cells(200) })), "{read}");
}

/// P5, P7; watches that `InvalidCiphertextException` makes one cell broken and the others move; and that a damaged payload,
/// whose DEK moves unseen, is found by the sweep, shown, and goes back exactly.
#[test]
fn a_damaged_dek_stays_and_a_damaged_payload_is_found_by_the_sweep() {
    let (world, kms, _) = seeded("sqlite", 30, 30);
    kms.plan(&world, "rewrap", "");
    // moto's ciphertext names its key in front; the damage is behind that.
    let dek = world.sql(&["SELECT dek FROM secrets WHERE id = 3"])[0][0].as_str().unwrap().to_owned();
    let end = if dek.ends_with("AAAA") { "BBBB" } else { "AAAA" };
    let damaged = format!("{}{end}", &dek[..dek.len() - 4]);
    let payload = "A".repeat(60);
    world.sql(&[
        &format!("UPDATE secrets SET dek = '{damaged}' WHERE id = 3"),
        &format!("UPDATE secrets SET payload = '{payload}', old_payload = '{payload}' WHERE id = 5"),
        "UPDATE secrets SET last_error = 'The vendor said no.' WHERE id = 6",
    ]);
    let before = world.envelope_digest("digest");
    let (code, run) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((code, run["cells_quarantined"].as_u64()), (1, Some(2)), "{run}");
    let kept = world.sql(&["SELECT dek, key_id, last_error FROM secrets WHERE id = 3"]);
    assert_eq!(kept, json!([[damaged, "v1", "wrapped-dek-invalid"]]));
    let shown = world.sql(&["SELECT payload, key_id, last_error FROM secrets WHERE id = 5"]);
    assert_eq!(shown, json!([[payload, "v2", "does-not-open-under-its-dek"]]));
    assert_eq!(run["cells_rotated"], cells(30) - 1, "{run}");
    let (code, back) = kms.reseal(&world, &["rollback", "PLAN", "--confirm", "secrets"]);
    assert_eq!(code, 0, "{back}");
    assert_eq!(world.envelope_digest("digest"), before, "not the exact old bytes");
}

/// Watches that `IncorrectKeyException` is no trouble but an answer: envelopes that name no KEK are told apart by it.
#[test]
fn envelopes_that_name_no_key_are_told_by_the_answer() {
    let (world, mut kms, deks) = seeded("sqlite", 60, 60);
    kms.plan(&world, "rewrap", "");
    let text = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    std::fs::write(world.path("plan.yaml"), text.replace(", key: key_id", "")).unwrap();
    world.envelopes(&["move", &world.url, "keks.json", "v2", "1"]);
    drop(kms.counts());
    let (code, run) = kms.reseal(&world, &["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    assert_eq!(run["cells_rotated"], cells(60) - 1, "{run}");
    let count = kms.counts();
    assert_eq!(count("ReEncrypt"), 0, "which KEK it is shows only when it is asked");
    assert_eq!(count("Encrypt"), deks - 1);
    let (_, census) = kms.reseal(&world, &["census", "PLAN", "--open"]);
    let expected = json!([{ "seal": "envelope", "key": "v2", "cells": cells(60) }]);
    assert_eq!(census["fields"][0]["counts"], expected);
}
