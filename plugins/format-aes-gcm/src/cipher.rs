//! AES-GCM over the key and nonce lengths that the plugin takes.
//!
//! Nonces of 12 bytes, which is nearly all there is, go to aws-lc: on short cells it is half again as fast as aes-gcm,
//! and it is linked for TLS in any case. It takes no others, so nonces of 16 bytes go to aes-gcm.

use aes_gcm::aead::array::typenum::U16;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use reseal_core::Key;

/// Length of a tag. Shorter ones are weaker (NIST SP 800-38D appendix C) and are not taken.
pub(crate) const TAG_BYTES: usize = 16;

/// The nonce lengths that the plugin takes.
pub(crate) const NONCE_BYTES: [usize; 2] = [12, MOST_NONCE_BYTES];
/// The longest of them.
pub(crate) const MOST_NONCE_BYTES: usize = 16;

type Tag = [u8; TAG_BYTES];

/// Turns the ciphertext into the plaintext, in place. `None` if it was not sealed so; what `text` then holds is nobody's
/// business.
pub(crate) fn open(key: &Key, nonce: &[u8], aad: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
    prepared(key, nonce, |cipher| match cipher {
        Cipher::Short(cipher) => {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            cipher.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text).ok().map(drop)
        }
        Cipher::Long128(cipher) => {
            cipher.decrypt_inout_detached(nonce.try_into().ok()?, aad, text.into(), tag.into()).ok()
        }
        Cipher::Long256(cipher) => {
            cipher.decrypt_inout_detached(nonce.try_into().ok()?, aad, text.into(), tag.into()).ok()
        }
    })
}

/// Turns the plaintext into the ciphertext, in place, and gives the tag. `None` for lengths that AES-GCM does not take.
pub(crate) fn seal(key: &Key, nonce: &[u8], aad: &[u8], text: &mut [u8]) -> Option<Tag> {
    prepared(key, nonce, |cipher| match cipher {
        Cipher::Short(cipher) => {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(aad), text).ok()?;
            tag.as_ref().try_into().ok()
        }
        Cipher::Long128(cipher) => {
            cipher.encrypt_inout_detached(nonce.try_into().ok()?, aad, text.into()).ok().map(Into::into)
        }
        Cipher::Long256(cipher) => {
            cipher.encrypt_inout_detached(nonce.try_into().ok()?, aad, text.into()).ok().map(Into::into)
        }
    })
}

/// An expanded key. All of them wipe it when dropped.
enum Cipher {
    /// For nonces of 12 bytes.
    Short(LessSafeKey),
    /// AES-128, for nonces of 16 bytes.
    Long128(Box<AesGcm<Aes128, U16>>),
    /// AES-256, for nonces of 16 bytes.
    Long256(Box<AesGcm<Aes256, U16>>),
}

impl Cipher {
    fn new(key: &[u8], nonce_bytes: usize) -> Option<Cipher> {
        match (key.len(), nonce_bytes) {
            (16, 12) => UnboundKey::new(&AES_128_GCM, key).ok().map(LessSafeKey::new).map(Cipher::Short),
            (32, 12) => UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new).map(Cipher::Short),
            (16, 16) => AesGcm::new_from_slice(key).ok().map(Box::new).map(Cipher::Long128),
            (32, 16) => AesGcm::new_from_slice(key).ok().map(Box::new).map(Cipher::Long256),
            _ => None,
        }
    }

    fn takes(&self, nonce_bytes: usize) -> bool {
        matches!(self, Cipher::Short(_)) == (nonce_bytes == 12)
    }
}

/// Expanding a key costs more than sealing a short cell: done once for each key, for the nonces that come first.
fn prepared<R>(key: &Key, nonce: &[u8], with: impl FnOnce(&Cipher) -> Option<R>) -> Option<R> {
    key.with_prepared(
        |bytes| Cipher::new(bytes, nonce.len()),
        |cipher: &Option<Cipher>| match cipher {
            Some(cipher) if cipher.takes(nonce.len()) => with(cipher),
            _ => with(&Cipher::new(key.expose(), nonce.len())?),
        },
    )
}
