//! Every format on every store: made by the foreign producer, rotated, read back by the foreign producer.

use crate::world::{STORES, World};

fn rotates(format: &str) {
    for store in STORES {
        let world = World::new(store, format, 1000);
        let before = world.digest();
        let (code, dry) = world.reseal(&["run", "PLAN", "--dry-run"]);
        assert_eq!((code, dry["dry_run"].as_bool()), (0, Some(true)), "{store} {format}: {dry}");
        assert_eq!(world.digest(), before, "{store} {format}: a dry run wrote");
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store} {format}: {run}");
        assert_eq!(run["rows_scanned"], 1000);
        assert_eq!(run["cells_rotated"], dry["cells_old"]);
        let cells = run["cells_rotated"].as_u64().unwrap();
        assert_eq!(cells + run["cells_null"].as_u64().unwrap(), 2000);
        assert_eq!(world.read("v2"), (1000, cells, 1000), "{store} {format}: under the new key");
        assert_eq!(world.read("v1").1, 0, "{store} {format}: under the old key");
        let (code, verify) = world.reseal(&["verify", "PLAN"]);
        assert_eq!((code, verify["clean"].as_bool()), (0, Some(true)), "{store} {format}: {verify}");
        // Run again: nothing is sealed twice.
        let after = world.digest();
        let (code, again) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, again["cells_rotated"].as_u64()), (0, Some(0)), "{store} {format}: {again}");
        assert_eq!(world.digest(), after);
        rolls_back(&world, &before, store);
    }
}

/// P7; watches the digest of new cells in the undo.
fn rolls_back(world: &World, before: &str, store: &str) {
    let (code, _) = world.reseal(&["rollback", "PLAN", "--confirm", "wrong"]);
    assert_eq!(code, 2);
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!((code, back["state"].as_str()), (0, Some("rolled_back")), "{store} {}: {back}", world.format);
    assert_eq!(world.digest(), before, "{store} {}: not the exact old bytes", world.format);
}

#[test]
fn aes_gcm_text_cells() {
    rotates("aes-gcm");
}

#[test]
fn aes_gcm_binary_cells() {
    rotates("aes-gcm-binary");
}

#[test]
fn fernet_tokens_in_a_layout() {
    rotates("fernet-v2");
}

#[test]
fn bare_fernet_tokens() {
    rotates("fernet-bare");
}

#[test]
fn pgcrypto_messages() {
    rotates("pgcrypto");
}

#[test]
fn plaintext_is_encrypted_for_the_first_time() {
    rotates("plaintext");
}

/// Watches that messages which anybody can change unseen are named, and that a plan gives them an MDC, also where their key stays.
#[test]
fn messages_without_mdc_are_named_and_gain_one() {
    let world = World::new("postgres", "pgcrypto", 40);
    let key = |id: &str| std::fs::read_to_string(world.path(&format!("{id}.key"))).unwrap();
    let bare = format!(
        "UPDATE people SET a = pgp_sym_encrypt(pgp_sym_decrypt(a, '{0}'), '{0}', 'disable-mdc=1') WHERE id <= 10 AND a IS NOT NULL",
        key("v1")
    );
    world.sql(&["CREATE EXTENSION IF NOT EXISTS pgcrypto", &bare]);
    let cells = world.sql(&["SELECT count(a) FROM people WHERE id <= 10"])[0][0].as_u64().unwrap();
    let lacking = |command: &[&str]| {
        let (_, census) = world.reseal(command);
        let lines = census["fields"][0]["counts"].as_array().unwrap().iter();
        lines.filter(|line| line["lacks"] == "MDC").map(|line| line["cells"].as_u64().unwrap()).sum::<u64>()
    };
    let (code, checked) = world.reseal(&["check", "PLAN", "--connect"]);
    let said = format!("people.a: {cells} of ");
    assert!(code == 0 && checked.to_string().contains(&said), "{checked}");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(lacking(&["verify", "PLAN"]), cells, "a rotation alone changes nothing of that");
    world.rewrite_plan("a: { to: main }", "a: { to: with, from: [without] }");
    world.rewrite_plan(
        "tables:\n",
        "  with: { keyset: main, format: { pgcrypto: { mdc: true } } }\n  \
           without: { keyset: main, format: { pgcrypto: { mdc: false } } }\ntables:\n",
    );
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["cells_rotated"].as_u64()), (0, Some(cells)), "{run}");
    assert_eq!(lacking(&["verify", "PLAN"]), 0);
    let (rows, _, right) = world.read("v2");
    assert_eq!(rows, right, "PostgreSQL reads back something else");
    // The first run's cells stay under v2: it was not rolled back.
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
    assert_eq!((code, back["cells_restored"].as_u64()), (1, Some(cells)), "{back}");
    assert_eq!(lacking(&["verify", "PLAN"]), cells);
}
