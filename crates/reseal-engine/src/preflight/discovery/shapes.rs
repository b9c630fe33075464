//! Values that are no words.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use reseal_core::Value;

/// Bytes of a ciphertext, at the least.
const SHORTEST: usize = 12;

/// Whether a value is bytes, or bytes that are written as text: no words.
pub(super) fn is_opaque(value: &Value) -> bool {
    match value {
        Value::Text(text) => is_encoded(text),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => is_encoded(text),
            Err(_) => bytes.len() >= SHORTEST,
        },
        _ => false,
    }
}

/// Whether a text is bytes that are written as text, and no words.
fn is_encoded(text: &str) -> bool {
    let bytes = hex::decode(text).ok().or_else(|| decoded(text));
    bytes.is_some_and(|bytes| bytes.len() >= SHORTEST)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    engines.into_iter().find_map(|engine| engine.decode(text).ok())
}
