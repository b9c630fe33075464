//! Tables and fields.

use reseal_core::Part;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Encoding, Named, OneOrMany};

/// A table with encrypted cells.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Schema of the table, if a name contains a dot. Default: the part before the dot, or none.
    #[schemars(length(min = 1))]
    pub(crate) schema: Option<String>,
    /// Name of the table, if a name contains a dot. Default: the name of this entry.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<String>,
    /// Column or columns that identify a row: unique and NOT NULL.
    pub(crate) row_key: OneOrMany,
    /// Column with the row's tenant, for `--tenant` and for `{tenant}` in templates. Default: none.
    #[schemars(length(min = 1))]
    pub(crate) tenant: Option<String>,
    /// Name of a group of tables, for `--domain`. Default: none.
    #[schemars(length(min = 1))]
    pub(crate) domain: Option<String>,
    /// SQL condition that selects the rows with encrypted cells. Default: all rows.
    pub(crate) r#where: Option<String>,
    /// Column with the key's mark for all fields of the row. Default: none.
    #[schemars(length(min = 1))]
    pub(crate) key: Option<String>,
    /// `accepted` allows cells of a row to share a nonce under one key, which breaks their encryption. Default:
    /// refused.
    pub(crate) shared_nonce: Option<SharedNonce>,
    /// The fields, by name. The short form is a column name with the seal of its cells.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) fields: Named<Field>,
}

/// Whether several cells may share a nonce.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SharedNonce {
    /// They may.
    Accepted,
}

/// A field: cells of one seal in a table.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Field {
    /// The seal of all cells after a run; the name of the field is the column.
    Short(String),
    /// A field with options.
    Full(Box<FullField>),
}

/// A field with options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FullField {
    /// The seal of all cells after a run.
    pub(crate) to: String,
    /// Other seals that cells may have before a run. Default: none.
    #[serde(default)]
    pub(crate) from: Vec<String>,
    /// Columns of the cell, if it has more than one or the field has another name. Default: one column with the name of
    /// the field.
    pub(crate) columns: Option<Columns<String>>,
    /// Columns that contain a copy of a part of the cell. Default: none.
    pub(crate) mirrors: Option<Columns<Option<String>>>,
    /// Column for the reason why a cell is in quarantine. Default: none.
    #[schemars(length(min = 1))]
    pub(crate) last_error: Option<String>,
    /// Encoding of binary parts in text columns. Default: none, for a layout that gives text or for binary columns.
    pub(crate) encoding: Option<Encoding>,
}

// `C` is a name for a cell, which is never without a ciphertext, and may be none where only copies are named.
/// Columns, by the part of a cell that they contain.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns<C> {
    /// Column with the ciphertext.
    #[schemars(length(min = 1))]
    pub(crate) ciphertext: C,
    /// Column with the nonce. Default: none; the layout contains it.
    #[schemars(length(min = 1))]
    pub(crate) nonce: Option<String>,
    /// Column with the authentication tag. Default: none; the tag is part of the ciphertext or of the layout.
    #[schemars(length(min = 1))]
    pub(crate) tag: Option<String>,
    /// Column with the wrapped DEK. Default: none.
    #[schemars(length(min = 1))]
    pub(crate) wrapped_dek: Option<String>,
    /// Column with the nonce of the wrapped DEK. Default: none.
    #[schemars(length(min = 1))]
    pub(crate) dek_nonce: Option<String>,
    /// Column with the key's mark. Default: none.
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
