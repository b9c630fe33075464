//! The swap: one `UPDATE … FROM unnest(…)` for a whole batch, alone or with all that is committed beside it.

use std::fmt::Write;

use reseal_core::Value;
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgArguments, PgBindIterExt, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, IntoArguments, Postgres, Row as _};

use super::{failed, full, quote};
use crate::driver::Statement;
use crate::{Column, Kind, Shape, StoreError, Swap};

/// Swaps what still stands; gives the positions that were written.
pub(super) async fn swap(
    connection: &mut PgConnection,
    shape: &Shape,
    swaps: &[Swap],
    by_version: bool,
) -> Result<Vec<usize>, StoreError> {
    let mut arrays = Arrays::default();
    let position = arrays.add_positions(swaps.len());
    let update = update(&mut arrays, shape, swaps, by_version);
    let count = arrays.count(swaps.len());
    // The positions come back only where some row was not written: a row each costs as much as the write.
    let sql = format!(
        "WITH swapped AS ({update} RETURNING u.{position}) \
         SELECT CASE WHEN count(*) < {count} THEN coalesce(array_agg({position}), ARRAY[]::bigint[]) END FROM swapped"
    );
    let query = sqlx::query_with(AssertSqlSafe(sql), arrays.arguments);
    let row = query.fetch_one(connection).await.map_err(|error| failed(&error))?;
    let some: Option<Vec<i64>> = row.try_get(0).map_err(|error| failed(&error))?;
    Ok(match some {
        None => (0..swaps.len()).collect(),
        Some(positions) => positions.into_iter().map(|n| n as usize).collect(),
    })
}

/// One statement, which is one transaction: the swaps, and beside them statements that change one row each. Where one
/// of them does not hold, the statement divides by zero and nothing of it is done.
pub(super) async fn swap_whole(
    connection: &mut PgConnection,
    shape: &Shape,
    swaps: &[Swap],
    riders: Vec<Statement>,
) -> Result<bool, StoreError> {
    let mut values = Vec::new();
    let (mut with, mut holds) = (String::new(), String::new());
    for (n, rider) in riders.into_iter().enumerate() {
        let sql = renumbered(&rider.sql, values.len());
        let _ = write!(with, "rider_{n} AS ({sql} RETURNING 1), ");
        let _ = write!(holds, " AND (SELECT count(*) FROM rider_{n}) = 1");
        values.extend(rider.args);
    }
    let count = values.len();
    let arguments = IntoArguments::<Postgres>::into_arguments(SqlxValues(sea_query::Values(values)));
    let mut arrays = Arrays { arguments, parameter: count, ..Arrays::default() };
    let update = update(&mut arrays, shape, swaps, true);
    let count = arrays.count(swaps.len());
    let sql = format!(
        "WITH {with}swapped AS ({update} RETURNING 1) \
         SELECT 1 / CASE WHEN (SELECT count(*) FROM swapped) = {count}{holds} THEN 1 ELSE 0 END"
    );
    let query = sqlx::query_with(AssertSqlSafe(sql), arrays.arguments);
    match query.execute(connection).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DIVISION_BY_ZERO) => Ok(false),
        Err(error) => Err(failed(&error)),
    }
}

/// SQLSTATE 22012.
const DIVISION_BY_ZERO: &str = "22012";

/// A ledger statement with its placeholders behind `offset` others. Its text holds no other `$`.
fn renumbered(sql: &str, offset: usize) -> String {
    let mut pieces = sql.split('$');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: usize = piece[..digits].parse().unwrap_or_default();
        let _ = write!(out, "${}{}", number + offset, &piece[digits..]);
    }
    out
}

/// `UPDATE t SET … FROM (SELECT unnest($1), unnest($2), …) … WHERE …`. In a select list the arrays are walked in step;
/// as a table each would first be put aside row by row. Rows are joined by row key: a join by `ctid` would never prune
/// a page.
fn update(arrays: &mut Arrays, shape: &Shape, swaps: &[Swap], by_version: bool) -> String {
    let by_version = by_version && swaps.iter().all(|swap| swap.version.is_some());
    let by_version = by_version || swaps.iter().any(|swap| swap.old.is_empty());
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
    let table = full(&shape.table);
    format!(
        "UPDATE {table} AS t SET {} FROM (SELECT {}) AS u WHERE {}",
        sets.join(", "),
        arrays.columns,
        wheres.join(" AND "),
    )
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
    columns: String,
    /// Number of the last parameter.
    parameter: usize,
}

impl Arrays {
    fn add<'a>(&mut self, kind: Kind, values: impl Iterator<Item = &'a Value>) -> String {
        // Encoding an array of known types into memory cannot fail; a failure would surface as a missing argument.
        match kind {
            Kind::Int => {
                let number = |value| if let &Value::Int(n) = value { Some(n) } else { None };
                let _ = self.arguments.add(values.map(number).bind_iter());
                self.name("bigint[]")
            }
            Kind::Binary => {
                let _ = self.arguments.add(values.map(Value::as_slice).bind_iter());
                self.name("bytea[]")
            }
            Kind::Uuid => {
                let uuid = |value| {
                    if let &Value::Uuid(bytes) = value { Some(uuid::Uuid::from_bytes(bytes)) } else { None }
                };
                let _ = self.arguments.add(values.map(uuid).bind_iter());
                self.name("uuid[]")
            }
            Kind::Text | Kind::Json | Kind::Other => {
                let _ = self.arguments.add(values.map(Value::text).bind_iter());
                self.name("text[]")
            }
        }
    }

    /// `xmin` is an unsigned 32-bit number that compares with `integer` bit by bit.
    fn add_versions(&mut self, versions: impl Iterator<Item = Option<u32>>) -> String {
        let versions = versions.map(|version| version.unwrap_or_default() as i32);
        let _ = self.arguments.add(versions.bind_iter());
        self.name("int[]")
    }

    fn add_positions(&mut self, rows: usize) -> String {
        let _ = self.arguments.add((0..rows as i64).collect::<Vec<_>>());
        self.name("bigint[]")
    }

    /// The number of rows: a parameter, so that batches of all sizes share one statement.
    fn count(&mut self, rows: usize) -> String {
        let _ = self.arguments.add(rows as i64);
        self.parameter += 1;
        format!("${}", self.parameter)
    }

    fn name(&mut self, sql_type: &str) -> String {
        self.parameter += 1;
        let comma = if self.columns.is_empty() { "" } else { ", " };
        let name = format!("reseal_{}", self.parameter);
        let _ = write!(self.columns, "{comma}unnest(${}::{sql_type}) AS {name}", self.parameter);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_move_behind_those_before_them() {
        let sql = r#"UPDATE "a" SET "n" = "n" + $1 WHERE "id" = $12 AND "x" = $2"#;
        assert_eq!(renumbered(sql, 3), r#"UPDATE "a" SET "n" = "n" + $4 WHERE "id" = $15 AND "x" = $5"#);
    }
}
