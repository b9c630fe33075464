//! The swap: one `UPDATE … FROM unnest(…)` for a whole batch.

use std::fmt::Write;

use reseal_core::Value;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, Row as _};

use super::{failed, quote};
use crate::{Column, Kind, Shape, StoreError, Swap};

/// Builds `UPDATE t SET … FROM unnest($1, $2, …) WITH ORDINALITY …` and runs it; gives the positions that were
/// written. Rows are joined by row key: a join by `ctid` would never prune a page.
pub(super) async fn swap(
    connection: &mut PgConnection,
    shape: &Shape,
    swaps: &[Swap],
    by_version: bool,
) -> Result<Vec<usize>, StoreError> {
    let by_version = by_version && swaps.iter().all(|swap| swap.version.is_some());
    let mut arrays = Arrays::default();
    let mut sets = Vec::new();
    let mut wheres = Vec::new();
    for (at, column) in shape.key.iter().enumerate() {
        let name = arrays.add(column.kind, swaps.iter().map(|swap| &swap.key.0[at]));
        wheres.push(format!("t.{} = u.{name}", collated(column)));
    }
    for (at, column) in shape.cells.iter().enumerate() {
        let name = arrays.add(column.kind, swaps.iter().map(|swap| &swap.new[at]));
        sets.push(format!("{} = u.{name}", quote(&column.name)));
    }
    for name in &shape.keep {
        sets.push(format!("{0} = t.{0}", quote(name)));
    }
    if by_version {
        let name = arrays.add_versions(swaps.iter().map(|swap| swap.version));
        wheres.push(format!("t.xmin = u.{name}"));
    } else {
        for (at, column) in shape.cells.iter().chain(&shape.context).enumerate() {
            let name = arrays.add(column.kind, swaps.iter().map(|swap| &swap.old[at]));
            wheres.push(same(column, &name));
        }
    }
    if let Some(filter) = &shape.filter {
        wheres.push(format!("({filter})"));
    }
    let table = match &shape.table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&shape.table.name)),
        None => quote(&shape.table.name),
    };
    let sql = format!(
        "UPDATE {table} AS t SET {} FROM unnest({}) WITH ORDINALITY AS u({}, reseal_i) WHERE {} RETURNING u.reseal_i",
        sets.join(", "),
        arrays.parameters,
        arrays.names,
        wheres.join(" AND "),
    );
    let query = sqlx::query_with(AssertSqlSafe(sql), arrays.arguments);
    let rows = query.fetch_all(connection).await.map_err(|error| failed(&error))?;
    let positions = rows.iter().map(|row| row.try_get::<i64, _>(0).map(|n| n as usize - 1));
    positions.collect::<Result<_, _>>().map_err(|error| failed(&error))
}

/// Bytes are compared, not characters: citext and nondeterministic collations call different texts equal.
fn same(column: &Column, name: &str) -> String {
    let stored = format!("t.{}", quote(&column.name));
    match column.kind {
        Kind::Text | Kind::Other | Kind::Json => {
            format!("{stored}::text COLLATE \"C\" IS NOT DISTINCT FROM u.{name}")
        }
        Kind::Int | Kind::Binary | Kind::Uuid => format!("{stored} IS NOT DISTINCT FROM u.{name}"),
    }
}

fn collated(column: &Column) -> String {
    match &column.collation {
        Some(collation) => format!("{} COLLATE {}", quote(&column.name), quote(collation)),
        None => quote(&column.name),
    }
}

/// The arrays that `unnest` turns back into rows.
#[derive(Default)]
struct Arrays {
    arguments: PgArguments,
    parameters: String,
    names: String,
    count: usize,
}

impl Arrays {
    fn add<'a>(&mut self, kind: Kind, values: impl Iterator<Item = &'a Value>) -> String {
        // Encoding an array of known types into memory cannot fail; a failure would surface as a missing argument.
        match kind {
            Kind::Int => {
                let array: Vec<Option<i64>> =
                    values.map(|value| if let Value::Int(n) = value { Some(*n) } else { None }).collect();
                let _ = self.arguments.add(array);
                self.name("bigint[]")
            }
            Kind::Binary => {
                let array: Vec<Option<Vec<u8>>> =
                    values.map(|value| value.bytes().map(|b| b.into_owned())).collect();
                let _ = self.arguments.add(array);
                self.name("bytea[]")
            }
            Kind::Uuid => {
                let array: Vec<Option<uuid::Uuid>> = values
                    .map(|value| {
                        if let Value::Uuid(bytes) = value {
                            Some(uuid::Uuid::from_bytes(*bytes))
                        } else {
                            None
                        }
                    })
                    .collect();
                let _ = self.arguments.add(array);
                self.name("uuid[]")
            }
            Kind::Text | Kind::Json | Kind::Other => {
                let array: Vec<Option<String>> =
                    values.map(|value| value.text().map(|text| text.into_owned())).collect();
                let _ = self.arguments.add(array);
                self.name("text[]")
            }
        }
    }

    /// `xmin` is an unsigned 32-bit number that compares with `integer` bit by bit.
    fn add_versions(&mut self, versions: impl Iterator<Item = Option<u32>>) -> String {
        let array: Vec<i32> = versions.map(|version| version.unwrap_or_default() as i32).collect();
        let _ = self.arguments.add(array);
        self.name("int[]")
    }

    fn name(&mut self, sql_type: &str) -> String {
        self.count += 1;
        let comma = if self.count == 1 { "" } else { ", " };
        let _ = write!(self.parameters, "{comma}${}::{sql_type}", self.count);
        let name = format!("reseal_{}", self.count);
        let _ = write!(self.names, "{comma}{name}");
        name
    }
}
