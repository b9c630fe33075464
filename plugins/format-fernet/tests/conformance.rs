//! The suite that every format passes, on bare tokens and on tokens inside a layout.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use format_fernet::PLUGIN;
use reseal_core::conformance::Suite;
use reseal_core::{
    Broken, BuiltFormat, Cell, Identified, Key, OpenError, OptionError, OptionValue, Options, Part,
    Plaintext, SealError, SecretBytes, Value,
};

const INTELLIWIZ: &str = "FERNET_V2:{key}:{token}";

fn build(layout: Option<&str>) -> Result<BuiltFormat, OptionError> {
    let layout = layout.map(|text| ("layout".to_owned(), OptionValue::Text(text.to_owned())));
    (PLUGIN.build)(&Options(layout.into_iter().collect::<BTreeMap<_, _>>()), &[])
}

fn keys() -> [Key; 2] {
    let key = |id, bytes: Vec<u8>| Key::new(id, SecretBytes::new(bytes));
    [key("v1", (0..32).collect()), key("v2", vec![0xa5; 32]).tagged("key_2025_03")]
}

/// A token of that moment.
fn token(time: u64, text: &[u8]) -> String {
    fernet::Fernet::new(&URL_SAFE.encode(keys()[0].expose())).unwrap().encrypt_at_time(text, time)
}

fn time_of(cell: &Cell) -> u64 {
    let text = cell.get(Part::Ciphertext).unwrap().text().unwrap();
    let token = URL_SAFE.decode(text.rsplit(':').next().unwrap()).unwrap();
    u64::from_be_bytes(*token[1..].first_chunk().unwrap())
}

#[test]
fn bare() {
    let suite = Suite::new(build(None).unwrap(), keys());
    suite.run();
    // The epoch, a day in 2019, and a clock that runs ahead.
    let old = [0, 1_560_000_000, 9_999_999_999].map(|time| Cell::whole(Value::Text(token(time, b"old"))));
    suite.keeps(&old, time_of);
    suite.withstand_damage(&old);
}

#[test]
fn inside_a_layout() {
    let built = build(Some(INTELLIWIZ)).unwrap();
    assert!(built.marked && !built.binary);
    let suite = Suite::new(built, keys());
    suite.run();
    let old = format!("FERNET_V2:v1:{}", token(1_560_000_000, b"old"));
    suite.keeps(&[Cell::whole(Value::Text(old))], time_of);
}

#[test]
fn a_new_layout_keeps_the_time_stamp_too() {
    let seal = |layout, old: &str| {
        let format = build(layout).unwrap().format;
        let text = Plaintext::new(b"old".to_vec());
        format.seal(&text, &keys()[1], b"", Some(&Cell::whole(Value::Text(old.to_owned())))).unwrap()
    };
    let bare = token(1_560_000_000, b"old");
    assert_eq!(time_of(&seal(Some(INTELLIWIZ), &bare)), 1_560_000_000);
    assert_eq!(time_of(&seal(None, &format!("FERNET_V2:v1:{bare}"))), 1_560_000_000);
    assert_eq!(time_of(&seal(None, &format!("<{bare}>"))), 1_560_000_000);
    assert!(time_of(&seal(None, "something else")) > 1_760_000_000);
}

#[test]
fn values_say_what_they_are() {
    let says = |layout: Option<&str>, value: &str| {
        let cell = Cell::whole(Value::Text(value.to_owned()));
        match build(layout).unwrap().format.identify(&cell) {
            Identified::Broken(Broken(reason)) => format!("broken: {reason}"),
            Identified::Marked(tag) => format!("marked: {tag}"),
            other => format!("{other:?}"),
        }
    };
    let token = token(1_560_000_000, b"old");
    assert_eq!(says(None, &token), "Unmarked");
    assert_eq!(says(None, ""), "NotMine");
    assert_eq!(says(None, "a plain note"), "NotMine");
    assert_eq!(says(None, &format!("{token}\n")), "broken: bad-encoding");
    assert_eq!(says(None, token.trim_end_matches('=')), "broken: bad-encoding");
    assert_eq!(says(None, &token[..96]), "broken: wrong-length");
    assert_eq!(says(Some(INTELLIWIZ), &token), "NotMine");
    assert_eq!(says(Some(INTELLIWIZ), &format!("FERNET_V2:old_1:{token}")), "marked: old_1");
    assert_eq!(says(Some(INTELLIWIZ), "FERNET_V2:old_1:c2hvcnQ="), "broken: wrong-length");
    assert_eq!(says(Some(INTELLIWIZ), &format!("FERNET_V2:{token}")), "broken: wrong-length");
}

#[test]
fn options_that_make_no_cell_are_refused() {
    assert!(
        build(Some("{key}:{nonce|base64}:{ciphertext|base64}")).err().unwrap().message.contains("{token}")
    );
    assert!(build(Some("V2_{key}_{token}")).err().unwrap().message.contains("separator"));
    assert!((PLUGIN.build)(&Options::default(), &[Part::Ciphertext, Part::Nonce]).is_err());
    assert!((PLUGIN.build)(&Options::default(), &[Part::Ciphertext, Part::Key]).is_ok());
}

#[test]
fn what_fernet_cannot_do_is_said() {
    let format = build(None).unwrap().format;
    let text = Plaintext::new(b"x".to_vec());
    assert!(matches!(format.seal(&text, &keys()[0], b"aad", None), Err(SealError::Unfit(_))));
    let cell = format.seal(&text, &keys()[0], b"", None).unwrap();
    assert!(matches!(format.open(&cell, &keys()[0], b"aad"), Err(OpenError::Broken(_))));
    let short = Key::new("short", SecretBytes::new(vec![0; 16]));
    assert!(matches!(format.seal(&text, &short, b"", None), Err(SealError::Key { id, .. }) if id == "short"));
    assert_eq!(format.open(&cell, &short, b"").err(), Some(OpenError::NotThisKey));
}
