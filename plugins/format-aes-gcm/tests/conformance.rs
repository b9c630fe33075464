//! The suite that every format passes, over the shapes that a cell may have.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use format_aes_gcm::PLUGIN;
use reseal_core::conformance::Suite;
use reseal_core::{
    BuiltFormat, Cell, Identified, Key, OpenError, OptionError, OptionValue, Options, Part, Plaintext,
    SealError, SecretBytes, Value,
};

const THREE_COLUMNS: [Part; 3] = [Part::Ciphertext, Part::Nonce, Part::Tag];

fn build(options: &[(&str, &str)], parts: &[Part]) -> Result<BuiltFormat, OptionError> {
    let option = |(name, text): &(&str, &str)| ((*name).to_owned(), OptionValue::Text((*text).to_owned()));
    (PLUGIN.build)(&Options(options.iter().map(option).collect::<BTreeMap<_, _>>()), parts)
}

fn key(id: &str, bytes: Vec<u8>) -> Key {
    Key::new(id, SecretBytes::new(bytes))
}

fn keys(length: usize) -> [Key; 2] {
    [key("v1", (0..length as u8).collect()), key("v2", vec![0xa5; length]).tagged("k_2")]
}

fn layout(text: &str) -> BuiltFormat {
    build(&[("layout", text)], &[]).unwrap()
}

#[test]
fn marked_text() {
    let built = layout("{key}:{nonce|base64}:{ciphertext|base64}");
    assert!(built.marked && !built.binary);
    Suite::new(built, keys(32)).run();
}

#[test]
fn unmarked_text_with_the_tag_apart() {
    Suite::new(layout("{nonce|base64url}.{tag|base64url}.{ciphertext|base64url}"), keys(16)).run();
}

#[test]
fn text_with_a_prefix_and_hex_digits() {
    let built = layout("enc:v1:{nonce|hex|16}{tag|hex|16}{ciphertext|hex}");
    Suite::new(built, keys(32)).aad(b"clients.notes").run();
}

#[test]
fn binary() {
    let built = layout("{nonce|12}{ciphertext|raw}");
    assert!(built.binary && !built.marked);
    Suite::new(built, keys(32)).aad(b"clients.notes").run();
}

#[test]
fn binary_with_a_head_and_a_mark() {
    let built = layout("{=0180}{key}{=00}{nonce|12}{ciphertext|raw}{tag|raw|16}");
    assert!(built.binary && built.marked);
    Suite::new(built, keys(16)).run();
}

#[test]
fn parts_in_columns() {
    let built = build(&[], &[Part::Ciphertext, Part::Nonce, Part::Key]).unwrap();
    assert!(built.binary && !built.marked);
    Suite::new(built, keys(32)).parts(&[Part::Ciphertext, Part::Nonce]).run();
    let built = build(&[("encoding", "base64")], &THREE_COLUMNS).unwrap();
    assert!(!built.binary);
    Suite::new(built, keys(16)).parts(&THREE_COLUMNS).aad(b"x").run();
}

#[test]
fn a_layout_beside_a_column_of_the_nonce() {
    let built =
        build(&[("layout", "v1:{ciphertext|base64}"), ("encoding", "hex")], &THREE_COLUMNS[..2]).unwrap();
    Suite::new(built, keys(32)).parts(&THREE_COLUMNS[..2]).run();
}

#[test]
fn options_that_make_no_cell_are_refused() {
    let refuse = |options: &[(&str, &str)], parts: &[Part], expect: &str| {
        let error = build(options, parts).err().unwrap_or_else(|| panic!("taken: {options:?} {parts:?}"));
        assert!(error.message.contains(expect), "{}", error.message);
        assert!(error.help.is_some());
    };
    refuse(&[], &[], "needs a layout");
    refuse(&[], &[Part::Ciphertext, Part::Key], "needs a layout");
    refuse(&[], &[Part::Ciphertext, Part::Tag], "needs a layout");
    refuse(&[("layout", "{key}:{ciphertext|base64}")], &[], "does not contain {nonce}");
    refuse(&[("layout", "{token}")], &[], "must contain {ciphertext}");
    refuse(&[("layout", "{nonce|base46}")], &[], "did you mean base64?");
    refuse(&[("layout", "{nonce|8}{ciphertext|raw}")], &[], "12 or 16 bytes");
    refuse(&[("layout", "{nonce|12}{tag|8}{ciphertext|raw}")], &[], "16 bytes");
    refuse(&[("layout", "{nonce|12}{ciphertext|raw}")], &THREE_COLUMNS, "also has its own column");
    refuse(
        &[("layout", "{nonce|12}{ciphertext|raw}"), ("encoding", "hex")],
        &[],
        "only to parts in separate columns",
    );
}

#[test]
fn null_beside_a_value_is_not_mine_and_half_a_cell_is_broken() {
    let built = build(&[], &THREE_COLUMNS).unwrap();
    let cell = |nonce, tag| {
        let parts = [Value::Bytes(vec![0; 4]), nonce, tag];
        built.format.identify(&Cell::of(THREE_COLUMNS.into_iter().zip(parts))).to_owned_name()
    };
    assert_eq!(cell(Value::Null, Value::Null), "NotMine");
    assert_eq!(cell(Value::Bytes(vec![0; 12]), Value::Null), "Broken");
    assert_eq!(cell(Value::Bytes(vec![0; 13]), Value::Bytes(vec![0; 16])), "Broken");
    assert_eq!(cell(Value::Bytes(vec![0; 12]), Value::Bytes(vec![0; 16])), "Unmarked");
}

trait Name {
    fn to_owned_name(&self) -> &'static str;
}

impl Name for Identified<'_> {
    fn to_owned_name(&self) -> &'static str {
        match self {
            Identified::NotMine => "NotMine",
            Identified::Broken(_) => "Broken",
            Identified::Marked(_) => "Marked",
            Identified::Unmarked => "Unmarked",
        }
    }
}

#[test]
fn keys_that_do_not_fit_are_named() {
    let format = layout("{key}:{nonce|base64}:{ciphertext|base64}").format;
    let text = Plaintext::new(b"x".to_vec());
    let seal = |key: &Key| format.seal(&text, key, b"", None);
    assert!(matches!(seal(&key("short", vec![0; 24])), Err(SealError::Key { id, .. }) if id == "short"));
    let torn = key("torn", vec![0; 32]).tagged("a:b");
    assert!(matches!(seal(&torn), Err(SealError::Key { id, .. }) if id == "torn"));
    let cell = seal(&keys(32)[0]).unwrap();
    assert_eq!(format.open(&cell, &key("short", vec![0; 24]), b"").err(), Some(OpenError::NotThisKey));
}
