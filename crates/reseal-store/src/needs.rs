//! What a plan does in a database, as far as privileges are about it.

use crate::TableName;

/// What a plan does in a database.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The tables whose rows are rotated.
    pub tables: Vec<TableNeeds>,
    /// Whether it looks how far replicas are.
    pub replicas: bool,
    /// Reseal's own tables there.
    pub own: Own,
}

/// Tables and views of Reseal's own, as their scripts name them.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The tables.
    pub tables: Vec<String>,
    /// The views.
    pub views: Vec<String>,
}

/// What a plan does with a table.
#[derive(Clone, Debug)]
pub struct TableNeeds {
    /// The table, as the plan names it.
    pub table: TableName,
    /// The columns that are written.
    pub written: Vec<String>,
    /// Whether a guard is put on it.
    pub guarded: bool,
}
