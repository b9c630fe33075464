//! Keysets, keys and their sources, seals.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Keys with IDs and one primary.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyset {
    /// The key that seals new cells: a key ID, a source of a key ID, or `none` for a keyset that only opens cells.
    pub(crate) primary: Primary,
    /// The keys, by key ID. `"{primary}"` stands for the ID that the source in `primary` gives. Default: none.
    #[serde(default)]
    pub(crate) keys: super::Named<Key>,
    /// Sources of keys whose IDs are not in the plan. Default: none.
    #[serde(default)]
    pub(crate) keys_from: Vec<KeysFrom>,
    /// Whether the key IDs are roles (current, next) that move from key to key. Default: `false`.
    #[serde(default)]
    pub(crate) roles: bool,
}

/// The key that seals new cells.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Primary {
    /// A key ID, or `none`.
    Id(#[schemars(length(min = 1))] String),
    /// A source of a key ID.
    Source(Source),
}

/// Where a value is stored. The name of the place (`env`, `file`, …) comes from the plugins, so the schema of this type
/// is put together in `schema::vocabulary`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Source {
    /// Encoding of the stored bytes. Default: `raw`.
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// Name of an entry, if the place contains a JSON map, or `"*"` for all entries. Default: the whole content.
    #[schemars(length(min = 1))]
    pub(crate) json: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) place: Map<String, Value>,
}

/// A key.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Key {
    /// The key ID as it is stored in the data. Default: the key ID.
    #[schemars(length(min = 1))]
    pub(crate) tag: Option<String>,
    /// How the key is derived from the stored bytes. Default: the bytes are the key.
    pub(crate) kdf: Option<Kdf>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// A source of several keys.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct KeysFrom {
    /// How each key is derived from the stored bytes. Default: the bytes are the key.
    pub(crate) kdf: Option<Kdf>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// Encoding of bytes.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// The bytes as they are.
    #[default]
    Raw,
    /// UTF-8 text that is the key itself, such as a passphrase.
    Utf8,
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
    /// URL-safe base64.
    Base64Url,
}

/// A key derivation.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Kdf {
    /// SHA-256 of the key's bytes.
    Sha256 {},
    /// HKDF (RFC 5869) with SHA-256.
    HkdfSha256(Hkdf),
    /// HKDF (RFC 5869) with SHA-384.
    HkdfSha384(Hkdf),
    /// PBKDF2 (RFC 8018) with HMAC-SHA-1.
    Pbkdf2Sha1(Pbkdf2),
    /// PBKDF2 (RFC 8018) with HMAC-SHA-256.
    Pbkdf2Sha256(Pbkdf2),
    /// HMAC-SHA-256 of a message under the key's bytes.
    HmacSha256(Hmac),
}

/// Parameters of HKDF.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hkdf {
    /// Template of the salt. Default: empty.
    #[serde(default)]
    pub(crate) salt: String,
    /// Template of the info. Default: empty.
    #[serde(default)]
    pub(crate) info: String,
    /// Length of the derived key in bytes. Default: 32.
    #[schemars(range(min = 1, max = 64))]
    #[serde(default = "thirty_two")]
    pub(crate) length: u8,
}

/// Parameters of PBKDF2.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pbkdf2 {
    /// Template of the salt.
    pub(crate) salt: String,
    /// Number of iterations.
    #[schemars(range(min = 1))]
    pub(crate) rounds: u32,
    /// Length of the derived key in bytes. Default: 32.
    #[schemars(range(min = 1, max = 64))]
    #[serde(default = "thirty_two")]
    pub(crate) length: u8,
}

/// Parameters of HMAC.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hmac {
    /// Template of the message.
    pub(crate) message: String,
}

fn thirty_two() -> u8 {
    32
}

/// A way to seal cells: a format, a keyset and their parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    /// Name of the keyset. Omit it for a format without keys.
    pub(crate) keyset: Option<String>,
    /// Ciphertext format with its options.
    pub(crate) format: Format,
    /// Template of the additional authenticated data (AAD). Default: none.
    pub(crate) aad: Option<String>,
    /// How the key of a cell is derived from a key of the keyset. Default: no derivation.
    pub(crate) kdf: Option<Kdf>,
    /// What a plaintext looks like, for formats without authentication and for plaintext that looks like a ciphertext.
    /// Default: none.
    pub(crate) validator: Option<Validator>,
    /// Makes the seal an envelope: each cell is encrypted under a DEK, which is wrapped under a key of the keyset.
    /// Default: no envelope.
    pub(crate) envelope: Option<super::Envelope>,
}

/// A format and its options; the schema of this type is put together in `schema::vocabulary`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Format {
    /// A preset without options.
    Name(String),
    /// A format or a preset, with its options.
    Map(Map<String, Value>),
}

impl Format {
    /// The format's name, and its options.
    pub(crate) fn named(self) -> Option<(String, Value)> {
        match self {
            Format::Name(name) => Some((name, Value::Object(Map::new()))),
            Format::Map(map) => map.into_iter().next(),
        }
    }
}

/// What a plaintext looks like.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Validator {
    /// UTF-8 text without control characters other than tab and line breaks.
    Utf8,
    /// A JSON document.
    Json,
    /// Text that the regular expression matches completely.
    Pattern(#[schemars(length(min = 1))] String),
}
