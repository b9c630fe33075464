//! Values that look sealed, whoever sealed them: known without a key, by what they look like alone.

mod random;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use random::{decoded, is_random_base64, is_random_bytes, is_random_hex, is_sealed_in_parts};

/// What the texts of producers begin with that mark their ciphertexts. They are one word each.
const PREFIXES: [&str; 7] = [
    // OpenSSL's `Salted__`, in base64.
    "U2FsdGVkX1",
    "vault:v",
    "v1.aesgcm256.",
    "nacl:",
    "fips:",
    "brng:",
    "ENC[AES256_GCM",
];
/// The same for texts of several lines.
const ARMORS: [&str; 2] = ["-----BEGIN PGP MESSAGE-----", "$ANSIBLE_VAULT;"];
/// The same for bytes.
const MAGIC: [&[u8]; 2] =
    [b"Salted__", &[0x00, 0x01, 0x01, 0x40, 0x0c, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00]];
/// The names that producers give to a nonce, a ciphertext and an authentication tag, in an object.
const NONCES: [&str; 3] = ["iv", "nonce", "n"];
const CIPHERTEXTS: [&str; 8] =
    ["value", "ciphertext", "ct", "data", "encrypted", "encrypted_data", "payload", "c"];
/// Lengths of nonces, in bytes.
const NONCE_BYTES: [usize; 3] = [12, 16, 24];
/// Bytes of a ciphertext, at the least.
const SHORTEST: usize = 12;

/// Whether a value that is about to be sealed looks as if it were: as a producer writes it that is known, as a nonce and a
/// ciphertext side by side, or as random bytes in base64. What is random and no ciphertext, such as an access token, looks
/// the same.
#[must_use]
pub fn looks_sealed(bytes: &[u8]) -> bool {
    let random = |text: &str| is_sealed_in_parts(text) || is_random_base64(text);
    is_of_known_producer(bytes) || text_of(bytes).is_some_and(random)
}

/// Whether a value may be a ciphertext in a layout that nobody knows: it looks sealed, or it is random bytes, as they are or in
/// hexadecimal, enough of them for a cell. Tokens and digests look the same.
#[must_use]
pub fn may_be_sealed(bytes: &[u8]) -> bool {
    looks_sealed(bytes) || is_random_bytes(bytes) || text_of(bytes).is_some_and(is_random_hex)
}

/// Whether a value is a ciphertext as a producer writes it that is known.
#[must_use]
pub fn is_of_known_producer(bytes: &[u8]) -> bool {
    if MAGIC.iter().any(|magic| bytes.starts_with(magic)) {
        return true;
    }
    let Some(text) = text_of(bytes) else { return false };
    let follows = |prefix: &&str| text.starts_with(*prefix) && text.len() >= prefix.len() + SHORTEST;
    ARMORS.iter().any(follows)
        || (PREFIXES.iter().any(follows) && !text.contains([' ', '\t']))
        || is_object(text)
        || is_packed_object(text)
        || is_jwe(text)
}

/// The text that bytes are, without white space around it; `None` also where no ciphertext could be written so.
fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().map(str::trim).filter(|text| text.is_ascii())
}

/// An object with a ciphertext and what opens it: Rails' `{"p", "h": {"iv", "at"}}`, Laravel's `{"iv", "value", "mac"}`.
fn is_object(text: &str) -> bool {
    let document = text.starts_with('{').then(|| serde_json::from_str::<Json>(text).ok()).flatten();
    document.is_some_and(|document| is_sealed_object(&document))
}

fn is_sealed_object(document: &Json) -> bool {
    is_sealed_by_rails(document)
        || (length_of_any(document, &CIPHERTEXTS).any(|length| length >= SHORTEST)
            && length_of_any(document, &NONCES).any(|length| NONCE_BYTES.contains(&length)))
}

fn is_sealed_by_rails(document: &Json) -> bool {
    let Some(headers) = document.get("h") else { return false };
    let has_nonce = length_of_any(headers, &["iv"]).any(|length| NONCE_BYTES.contains(&length));
    length_of_any(document, &["p"]).next().is_some() && (has_nonce || headers.get("k").is_some())
}

/// How many bytes stand under each of these names that an object has.
fn length_of_any<'d>(document: &'d Json, names: &'d [&str]) -> impl Iterator<Item = usize> + 'd {
    let texts = names.iter().filter_map(|name| document.get(name)?.as_str());
    texts.filter_map(|text| Some(decoded(text)?.len()))
}

/// Laravel writes its object in base64.
fn is_packed_object(text: &str) -> bool {
    let document = text.starts_with("eyJ").then(|| json_of(text)).flatten();
    document.is_some_and(|document| is_sealed_object(&document))
}

/// A compact JWE: five parts, the first of which is a header that names an encryption.
fn is_jwe(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let header = parts.first().filter(|_| parts.len() == 5).and_then(|header| json_of(header));
    header.is_some_and(|header| header.get("enc").is_some())
}

fn json_of(text: &str) -> Option<Json> {
    serde_json::from_slice(&decoded(text)?).ok()
}
