//! The audit trail: what happened, the bytes that stand for it, and the chain that these bytes form.
//!
//! Each event has a sequence number and a [`Head`]: the SHA-256 over the head before it and the event's canonical bytes.
//! Whoever holds a head holds the trail up to it: no event before it can be edited, removed, added or moved unseen.
//! `docs/audit-trail.md` gives the encoding byte for byte, for verifiers in other languages.
//!
//! **Invariant:** an event holds no cell, no key and no plaintext; of keys it holds ids and fingerprints.

mod chain;
mod checkpoint;
mod cut;
pub mod dsse;
mod json;
mod kind;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::{Entry, Head, TrailHead};
pub use checkpoint::{Checkpoint, KeyError, PublicKey, Signer};
pub use cut::{Cut, CutPoint, KeptEvents};
pub use json::{Line, Unreadable, read_export};
pub use kind::EventKind;
pub use verify::{Fault, Trail, Verdict, checkpoints_of};

/// Something that an auditor must be able to see.
///
/// Texts that do not apply are empty: nothing in a trail is ever named by an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, in milliseconds since 1970 by the clock of the host that tells it.
    pub time_ms: i64,
    /// Who did it: a login, or the service that acted by itself.
    pub operator: String,
    /// The host on which it was done.
    pub host: String,
    /// The plan's name.
    pub plan: String,
    /// The plan's digest.
    pub plan_digest: String,
    /// The run's id.
    pub run_id: String,
    /// What else there is to say, in this order.
    pub fields: Vec<(String, Detail)>,
    /// The keys that it is about.
    pub keys: Vec<Fingerprint>,
}

/// One value that an event carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
}

/// A key, named without showing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The keyset's name in the plan.
    pub keyset: String,
    /// The key's id.
    pub key: String,
    /// What tells its bytes from others and gives none of them back: `method:salt:digest`. May be empty.
    pub digest: String,
}

impl Event {
    /// An event that is about no plan yet.
    #[must_use]
    pub fn new(kind: EventKind, time_ms: i64, operator: &str, host: &str) -> Self {
        Event {
            kind,
            time_ms,
            operator: operator.to_owned(),
            host: host.to_owned(),
            plan: String::new(),
            plan_digest: String::new(),
            run_id: String::new(),
            fields: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The same event, about a plan.
    #[must_use]
    pub fn of_plan(mut self, name: &str, digest: &str) -> Self {
        self.plan = name.to_owned();
        self.plan_digest = digest.to_owned();
        self
    }

    /// The same event, about a run.
    #[must_use]
    pub fn of_run(mut self, run_id: &str) -> Self {
        self.run_id = run_id.to_owned();
        self
    }

    /// The same event, saying one thing more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Detail>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// The same event, about one key more.
    #[must_use]
    pub fn of_key(mut self, keyset: &str, key: &str, digest: &str) -> Self {
        let (keyset, key, digest) = (keyset.to_owned(), key.to_owned(), digest.to_owned());
        self.keys.push(Fingerprint { keyset, key, digest });
        self
    }

    /// A text that the event carries under this name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(known, value)| match value {
            Detail::Text(text) if known == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// All texts that the event carries under this name, in their order.
    pub fn texts<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e str> {
        self.fields.iter().filter_map(move |(known, value)| match value {
            Detail::Text(text) if known == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// A number that the event carries under this name.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.fields.iter().find_map(|(known, value)| match value {
            Detail::Integer(n) if known == name => Some(*n),
            _ => None,
        })
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Detail::Text(text.to_owned())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Detail::Text(text)
    }
}

impl From<i64> for Detail {
    fn from(n: i64) -> Self {
        Detail::Integer(n)
    }
}

impl From<u64> for Detail {
    fn from(n: u64) -> Self {
        Detail::Integer(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
