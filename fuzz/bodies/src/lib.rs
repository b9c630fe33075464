//! What must hold for any input, one body for each reader of what others wrote: plans, layouts, cells, audit trails.
//!
//! A body takes bytes and panics where a promise is broken. The tests of this crate call it with mutated seeds for a
//! limited time, and the targets in `fuzz/fuzz_targets` call it from libFuzzer for as long as one likes.

pub mod aes_gcm;
pub mod audit;
pub mod custom;
pub mod fernet;
pub mod layout;
pub mod pgcrypto;
pub mod plaintext;
pub mod plan;
mod suites;

/// A body with inputs to begin with.
#[derive(Clone, Copy)]
pub struct Body {
    /// The name of its module and of its target.
    pub name: &'static str,
    /// Checks one input.
    pub body: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What inputs are made of.
    pub words: &'static [&'static str],
}

/// Every body.
pub const ALL: [Body; 8] = [
    Body {
        name: "aes_gcm",
        body: aes_gcm::body,
        seeds: aes_gcm::seeds,
        words: &[":", "v1", "=", "A", "enc:v1:"],
    },
    Body { name: "audit", body: audit::body, seeds: audit::seeds, words: audit::WORDS },
    Body {
        name: "custom",
        body: custom::body,
        seeds: custom::seeds,
        words: &["{\"p\":\"", "\"h\":{", "\"c\":true", "\\/", " ", "nacl:"],
    },
    Body {
        name: "fernet",
        body: fernet::body,
        seeds: fernet::seeds,
        words: &["gAAAAA", "FERNET_V2:", ":", "="],
    },
    Body { name: "layout", body: layout::body, seeds: layout::seeds, words: layout::WORDS },
    Body { name: "pgcrypto", body: pgcrypto::body, seeds: pgcrypto::seeds, words: pgcrypto::WORDS },
    Body { name: "plaintext", body: plaintext::body, seeds: plaintext::seeds, words: &["gAAAAA", "{}"] },
    Body { name: "plan", body: plan::body, seeds: plan::seeds, words: plan::WORDS },
];
