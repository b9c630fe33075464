//! A column that a run claims.

/// A column that a run claims, of a table by its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnName {
    /// The table.
    pub table: String,
    /// What the database tells the table by: see [`TableIdentity::claimed_as`](crate::TableIdentity::claimed_as).
    pub identity: String,
    /// The column.
    pub column: String,
}
