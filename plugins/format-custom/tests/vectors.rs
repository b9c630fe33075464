//! Cells of other producers: opened, sealed again under another key, and opened again.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Debug;

use common::{Sample, Vector, all};
use reseal_core::{Broken, Cell, OpenError, Part};

/// The lengths and characters of a cell that do not depend on key and nonce.
fn shape(cell: &Cell) -> Vec<(Part, usize, bool)> {
    cell.parts().map(|(part, value)| (part, value.size(), value.text().is_some())).collect()
}

#[test]
fn what_others_sealed_opens_and_is_sealed_in_the_same_shape() {
    let vectors = all();
    let faults = vectors.iter().flat_map(|vector| {
        let cells = vector.cells().into_iter();
        cells
            .filter_map(|sample| resealed(vector, &sample).err())
            .map(|fault| format!("{}: {fault}", vector.name))
    });
    assert_eq!(faults.collect::<Vec<_>>(), [""; 0]);
}

fn resealed(vector: &Vector, sample: &Sample) -> Result<(), String> {
    let format = vector.built().format;
    let [old, new] = vector.keys();
    let opened = format.open(&sample.cell, &old, &vector.aad);
    if vector.is_ambiguous() {
        return same(&opened.err(), &Some(OpenError::Broken(Broken("ambiguous"))), "opens");
    }
    let text = opened.map_err(|error| error.to_string())?;
    same(&text.expose(), &&sample.plaintext[..], "opens to something else")?;
    let again =
        format.seal(&text, &new, &vector.aad, Some(&sample.cell)).map_err(|error| error.to_string())?;
    let reopened = format.open(&again, &new, &vector.aad).map_err(|error| format!("again: {error}"))?;
    same(&reopened.expose(), &text.expose(), "sealed again opens to something else")?;
    same(&shape(&again), &shape(&sample.cell), "another shape")?;
    same(
        &format.open(&again, &old, &vector.aad).err(),
        &Some(OpenError::NotThisKey),
        "opens under the old key",
    )
}

fn same<T: PartialEq + Debug>(found: &T, expected: &T, what: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}

/// Cells that are the same for the same value are so under the new key too.
#[test]
fn deterministic_cells_stay_deterministic() {
    for vector in all().into_iter().filter(Vector::is_deterministic) {
        let sample = vector.cells().remove(0);
        let format = vector.built().format;
        let [old, new] = vector.keys();
        let text = format.open(&sample.cell, &old, &vector.aad).unwrap();
        let seal = |key| format.seal(&text, key, &vector.aad, Some(&sample.cell)).unwrap();
        assert_eq!(seal(&new), seal(&new), "{}", vector.name);
        assert_eq!(seal(&old), sample.cell, "{}: sealed under its own key it is another cell", vector.name);
    }
}
