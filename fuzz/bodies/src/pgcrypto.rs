//! OpenPGP messages of pgcrypto, as bytes and as armored text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use format_pgcrypto::PLUGIN;
use reseal_core::conformance::Suite;
use reseal_core::{Cell, Key, OptionValue, SecretBytes, Value};
use serde_json::Value as Json;

use crate::suites::{self, Suites};

/// What messages are made of: packets with their lengths, ciphers, digests, counts, armor.
pub const WORDS: &[&str] = &[
    "\u{4}",
    "\u{3}",
    "\u{9}",
    "\u{7}",
    "\0",
    "\u{1}",
    "-----BEGIN PGP MESSAGE-----\n",
    "-----END PGP MESSAGE-----\n",
    "Version: 1\n",
    "\n",
    "\r\n",
    "=",
];

/// What PostgreSQL sealed.
const VECTORS: &str = include_str!("../../../plugins/format-pgcrypto/vectors/pgcrypto.json");

suites::body_of!(make);

fn make() -> Suites {
    let json = suites::vectors(VECTORS);
    let passphrase = json["passphrase"].as_str().unwrap_or_default();
    let key = |id, passphrase: &str| Key::new(id, SecretBytes::new(passphrase.as_bytes().to_vec()));
    let (mut samples, mut foreign) = (suites::samples(), Vec::new());
    for vector in json["vectors"].as_array().into_iter().flatten().filter(|vector| is_quick(vector)) {
        if let (Some(cell), Some(data)) = (cell_of(vector), vector["data"].as_str()) {
            foreign.push(cell);
            samples.push(data.as_bytes().to_vec());
        }
    }
    samples.sort();
    samples.dedup();
    let suite = |armor| {
        let built = suites::built(&PLUGIN, &[("armor", OptionValue::Boolean(armor))], &[]);
        let keys = [key("v1", passphrase), key("v2", "another passphrase, of the second key")];
        Suite::new(built, keys).samples(samples.clone()).with_idle_bytes()
    };
    Suites::new(vec![suite(false), suite(true)]).with_foreign(foreign)
}

/// Not the vectors that repeat their data, nor those whose keys take a million hashes.
fn is_quick(vector: &Json) -> bool {
    let slow = vector["options"].as_str().is_none_or(|options| options.contains("s2k-count"));
    !slow && vector["times"].is_null() && vector["data"].as_str().is_some_and(|data| data.len() < 1000)
}

fn cell_of(vector: &Json) -> Option<Cell<'static>> {
    let cell = vector["cell"].as_str()?;
    Some(Cell::whole(match vector["armor"].as_bool() {
        Some(true) => Value::Text(cell.to_owned()),
        _ => Value::Bytes(STANDARD.decode(cell).ok()?),
    }))
}
