//! Checkpoints: a signature over where the trail stood at a time (Ed25519, RFC 8032).

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use thiserror::Error;

use super::{Head, TrailHead};
use crate::{SecretBytes, digest};

/// What the signed bytes of a checkpoint begin with.
const DOMAIN: &[u8] = b"reseal-audit-checkpoint-1\n";

/// A public key that checkpoints are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<PublicKey> {
        let bytes = hex::decode(text).ok()?.try_into().ok()?;
        Some(PublicKey(bytes)).filter(|key| key.to_string() == text)
    }

    /// Takes its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<PublicKey> {
        bytes.try_into().ok().map(PublicKey)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Why bytes are no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an audit key must have 32 bytes, written as 64 hexadecimal digits")]
pub struct KeyError;

/// A key that signs checkpoints.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Signer {
    /// Reads a seed (RFC 8032 §5.1.5) of 32 bytes in hexadecimal digits; white space around it does not count.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &SecretBytes) -> Result<Signer, KeyError> {
        let seed = SecretBytes::new(hex::decode(text.expose().trim_ascii()).map_err(|_| KeyError)?);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| KeyError)?;
        let public = pair.public_key().as_ref().try_into().map(PublicKey).map_err(|_| KeyError)?;
        Ok(Signer { pair, public })
    }

    /// The key that its signatures are checked against.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The signature over a message. Whoever signs says in the message what it is: a checkpoint begins with its domain.
    pub(super) fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// Signs where a trail stands.
    #[must_use]
    pub fn sign(&self, at: TrailHead, time_ms: i64) -> Checkpoint {
        let signature = hex::encode(self.signature(&signed(at, time_ms)));
        Checkpoint { sequence: at.sequence, head: at.head, time_ms, key: self.public, signature }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public)
    }
}

/// Where a trail stood at a time, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the last event then.
    pub sequence: u64,
    /// Its head.
    pub head: Head,
    /// When it was signed, in milliseconds since 1970.
    pub time_ms: i64,
    /// The key that signed.
    pub key: PublicKey,
    /// The signature, 128 lower-case hexadecimal digits.
    pub signature: String,
}

impl Checkpoint {
    /// Whether the signature is one of the checkpoint's own key over what the checkpoint says.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let Ok(signature) = hex::decode(&self.signature) else { return false };
        let at = TrailHead { sequence: self.sequence, head: self.head };
        let key = UnparsedPublicKey::new(&ED25519, self.key.0);
        hex::encode(&signature) == self.signature && key.verify(&signed(at, self.time_ms), &signature).is_ok()
    }
}

/// The bytes that are signed: the domain, then sequence, head and time as parts like those of an event.
fn signed(at: TrailHead, time_ms: i64) -> Vec<u8> {
    let mut out = DOMAIN.to_vec();
    for part in [at.sequence.to_string(), at.head.to_string(), time_ms.to_string()] {
        digest::put(&mut out, &part);
    }
    out
}
