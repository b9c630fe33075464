//! Every path that a plan can name lies beside the plan, with the plugins of a real build.

#![allow(clippy::unwrap_used, reason = "tests")]

use reseal_plan::{Plan, PlanFile, parse};

/// A plan with a relative path in each place that takes one. Names that begin with `no-` are no paths.
const PLAN: &str = r#"
reseal: 1
name: people
database: { file: in/database }
application: paused
keysets:
  main:
    primary: { file: in/primary }
    keys:
      v1: { file: in/v1 }
      v2: { file: ./in/v2 }
      v3: { command: [in/print, no-path/argument], encoding: base64 }
      v4: { command: [no-program-of-the-path], encoding: base64 }
      v5: { age: [in/v5.age, in/age-identity] }
      v6: { file: ../in/v6 }
    keys_from:
      - { directory: in/folder, encoding: raw }
      - { command: [./in/list], json: "*" }
      - { sql: "SELECT id, arn FROM keys", key: { file: "in/{id}" } }
  kek:
    primary: k2
    keys:
      k1: { local: { key: { file: in/kek } } }
      k2: { pkcs11: { module: in/token.so, token: app, key: k2, pin: { file: in/pin } } }
seals:
  main: { keyset: main, format: { aes-gcm: { layout: "{key}:{nonce|base64}:{ciphertext|base64}" } } }
  wrapped:
    keyset: kek
    format: { aes-gcm: {} }
    envelope: { move: rewrap }
tables:
  people: { row_key: id, fields: { a: main } }
  secrets:
    row_key: id
    fields: { b: { to: wrapped, columns: { ciphertext: b, nonce: n, wrapped_dek: d, key: k } } }
throttle: { pause_file: in/pause }
emergency: { throttle: { pause_file: in/pause-too } }
policy:
  approvals: 1
  approvers: { file: in/approvers }
  backup: { file: in/dump, max_age: 1h, identity: { file: in/backup-identity } }
  disk: { command: [in/free, no-path/argument], min_free: 20 }
vars:
  of_file: { file: in/var }
  of_program: { command: [in/say, no-path/argument] }
hooks:
  before:
    - { command: [in/step, no-path/argument], env: { A: { file: in/environment } } }
notify:
  via: { mail: { smtp: { url: { file: in/smtp }, from: reseal@example.com } } }
  to: { all: { mail: [security@example.com] } }
  on: { finished: [all] }
schedule:
  zone: UTC
  copy: { every: 1d, do: { keys-backup: { to: { file: in/recipients }, file: "out/keys-{slot}.age" } } }
  test: { every: 90d, do: { restore-test: { file: "in/keys-{slot}.age", identity: { file: in/test-identity } } } }
  report: { every: 90d, do: { report: { standard: hipaa, period: year, out: "out/{slot}.html" } } }
"#;

/// Each of them that has to be there already, in the order of the alphabet.
const INPUTS: [&str; 28] = [
    "../in/v6",
    "./in/list",
    "./in/v2",
    "in/age-identity",
    "in/approvers",
    "in/backup-identity",
    "in/database",
    "in/dump",
    "in/environment",
    "in/folder",
    "in/free",
    "in/kek",
    "in/keys-{slot}.age",
    "in/pause",
    "in/pause-too",
    "in/pin",
    "in/primary",
    "in/print",
    "in/recipients",
    "in/say",
    "in/smtp",
    "in/step",
    "in/test-identity",
    "in/token.so",
    "in/v1",
    "in/v5.age",
    "in/var",
    "in/{id}",
];

/// Whether the build reads age files.
const READS_AGE: bool = cfg!(feature = "age");

fn plan(folder: &str) -> Plan {
    let file = PlanFile { name: "plan.yaml", folder };
    let lines = PLAN.lines().filter(|line| READS_AGE || !line.contains("age: ["));
    let text: Vec<&str> = lines.collect();
    parse(file, &text.join("\n"), &reseal_registry::vocabulary())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Watches each place: the plan keeps the path in full, and knows which files have to be there.
#[test]
fn every_path_lies_beside_the_plan() {
    let mut plan = plan("/plans/people");
    let mut files = std::mem::take(&mut plan.files);
    files.sort_by(|a, b| a.written.cmp(&b.written));
    let written: Vec<&str> = files.iter().map(|file| file.written.as_str()).collect();
    let of_age = ["in/v5.age", "in/age-identity"];
    let inputs: Vec<&str> = INPUTS.into_iter().filter(|name| READS_AGE || !of_age.contains(name)).collect();
    assert_eq!(written, inputs);
    let kept = format!("{plan:?}");
    let outputs = ["out/keys-{slot}.age", "out/{slot}.html"];
    for written in inputs.into_iter().chain(outputs) {
        let full = format!("/plans/people/{}", written.trim_start_matches("./"));
        assert!(kept.contains(&format!("{full}\"")), "{full} is not kept");
        assert!(!kept.contains(&format!("\"{written}\"")), "{written} is kept as it was written");
        let file = files.iter().find(|file| file.written == written);
        assert!(outputs.contains(&written) || file.is_some_and(|file| file.path.as_str() == full), "{full}");
    }
    assert_eq!(plan.folder, "/plans/people", "programs are started there");
    assert_eq!(plan.policy.folder, "/plans/people", "and so are those of the policy");
    assert!(!kept.contains("people/no-"), "an argument, or a program that PATH has, is no path");
    assert!(plan.starts_programs());
}

/// Watches each way in which a plan starts a program, or loads a library: whoever can write such a plan acts as this user.
#[test]
fn whoever_starts_programs_is_told() {
    assert!(!starts_programs(FIRST));
    for (from, to) in [
        ("{ env: V2 }", "{ command: [print] }"),
        ("primary: v2", "primary: { command: [print] }"),
        ("{ env: URL }", "{ command: [print] }"),
        ("undo: keep", "hooks: { before: [{ command: [step] }] }"),
        ("undo: keep", "vars: { a: { command: [print] } }"),
        ("undo: keep", "policy: { disk: { command: [free], min_free: 20 } }"),
        ("undo: keep", "policy: { backup: { command: [newest], max_age: 1h } }"),
        ("undo: keep", "hooks: { before: [{ sql: SELECT 1 }] }\nvars: { a: { command: [print] } }"),
        ("{ aes-gcm: {} }", "{ aes-gcm: {} }\n    envelope: { move: rewrap }"),
    ] {
        let text = FIRST.replacen(from, to, 1);
        assert_ne!(text, FIRST);
        let text = match to.contains("envelope") {
            true => text
                .replace("nonce: n", "nonce: n, wrapped_dek: d, key: k")
                .replace("{ env: V1 }", "{ local: { key: { env: V1 } } }")
                .replace(
                    "{ env: V2 }",
                    "{ pkcs11: { module: lib/token.so, token: t, key: k, pin: { env: PIN } } }",
                ),
            false => text,
        };
        assert!(starts_programs(&text), "{text}");
    }
}

fn starts_programs(text: &str) -> bool {
    let plan = parse(PlanFile::named("plan.yaml"), text, &reseal_registry::vocabulary());
    plan.unwrap_or_else(|problems| panic!("{problems}")).starts_programs()
}

/// A plan that starts nothing.
const FIRST: &str = "reseal: 1
name: people
database: { env: URL }
application: paused
keysets:
  main:
    primary: v2
    keys:
      v1: { env: V1 }
      v2: { env: V2 }
seals:
  main:
    keyset: main
    format: { aes-gcm: {} }
tables:
  people: { row_key: id, fields: { a: { to: main, columns: { ciphertext: a, nonce: n } } } }
undo: keep
";

/// Watches a plan that a pipe brings: it has no folder, and its paths are those of the working directory.
#[test]
fn without_a_folder_paths_stay_as_they_are() {
    let plan = plan("");
    assert_eq!(plan.files, []);
    assert!(format!("{plan:?}").contains("\"in/approvers\""));
}
