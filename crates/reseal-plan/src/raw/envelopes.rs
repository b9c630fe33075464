//! Envelopes.

use schemars::JsonSchema;
use serde::Deserialize;

/// How cells are encrypted under keys of their own (DEKs).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// What a rotation does to the DEKs.
    pub(crate) r#move: Move,
    /// Kind of DEK. Default: `aes-256`.
    #[serde(default)]
    pub(crate) dek: Dek,
    /// Encryption context for the KEK, such as that of AWS KMS: templates by name. Default: empty.
    #[serde(default)]
    pub(crate) context: super::Named<String>,
}

/// What a rotation does to the DEKs.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Move {
    /// Wrap the same DEK under the new KEK. This does not help if a DEK has leaked.
    Rewrap,
    /// Open each cell and seal it under a new DEK.
    ReEncrypt,
}

/// Kind of DEK.
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
