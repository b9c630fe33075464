//! What MariaDB or MySQL is told to let a user do.

use std::str::FromStr;

use sqlx::mysql::MySqlConnectOptions;

use super::trouble::failed;
use super::{full, quote};
use crate::names::literal;
use crate::{Needs, StoreError, TableName};

/// What is done with tables of Reseal's own, which are made and grow by its own scripts.
const OWN: &str = "CREATE, ALTER, INDEX, REFERENCES, SELECT, INSERT, UPDATE, DELETE";

/// The same for views; who may not make a table of that name is granted nothing of what is not there yet.
const VIEW: &str = "CREATE, CREATE VIEW, DROP, SELECT";

pub(crate) fn grants(at: &str, needs: &Needs, role: Option<&str>) -> Result<Vec<String>, StoreError> {
    let options = MySqlConnectOptions::from_str(at).map_err(|error| failed(&error))?;
    let user = format!("{}@'%'", literal(role.unwrap_or(options.get_username())));
    let database = options.get_database().unwrap_or_default().to_owned();
    let of = |table: &TableName| TableName {
        schema: Some(table.schema.clone().unwrap_or_else(|| database.clone())),
        name: table.name.clone(),
    };
    let mut lines = Vec::new();
    for needs in &needs.tables {
        let table = full(&of(&needs.table));
        let columns: Vec<String> = needs.written.iter().map(|name| quote(name)).collect();
        lines.push(format!("GRANT SELECT, UPDATE ({}), TRIGGER ON {table} TO {user};", columns.join(", ")));
    }
    if !needs.tables.is_empty() {
        lines.push(format!("GRANT CREATE TEMPORARY TABLES ON {}.* TO {user};", quote(&database)));
    }
    let views = needs.own.views.iter().map(|name| (name, VIEW));
    for (name, what) in needs.own.tables.iter().map(|name| (name, OWN)).chain(views) {
        let place = full(&of(&TableName { schema: None, name: name.clone() }));
        lines.push(format!("GRANT {what} ON {place} TO {user};"));
    }
    if needs.tables.iter().any(|needs| needs.guarded) {
        lines.push(
            "-- `guard:` creates triggers; with log_bin = ON, the server requires \
             log_bin_trust_function_creators = ON."
                .to_owned(),
        );
    }
    Ok(lines)
}
