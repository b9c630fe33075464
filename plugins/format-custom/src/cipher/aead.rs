//! Ciphers that authenticate.
//!
//! AES-GCM with nonces of 12 bytes and ChaCha20-Poly1305 go to aws-lc, which is the fastest and linked for TLS in any
//! case. The rest is RustCrypto's.

use aes_gcm::aead::array::typenum::U16;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use chacha20poly1305::XChaCha20Poly1305;
use poly1305::Poly1305;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Algorithm, Beside};

/// A cipher with its expanded key, which is wiped when dropped.
pub(crate) enum Aead {
    /// aws-lc, for nonces of 12 bytes.
    AwsLc(LessSafeKey),
    /// AES-128-GCM with nonces of 16 bytes.
    Gcm128(AesGcm<Aes128, U16>),
    /// AES-256-GCM with nonces of 16 bytes.
    Gcm256(AesGcm<Aes256, U16>),
    XChaCha(XChaCha20Poly1305),
    /// XSalsa20-Poly1305 as NaCl's secretbox.
    Secretbox(Zeroizing<[u8; 32]>),
    #[cfg(feature = "rare")]
    Eax128(eax::Eax<Aes128>),
    #[cfg(feature = "rare")]
    Eax256(eax::Eax<Aes256>),
}

impl Aead {
    pub(super) fn new(algorithm: &Algorithm, key: &[u8], nonce: usize) -> Option<Aead> {
        let aws = |algorithm| UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new).map(Aead::AwsLc);
        match (algorithm.name, nonce) {
            ("aes-128-gcm", 12) => aws(&AES_128_GCM),
            ("aes-192-gcm", 12) => aws(&AES_192_GCM),
            ("aes-256-gcm", 12) => aws(&AES_256_GCM),
            ("chacha20-poly1305", 12) => aws(&CHACHA20_POLY1305),
            ("aes-128-gcm", 16) => AesGcm::new_from_slice(key).ok().map(Aead::Gcm128),
            ("aes-256-gcm", 16) => AesGcm::new_from_slice(key).ok().map(Aead::Gcm256),
            ("xchacha20-poly1305", 24) => XChaCha20Poly1305::new_from_slice(key).ok().map(Aead::XChaCha),
            ("xsalsa20-poly1305", 24) => key.try_into().ok().map(Zeroizing::new).map(Aead::Secretbox),
            #[cfg(feature = "rare")]
            ("aes-128-eax", 16) => KeyInit::new_from_slice(key).ok().map(Aead::Eax128),
            #[cfg(feature = "rare")]
            ("aes-256-eax", 16) => KeyInit::new_from_slice(key).ok().map(Aead::Eax256),
            _ => None,
        }
    }

    pub(super) fn seal(&self, beside: Beside<'_>, text: &mut [u8]) -> Option<Vec<u8>> {
        match self {
            Aead::AwsLc(cipher) => {
                let nonce = Nonce::try_assume_unique_for_key(beside.nonce).ok()?;
                let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(beside.aad), text).ok()?;
                Some(tag.as_ref().to_vec())
            }
            Aead::Gcm128(cipher) => seal(cipher, beside, text),
            Aead::Gcm256(cipher) => seal(cipher, beside, text),
            Aead::XChaCha(cipher) => seal(cipher, beside, text),
            Aead::Secretbox(key) => secretbox_seal(key, beside, text),
            #[cfg(feature = "rare")]
            Aead::Eax128(cipher) => seal(cipher, beside, text),
            #[cfg(feature = "rare")]
            Aead::Eax256(cipher) => seal(cipher, beside, text),
        }
    }

    pub(super) fn open(&self, beside: Beside<'_>, text: &mut [u8], tag: &[u8]) -> Option<()> {
        match self {
            Aead::AwsLc(cipher) => {
                let nonce = Nonce::try_assume_unique_for_key(beside.nonce).ok()?;
                cipher.open_in_place_separate_tag(nonce, Aad::from(beside.aad), tag, text).ok().map(drop)
            }
            Aead::Gcm128(cipher) => open(cipher, beside, text, tag),
            Aead::Gcm256(cipher) => open(cipher, beside, text, tag),
            Aead::XChaCha(cipher) => open(cipher, beside, text, tag),
            Aead::Secretbox(key) => secretbox_open(key, beside, text, tag),
            #[cfg(feature = "rare")]
            Aead::Eax128(cipher) => open(cipher, beside, text, tag),
            #[cfg(feature = "rare")]
            Aead::Eax256(cipher) => open(cipher, beside, text, tag),
        }
    }
}

fn seal<C: AeadInOut>(cipher: &C, beside: Beside<'_>, text: &mut [u8]) -> Option<Vec<u8>> {
    let nonce = beside.nonce.try_into().ok()?;
    cipher.encrypt_inout_detached(nonce, beside.aad, text.into()).ok().map(|tag| tag.to_vec())
}

fn open<C: AeadInOut>(cipher: &C, beside: Beside<'_>, text: &mut [u8], tag: &[u8]) -> Option<()> {
    let nonce = beside.nonce.try_into().ok()?;
    cipher.decrypt_inout_detached(nonce, beside.aad, text.into(), tag.try_into().ok()?).ok()
}

/// The stream behind the first 32 bytes, and the authenticator that those key (NaCl's `crypto_secretbox`).
fn secretbox(key: &[u8; 32], nonce: &[u8]) -> Option<(XSalsa20, Poly1305)> {
    let mut stream = XSalsa20::new_from_slices(key, nonce).ok()?;
    let mut first = Zeroizing::new([0; 32]);
    stream.try_apply_keystream(&mut first[..]).ok()?;
    Some((stream, Poly1305::new_from_slice(&first[..]).ok()?))
}

fn secretbox_seal(key: &[u8; 32], beside: Beside<'_>, text: &mut [u8]) -> Option<Vec<u8>> {
    let (mut stream, mac) = secretbox(key, beside.nonce).filter(|_| beside.aad.is_empty())?;
    stream.try_apply_keystream(text).ok()?;
    Some(mac.compute_unpadded(text).to_vec())
}

fn secretbox_open(key: &[u8; 32], beside: Beside<'_>, text: &mut [u8], tag: &[u8]) -> Option<()> {
    let (mut stream, mac) = secretbox(key, beside.nonce).filter(|_| beside.aad.is_empty())?;
    let right = mac.compute_unpadded(text).to_vec();
    bool::from(right.ct_eq(tag)).then(|| stream.try_apply_keystream(text).ok())?
}
