//! Envelopes.

use schemars::JsonSchema;
use serde::Deserialize;

/// How cells carry their own key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// What a rotation does.
    pub(crate) r#move: Move,
    /// The kind of DEK.
    #[serde(default)]
    pub(crate) dek: Dek,
    /// The encryption context of a KMS: templates by name.
    #[serde(default)]
    pub(crate) context: super::Named<String>,
}

/// What a rotation does to an envelope.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Move {
    /// New KEK around the same DEK. Does not help when a DEK has leaked.
    Rewrap,
    /// Open and seal anew under a new DEK.
    ReEncrypt,
}

/// The kind of DEK.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) enum Dek {
    /// 32 random bytes.
    #[default]
    #[serde(rename = "aes-256")]
    Aes256,
    /// 16 random bytes.
    #[serde(rename = "aes-128")]
    Aes128,
}
