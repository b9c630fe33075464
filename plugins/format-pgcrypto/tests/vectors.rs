//! Cells that PostgreSQL's own pgcrypto made.

mod common;

use common::{format, header, key, vectors};
use reseal_core::{Identified, OpenError, Part, Value};

#[test]
fn every_vector_opens() {
    let (key, vectors) = vectors("pgcrypto.json");
    let format = format();
    assert!(vectors.len() > 200);
    for vector in &vectors {
        assert_eq!(format.identify(&vector.cell), Identified::Unmarked, "{}", vector.options);
        let text = format.open(&vector.cell, &key, b"").unwrap();
        assert_eq!(text.expose(), vector.data, "{}", vector.options);
        let mdc = vector.option("disable-mdc") != Some("1");
        assert_eq!(text.is_authenticated(), mdc, "{}", vector.options);
    }
}

#[test]
fn no_vector_opens_under_another_passphrase() {
    let (_, vectors) = vectors("pgcrypto.json");
    let format = format();
    let wrong = key("wrong", "correct horse battery stable");
    for vector in &vectors {
        assert_eq!(format.open(&vector.cell, &wrong, b"").unwrap_err(), OpenError::NotThisKey);
    }
}

#[test]
fn what_can_be_read_of_an_old_cell_is_said_of_the_new_one() {
    let (old, vectors) = vectors("pgcrypto.json");
    let format = format();
    let new = key("new", "a new passphrase");
    for vector in &vectors {
        let text = format.open(&vector.cell, &old, b"").unwrap();
        let cell = format.seal(&text, &new, b"", Some(&vector.cell)).unwrap();
        let armored = matches!(vector.cell.get(Part::Ciphertext), Some(Value::Text(_)));
        assert_eq!(matches!(cell.get(Part::Ciphertext), Some(Value::Text(_))), armored);
        assert_eq!(header(&cell), header(&vector.cell), "{}", vector.options);
        assert_eq!(cell.size(), vector.cell.size(), "{}", vector.options);
        let again = format.open(&cell, &new, b"").unwrap();
        assert!(again.same_as(&text) && again.aside() == text.aside(), "{}", vector.options);
        assert_eq!(again.is_authenticated(), text.is_authenticated());
        assert_eq!(format.open(&cell, &old, b"").unwrap_err(), OpenError::NotThisKey);
    }
}
