//! The suite that every format passes.

use format_plaintext::PLUGIN;
use reseal_core::conformance::Suite;
use reseal_core::{Cell, Identified, Key, Options, Part, SecretBytes, Value};

#[test]
fn plaintext() {
    let built = (PLUGIN.build)(&Options::default(), &[]).unwrap();
    let keys = ["v1", "v2"].map(|id| Key::new(id, SecretBytes::new(vec![])));
    Suite::new(built, keys).run();
}

#[test]
fn only_null_is_no_plaintext() {
    let format = (PLUGIN.build)(&Options::default(), &[]).unwrap().format;
    assert_eq!(format.identify(&Cell::whole(Value::Null)), Identified::NotMine);
    assert_eq!(format.identify(&Cell::whole(Value::Text(String::new()))), Identified::Unmarked);
    assert_eq!(format.identify(&Cell::whole(Value::Int(7))), Identified::Unmarked);
}

#[test]
fn a_plaintext_has_no_nonce() {
    assert!((PLUGIN.build)(&Options::default(), &[Part::Ciphertext, Part::Nonce]).is_err());
    assert!((PLUGIN.build)(&Options::default(), &[Part::Ciphertext, Part::Key]).is_ok());
}
