//! Cells that CVE-2026-14663 left readable, made by a server that has it.
#![allow(clippy::unwrap_used)] // Test code.

mod common;

use common::{build, format, header, key, message, vectors};
use reseal_core::{Broken, Format, Identified, OpenError, OptionValue, Plaintext, SealError};
use std::sync::Arc;

const LEAKED: Broken = Broken("cve-2026-14663-plaintext");

fn repair() -> Arc<dyn Format> {
    build(&[("repair_cve_2026_14663", OptionValue::Boolean(true))]).unwrap().format
}

#[test]
fn they_are_reported_and_never_opened() {
    let (key, vectors) = vectors("cve-2026-14663.json");
    let format = format();
    assert!(vectors.len() > 60);
    for vector in &vectors {
        assert_eq!(format.identify(&vector.cell), Identified::Broken(LEAKED), "{}", vector.options);
        assert_eq!(format.open(&vector.cell, &key, b"").unwrap_err(), OpenError::Broken(LEAKED));
    }
}

#[test]
fn nothing_else_is_taken_for_one() {
    let (key, vectors) = vectors("pgcrypto.json");
    let repair = repair();
    for vector in &vectors {
        assert_eq!(repair.identify(&vector.cell), Identified::NotMine, "{}", vector.options);
        assert!(repair.open(&vector.cell, &key, b"").is_err(), "{}", vector.options);
    }
    let seal = repair.seal(&Plaintext::new(b"x".to_vec()), &key, b"", None);
    assert!(matches!(seal, Err(SealError::Unfit(_))));
}

#[test]
fn a_rotation_repairs_them() {
    let (_, vectors) = vectors("cve-2026-14663.json");
    let (repair, format, new) = (repair(), format(), key("new", "a new passphrase"));
    for vector in &vectors {
        assert_eq!(repair.identify(&vector.cell), Identified::Unmarked, "{}", vector.options);
        let any = key("any", "whatever the passphrase was");
        let text = repair.open(&vector.cell, &any, b"").unwrap();
        assert_eq!(text.expose(), vector.data, "{}", vector.options);
        let cell = format.seal(&text, &new, b"", Some(&vector.cell)).unwrap();
        assert_eq!(format.identify(&cell), Identified::Unmarked, "{}", vector.options);
        assert_eq!(repair.identify(&cell), Identified::NotMine, "{}", vector.options);
        let again = format.open(&cell, &new, b"").unwrap();
        assert!(again.same_as(&text), "{}", vector.options);
        assert_eq!(format.open(&cell, &any, b"").unwrap_err(), OpenError::NotThisKey);
        assert_eq!(again.is_authenticated(), vector.option("disable-mdc") != Some("1"));
        // Neither the passphrase's cipher nor the data's is one that leaks.
        assert!(!matches!(header(&cell)[3], 3 | 4), "{}", vector.options);
        let data_cipher = again.aside().unwrap()[0];
        assert!(!matches!(data_cipher, 3 | 4), "{}", vector.options);
        let text = &vector.data[..];
        assert!(!message(&cell).windows(text.len()).any(|window| window == text), "{}", vector.options);
    }
}
