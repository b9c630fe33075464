//! The canonical bytes of an event, and the chain over them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{Detail, Event};
use crate::digest;

/// What the hashes of a trail begin with, so that none of them means anything elsewhere.
const DOMAIN: &[u8] = b"reseal-audit-event-1\n";

/// A hash that stands for the trail up to and with one event.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head([u8; 32]);

impl Head {
    /// The head of a trail without events.
    pub const START: Head = Head([0; 32]);

    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Head> {
        let bytes = hex::decode(text).ok()?.try_into().ok()?;
        // One way to write a head, so that no edit of one goes unseen.
        Some(Head(bytes)).filter(|head| head.to_string() == text)
    }

    /// The head after one event more: SHA-256(domain ‖ this head ‖ the event's canonical bytes).
    #[must_use]
    pub fn after(&self, sequence: u64, event: &Event) -> Head {
        let hash = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(self.0)
            .chain_update(event.canonical(sequence))
            .finalize();
        Head(hash.into())
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

/// Where a trail ends: how many events it has, and the head of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailHead {
    /// The number of the last event; 0 for a trail without events.
    pub sequence: u64,
    /// Its head.
    pub head: Head,
}

impl TrailHead {
    /// A trail without events.
    pub const START: TrailHead = TrailHead { sequence: 0, head: Head::START };

    /// Where the trail ends with one event more.
    #[must_use]
    pub fn after(&self, event: &Event) -> TrailHead {
        let sequence = self.sequence + 1;
        TrailHead { sequence, head: self.head.after(sequence, event) }
    }
}

/// An event with its place in the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; the first is 1.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
    /// The head that stands beside it.
    pub head: Head,
}

impl Event {
    /// The bytes that stand for the event in the chain. Every part is a length of four bytes, big-endian, and that many
    /// bytes of UTF-8; numbers are written in decimal. Two events that differ have different bytes.
    #[must_use]
    pub fn canonical(&self, sequence: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let mut part = |text: &str| digest::put(&mut out, text);
        part(&sequence.to_string());
        part(&self.time_ms.to_string());
        let texts =
            [&self.operator, &self.host, self.kind.name(), &self.plan, &self.plan_digest, &self.run_id];
        texts.into_iter().for_each(&mut part);
        part(&self.fields.len().to_string());
        for (name, value) in &self.fields {
            part(name);
            match value {
                Detail::Text(text) => ["t", text].into_iter().for_each(&mut part),
                Detail::Integer(n) => ["i", &n.to_string()].into_iter().for_each(&mut part),
            }
        }
        part(&self.keys.len().to_string());
        for key in &self.keys {
            [&key.keyset, &key.key, &key.digest].into_iter().for_each(|text| part(text));
        }
        out
    }
}
