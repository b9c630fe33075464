//! Any value, sealed like any of pgcrypto's messages, opens again, and damage never makes another value of it.
#![allow(clippy::unwrap_used)] // Test code.

mod common;

use common::{format, key, vectors};
use proptest::prelude::*;
use proptest::sample::Index;
use reseal_core::{Cell, OpenError, Part, Plaintext, Value};

/// A value like the one of a vector: other bytes, but what its message said beside them.
fn like(text: &Plaintext, bytes: Vec<u8>) -> Plaintext {
    Plaintext::new(bytes).with_aside(text.aside().unwrap().to_vec())
}

fn bytes(cell: &Cell) -> Vec<u8> {
    cell.bytes(Part::Ciphertext).unwrap().into_owned()
}

/// The cell with other bytes, as the kind of value that it is.
fn altered(cell: &Cell, bytes: Vec<u8>) -> Option<Cell<'static>> {
    Some(Cell::whole(match cell.get(Part::Ciphertext)? {
        Value::Text(_) => Value::Text(String::from_utf8(bytes).ok()?),
        _ => Value::Bytes(bytes),
    }))
}

#[test]
fn what_it_seals_it_opens_and_damage_is_no_other_value() {
    let (old, vectors) = vectors("pgcrypto.json");
    let short: Vec<_> = vectors.iter().filter(|vector| vector.cell.size() < 1000).collect();
    let (format, new, other) = (format(), key("new", "a new passphrase"), key("other", "another one"));
    let value =
        prop_oneof![prop::collection::vec(any::<u8>(), 0..200), prop::collection::vec(Just(b'a'), 0..20_000)];
    let damage = prop::collection::vec((any::<Index>(), 0..8_u8), 8);
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) }, |(
        at in any::<Index>(), value in value, damage in damage, cut in any::<Index>()
    )| {
        let vector = at.get(&short);
        let text = like(&format.open(&vector.cell, &old, b"").unwrap(), value);
        let cell = format.seal(&text, &new, b"", Some(&vector.cell)).unwrap();
        let opened = format.open(&cell, &new, b"").unwrap();
        prop_assert!(opened.same_as(&text) && opened.aside() == text.aside());
        prop_assert_eq!(format.open(&cell, &other, b"").unwrap_err(), OpenError::NotThisKey);
        let whole = bytes(&cell);
        let flips = damage.iter().map(|(at, bit)| {
            let mut flipped = whole.clone();
            *at.get_mut(&mut flipped) ^= 1 << bit;
            flipped
        });
        let cuts = [whole[..cut.index(whole.len())].to_vec(), [&whole[..], b"\0"].concat()];
        for damaged in flips.chain(cuts).filter_map(|bytes| altered(&cell, bytes)) {
            let _ = format.identify(&damaged);
            if let Ok(read) = format.open(&damaged, &new, b"") {
                prop_assert!(read.same_as(&text) || !read.is_authenticated());
            }
        }
    });
}

#[test]
fn random_bytes_open_under_no_key() {
    let (format, key) = (format(), key("any", "any passphrase"));
    // Bytes that begin as messages do, so that they are read further than the first byte.
    let head = prop::sample::select(vec![
        &[0xc3, 13, 4, 7, 3, 2][..],
        &[0xc3, 4, 4, 9, 0, 8],
        &[0xc3, 30, 4, 4, 3, 1],
        &[0x8c, 13, 4],
        &[0xc3, 255],
        &[0xc3, 4, 4, 4, 0, 1, 0xd2, 40, 1],
        &[0xc3, 4, 4, 3, 0, 1, 0xc9, 30],
        &[0xc1, 20, 3],
        &[],
    ]);
    let tail = prop::collection::vec(any::<u8>(), 0..80);
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) }, |(
        head in head, tail in tail
    )| {
        let cell = Cell::whole(Value::Bytes([head, &tail].concat()));
        let _ = format.identify(&cell);
        prop_assert!(format.open(&cell, &key, b"").is_err());
    });
}
