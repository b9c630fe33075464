//! What the information schema of MariaDB and MySQL says.

use sea_query::Values;

use super::Mysql;
use super::trigger_text::{Routine, TriggerText, writes_of};
use crate::driver::{Driver, Statement};
use crate::facts::{ColumnFacts, IndexFacts, Relation, TableFacts, TriggerWrite, without_guards};
use crate::taker::Taker;
use crate::{Kind, StoreError, TableMark, TableName, Trouble};

pub(super) async fn ask(
    session: &mut Mysql,
    sql: &str,
    table: Option<&TableName>,
    kinds: &[Kind],
) -> Result<Vec<Taker>, StoreError> {
    let args = match table {
        Some(table) => vec![table.schema.clone().into(), table.name.as_str().into()],
        None => vec![],
    };
    let rows = session.fetch(Statement::own(sql.to_owned(), Values(args)), kinds).await?;
    Ok(rows.into_iter().map(Taker::new).collect())
}

pub(super) async fn describe(
    session: &mut Mysql,
    table: &TableName,
) -> Result<Option<TableFacts>, StoreError> {
    let sql = "SELECT TABLE_TYPE, COALESCE(ENGINE, ''), TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";
    let Some(mut row) = ask(session, sql, Some(table), &[Kind::Text; 4]).await?.pop() else {
        return Ok(None);
    };
    let (table_type, engine) = (row.text(), row.text());
    let (update_triggers, guards) = without_guards(triggers(session, table).await?);
    Ok(Some(TableFacts {
        name: TableName { schema: row.optional_text(), name: row.text() },
        relation: if table_type == "BASE TABLE" { Relation::Table } else { Relation::View },
        columns: columns(session, table).await?,
        indexes: indexes(session, table).await?,
        trigger_writes: trigger_writes(session, table, &update_triggers).await?,
        update_triggers,
        calls: vec![],
        update_rules: vec![],
        unidentified_in: None,
        guards,
        transactional: engine.eq_ignore_ascii_case("InnoDB"),
        partition_columns: vec![],
    }))
}

/// Where the storage of tables is numbered: MariaDB's name for it, and MySQL's.
const STORAGE: [&str; 2] = ["INNODB_SYS_TABLES", "INNODB_TABLES"];

/// The number of a table's storage, where the user may see it: that takes the privilege PROCESS.
pub(super) async fn mark(session: &mut Mysql, table: &TableName) -> Result<Option<TableMark>, StoreError> {
    let sql = "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?";
    let found = ask(session, sql, Some(table), &[Kind::Int]).await?.pop();
    if found.is_none_or(|mut row| row.int() == 0) {
        return Ok(None);
    }
    for view in STORAGE {
        let sql = format!(
            "SELECT CAST(TABLE_ID AS SIGNED) FROM information_schema.{view} \
             WHERE NAME = CONCAT(COALESCE(?, DATABASE()), '/', ?)"
        );
        match ask(session, &sql, Some(table), &[Kind::Int]).await {
            // A name with other letters than these is written in another way there, and a partitioned table is several.
            Ok(mut rows) => {
                return Ok(Some(TableMark::Storage(rows.pop().and_then(|mut row| row.optional_int()))));
            }
            Err(error) if error.trouble == Trouble::ConnectionLost => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Some(TableMark::Storage(None)))
}

async fn columns(session: &mut Mysql, table: &TableName) -> Result<Vec<ColumnFacts>, StoreError> {
    let sql = "SELECT c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, CAST(c.IS_NULLABLE = 'NO' AS SIGNED), \
                      CAST(c.CHARACTER_MAXIMUM_LENGTH AS SIGNED), \
                      CAST(COALESCE(c.GENERATION_EXPRESSION, '') <> '' AS SIGNED), \
                      CAST(LOWER(c.EXTRA) LIKE '%on update%' AS SIGNED), \
                      CAST(c.PRIVILEGES LIKE '%select%' AND c.PRIVILEGES LIKE '%update%' AS SIGNED) \
               FROM information_schema.COLUMNS c \
               WHERE c.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND c.TABLE_NAME = ? ORDER BY c.ORDINAL_POSITION";
    let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Int];
    let referenced = referenced(session, table).await?;
    let rows = ask(session, sql, Some(table), &kinds).await?;
    Ok(rows
        .into_iter()
        .map(|mut row| {
            let (name, data_type, sql_type) = (row.text(), row.text(), row.text());
            let not_null = row.int() == 1;
            let max_length = row.optional_int().and_then(|n| u64::try_from(n).ok()).filter(|n| *n < 1 << 30);
            ColumnFacts {
                referenced: referenced.contains(&name.to_lowercase()),
                name,
                kind: kind_of(&data_type.to_ascii_lowercase()),
                operators: None,
                enumerated: false,
                sql_type,
                not_null,
                max_length,
                generated: row.int() == 1,
                touched: row.int() == 1,
                writable: row.int() == 1,
            }
        })
        .collect())
}

/// Columns on either side of a foreign key, in lower case. Which keys refer to a table only the tables know that have them, and
/// the server opens every one to tell: so it is asked once, and not for each column.
async fn referenced(session: &mut Mysql, table: &TableName) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for sql in [
        "SELECT COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL",
        "SELECT REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE REFERENCED_TABLE_SCHEMA = COALESCE(?, DATABASE()) AND REFERENCED_TABLE_NAME = ?",
    ] {
        let rows = ask(session, sql, Some(table), &[Kind::Text]).await?;
        names.extend(rows.into_iter().map(|mut row| row.text().to_lowercase()));
    }
    Ok(names)
}

fn kind_of(data_type: &str) -> Kind {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Kind::Int,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Binary,
        "uuid" => Kind::Uuid,
        "json" => Kind::Json,
        _ => Kind::Other,
    }
}

async fn indexes(session: &mut Mysql, table: &TableName) -> Result<Vec<IndexFacts>, StoreError> {
    // An index on a prefix of a column is unique over that prefix only, hence partial for our purpose.
    let sql = "SELECT INDEX_NAME, CAST(NON_UNIQUE = 0 AS SIGNED), CAST(SUB_PART IS NOT NULL AS SIGNED), COLUMN_NAME \
               FROM information_schema.STATISTICS \
               WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX";
    let mut found: Vec<IndexFacts> = Vec::new();
    for mut row in ask(session, sql, Some(table), &[Kind::Text, Kind::Int, Kind::Int, Kind::Text]).await? {
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
            index.partial |= partial;
            index.columns.push(row.optional_text());
            index.collations.push(None);
        }
    }
    Ok(found)
}

/// Triggers that an UPDATE fires, and guards of ours.
pub(super) async fn triggers(session: &mut Mysql, table: &TableName) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS \
               WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND EVENT_OBJECT_TABLE = ? \
               AND (EVENT_MANIPULATION = 'UPDATE' OR TRIGGER_NAME LIKE 'reseal\\_guard%') ORDER BY 1";
    Ok(ask(session, sql, Some(table), &[Kind::Text]).await?.into_iter().map(|mut row| row.text()).collect())
}

/// What the triggers of a table write elsewhere.
pub(super) async fn trigger_writes(
    session: &mut Mysql,
    table: &TableName,
    update_triggers: &[String],
) -> Result<Vec<TriggerWrite>, StoreError> {
    if update_triggers.is_empty() {
        return Ok(vec![]);
    }
    let sql = "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_STATEMENT \
               FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) \
               AND ? <> '' AND TRIGGER_NAME NOT LIKE 'reseal\\_guard%'";
    let found = ask(session, sql, Some(table), &[Kind::Text; 4]).await?.into_iter();
    let triggers = found.map(|mut row| TriggerText {
        name: row.text(),
        table: row.text(),
        event: row.text(),
        body: row.text(),
    });
    let triggers: Vec<TriggerText> = triggers.collect();
    let sql = "SELECT ROUTINE_NAME, COALESCE(ROUTINE_DEFINITION, '') FROM information_schema.ROUTINES \
               WHERE ROUTINE_SCHEMA = COALESCE(?, DATABASE()) AND ? <> ''";
    let found = ask(session, sql, Some(table), &[Kind::Text; 2]).await?.into_iter();
    let routines: Vec<Routine> =
        found.map(|mut row| Routine { name: row.text(), body: row.text() }).collect();
    Ok(update_triggers.iter().flat_map(|name| writes_of(name, &triggers, &routines)).collect())
}

/// The most bytes that the server takes in one statement.
pub(super) async fn max_packet(session: &mut Mysql) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT CAST(@@max_allowed_packet AS SIGNED)";
    let row = ask(session, sql, None, &[Kind::Int]).await?.pop();
    Ok(row.and_then(|mut row| row.optional_int()).and_then(|bytes| u64::try_from(bytes).ok()))
}

pub(super) async fn guarded_tables(session: &mut Mysql) -> Result<Vec<TableName>, StoreError> {
    // A guard in another database may be that of another ledger: which tables are this one's, its runs have noted.
    let sql = "SELECT DISTINCT NULLIF(EVENT_OBJECT_SCHEMA, DATABASE()), EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS \
               WHERE TRIGGER_NAME LIKE 'reseal\\_guard%' AND (EVENT_OBJECT_SCHEMA = DATABASE() \
               OR (EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE) IN (SELECT schema_name, own_name FROM reseal_run_table)) ORDER BY 1, 2";
    let rows = ask(session, sql, None, &[Kind::Text; 2]).await?;
    Ok(rows.into_iter().map(|mut row| TableName { schema: row.optional_text(), name: row.text() }).collect())
}

pub(super) async fn tables(session: &mut Mysql) -> Result<Vec<TableName>, StoreError> {
    let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
               AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME NOT LIKE 'reseal\\_%' ORDER BY 1";
    let rows = ask(session, sql, None, &[Kind::Text]).await?;
    Ok(rows.into_iter().map(|mut row| TableName { schema: None, name: row.text() }).collect())
}
