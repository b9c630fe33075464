//! KEKs in a PKCS#11 token: SoftHSM2, with keys that it does not give out. python-pkcs11 makes the cells and reads them.

use std::process::Command;

use serde_json::{Value, json};

use crate::envelopes::{plan, world};
use crate::world::{World, variable};

const PIN: &str = "81274";
const ROWS: u64 = 100;
const CELLS: u64 = 98;

/// A token of the test's own, with a key for each of `v1` and `v2`.
fn token(world: &World, wrap: &str) {
    std::fs::create_dir(world.path("tokens")).unwrap();
    let config = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        world.path("tokens").display()
    );
    std::fs::write(world.path("softhsm2.conf"), config).unwrap();
    let mut init = Command::new("softhsm2-util");
    init.args(["--init-token", "--free", "--label", "app", "--pin", PIN, "--so-pin", "5678"]);
    let done = init.env("SOFTHSM2_CONF", world.path("softhsm2.conf")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let module = variable("RESEAL_TEST_SOFTHSM");
    let kek = |id: &str| json!({ "hsm": id, "module": module, "token": "app", "pin": PIN, "wrap": wrap });
    std::fs::write(world.path("keks.json"), json!({ "v1": kek("v1"), "v2": kek("v2") }).to_string()).unwrap();
    python(world, &["hsm-keys", "keks.json"]);
    let of = |id: &str| {
        format!(
            "{{ pkcs11: {{ module: \"{module}\", token: app, key: {id}, wrap: {wrap}, pin: {{ env: TEST_PIN }} }} }}"
        )
    };
    plan(world, "rewrap", &[of("v1"), of("v2")], "");
}

fn python(world: &World, args: &[&str]) -> Value {
    let mut command = world.script("envelopes.py", args);
    let output = command.env("SOFTHSM2_CONF", world.path("softhsm2.conf")).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn reseal(world: &World, args: &[&str]) -> (i32, Value) {
    let mut command = world.command(&[args, &["--json"]].concat());
    let output =
        command.env("SOFTHSM2_CONF", world.path("softhsm2.conf")).env("TEST_PIN", PIN).output().unwrap();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap_or(-1), document)
}

/// Watches that what the token wraps, another client of it unwraps, and the other way round.
fn rotates(wrap: &str) {
    let world = world("sqlite");
    token(&world, wrap);
    python(&world, &["seed", &world.url, "keks.json", "v1", &ROWS.to_string(), "20"]);
    if wrap == "aes-key-wrap" {
        let (code, refused) = reseal(&world, &["run", "PLAN"]);
        assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("kek-context")), "{refused}");
        let text = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        let text = text.replace(", context: { tenant: \"{row.tenant}\" }", "");
        std::fs::write(world.path("plan.yaml"), text).unwrap();
    }
    let payloads = world.envelope_digest("payloads");
    let (code, run) = reseal(&world, &["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{wrap}: {run}");
    assert_eq!(run["cells_rotated"], CELLS, "{wrap}: {run}");
    assert_eq!(world.envelope_digest("payloads"), payloads, "{wrap}: a payload was written");
    let read = python(&world, &["read", &world.url, "keks.json"]);
    assert_eq!((&read["right"], &read["keks"]), (&json!(CELLS), &json!({ "v2": CELLS })), "{wrap}: {read}");
    let (code, back) = reseal(&world, &["rollback", "PLAN", "--confirm", "secrets"]);
    assert_eq!((code, back["state"].as_str()), (0, Some("rolled_back")), "{wrap}: {back}");
    let read = python(&world, &["read", &world.url, "keks.json"]);
    assert_eq!((&read["right"], &read["keks"]), (&json!(CELLS), &json!({ "v1": CELLS })), "{wrap}: {read}");
}

#[test]
fn aes_gcm_in_a_token() {
    rotates("aes-gcm");
}

#[test]
fn aes_key_wrap_in_a_token() {
    rotates("aes-key-wrap");
}

/// P5; watches what counts as an answer about a cell: a damaged wrapped DEK is broken, a wrong PIN is not.
#[test]
fn a_damaged_dek_is_one_broken_cell_and_a_wrong_pin_none() {
    for wrap in ["aes-gcm", "aes-key-wrap"] {
        let world = world("sqlite");
        token(&world, wrap);
        let text = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        if wrap == "aes-key-wrap" {
            let text = text.replace(", context: { tenant: \"{row.tenant}\" }", "");
            std::fs::write(world.path("plan.yaml"), text).unwrap();
        }
        python(&world, &["seed", &world.url, "keks.json", "v1", "30", "30"]);
        world.sql(&["UPDATE secrets SET dek = 'AAAA' || substr(dek, 5) WHERE id = 3"]);
        let (code, run) = reseal(&world, &["run", "PLAN"]);
        assert_eq!((code, run["cells_quarantined"].as_u64()), (1, Some(1)), "{wrap}: {run}");
        let mut command = world.command(&["run", "PLAN", "--json"]);
        command.env("SOFTHSM2_CONF", world.path("softhsm2.conf")).env("TEST_PIN", "9999");
        let output = command.output().unwrap();
        let failed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{wrap}: {failed}");
        assert!(!failed.to_string().contains("9999"), "{wrap}: {failed}");
    }
}
