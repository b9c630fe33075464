//! Hashes and key derivations.

use blake2::Blake2bMac;
use blake2::digest::typenum::{U32, U64};
use hkdf::Hkdf;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::args::Secret;

/// A hash.
pub(super) fn hash<D: Digest>(bytes: &[u8]) -> Secret {
    Zeroizing::new(D::digest(bytes).to_vec())
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Secret> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
}

/// HMAC (RFC 2104).
pub(crate) fn hmac<D: EagerHash>(key: &[u8], message: &[u8]) -> Option<Secret> {
    mac::<Hmac<D>>(key, message)
}

/// BLAKE2b under a key (RFC 7693), of 32 or 64 bytes.
pub(crate) fn blake2b(key: &[u8], message: &[u8], length: usize) -> Option<Secret> {
    match length {
        32 => mac::<Blake2bMac<U32>>(key, message),
        64 => mac::<Blake2bMac<U64>>(key, message),
        _ => None,
    }
}

/// HKDF (RFC 5869).
pub(super) fn hkdf<D: EagerHash>(key: &[u8], salt: &[u8], info: &[u8], length: usize) -> Option<Secret> {
    let mut out = Zeroizing::new(vec![0; length]);
    Hkdf::<D>::new(Some(salt), key).expand(info, &mut out).ok().map(|()| out)
}

/// Rounds as PBKDF2 counts them: expressions bound them far below.
fn rounds(rounds: usize) -> u32 {
    u32::try_from(rounds).unwrap_or(u32::MAX)
}

/// PBKDF2 (RFC 8018 §5.2) with HMAC.
pub(super) fn pbkdf2<D: EagerHash>(password: &[u8], salt: &[u8], count: usize, length: usize) -> Secret {
    let mut out = Zeroizing::new(vec![0; length]);
    pbkdf2::pbkdf2_hmac::<D>(password, salt, rounds(count), &mut out);
    out
}

/// PBKDF1 (RFC 8018 §5.1) with MD5: 16 bytes.
pub(super) fn pbkdf1_md5(password: &[u8], salt: &[u8], rounds: usize) -> Secret {
    let mut out = hash::<Md5>(&Zeroizing::new([password, salt].concat()));
    for _ in 1..rounds {
        out = hash::<Md5>(&out);
    }
    out
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round.
pub(super) fn evp_md5(password: &[u8], salt: &[u8], length: usize) -> Secret {
    let mut out = Secret::default();
    let mut block = Secret::default();
    while out.len() < length {
        block = hash::<Md5>(&Zeroizing::new([&block[..], password, salt].concat()));
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    out
}

/// scrypt (RFC 7914). `costs` are log2 of N, r and p.
#[cfg(feature = "rare")]
pub(super) fn scrypt(password: &[u8], salt: &[u8], costs: [usize; 3], length: usize) -> Option<Secret> {
    let [log_n, r, p] = costs.map(|cost| u32::try_from(cost).unwrap_or(u32::MAX));
    let parameters = scrypt::Params::new(u8::try_from(log_n).ok()?, r, p).ok()?;
    let mut out = Zeroizing::new(vec![0; length]);
    scrypt::scrypt(password, salt, &parameters, &mut out).ok().map(|()| out)
}
