//! What PostgreSQL is told to let a role do.

use std::collections::BTreeSet;

use super::text::{full, quote};
use super::url;
use crate::{Needs, StoreError};

pub(crate) fn grants(at: &str, needs: &Needs, role: Option<&str>) -> Result<Vec<String>, StoreError> {
    let options = url::parsed(at, true)?;
    let user = options.get_username();
    let (role, database) = (quote(role.unwrap_or(user)), quote(options.get_database().unwrap_or(user)));
    let mut lines = vec![
        format!("GRANT CONNECT ON DATABASE {database} TO {role};"),
        format!("CREATE SCHEMA IF NOT EXISTS reseal AUTHORIZATION {role};"),
    ];
    let schemas: BTreeSet<&String> =
        needs.tables.iter().filter_map(|needs| needs.table.schema.as_ref()).collect();
    lines.extend(
        schemas.into_iter().map(|schema| format!("GRANT USAGE ON SCHEMA {} TO {role};", quote(schema))),
    );
    for needs in &needs.tables {
        let table = full(&needs.table);
        let columns: Vec<String> = needs.written.iter().map(|name| quote(name)).collect();
        lines.push(format!("GRANT SELECT, UPDATE ({}) ON {table} TO {role};", columns.join(", ")));
        if needs.guarded {
            lines.push(format!(
                "-- `guard:` alters {table}, which only its owner is allowed to do: GRANT the owner's role \
                 TO {role};"
            ));
        }
    }
    if needs.replicas {
        lines.push(format!("GRANT pg_monitor TO {role};"));
    }
    lines.push(format!("-- If a table has row-level security: ALTER ROLE {role} BYPASSRLS;"));
    Ok(lines)
}
