//! Names in SQL, quoted where a statement is built.

use sea_query::{Alias, DynIden, IntoIden, IntoTableRef, TableRef};

use crate::TableName;

/// A name of the ledger or of the application's schema.
pub(crate) fn iden(name: &str) -> DynIden {
    Alias::new(name).into_iden()
}

/// A table reference, with its schema where it has one.
pub(crate) fn table_ref(table: &TableName) -> TableRef {
    match &table.schema {
        Some(schema) => (iden(schema), iden(&table.name)).into_table_ref(),
        None => iden(&table.name).into_table_ref(),
    }
}

/// A condition of the plan's within a longer one. What comments out the end of its line comments out nothing else.
pub(crate) fn within(condition: &str) -> String {
    format!("({condition}\n)")
}

/// A text as an SQL literal of MariaDB, where a backslash escapes, and of PostgreSQL as long as it holds none.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
