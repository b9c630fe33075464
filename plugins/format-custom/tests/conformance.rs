//! The suite that every format passes, over the formats of all vectors.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Vector, all};
use reseal_core::conformance::{Suite, samples};

/// Values that every format here takes: text, of which none ends with the padding of its producer.
fn texts() -> Vec<Vec<u8>> {
    let texts = [
        "a text of more than sixteen bytes",
        "Grüße, 世界 🌍\r\nline\n and more of it",
        "{\"a\": 1}, not JSON",
    ];
    let long = "0123456789abcdef".repeat(200);
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([long.into_bytes()]).collect()
}

fn suite(vector: &Vector) -> Suite {
    let suite = Suite::new(vector.built(), vector.keys()).parts(&vector.parts()).aad(&vector.aad);
    let suite = if vector.is_deterministic() { suite.deterministic() } else { suite };
    // Damage is tried at every byte: a slow derivation or a long value would take minutes.
    let short = samples().into_iter().filter(|sample| sample.len() < 1000);
    match vector.is_authenticated() {
        true => suite.samples(short.collect()),
        false => suite.samples(texts()),
    }
}

#[test]
fn formats_of_all_vectors() {
    for vector in all().iter().filter(|vector| !vector.is_slow()) {
        suite(vector).run();
    }
}

#[test]
fn damage_done_to_cells_of_others_never_opens() {
    for vector in all().iter().filter(|vector| vector.is_authenticated() && !vector.is_slow()) {
        let cells: Vec<_> = vector.cells().into_iter().map(|sample| sample.cell).collect();
        suite(vector).withstand_damage(&cells);
    }
}

/// The white space and the flags of an object, and the time stamp of a token.
#[test]
fn what_varies_from_cell_to_cell_is_kept() {
    for vector in all().into_iter().filter(|vector| !vector.is_ambiguous()) {
        let cells: Vec<_> = vector.cells().into_iter().map(|sample| sample.cell).collect();
        suite(&vector).keeps(&cells, |cell| cell.size());
    }
}
