//! The outside of a token: what can be read without a key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use reseal_core::Broken;

const VERSION: u8 = 0x80;
const HEAD: usize = 1 + 8 + 16;
const BLOCK: usize = 16;
const MAC: usize = 32;

/// The time stamp of a token, in seconds since 1970. Takes a token in its one spelling only; the `fernet` crate is laxer
/// and must not be the first to look.
pub(crate) fn time_of(text: &[u8]) -> Result<u64, Broken> {
    let bytes = URL_SAFE.decode(text).map_err(|_| Broken("bad-encoding"))?;
    let payload = bytes.len().checked_sub(HEAD + MAC).ok_or(Broken("wrong-length"))?;
    if payload == 0 || payload % BLOCK != 0 {
        return Err(Broken("wrong-length"));
    }
    match bytes.first_chunk::<9>() {
        Some([VERSION, time @ ..]) => Ok(u64::from_be_bytes(*time)),
        _ => Err(Broken("not-fernet-version-128")),
    }
}

/// Whether a text begins as tokens do: the version byte, then a time stamp with zeros in front, as all have until the
/// year 4147.
pub(crate) fn looks_like_one(text: &[u8]) -> bool {
    text.starts_with(b"gAAAAA")
}
