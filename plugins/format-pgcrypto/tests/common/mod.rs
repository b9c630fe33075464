//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // Test code, of which each test uses a part.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use format_pgcrypto::PLUGIN;
use reseal_core::{
    BuiltFormat, Cell, Format, Key, OptionError, OptionValue, Options, Part, SecretBytes, Value,
};
use serde_json::Value as Json;

/// A cell that a server made, and what it holds.
pub struct Vector {
    /// The options that the server was given.
    pub options: String,
    /// The cell.
    pub cell: Cell<'static>,
    /// The literal data, as the server reads it.
    pub data: Vec<u8>,
}

impl Vector {
    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The passphrase and the vectors of a file.
pub fn vectors(file: &str) -> (Key, Vec<Vector>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let json: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let vectors = json["vectors"].as_array().unwrap().iter().map(|vector| {
        let cell = vector["cell"].as_str().unwrap();
        let cell = match vector["armor"].as_bool() {
            Some(true) => Value::Text(cell.to_owned()),
            _ => Value::Bytes(STANDARD.decode(cell).unwrap()),
        };
        let times = vector["times"].as_u64().unwrap_or(1);
        Vector {
            options: vector["options"].as_str().unwrap().to_owned(),
            cell: Cell::whole(cell),
            data: vector["data"].as_str().unwrap().repeat(times as usize).into_bytes(),
        }
    });
    (key("old", json["passphrase"].as_str().unwrap()), vectors.collect())
}

/// A passphrase.
pub fn key(id: &str, passphrase: &str) -> Key {
    Key::new(id, SecretBytes::new(passphrase.as_bytes().to_vec()))
}

/// The plugin, built with these options.
pub fn build(options: &[(&str, OptionValue)]) -> Result<BuiltFormat, OptionError> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    (PLUGIN.build)(&Options(options), &[])
}

/// The format of a plan that says `pgcrypto: {}`.
pub fn format() -> Arc<dyn Format> {
    build(&[]).unwrap().format
}

/// The bytes of a cell; armor is taken off without checking it.
pub fn message(cell: &Cell) -> Vec<u8> {
    let bytes = cell.bytes(Part::Ciphertext).unwrap().into_owned();
    let Some(armored) = bytes.strip_prefix(b"-----BEGIN PGP MESSAGE-----\n\n") else { return bytes };
    let text = std::str::from_utf8(armored).unwrap();
    STANDARD.decode(text.split_once("\n=").unwrap().0.replace('\n', "")).unwrap()
}

/// What of a message is the same for every salt: the packet headers, versions, algorithms, mode and count.
pub fn header(cell: &Cell) -> Vec<u8> {
    let message = message(cell);
    let length = usize::from(message[1]);
    let mut header = message[..length + 4].to_vec();
    let salted = 6..14;
    if header[4] != 0 {
        header.splice(salted, []);
    }
    // A session key is encrypted; its length shows in the packet's.
    header.drain(if header[4] == 3 { 7 } else { 6 }..header.len() - 2);
    header
}
