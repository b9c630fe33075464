//! The swap: prepared `UPDATE … FROM (VALUES …)` statements, a few hundred rows each.

use std::collections::HashMap;

use reseal_core::Value;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe};

use super::{decode, failed, quote};
use crate::names::within;
use crate::{Column, Kind, RowKey, Shape, StoreError, Swap};

/// Rows per statement: more gains little, and a statement holds at most 32,766 parameters.
const ROWS: usize = 250;
/// Parameters that one statement may hold.
const PARAMETERS: usize = 32_000;

pub(super) async fn swap(
    connection: &mut SqliteConnection,
    shape: &Shape,
    swaps: &[&Swap],
) -> Result<Vec<usize>, StoreError> {
    let width = shape.key.len() + 2 * shape.cells.len() + shape.context.len();
    let rows = ROWS.min(PARAMETERS / width).max(1);
    let mut written = Vec::with_capacity(swaps.len());
    for (chunk, swaps) in swaps.chunks(rows).enumerate() {
        let places: HashMap<&RowKey, usize> =
            swaps.iter().enumerate().map(|(at, swap)| (&swap.key, chunk * rows + at)).collect();
        let sql = statement(shape, swaps.len(), width);
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(swaps));
        let returned = query.fetch_all(&mut *connection).await.map_err(|error| failed(&error))?;
        let kinds: Vec<Kind> = shape.key.iter().map(|column| column.kind).collect();
        for row in &returned {
            // RETURNING can name the table's own columns only, hence keys and not positions.
            written.extend(places.get(&RowKey(decode(row, &kinds)?)));
        }
    }
    Ok(written)
}

fn statement(shape: &Shape, rows: usize, width: usize) -> String {
    let mut at = 0;
    let mut next = || {
        at += 1;
        format!("reseal_new.column{at}")
    };
    // The table keeps its own name, which the plan's condition may use.
    let table = quote(&shape.table.name);
    let mut wheres: Vec<String> =
        shape.key.iter().map(|column| format!("{table}.{} = {}", collated(column), next())).collect();
    let mut sets: Vec<String> =
        shape.cells.iter().map(|column| format!("{} = {}", quote(&column.name), next())).collect();
    sets.extend(shape.keep.iter().map(|name| format!("{0} = {table}.{0}", quote(name))));
    for column in shape.cells.iter().chain(&shape.context) {
        // Bytes and type are compared, whatever collation the column has.
        wheres.push(match column.kind {
            Kind::Other | Kind::Json => {
                format!("CAST({table}.{} AS TEXT) IS {}", quote(&column.name), next())
            }
            _ => format!("{table}.{} COLLATE BINARY IS {}", quote(&column.name), next()),
        });
    }
    if let Some(filter) = &shape.filter {
        wheres.push(within(filter));
    }
    let row = format!("({})", vec!["?"; width].join(","));
    let keys: Vec<String> = shape.key.iter().map(|column| quote(&column.name)).collect();
    format!(
        "UPDATE {table} SET {} FROM (VALUES {}) AS reseal_new WHERE {} RETURNING {}",
        sets.join(", "),
        vec![row.as_str(); rows].join(","),
        wheres.join(" AND "),
        keys.join(", "),
    )
}

fn collated(column: &Column) -> String {
    match &column.collation {
        Some(collation) => format!("{} COLLATE {}", quote(&column.name), quote(collation)),
        None => quote(&column.name),
    }
}

fn arguments(swaps: &[&Swap]) -> SqliteArguments {
    let mut arguments = SqliteArguments::default();
    for swap in swaps {
        for value in swap.key.0.iter().chain(&swap.new).chain(&swap.old) {
            // Encoding into memory cannot fail.
            let _ = match value {
                Value::Null => arguments.add(Option::<i64>::None),
                Value::Int(n) => arguments.add(*n),
                Value::Bytes(bytes) => arguments.add(bytes.clone()),
                other => arguments.add(other.text().unwrap_or_default().into_owned()),
            };
        }
    }
    arguments
}
