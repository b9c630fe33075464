//! Message authentication codes.

use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use crate::expr::{Secret, hashes};

/// A MAC as a plan names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mac {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// BLAKE2b under a key, 32 bytes.
    Blake2b,
}

const NAMED: [(&str, Mac); 5] = [
    ("hmac-sha1", Mac::HmacSha1),
    ("hmac-sha256", Mac::HmacSha256),
    ("hmac-sha384", Mac::HmacSha384),
    ("hmac-sha512", Mac::HmacSha512),
    ("blake2b", Mac::Blake2b),
];

impl Mac {
    pub(crate) const NAMES: &[&str] = &[NAMED[0].0, NAMED[1].0, NAMED[2].0, NAMED[3].0, NAMED[4].0];

    pub(crate) fn find(name: &str) -> Option<Self> {
        NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, mac)| mac)
    }

    /// Length of the whole code.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Mac::HmacSha1 => 20,
            Mac::HmacSha256 | Mac::Blake2b => 32,
            Mac::HmacSha384 => 48,
            Mac::HmacSha512 => 64,
        }
    }

    /// The code of a message. `None` for a key that it does not take.
    pub(crate) fn of(self, key: &[u8], message: &[u8]) -> Option<Secret> {
        match self {
            Mac::HmacSha1 => hashes::hmac::<Sha1>(key, message),
            Mac::HmacSha256 => hashes::hmac::<Sha256>(key, message),
            Mac::HmacSha384 => hashes::hmac::<Sha384>(key, message),
            Mac::HmacSha512 => hashes::hmac::<Sha512>(key, message),
            Mac::Blake2b => hashes::blake2b(key, message, 32),
        }
    }
}
