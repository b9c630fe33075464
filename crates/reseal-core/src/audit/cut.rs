//! Cuts: where a trail begins once the events before are in an archive (Ed25519, RFC 8032).

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::chain::{Entry, TrailHead};
use super::checkpoint::{PublicKey, Signer};
use crate::digest;

/// What the signed bytes of a cut begin with: no checkpoint can be taken for one.
const DOMAIN: &[u8] = b"reseal-audit-cut-1\n";
/// What the digest of kept events begins with.
const KEPT_DOMAIN: &[u8] = b"reseal-audit-kept-1\n";

/// Where a trail is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutPoint {
    /// The last event that is archived.
    pub at: TrailHead,
    /// Events before this time were to be archived, in milliseconds since 1970.
    pub before_ms: i64,
    /// When it was cut, in milliseconds since 1970.
    pub time_ms: i64,
    /// How many of the archived events the control database keeps too.
    pub kept: u64,
    /// What those come to, 64 lower-case hexadecimal digits.
    pub kept_digest: String,
}

/// Where a trail is cut, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What is signed.
    pub point: CutPoint,
    /// The key that signed.
    pub key: PublicKey,
    /// The signature, 128 lower-case hexadecimal digits.
    pub signature: String,
}

impl CutPoint {
    /// The bytes that are signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut out = DOMAIN.to_vec();
        let CutPoint { at, before_ms, time_ms, kept, kept_digest } = self;
        let numbers = [before_ms.to_string(), time_ms.to_string(), kept.to_string()];
        let first = [at.sequence.to_string(), at.head.to_string()];
        for part in first.iter().chain(&numbers).chain([kept_digest]) {
            digest::put(&mut out, part);
        }
        out
    }
}

impl Signer {
    /// Signs where a trail is cut.
    #[must_use]
    pub fn sign_cut(&self, point: CutPoint) -> Cut {
        let signature = hex::encode(self.signature(&point.message()));
        Cut { point, key: self.public(), signature }
    }
}

impl Cut {
    /// A cut whose bytes somebody signed elsewhere.
    #[must_use]
    pub fn signed_by(point: CutPoint, key: PublicKey, signature: &[u8]) -> Cut {
        Cut { point, key, signature: hex::encode(signature) }
    }

    /// Whether the signature is one of the cut's own key over what the cut says.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let Ok(signature) = hex::decode(&self.signature) else { return false };
        let key = UnparsedPublicKey::new(&ED25519, self.key.bytes());
        hex::encode(&signature) == self.signature && key.verify(&self.point.message(), &signature).is_ok()
    }
}

/// The digest of events that stay behind a cut: their canonical bytes and heads, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct KeptEvents {
    count: u64,
    hash: Option<Sha256>,
}

impl KeptEvents {
    /// The same with one event more.
    #[must_use]
    pub fn with(self, entry: &Entry) -> KeptEvents {
        let mut head = Vec::new();
        digest::put(&mut head, &entry.head.to_string());
        let hash = self.hash.unwrap_or_else(start).chain_update(entry.event.canonical(entry.sequence));
        KeptEvents { count: self.count + 1, hash: Some(hash.chain_update(head)) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What they come to.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(self.hash.clone().unwrap_or_else(start).finalize())
    }

    /// Whether they are those that a cut names.
    #[must_use]
    pub fn are_of(&self, point: &CutPoint) -> bool {
        self.digest() == point.kept_digest
    }
}

fn start() -> Sha256 {
    Sha256::new().chain_update(KEPT_DOMAIN)
}
