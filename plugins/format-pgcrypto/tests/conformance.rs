//! The suite that every format passes, on bytea and on armored text, and on cells that pgcrypto made.

mod common;

use common::{build, header, key, vectors};
use reseal_core::conformance::Suite;
use reseal_core::{OptionValue, Part, Value};

#[test]
fn bytea() {
    let built = build(&[]).unwrap();
    assert!(built.binary && built.authenticated && !built.marked);
    Suite::new(built, [key("v1", "one passphrase"), key("v2", "another passphrase")]).run();
}

#[test]
fn armored_text() {
    let built = build(&[("armor", OptionValue::Boolean(true))]).unwrap();
    assert!(!built.binary);
    Suite::new(built, [key("v1", "one passphrase"), key("v2", "another passphrase")]).run();
}

#[test]
fn cells_of_pgcrypto() {
    let (key_of_vectors, vectors) = vectors("pgcrypto.json");
    let suite = Suite::new(build(&[]).unwrap(), [key_of_vectors, key("v2", "another passphrase")]);
    // The suite's own plaintexts carry nothing along, so that only what lies outside of the encryption can be kept.
    let plain = vectors.iter().filter(|vector| {
        vector.option("sess-key") == Some("0") && vector.option("compress-algo") == Some("0")
    });
    let binary = plain.filter(|vector| matches!(vector.cell.get(Part::Ciphertext), Some(Value::Bytes(_))));
    let cells: Vec<_> = binary.map(|vector| vector.cell.clone()).collect();
    assert!(cells.len() > 30);
    suite.keeps(&cells, header);
    let short = vectors.iter().filter(|vector| !vector.options.contains("s2k-count=2"));
    let every_seventh: Vec<_> = short.step_by(7).map(|vector| vector.cell.clone()).collect();
    suite.withstand_damage(&every_seventh);
}
