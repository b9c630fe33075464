//! Tables and fields.

use reseal_core::Part;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Encoding, Named, OneOrMany};

/// A table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// The table's schema, where its name holds a dot.
    #[schemars(length(min = 1))]
    pub(crate) schema: Option<String>,
    /// The table's name, where it holds a dot.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<String>,
    /// The column or columns that identify a row.
    pub(crate) row_key: OneOrMany,
    /// The column that holds the row's tenant.
    #[schemars(length(min = 1))]
    pub(crate) tenant: Option<String>,
    /// A name to narrow runs by.
    #[schemars(length(min = 1))]
    pub(crate) domain: Option<String>,
    /// An SQL condition, where a column is only sometimes sealed.
    pub(crate) r#where: Option<String>,
    /// The column that holds the key's mark for all fields of a row.
    #[schemars(length(min = 1))]
    pub(crate) key: Option<String>,
    /// That cells of a row may share one nonce under a fresh key, which breaks their encryption.
    pub(crate) shared_nonce: Option<SharedNonce>,
    /// The fields: a column with its seal, or more about it.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) fields: Named<Field>,
}

/// What is said of a nonce that several cells share.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SharedNonce {
    /// It may be used for each of them.
    Accepted,
}

/// A field.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Field {
    /// The seal that cells must end with.
    Short(String),
    /// More than that.
    Full(Box<FullField>),
}

/// A field in full.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FullField {
    /// The seal that cells must end with.
    pub(crate) to: String,
    /// Seals that cells may still have.
    #[serde(default)]
    pub(crate) from: Vec<String>,
    /// The columns of a cell that lies in several.
    pub(crate) columns: Option<Columns<String>>,
    /// Columns that hold a copy.
    pub(crate) mirrors: Option<Columns<Option<String>>>,
    /// A column that shows why a cell is in quarantine.
    #[schemars(length(min = 1))]
    pub(crate) last_error: Option<String>,
    /// How binary parts are written in text columns.
    pub(crate) encoding: Option<Encoding>,
}

// `C` is a name for a cell, which is never without a ciphertext, and may be none where only copies are named.
/// Columns by the part of a cell that they hold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns<C> {
    /// The column that holds the ciphertext.
    #[schemars(length(min = 1))]
    pub(crate) ciphertext: C,
    /// The column that holds the nonce.
    #[schemars(length(min = 1))]
    pub(crate) nonce: Option<String>,
    /// The column that holds the authentication tag, where it is kept apart.
    #[schemars(length(min = 1))]
    pub(crate) tag: Option<String>,
    /// The column that holds the wrapped DEK.
    #[schemars(length(min = 1))]
    pub(crate) wrapped_dek: Option<String>,
    /// The column that holds the nonce of the wrapped DEK.
    #[schemars(length(min = 1))]
    pub(crate) dek_nonce: Option<String>,
    /// The column that holds the key's mark.
    #[schemars(length(min = 1))]
    pub(crate) key: Option<String>,
}

impl<C: Into<Option<String>>> Columns<C> {
    /// The columns that are named, with their parts.
    pub(crate) fn named(self) -> Vec<(Part, String)> {
        let parts = [
            (Part::Ciphertext, self.ciphertext.into()),
            (Part::Nonce, self.nonce),
            (Part::Tag, self.tag),
            (Part::WrappedDek, self.wrapped_dek),
            (Part::DekNonce, self.dek_nonce),
            (Part::Key, self.key),
        ];
        parts.into_iter().filter_map(|(part, column)| Some((part, column?))).collect()
    }
}
