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
