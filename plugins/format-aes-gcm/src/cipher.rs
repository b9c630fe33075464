//! AES-GCM over the key and nonce lengths that the plugin takes.

use aes_gcm::aead::array::typenum::{U12, U16};
use aes_gcm::aead::consts;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut, AesGcm, KeyInit};

/// Length of a tag. Shorter ones are weaker (NIST SP 800-38D appendix C) and are not taken.
pub(crate) const TAG_BYTES: usize = 16;

/// The nonce lengths that the plugin takes.
pub(crate) const NONCE_BYTES: [usize; 2] = [12, 16];

type Tag = [u8; TAG_BYTES];

/// Turns the ciphertext into the plaintext, in place. `None` if it was not sealed so; it is left as it was.
pub(crate) fn open(key: &[u8], nonce: &[u8], aad: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
    fn with<C>(key: &[u8], nonce: &[u8], aad: &[u8], text: &mut [u8], tag: &Tag) -> Option<()>
    where
        C: KeyInit + AeadInOut<TagSize = consts::U16>,
    {
        let cipher = C::new_from_slice(key).ok()?;
        let nonce = nonce.try_into().ok()?;
        cipher.decrypt_inout_detached(nonce, aad, text.into(), tag.into()).ok()
    }
    match (key.len(), nonce.len()) {
        (16, 12) => with::<AesGcm<Aes128, U12>>(key, nonce, aad, text, tag),
        (32, 12) => with::<AesGcm<Aes256, U12>>(key, nonce, aad, text, tag),
        (16, 16) => with::<AesGcm<Aes128, U16>>(key, nonce, aad, text, tag),
        (32, 16) => with::<AesGcm<Aes256, U16>>(key, nonce, aad, text, tag),
        _ => None,
    }
}

/// Turns the plaintext into the ciphertext, in place, and gives the tag. `None` for lengths that AES-GCM does not take.
pub(crate) fn seal(key: &[u8], nonce: &[u8], aad: &[u8], text: &mut [u8]) -> Option<Tag> {
    fn with<C>(key: &[u8], nonce: &[u8], aad: &[u8], text: &mut [u8]) -> Option<Tag>
    where
        C: KeyInit + AeadInOut<TagSize = consts::U16>,
    {
        let cipher = C::new_from_slice(key).ok()?;
        let nonce = nonce.try_into().ok()?;
        cipher.encrypt_inout_detached(nonce, aad, text.into()).ok().map(Into::into)
    }
    match (key.len(), nonce.len()) {
        (16, 12) => with::<AesGcm<Aes128, U12>>(key, nonce, aad, text),
        (32, 12) => with::<AesGcm<Aes256, U12>>(key, nonce, aad, text),
        (16, 16) => with::<AesGcm<Aes128, U16>>(key, nonce, aad, text),
        (32, 16) => with::<AesGcm<Aes256, U16>>(key, nonce, aad, text),
        _ => None,
    }
}
