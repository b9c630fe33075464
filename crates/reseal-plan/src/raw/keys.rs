//! Keysets, keys and their sources, seals.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Keys with ids and one primary.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyset {
    /// The key that seals new data: an id, a source that prints one, or `none` for a keyset that only opens.
    pub(crate) primary: Primary,
    /// The keys, by id. `"{primary}"` is the id that `primary` turns out to be.
    #[serde(default)]
    pub(crate) keys: super::Named<Key>,
    /// Sources of keys whose ids are not known when the plan is written.
    #[serde(default)]
    pub(crate) keys_from: Vec<KeysFrom>,
    /// The ids are roles (current, next) that move from key to key.
    #[serde(default)]
    pub(crate) roles: bool,
}

/// Which key seals new data.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Primary {
    /// An id, or `none`.
    Id(#[schemars(length(min = 1))] String),
    /// A source that prints an id.
    Source(Source),
}

/// Where a secret is kept. The place's name (`env`, `file`, …) comes from the plugins, so the schema of this type is
/// put together in `schema::vocabulary`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Source {
    /// How the bytes are written down.
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// The place holds a JSON map: the name of one entry, or `"*"` for all.
    #[schemars(length(min = 1))]
    pub(crate) json: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) place: Map<String, Value>,
}

/// One key.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Key {
    /// How the key's id is written in the data, where it differs.
    #[schemars(length(min = 1))]
    pub(crate) tag: Option<String>,
    /// How the bytes that are kept become the key.
    pub(crate) kdf: Option<Kdf>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// A source of many keys.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct KeysFrom {
    /// How the bytes that are kept become a key.
    pub(crate) kdf: Option<Kdf>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// How bytes are written down.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// As they are.
    #[default]
    Raw,
    /// A text that is itself the key, such as a passphrase.
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
    /// A template; empty if left out.
    #[serde(default)]
    pub(crate) salt: String,
    /// A template; empty if left out.
    #[serde(default)]
    pub(crate) info: String,
    /// Length of the derived key in bytes.
    #[schemars(range(min = 1, max = 64))]
    #[serde(default = "thirty_two")]
    pub(crate) length: u8,
}

/// Parameters of PBKDF2.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pbkdf2 {
    /// A template.
    pub(crate) salt: String,
    /// Iterations.
    #[schemars(range(min = 1))]
    pub(crate) rounds: u32,
    /// Length of the derived key in bytes.
    #[schemars(range(min = 1, max = 64))]
    #[serde(default = "thirty_two")]
    pub(crate) length: u8,
}

/// Parameters of HMAC.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hmac {
    /// A template.
    pub(crate) message: String,
}

fn thirty_two() -> u8 {
    32
}

/// A way of sealing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    /// The keyset whose keys open and seal; none for a format without keys.
    pub(crate) keyset: Option<String>,
    /// The ciphertext format with its options.
    pub(crate) format: Format,
    /// Additional authenticated data: a template.
    pub(crate) aad: Option<String>,
    /// How a key becomes the key of one cell.
    pub(crate) kdf: Option<Kdf>,
    /// What a plaintext looks like, for formats whose opening proves nothing and for plaintext that looks sealed.
    pub(crate) validator: Option<Validator>,
    /// Cells carry their own key, wrapped under a key of the keyset.
    pub(crate) envelope: Option<super::Envelope>,
}

/// A format and its options; the schema of this type is put together in `schema::vocabulary`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Format(pub(crate) Map<String, Value>);

/// What a plaintext looks like.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Validator {
    /// Text in UTF-8 without control characters other than tab and line breaks.
    Utf8,
    /// A JSON document.
    Json,
    /// Text that the regular expression matches as a whole.
    Pattern(#[schemars(length(min = 1))] String),
}
