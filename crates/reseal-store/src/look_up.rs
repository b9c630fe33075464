//! Queries of the caller's own, whose columns nobody knows beforehand.

use reseal_core::SecretBytes;

/// What a query found. Values may be keys, so they are wiped when dropped and never shown.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// The names of the columns; none where there is no row.
    pub columns: Vec<String>,
    /// The rows: texts as the server writes them, the bytes of binary columns; `None` for NULL.
    pub rows: Vec<Vec<Option<SecretBytes>>>,
}
