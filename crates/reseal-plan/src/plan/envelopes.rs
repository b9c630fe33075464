//! Envelopes: cells that carry their own key, wrapped under a KEK.

use reseal_core::Template;

/// How cells carry their own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSpec {
    /// What a rotation does.
    pub r#move: Move,
    /// Length of a DEK in bytes.
    pub dek_bytes: usize,
    /// What is bound to a wrapped DEK: templates by name.
    pub context: Vec<(String, Template)>,
}

/// What a rotation does to an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// New KEK around the same DEK; the payload stays as it is.
    Rewrap,
    /// Opened, and sealed under a new DEK.
    ReEncrypt,
}
