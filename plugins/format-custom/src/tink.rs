//! Keys in a Tink keyset, as `tink.cleartext_keyset_handle` writes it in JSON.
//!
//! The value of a key is a protocol buffer, of which a few fields of bytes are read.

use serde::Deserialize;
use zeroize::Zeroizing;

use base64_simd::STANDARD;

type Secret = Zeroizing<Vec<u8>>;

#[derive(Deserialize)]
struct Keyset {
    #[serde(rename = "primaryKeyId")]
    primary: u32,
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    key_data: KeyData,
    key_id: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyData {
    type_url: String,
    value: String,
}

/// The field of an AEAD's key that holds its bytes.
const KEY_VALUE: u64 = 3;
/// The fields of a key of AES-CTR with HMAC: the two keys in it.
const CTR_KEY: u64 = 2;
const HMAC_KEY: u64 = 3;
/// What such a key is called.
const CTR_HMAC: &[u8] = b"AesCtrHmacAeadKey";

/// The bytes of the primary, which must be of this type. `None` where the text is no such keyset.
pub(crate) fn key(keyset: &[u8], kind: &[u8]) -> Option<Secret> {
    let value = primary(keyset, Some(kind))?.1;
    let holder = if kind == CTR_HMAC { field(&value, CTR_KEY)? } else { &value[..] };
    field(holder, KEY_VALUE).map(|bytes| Zeroizing::new(bytes.to_vec()))
}

/// The bytes of the primary's key for its MAC.
pub(crate) fn mac_key(keyset: &[u8], kind: &[u8]) -> Option<Secret> {
    let value = primary(keyset, Some(kind))?.1;
    field(field(&value, HMAC_KEY)?, KEY_VALUE).map(|bytes| Zeroizing::new(bytes.to_vec()))
}

/// The id of the primary as cells have it: four bytes, big-endian.
pub(crate) fn id(keyset: &[u8]) -> Option<Secret> {
    primary(keyset, None).map(|(id, _)| Zeroizing::new(id.to_be_bytes().to_vec()))
}

/// The primary's id and value.
fn primary(keyset: &[u8], kind: Option<&[u8]>) -> Option<(u32, Secret)> {
    let keyset: Keyset = serde_json::from_slice(keyset).ok()?;
    let entry = keyset.key.into_iter().find(|entry| entry.key_id == keyset.primary)?;
    let found = entry.key_data.type_url.rsplit('.').next().unwrap_or_default();
    if kind.is_some_and(|kind| kind != found.as_bytes()) {
        return None;
    }
    let text = Zeroizing::new(entry.key_data.value);
    STANDARD.decode_to_vec(text.as_bytes()).ok().map(|value| (entry.key_id, Zeroizing::new(value)))
}

/// The bytes of a field of a protocol buffer whose fields are integers and bytes.
fn field(message: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut rest = message;
    while !rest.is_empty() {
        let (tag, after) = varint(rest)?;
        let (length, after) = varint(after)?;
        // Kind 0 is an integer, which was read; kind 2 is bytes behind their length.
        let bytes = match tag & 7 {
            0 => &[],
            2 => after.get(..usize::try_from(length).ok()?)?,
            _ => return None,
        };
        if tag == wanted << 3 | 2 {
            return Some(bytes);
        }
        rest = &after[bytes.len()..];
    }
    None
}

/// An integer of seven bits a byte, the lowest first, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let digits = bytes[..length].iter().enumerate();
    let value = digits.fold(0u64, |sum, (at, byte)| {
        sum | u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or_default()
    });
    Some((value, &bytes[length..]))
}
