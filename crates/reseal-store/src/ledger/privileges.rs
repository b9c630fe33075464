//! Whether the connection's user may do to the ledger, and beside the rotated tables, what a run does there.

use std::fmt::Write;

use sea_query::Values;

use super::migrations::LEDGER;
use crate::driver::Statement;
use crate::names::literal;
use crate::{Dialect, Kind, Own, Session, StoreError, TableName};

/// What a run does with the ledger's tables.
const DATA: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// The connection's user as MariaDB names who was granted something.
const ME: &str = "CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))";

impl Session {
    /// What the user lacks for a run of these tables, beside what their own columns need, each as `PRIVILEGE on THING`; nothing
    /// where the database has no users.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn lacking(&mut self, tables: &[TableName]) -> Result<Vec<String>, StoreError> {
        let own = LEDGER.own(self.dialect());
        let sql = match self.dialect() {
            Dialect::Sqlite => return Ok(Vec::new()),
            Dialect::Postgres => of_postgres(&own.tables),
            Dialect::Mysql => of_mysql(&own, tables),
        };
        let rows = self.sql.driver.fetch(Statement::own(sql, Values(vec![])), &[Kind::Text]).await?;
        let text = |value: reseal_core::Value| value.text().map(|text| text.into_owned());
        Ok(rows.into_iter().flatten().filter_map(text).collect())
    }
}

fn of_postgres(own: &[String]) -> String {
    let (own, data) = (list(own), list(&DATA));
    format!(
        "SELECT 'CREATE on the database' WHERE to_regnamespace('reseal') IS NULL \
             AND NOT has_database_privilege(current_database(), 'CREATE') \
         UNION ALL SELECT privilege || ' on the schema reseal' FROM pg_namespace n \
             CROSS JOIN unnest(ARRAY['USAGE', 'CREATE']) AS privilege \
             WHERE n.nspname = 'reseal' AND NOT has_schema_privilege(n.oid, privilege) \
             AND (privilege = 'USAGE' OR NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)) \
         UNION ALL SELECT privilege || ' on reseal.' || c.relname FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'reseal' \
             CROSS JOIN unnest(ARRAY[{data}]) AS privilege \
             WHERE 'reseal.' || c.relname = ANY (ARRAY[{own}]) AND has_schema_privilege(n.oid, 'USAGE') \
             AND NOT has_table_privilege(c.oid, privilege)"
    )
}

/// A privilege is granted for a table, its database, or all of them. Those that come by a role are not shown there, so for a
/// user with a role nothing is said.
fn of_mysql(own: &Own, tables: &[TableName]) -> String {
    let mut asked = vec![("CREATE TEMPORARY TABLES", "")];
    for name in &own.tables {
        asked.extend(DATA.iter().chain(&["CREATE"]).map(|privilege| (*privilege, name.as_str())));
    }
    asked.extend(
        own.views.iter().flat_map(|name| ["CREATE VIEW", "DROP"].map(|privilege| (privilege, name.as_str()))),
    );
    let of_database = tables.iter().filter(|table| table.schema.is_none());
    asked.extend(of_database.map(|table| ("TRIGGER", table.name.as_str())));
    let mut rows = String::new();
    for (privilege, name) in asked {
        let union = if rows.is_empty() { "" } else { " UNION ALL " };
        let _ = write!(rows, "{union}SELECT '{privilege}' AS privilege, {} AS name", literal(name));
    }
    format!(
        "SELECT CONCAT(privilege, ' on ', IF(name = '', 'the database', name)) FROM ({rows}) AS asked \
         WHERE COALESCE(CURRENT_ROLE(), 'NONE') = 'NONE' \
         AND NOT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES \
             WHERE GRANTEE = {ME} AND PRIVILEGE_TYPE = privilege) \
         AND NOT EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES \
             WHERE GRANTEE = {ME} AND PRIVILEGE_TYPE = privilege AND DATABASE() LIKE TABLE_SCHEMA) \
         AND NOT EXISTS (SELECT 1 FROM information_schema.TABLE_PRIVILEGES \
             WHERE GRANTEE = {ME} AND PRIVILEGE_TYPE = privilege \
             AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = name) \
         AND NOT (privilege IN ('CREATE', 'CREATE VIEW', 'DROP') AND EXISTS (SELECT 1 FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = name))"
    )
}

fn list(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| literal(name.as_ref())).collect::<Vec<_>>().join(", ")
}
