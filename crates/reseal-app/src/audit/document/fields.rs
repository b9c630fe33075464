//! What a run worked on, as the event of its beginning describes it. Events of earlier versions say nothing of it.

use reseal_core::audit::{Detail, Event};
use serde::{Deserialize, Serialize};

/// A database, as its own identity says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Database {
    place: String,
    name: String,
    server: Option<String>,
    ledger: Option<String>,
}

/// A field, and what its cells end with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    /// The field, as `table.field`.
    field: String,
    #[serde(flatten)]
    sealed: Sealed,
}

/// What cells end with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Sealed {
    seal: String,
    keyset: String,
    algorithm: String,
    /// None for a passphrase.
    key_bits: Option<u64>,
}

impl Database {
    pub(super) fn of(event: &Event) -> Option<Database> {
        serde_json::from_str(event.text("database")?).ok()
    }
}

impl Field {
    pub(super) fn all_of(event: &Event) -> Vec<Field> {
        let fields = event.fields.iter().filter_map(|(name, value)| match value {
            Detail::Text(text) => {
                let field = name.strip_prefix("field.")?.to_owned();
                Some(Field { field, sealed: serde_json::from_str(text).ok()? })
            }
            Detail::Integer(_) => None,
        });
        fields.collect()
    }

    /// The keyset whose primary seals its cells.
    pub(super) fn keyset(&self) -> &str {
        &self.sealed.keyset
    }

    /// Algorithm and length of the key, in one line.
    pub(super) fn algorithm(&self) -> String {
        match self.sealed.key_bits {
            Some(bits) => format!("{}, {bits} bits", self.sealed.algorithm),
            None => format!("{}, passphrase", self.sealed.algorithm),
        }
    }
}
