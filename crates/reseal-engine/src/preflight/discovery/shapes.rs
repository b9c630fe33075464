//! Ciphertexts that no format of this build opens, known by what they look like alone.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use reseal_core::Value;
use serde_json::Value as Json;

use super::cells::document;

/// What the texts of producers begin with that mark their ciphertexts.
const PREFIXES: [&str; 9] = [
    // OpenSSL's `Salted__`, in base64.
    "U2FsdGVkX1",
    "vault:v",
    "v1.aesgcm256.",
    "nacl:",
    "fips:",
    "brng:",
    "ENC[AES256_GCM",
    "-----BEGIN PGP MESSAGE-----",
    "$ANSIBLE_VAULT;",
];
/// The same for bytes.
const MAGIC: [&[u8]; 2] =
    [b"Salted__", &[0x00, 0x01, 0x01, 0x40, 0x0c, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00]];
/// The names that producers give to a nonce, and to a ciphertext, in an object.
const NONCES: [&str; 3] = ["iv", "nonce", "n"];
const CIPHERTEXTS: [&str; 7] = ["value", "ciphertext", "ct", "data", "encrypted", "payload", "c"];
/// Bytes of a ciphertext, at the least.
const SHORTEST: usize = 12;

/// Whether a value is a ciphertext of a producer that is known.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    if MAGIC.iter().any(|magic| bytes.starts_with(magic)) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim();
    PREFIXES.iter().any(|prefix| text.starts_with(prefix) && text.len() >= prefix.len() + SHORTEST)
        || document(text).is_some_and(|document| is_object(&document))
        || is_packed_object(text)
        || is_jwe(text)
}

/// An object with a ciphertext and what opens it: Rails' `{"p", "h": {"iv", "at"}}`, Laravel's `{"iv", "value", "mac"}`.
fn is_object(document: &Json) -> bool {
    let is_sealed = |value: Option<&Json>| value.and_then(Json::as_str).is_some_and(is_encoded);
    let has = |names: &[&str]| names.iter().any(|name| is_sealed(document.get(name)));
    let headers =
        document.get("h").filter(|headers| headers.get("iv").or_else(|| headers.get("k")).is_some());
    headers.is_some_and(|_| document.get("p").is_some_and(Json::is_string))
        || (has(&CIPHERTEXTS) && NONCES.iter().any(|name| document.get(name).is_some_and(Json::is_string)))
}

/// Laravel writes its object in base64.
fn is_packed_object(text: &str) -> bool {
    let packed = text.starts_with("eyJ").then(|| decoded(text)).flatten();
    let packed = packed.and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
    packed.is_some_and(|document| is_object(&document))
}

/// A compact JWE: five parts, the first of which is a header that names an encryption.
fn is_jwe(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let header = parts.first().filter(|_| parts.len() == 5).and_then(|header| decoded(header));
    let header = header.and_then(|header| serde_json::from_slice::<Json>(&header).ok());
    header.is_some_and(|header| header.get("enc").is_some())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphertexts_of_known_producers_are_recognised() {
        let laravel =
            r#"{"iv":"MTIzNDU2Nzg5MDEyMzQ1Ng==","value":"UVdFUlRZVUlPUEFTREZHSA==","mac":"00","tag":""}"#;
        for text in [
            r#"{"p":"UVdFUlRZVUlPUEFTREZHSA==","h":{"iv":"MTIzNDU2Nzg5MDEy","at":"MTIzNDU2Nzg5MDEyMzQ1Ng=="}}"#,
            laravel,
            &STANDARD.encode(laravel),
            "U2FsdGVkX1+vupppZksvRf5pq5g5XjFRlipRkwB0K1Y=",
            "vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==",
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..MTIzNDU2Nzg5MDEy.UVdFUlRZ.MTIzNDU2Nzg5MDEyMzQ1Ng",
        ] {
            assert!(is_known(text.as_bytes()), "{text}");
        }
        assert!(is_known(b"Salted__12345678and what follows"));
    }

    #[test]
    fn what_people_and_programs_write_is_none() {
        for text in [
            r#"{"p":"a street","h":"a house"}"#,
            r#"{"value":"a word of some length","n":"a name"}"#,
            r#"{"data":[1,2],"iv":"3"}"#,
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "nacl:",
            "a vault:v1",
            "",
        ] {
            assert!(!is_known(text.as_bytes()), "{text}");
        }
    }
}
