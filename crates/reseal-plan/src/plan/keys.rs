//! Keysets, keys, and where they are kept.

use reseal_core::{Kdf, SourceArgs};

use super::PlanPath;

/// A keyset as the plan describes it.
#[derive(Clone, Debug)]
pub struct KeysetSpec {
    /// The keyset's name.
    pub name: String,
    /// Whether the ids are roles (current, next) that move from key to key.
    pub roles: bool,
    /// Which key seals new data.
    pub primary: PrimarySpec,
    /// The keys that the plan names.
    pub keys: Vec<KeySpec>,
    /// Sources of keys that the plan does not name.
    pub keys_from: Vec<KeysFromSpec>,
    /// Line in the file, from 1.
    pub line: usize,
}

impl KeysetSpec {
    /// Whether any of its keys, or the id of its primary, comes out of the plan's database.
    #[must_use]
    pub fn reads_the_database(&self) -> bool {
        let of_primary = match &self.primary {
            PrimarySpec::Source(source) => Some(source),
            PrimarySpec::None | PrimarySpec::Id(_) => None,
        };
        let mut sources = self.keys.iter().map(|key| &key.source).chain(of_primary);
        let is_query = |from: &KeysFromSpec| matches!(from.place, KeysPlace::Query { .. });
        sources.any(|source| source.kind == "sql") || self.keys_from.iter().any(is_query)
    }
}

/// Which key of a keyset seals new data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrimarySpec {
    /// None: the keyset only opens.
    None,
    /// The key with this id.
    Id(String),
    /// The key whose id this source prints.
    Source(SourceSpec),
}

/// One key that the plan names.
#[derive(Clone, Debug)]
pub struct KeySpec {
    /// The key's id.
    pub id: KeyIdSpec,
    /// How the id is written in the data, where it differs.
    pub tag: Option<String>,
    /// Where the bytes are kept.
    pub source: SourceSpec,
    /// How the bytes that are kept become the key. Its templates read `{key}` alone.
    pub kdf: Option<Kdf>,
    /// Line in the file, from 1.
    pub line: usize,
}

/// The id of a key that the plan names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyIdSpec {
    /// The id itself.
    Literal(String),
    /// `"{primary}"`: whatever id the primary turns out to have.
    Primary,
}

impl KeyIdSpec {
    /// The id as the plan writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            KeyIdSpec::Literal(id) => id,
            KeyIdSpec::Primary => "{primary}",
        }
    }
}

/// A source of many keys.
#[derive(Clone, Debug)]
pub struct KeysFromSpec {
    /// Where the keys are listed.
    pub place: KeysPlace,
    /// How the bytes that are kept become a key.
    pub kdf: Option<Kdf>,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Where many keys are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysPlace {
    /// A JSON map of ids to keys, from one source.
    Map(SourceSpec),
    /// A directory: one file per key, the file's name is the key's id.
    Directory {
        /// The directory's path.
        path: PlanPath,
        /// How each file is encoded.
        encoding: Encoding,
    },
    /// A query of the plan's database: one row per key, its columns named `id`, `tag`, `state`, `created_at`,
    /// `expires_at`, and whatever `key` asks for.
    Query {
        /// The SQL text.
        sql: String,
        /// Where the bytes of each key are.
        key: KeyOfRow,
    },
}

/// Where the bytes of a key are that a query lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOfRow {
    /// In a column of the row itself.
    Column {
        /// The column.
        name: String,
        /// How the bytes are written down.
        encoding: Encoding,
    },
    /// In a source whose words have holes `{column}`, which the row fills.
    Source(SourceSpec),
}

/// Where one secret is kept; or, for a key of an envelope, where its KEK is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSpec {
    /// The name of the key source (`env`, `file`, `command`; `sql` for a value that the plan's database holds), or of the
    /// kind of KEK (`aws-kms`).
    pub kind: String,
    /// What the plan says of it; of a KEK each option as `OPTION=VALUE`. Holes are still open, see
    /// [`SourceSpec::args_for`].
    pub args: SourceArgs,
    /// The secret that a KEK is opened with, such as a PIN.
    pub secret: Option<Box<SourceSpec>>,
    /// Which part of a JSON document is meant.
    pub json: Option<JsonPick>,
    /// How the bytes are written down.
    pub encoding: Encoding,
}

impl SourceSpec {
    /// The arguments with `{key}` filled by a key's id.
    #[must_use]
    pub fn args_for(&self, key_id: &str) -> SourceArgs {
        let words = self.args.words.iter().map(|word| word.replace("{key}", key_id)).collect();
        SourceArgs { words, ..self.args.clone() }
    }
}

/// Which part of a JSON document is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonPick {
    /// The entry with this name.
    Entry(String),
    /// `"*"`: every entry; the name is the key's id.
    All,
}

/// How bytes are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    #[default]
    Raw,
    /// As text in UTF-8: the text itself is the key, a passphrase for instance.
    Utf8,
    /// In hexadecimal digits.
    Hex,
    /// In base64 (RFC 4648 §4).
    Base64,
    /// In URL-safe base64 (RFC 4648 §5).
    Base64Url,
}
