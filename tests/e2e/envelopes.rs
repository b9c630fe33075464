//! Envelopes with KEKs of the development kind: rewrap and re-encrypt, rows from before there were envelopes, mirrors, the
//! column that shows why a cell is in quarantine, and the way back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{STORES, World};

const ROWS: u64 = 300;
const NULLS: u64 = 6;
const LEGACY: u64 = 40;

/// A world with the KEKs v1 and v2, and a key from before there were envelopes.
pub(crate) fn world(store: &str) -> World {
    let world = World::empty(store, "aes-gcm");
    keks(&world, false);
    world.new_key("derived");
    world
}

/// Tells the producer of the KEKs; `prefix`: the nonce of a wrapped DEK stands in front of it.
fn keks(world: &World, prefix: bool) {
    let mut keks = serde_json::Map::new();
    for id in ["v1", "v2"] {
        let key = std::fs::read_to_string(world.path(&format!("{id}.key"))).unwrap();
        keks.insert(id.into(), json!({ "local": key, "prefix": prefix }));
    }
    std::fs::write(world.path("keks.json"), Value::Object(keks).to_string()).unwrap();
}

pub(crate) fn local(world: &World, id: &str) -> String {
    let path = world.path(&format!("{id}.key"));
    format!("{{ local: {{ key: {{ file: \"{}\", encoding: base64 }} }} }}", path.display())
}

/// Writes the plan: `moves` is `rewrap` or `re-encrypt`, `keks` the two keys of the keyset, the second the primary.
pub(crate) fn plan(world: &World, moves: &str, keks: &[String; 2], more: &str) {
    let [v1, v2] = keks;
    let derived = world.path("derived.key").display().to_string();
    let plan = format!(
        r#"reseal: 1
name: secrets
database: {{ env: TEST_DATABASE_URL }}
application: both-keys
keysets:
  kms:
    primary: v2
    keys:
      v1: {v1}
      v2: {v2}
  derived:
    primary: none
    keys:
      derived: {{ file: "{derived}", encoding: base64 }}
seals:
  envelope:
    keyset: kms
    format: {{ aes-gcm: {{}} }}
    envelope: {{ move: {moves}, context: {{ tenant: "{{row.tenant}}" }} }}
  local:
    keyset: derived
    format: {{ aes-gcm: {{}} }}
tables:
  secrets:
    row_key: id
    fields:
      credentials:
        to: envelope
        from: [local]
        columns: {{ ciphertext: payload, nonce: iv, wrapped_dek: dek, dek_nonce: dek_iv, key: key_id }}
        mirrors: {{ ciphertext: old_payload, nonce: old_iv }}
        last_error: last_error
        encoding: base64
{more}"#
    );
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
}

impl World {
    /// The foreign producer of envelopes.
    pub(crate) fn envelopes(&self, args: &[&str]) -> Value {
        let output = self.script("envelopes.py", args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    pub(crate) fn envelope_digest(&self, what: &str) -> Value {
        self.envelopes(&[what, &self.url])
    }

    fn read_envelopes(&self) -> Value {
        self.envelopes(&["read", &self.url, "keks.json", "derived.json"])
    }
}

pub(crate) fn seeded(store: &str) -> World {
    let world = world(store);
    seed(&world);
    world
}

fn seed(world: &World) {
    world.envelopes(&["seed", &world.url, "keks.json", "v1", &ROWS.to_string(), "40"]);
    world.envelopes(&["legacy", &world.url, "derived.json", "100001", &LEGACY.to_string()]);
}

/// P1, P7; watches that a rewrap writes wrapped DEK and key alone, and that the foreign producer unwraps what we wrapped.
fn rewraps(store: &str) {
    let world = seeded(store);
    plan(&world, "rewrap", &[local(&world, "v1"), local(&world, "v2")], "");
    let (before, payloads) = (world.envelope_digest("digest"), world.envelope_digest("payloads"));
    let deks = world.read_envelopes()["deks"].as_u64().unwrap();
    let (code, dry) = world.reseal(&["run", "PLAN", "--dry-run"]);
    assert_eq!((code, dry["cells_old"].as_u64()), (0, Some(ROWS - NULLS + LEGACY)), "{store}: {dry}");
    assert_eq!(world.envelope_digest("digest"), before, "{store}: a dry run wrote");
    let (code, census) = world.reseal(&["census", "PLAN"]);
    let counts = &census["fields"][0]["counts"];
    let expected = json!([
        { "seal": "envelope", "key": "v1", "cells": ROWS - NULLS },
        { "seal": "local", "key": "derived", "cells": LEGACY },
    ]);
    assert_eq!((code, counts), (0, &expected), "{store}");

    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
    assert_eq!(run["cells_rotated"], ROWS - NULLS + LEGACY, "{store}: {run}");
    assert_eq!(world.envelope_digest("payloads"), payloads, "{store}: a rewrap wrote a payload");
    let read = world.read_envelopes();
    let cells = ROWS - NULLS + LEGACY;
    assert_eq!(read["right"], cells, "{store}: {read}");
    assert_eq!(read["copied"], cells, "{store}: a mirror was not filled: {read}");
    assert_eq!(read["keks"], json!({ "v2": cells }), "{store}");
    assert_eq!(
        read["deks"],
        deks + LEGACY,
        "{store}: a rewrap keeps the DEK, an old row gets one of its own"
    );
    let (code, verify) = world.reseal(&["verify", "PLAN"]);
    assert_eq!((code, verify["clean"].as_bool()), (0, Some(true)), "{store}: {verify}");
    let (_, again) = world.reseal(&["run", "PLAN"]);
    assert_eq!(again["cells_rotated"], 0, "{store}: {again}");

    // The application wrote a row anew meanwhile: it goes back too, under the old KEK.
    world.envelopes(&["move", &world.url, "keks.json", "v2", "11"]);
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "secrets"]);
    assert_eq!((code, back["state"].as_str()), (0, Some("rolled_back")), "{store}: {back}");
    let read = world.read_envelopes();
    assert_eq!(read["right"], cells, "{store}: {read}");
    assert_eq!(read["keks"], json!({ "v1": ROWS - NULLS, "derived": LEGACY }), "{store}");
}

#[test]
fn a_rewrap_leaves_the_payload_on_sqlite() {
    rewraps(STORES[0]);
}

#[test]
fn a_rewrap_leaves_the_payload_on_postgres() {
    rewraps(STORES[1]);
}

#[test]
fn a_rewrap_leaves_the_payload_on_mysql() {
    rewraps(STORES[2]);
}

/// P7; watches that wrapped DEKs, marks, mirrors and reasons are all kept: the way back is exact.
#[test]
fn a_re_encryption_gives_every_cell_a_dek_of_its_own_and_goes_back_exactly() {
    for store in STORES {
        let world = seeded(store);
        plan(&world, "re-encrypt", &[local(&world, "v1"), local(&world, "v2")], "");
        let before = world.envelope_digest("digest");
        let payloads = world.envelope_digest("payloads");
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        let read = world.read_envelopes();
        let cells = ROWS - NULLS + LEGACY;
        assert_eq!(
            (&read["right"], &read["deks"], &read["copied"]),
            (&json!(cells), &json!(cells), &json!(cells)),
            "{store}"
        );
        assert_ne!(world.envelope_digest("payloads"), payloads, "{store}");
        let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "secrets"]);
        assert_eq!((code, back["state"].as_str()), (0, Some("rolled_back")), "{store}: {back}");
        assert_eq!(world.envelope_digest("digest"), before, "{store}: not the exact old bytes");
    }
}

/// P5; watches the check of mirrors, the answer `invalid` of a KEK, and the column for reasons: each row but the reason
/// stays byte-identical, and the reason goes when the cell is mended.
#[test]
fn what_does_not_open_stays_and_says_why() {
    for store in STORES {
        let world = seeded(store);
        plan(&world, "rewrap", &[local(&world, "v1"), local(&world, "v2")], "");
        let kept = world.sql(&["SELECT dek, payload FROM secrets WHERE id = 2"]);
        let other = STANDARD.encode([7; 64]);
        world.sql(&[
            &format!("UPDATE secrets SET old_payload = '{other}' WHERE id = 1"),
            &format!("UPDATE secrets SET dek = '{other}' WHERE id = 2"),
            "UPDATE secrets SET key_id = 'v9' WHERE id = 4",
            &format!("UPDATE secrets SET payload = '{other}', old_payload = '{other}' WHERE id = 5"),
            "UPDATE secrets SET last_error = 'The vendor said no.' WHERE id = 6",
        ]);
        let broken = "SELECT id, payload, iv, dek, dek_iv, key_id, old_payload, old_iv FROM secrets WHERE id < 6 AND id <> 3 ORDER BY id";
        let before = world.sql(&[broken]);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["cells_quarantined"].as_u64()), (1, Some(4)), "{store}: {run}");
        assert_eq!(world.sql(&[broken]), before, "{store}: a broken cell was touched");
        let reasons =
            world.sql(&["SELECT id, last_error FROM secrets WHERE last_error IS NOT NULL ORDER BY id"]);
        let expected = json!([
            [1, "mirror-differs"],
            [2, "wrapped-dek-invalid"],
            [4, "unknown-key"],
            [5, "does-not-open-under-its-dek"],
        ]);
        assert_eq!(reasons, expected, "{store}");
        let (_, listed) = world.reseal(&["quarantine", "PLAN"]);
        let listed: Vec<&str> =
            listed["cells"].as_array().unwrap().iter().filter_map(|cell| cell["reason"].as_str()).collect();
        assert_eq!(listed.len(), 4, "{store}: {listed:?}");

        // Mended, the cells move, and nothing is shown any more.
        world.envelopes(&["move", &world.url, "keks.json", "v2", "1"]);
        world.sql(&["UPDATE secrets SET last_error = 'mirror-differs' WHERE id = 1"]);
        for id in ["2", "4", "5"] {
            world.envelopes(&["move", &world.url, "keks.json", "v1", id]);
        }
        assert_ne!(world.sql(&["SELECT dek, payload FROM secrets WHERE id = 2"]), kept);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        let left = world.sql(&["SELECT id, last_error FROM secrets WHERE last_error IS NOT NULL"]);
        assert_eq!(left, json!([]), "{store}");
    }
}

/// P6; watches that an emergency run keeps old cells under a DEK of the new KEK, and rolls back from it.
#[test]
fn an_emergency_run_keeps_old_cells_under_the_new_kek() {
    let world = seeded("sqlite");
    plan(&world, "rewrap", &[local(&world, "v1"), local(&world, "v2")], "");
    let before = world.envelope_digest("digest");
    let wrapped = world.sql(&["SELECT dek FROM secrets WHERE id = 1"])[0][0].as_str().unwrap().to_owned();
    let (code, run) = world.reseal(&["run", "PLAN", "--emergency"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    let batches = world.sql(&["SELECT count(*) FROM reseal_undo"]);
    assert_ne!(batches, json!([[0]]));
    let clear = world.sql(&[&format!(
        "SELECT count(*) FROM reseal_undo WHERE instr(payload, CAST('{wrapped}' AS BLOB)) > 0"
    )]);
    assert_eq!(clear, json!([[0]]), "an old cell lies in the ledger as it was");
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "secrets"]);
    assert_eq!((code, back["state"].as_str()), (0, Some("rolled_back")), "{back}");
    assert_eq!(world.envelope_digest("digest"), before);
}

/// Watches that a KEK is found by asking, where no column names it: each is tried, and what is under the primary is left.
/// The nonce stands in front of the wrapped DEK here, for want of a column.
#[test]
fn envelopes_that_do_not_name_their_kek_are_asked_about() {
    let world = world("sqlite");
    keks(&world, true);
    seed(&world);
    plan(&world, "rewrap", &[local(&world, "v1"), local(&world, "v2")], "");
    let text = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    std::fs::write(world.path("plan.yaml"), text.replace(", dek_nonce: dek_iv, key: key_id", "")).unwrap();
    world.envelopes(&["move", &world.url, "keks.json", "v2", "1"]);
    let payloads = world.envelope_digest("payloads");
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    let cells = ROWS - NULLS + LEGACY;
    assert_eq!(run["cells_rotated"], cells - 1, "{run}");
    assert_eq!(world.envelope_digest("payloads"), payloads);
    let (_, opened) = world.reseal(&["census", "PLAN", "--open"]);
    let expected = json!([{ "seal": "envelope", "key": "v2", "cells": cells }]);
    assert_eq!(opened["fields"][0]["counts"], expected);
    world.sql(&["UPDATE secrets SET key_id = 'v2'"]);
    assert_eq!(world.read_envelopes()["right"], cells);
}

/// Watches that a batch of envelopes which a canary judges bad is put back whole: payloads, wrapped DEKs, their nonces,
/// marks and mirrors.
#[test]
fn a_failing_canary_puts_wrapped_deks_back() {
    for store in STORES {
        for moves in ["rewrap", "re-encrypt"] {
            let world = seeded(store);
            let lives = world.path("lives").display().to_string();
            let hooks = format!(
                "batch: {{ rows: 50 }}\nhooks:\n  canary:\n    - sql: \"INSERT INTO seen SELECT count(*) FROM secrets WHERE key_id = 'v2'\"\n    - {{ command: [test, -e, \"{lives}\"] }}\n"
            );
            world.sql(&["CREATE TABLE seen (cells bigint)"]);
            plan(&world, moves, &[local(&world, "v1"), local(&world, "v2")], &hooks);
            let before = world.envelope_digest("digest");
            let (code, refused) = world.reseal(&["run", "PLAN"]);
            assert_eq!(
                (code, refused["error"]["code"].as_str()),
                (3, Some("canary-failed")),
                "{store}: {refused}"
            );
            let seen = world.sql(&["SELECT cells FROM seen"]);
            assert!(seen[0][0].as_u64().is_some_and(|cells| cells > 0 && cells <= 50), "{store}: {seen}");
            assert_eq!(world.envelope_digest("digest"), before, "{store}, {moves}: not the exact old bytes");
            std::fs::write(&lives, "").unwrap();
            let (code, run) = world.reseal(&["run", "PLAN"]);
            assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
            assert_eq!(world.read_envelopes()["right"], ROWS - NULLS + LEGACY, "{store}, {moves}");
        }
    }
}
