//! The suite that every format passes, on bytea and on armored text, and on cells that pgcrypto made.

mod common;

use common::{build, header, key, vectors};
use reseal_core::conformance::Suite;
use reseal_core::{Cell, OptionValue, Part, Value};

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
    let is_binary = |cell: &Cell| matches!(cell.get(Part::Ciphertext), Some(Value::Bytes(_)));
    let cells = vectors.iter().map(|vector| vector.cell.clone());
    let binary: Vec<_> = cells.filter(is_binary).collect();
    suite.keeps(&binary, |cell| (header(cell), cell.size()));
    let short = vectors.iter().filter(|vector| !vector.options.contains("s2k-count=2"));
    let some: Vec<_> = short.step_by(17).map(|vector| vector.cell.clone()).collect();
    suite.withstand_damage(&some);
}
