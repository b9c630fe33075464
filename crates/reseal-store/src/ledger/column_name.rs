//! A column that a run claims.

/// A column that a run claims, of a table by its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnName {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}
