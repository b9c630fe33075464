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
