//! Cells with and without an MDC, and how those without one gain it.
#![allow(clippy::unwrap_used)] // Test code.

mod common;

use std::sync::Arc;

use common::{build, format, header, key, vectors};
use reseal_core::{Format, Identified, OptionValue};

fn seal(mdc: bool) -> Arc<dyn Format> {
    build(&[("mdc", OptionValue::Boolean(mdc))]).unwrap().format
}

/// Watches that each of the two takes the other's cells for foreign ones: so a run moves them from one to the other, also
/// under the same key.
#[test]
fn each_takes_its_own() {
    let (key, vectors) = vectors("pgcrypto.json");
    let (with, without) = (seal(true), seal(false));
    let mut met = [0, 0];
    for vector in &vectors {
        let bare = vector.option("disable-mdc") == Some("1");
        let (own, other) = if bare { (&without, &with) } else { (&with, &without) };
        assert_eq!(own.identify(&vector.cell), Identified::Unmarked, "{}", vector.options);
        assert_eq!(
            own.open(&vector.cell, &key, b"").unwrap().is_authenticated(),
            !bare,
            "{}",
            vector.options
        );
        assert_eq!(other.identify(&vector.cell), Identified::NotMine, "{}", vector.options);
        assert!(other.open(&vector.cell, &key, b"").is_err(), "{}", vector.options);
        met[usize::from(bare)] += 1;
    }
    assert!(met.iter().all(|met| *met > 100), "{met:?}");
}

#[test]
fn a_cell_without_gains_one_and_loses_nothing_else() {
    let (key_of_all, vectors) = vectors("pgcrypto.json");
    let (with, without, new) = (seal(true), seal(false), key("new", "a new passphrase"));
    for vector in vectors.iter().filter(|vector| vector.option("disable-mdc") == Some("1")) {
        let text = without.open(&vector.cell, &key_of_all, b"").unwrap();
        let cell = with.seal(&text, &new, b"", Some(&vector.cell)).unwrap();
        let again = with.open(&cell, &new, b"").unwrap();
        assert!(again.is_authenticated() && again.same_as(&text), "{}", vector.options);
        // Cipher, S2K mode and digest stay.
        assert_eq!(header(&cell)[2..6], header(&vector.cell)[2..6], "{}", vector.options);
        // And the way back.
        let back = without.seal(&again, &key_of_all, b"", Some(&cell)).unwrap();
        assert!(!format().open(&back, &key_of_all, b"").unwrap().is_authenticated(), "{}", vector.options);
    }
}
