//! What SQLite's schema says.

use std::os::unix::fs::MetadataExt;

use sea_query::Values;

use super::Sqlite;
use crate::driver::{Driver, Statement};
use crate::facts::{ColumnFacts, IndexFacts, Relation, TableFacts, without_guards};
use crate::taker::Taker;
use crate::{DatabaseIdentity, Kind, StoreError, TableMark, TableName};

async fn ask(
    session: &mut Sqlite,
    sql: &str,
    args: &[&str],
    kinds: &[Kind],
) -> Result<Vec<Taker>, StoreError> {
    let args = Values(args.iter().map(|arg| (*arg).into()).collect());
    let rows = session.fetch(Statement::own(sql.to_owned(), args), kinds).await?;
    Ok(rows.into_iter().map(Taker::new).collect())
}

pub(super) async fn describe(
    session: &mut Sqlite,
    table: &TableName,
) -> Result<Option<TableFacts>, StoreError> {
    // Names are compared exactly: a plan that writes another case than the schema is told so.
    let sql = "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ?";
    let Some(mut row) = ask(session, sql, &[&table.name], &[Kind::Text]).await?.pop() else {
        return Ok(None);
    };
    let relation = match row.text().as_str() {
        "table" => Relation::Table,
        "view" => Relation::View,
        _ => Relation::Foreign,
    };
    let referenced = referenced(session, table).await?;
    let (columns, row_key_alias) = columns(session, table, &referenced).await?;
    let mut indexes = indexes(session, table).await?;
    if let Some(name) = row_key_alias {
        indexes.push(IndexFacts {
            name: "INTEGER PRIMARY KEY".into(),
            columns: vec![Some(name)],
            collations: vec![None],
            unique: true,
            partial: false,
            max_bytes: None,
        });
    }
    let (update_triggers, guards) = without_guards(triggers(session, table).await?);
    Ok(Some(TableFacts {
        name: TableName { schema: None, name: table.name.clone() },
        relation,
        columns,
        indexes,
        trigger_writes: vec![],
        update_triggers,
        calls: vec![],
        update_rules: vec![],
        unidentified_in: None,
        guards,
        transactional: true,
        partition_columns: vec![],
    }))
}

/// Triggers that an UPDATE fires, and guards of ours.
pub(super) async fn triggers(session: &mut Sqlite, table: &TableName) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE \
               AND (upper(sql) LIKE '%UPDATE%ON%' OR name LIKE 'reseal\\_guard%' ESCAPE '\\') ORDER BY 1";
    let found = ask(session, sql, &[&table.name], &[Kind::Text]).await?;
    Ok(found.into_iter().map(|mut row| row.text()).collect())
}

/// The file that a table lies in, how often its schema was changed, and the page on which the table begins.
pub(super) async fn mark(session: &mut Sqlite, table: &TableName) -> Result<Option<TableMark>, StoreError> {
    let sql = "SELECT d.file, v.schema_version, s.rootpage \
               FROM pragma_database_list d, pragma_schema_version v, sqlite_schema s \
               WHERE d.name = 'main' AND s.type = 'table' AND s.name = ?";
    let row = ask(session, sql, &[&table.name], &[Kind::Text, Kind::Int, Kind::Int]).await?.pop();
    Ok(row.map(|mut row| TableMark::File {
        path: row.text(),
        schema_version: row.int(),
        root_page: Some(row.int()),
    }))
}

/// The file: its path, and what the file system tells it by.
pub(super) async fn database_identity(session: &mut Sqlite) -> Result<DatabaseIdentity, StoreError> {
    let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
    let row = ask(session, sql, &[], &[Kind::Text]).await?.pop();
    let place = row.map(|mut row| row.text()).unwrap_or_default();
    let inode = std::fs::metadata(&place).ok();
    let server = inode.map(|inode| format!("device {}, inode {}", inode.dev(), inode.ino()));
    Ok(DatabaseIdentity { place, server, ..DatabaseIdentity::default() })
}

/// The columns, and the one that is an alias of the rowid.
async fn columns(
    session: &mut Sqlite,
    table: &TableName,
    referenced: &[String],
) -> Result<(Vec<ColumnFacts>, Option<String>), StoreError> {
    let sql = "SELECT name, type, \"notnull\", pk, hidden, \
               (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE pk > 0) FROM pragma_table_xinfo(?1) ORDER BY cid";
    let kinds = [Kind::Text, Kind::Text, Kind::Int, Kind::Int, Kind::Int, Kind::Int];
    let mut alias = None;
    let mut columns = Vec::new();
    for mut row in ask(session, sql, &[&table.name], &kinds).await? {
        let (name, sql_type, not_null) = (row.text(), row.text(), row.int() == 1);
        let (pk, hidden, width) = (row.int(), row.int(), row.int());
        let is_alias = pk == 1 && width == 1 && sql_type.eq_ignore_ascii_case("integer");
        if is_alias {
            alias = Some(name.clone());
        }
        columns.push(ColumnFacts {
            kind: kind_of(&sql_type.to_ascii_uppercase()),
            // Only an INTEGER PRIMARY KEY refuses NULL by itself: the others take it, by an old bug that stays.
            not_null: not_null || is_alias,
            max_length: None,
            generated: hidden > 1,
            touched: false,
            referenced: referenced.contains(&name),
            writable: true,
            name,
            operators: None,
            enumerated: false,
            sql_type,
        });
    }
    Ok((columns, alias))
}

/// Columns on either side of a foreign key.
async fn referenced(session: &mut Sqlite, table: &TableName) -> Result<Vec<String>, StoreError> {
    // The pragma prepares a statement for each table that it is asked about, so it is asked about tables that have a
    // foreign key. Those of Reseal's own refer to each other alone.
    let sql = "SELECT \"from\" FROM pragma_foreign_key_list(?1) UNION \
               SELECT f.\"to\" FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
               WHERE s.type = 'table' AND s.sql LIKE '%REFERENCES%' \
               AND s.name NOT LIKE 'reseal\\_%' ESCAPE '\\' AND f.\"table\" = ?1 AND f.\"to\" IS NOT NULL";
    Ok(ask(session, sql, &[&table.name], &[Kind::Text])
        .await?
        .into_iter()
        .map(|mut row| row.text())
        .collect())
}

/// Affinities (sqlite.org/datatype3.html §3.1), with the type names that applications write.
fn kind_of(sql_type: &str) -> Kind {
    let has = |part: &str| sql_type.contains(part);
    if has("INT") {
        Kind::Int
    } else if has("CHAR") || has("CLOB") || has("TEXT") || has("UUID") {
        Kind::Text
    } else if has("JSON") {
        Kind::Json
    } else if has("BLOB") || has("BINARY") || sql_type.is_empty() {
        Kind::Binary
    } else {
        Kind::Other
    }
}

async fn indexes(session: &mut Sqlite, table: &TableName) -> Result<Vec<IndexFacts>, StoreError> {
    let sql = "SELECT l.name, l.\"unique\", l.partial, x.name, x.coll FROM pragma_index_list(?1) l, \
               pragma_index_xinfo(l.name) x WHERE x.key = 1 ORDER BY l.name, x.seqno";
    let kinds = [Kind::Text, Kind::Int, Kind::Int, Kind::Text, Kind::Text];
    let mut found: Vec<IndexFacts> = Vec::new();
    for mut row in ask(session, sql, &[&table.name], &kinds).await? {
        let (name, unique, partial) = (row.text(), row.int() == 1, row.int() == 1);
        if found.last().is_none_or(|index| index.name != name) {
            found.push(IndexFacts {
                name,
                columns: vec![],
                collations: vec![],
                unique,
                partial,
                max_bytes: None,
            });
        }
        if let Some(index) = found.last_mut() {
            index.columns.push(row.optional_text());
            // Always named: the column's own collation is not to be had, and naming it twice harms nobody.
            index.collations.push(row.optional_text().filter(|collation| !collation.is_empty()));
        }
    }
    Ok(found)
}

pub(super) async fn guarded_tables(session: &mut Sqlite) -> Result<Vec<TableName>, StoreError> {
    let sql = "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'reseal\\_guard%' ESCAPE '\\' \
               ORDER BY 1";
    let rows = ask(session, sql, &[], &[Kind::Text]).await?;
    Ok(rows.into_iter().map(|mut row| TableName { schema: None, name: row.text() }).collect())
}

pub(super) async fn tables(session: &mut Sqlite) -> Result<Vec<TableName>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               AND name NOT LIKE 'reseal\\_%' ESCAPE '\\' ORDER BY 1";
    let rows = ask(session, sql, &[], &[Kind::Text]).await?;
    Ok(rows.into_iter().map(|mut row| TableName { schema: None, name: row.text() }).collect())
}
