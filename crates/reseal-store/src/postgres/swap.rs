//! The swap: one `UPDATE … FROM unnest(…)` for a whole batch, alone or with all that is committed beside it.

use std::fmt::Write;

use reseal_core::Value;
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgArguments, PgBindIterExt, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, IntoArguments, Postgres, Row as _};

use super::array::{ArrayOf, ArrayType};
use super::facts::TRIGGERS;
use super::text::{operator_of, written};
use super::{failed, full, quote};
use crate::columns::Elements;
use crate::driver::Statement;
use crate::guard::PREFIX;
use crate::names::within;
use crate::{Column, Kind, Shape, StoreError, Swap, SwapColumns};

/// Swaps what still stands; gives the positions that were written.
pub(super) async fn swap(
    connection: &mut PgConnection,
    shape: &Shape,
    swaps: &[&Swap],
    by_version: bool,
) -> Result<Vec<usize>, StoreError> {
    let mut arrays = Arrays::default();
    let position = arrays.add_positions(swaps.len());
    let update = update(&mut arrays, shape, swaps, by_version);
    let count = arrays.count(swaps.len());
    // The positions come back only where not every row was written once: a row each costs as much as the write.
    let sql = format!(
        "WITH swapped AS ({update} RETURNING {NEW}.{position}) \
         SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.<>) {count} \
         THEN coalesce(pg_catalog.array_agg({position}), ARRAY[]::pg_catalog.int8[]) END FROM swapped"
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
    parts: &[&SwapColumns],
    riders: Vec<Statement>,
) -> Result<bool, StoreError> {
    let mut values = Vec::new();
    let (mut with, mut holds) = (String::new(), String::new());
    for (n, rider) in riders.into_iter().enumerate() {
        let sql = qualified(&renumbered(&rider.sql, values.len()));
        let _ = write!(with, "rider_{n} AS ({sql} RETURNING 1), ");
        let _ = write!(holds, " AND (SELECT pg_catalog.count(*) FROM rider_{n}) {EQUALS} 1");
        values.extend(rider.args);
    }
    let count = values.len();
    let arguments = IntoArguments::<Postgres>::into_arguments(SqlxValues(sea_query::Values(values)));
    let mut arrays = Arrays { arguments, parameter: count, ..Arrays::default() };
    let rows = parts.iter().map(|part| part.len()).sum();
    let update = update_by_version(&mut arrays, shape, parts);
    let count = arrays.count(rows);
    let sql = format!(
        "WITH {with}swapped AS ({update} RETURNING 1) \
         SELECT 1 OPERATOR(pg_catalog./) CASE WHEN (SELECT pg_catalog.count(*) FROM swapped) {EQUALS} {count}{holds} \
         AND NOT EXISTS ({}) THEN 1 ELSE 0 END",
        triggers_of(shape)
    );
    let query = sqlx::query_with(AssertSqlSafe(sql), arrays.arguments);
    match query.execute(connection).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DIVISION_BY_ZERO) => Ok(false),
        Err(error) => Err(failed(&error)),
    }
}

/// The triggers that the table has by now, apart from our own guards. The statement sees those that were there when it got
/// its lock, and nobody makes another one while it holds that.
fn triggers_of(shape: &Shape) -> String {
    let table = full(&shape.table).replace('\'', "''");
    TRIGGERS.replace("$1", &format!("'{table}'"))
        + &format!(
            " AND pg_catalog.left(tgname::pg_catalog.text, {}) OPERATOR(pg_catalog.<>) '{PREFIX}'",
            PREFIX.len()
        )
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

/// A ledger statement that names the database's own operators, wherever the connection looks. It has `+` where it sets
/// and `=` where it asks; all else that it names are its tables and columns.
fn qualified(sql: &str) -> String {
    match sql.split_once(" WHERE ") {
        Some((set, asks)) => {
            let (set, asks) =
                (set.replace(" + ", " OPERATOR(pg_catalog.+) "), asks.replace(" = ", &format!(" {EQUALS} ")));
            format!("{set} WHERE {asks}")
        }
        None => sql.to_owned(),
    }
}

fn update(arrays: &mut Arrays, shape: &Shape, swaps: &[&Swap], by_version: bool) -> String {
    let by_version = by_version || swaps.iter().any(|swap| swap.may_hold_plaintext());
    let by_version = by_version && swaps.iter().all(|swap| swap.version.is_some());
    let by_version = by_version || swaps.iter().any(|swap| swap.old.is_empty());
    let mut keys = Vec::new();
    for (at, column) in shape.key.iter().enumerate() {
        keys.push(arrays.add(column.kind, swaps.iter().map(|swap| &swap.key.0[at])));
    }
    let mut new = Vec::new();
    for at in 0..shape.cells.len() {
        new.push(new_value(arrays, shape, at, swaps));
    }
    let mut stands = Vec::new();
    if by_version {
        let versions = swaps.iter().map(|swap| swap.version.unwrap_or_default());
        stands.push(same_version(shape, &arrays.add_versions(versions)));
    } else {
        for (at, column) in shape.cells.iter().chain(&shape.context).enumerate() {
            let name = arrays.add(column.kind, swaps.iter().map(|swap| &swap.old[at]));
            stands.push(same(shape, column, &name));
        }
    }
    statement(shape, &arrays.columns, &ColumnNames { keys, new }, &stands)
}

/// What a column is set to: what is sent, or where that is withheld what is there.
fn new_value(arrays: &mut Arrays, shape: &Shape, at: usize, swaps: &[&Swap]) -> String {
    let column = &shape.cells[at];
    let sent = swaps.iter().map(|swap| if swap.withholds(at) { &Value::Null } else { &swap.new[at] });
    let value = arrays.add(column.kind, sent);
    if !swaps.iter().any(|swap| swap.withholds(at)) {
        return format!("{NEW}.{value}");
    }
    let stays = arrays.add_flags(swaps.iter().map(|swap| swap.withholds(at)));
    let stored = stored(shape, column);
    format!("CASE WHEN {NEW}.{stays} THEN {stored} ELSE {NEW}.{value} END")
}

/// The same for swaps that are in columns already.
fn update_by_version(arrays: &mut Arrays, shape: &Shape, parts: &[&SwapColumns]) -> String {
    let rows = parts.iter().map(|part| part.len()).sum();
    let of = |column: fn(&SwapColumns) -> &[Elements], at: usize| {
        parts.iter().map(move |part| &column(part)[at]).collect::<Vec<_>>()
    };
    let keys: Vec<String> = (0..shape.key.len())
        .map(|at| arrays.add_elements(shape.key[at].kind, rows, of(SwapColumns::key, at)))
        .collect();
    let new: Vec<String> = (0..shape.cells.len())
        .map(|at| arrays.add_elements(shape.cells[at].kind, rows, of(SwapColumns::new_values, at)))
        .map(|name| format!("{NEW}.{name}"))
        .collect();
    let versions = arrays.add_versions(parts.iter().flat_map(|part| part.versions()).copied());
    statement(shape, &arrays.columns, &ColumnNames { keys, new }, &[same_version(shape, &versions)])
}

/// The statement looks for names where the connection looked, for the sake of what the table carries and of the plan's
/// condition. So everything of Reseal's own in it is named with its schema.
const EQUALS: &str = "OPERATOR(pg_catalog.=)";

/// What the arrays are called. The table keeps its own name, which the plan's condition may use.
const NEW: &str = "reseal_new";

fn stored(shape: &Shape, column: &Column) -> String {
    format!("{}.{}", quote(&shape.table.name), quote(&column.name))
}

fn same_version(shape: &Shape, name: &str) -> String {
    format!("{}.xmin {EQUALS} {NEW}.{name}", quote(&shape.table.name))
}

/// What the arrays with row keys and with new values are called, column by column.
struct ColumnNames {
    keys: Vec<String>,
    new: Vec<String>,
}

/// `UPDATE … SET … FROM (SELECT unnest($1), unnest($2), …) … WHERE …`. In a select list the arrays are walked in step;
/// as a table each would first be put aside row by row. Rows are joined by row key: a join by `ctid` would never prune
/// a page.
fn statement(shape: &Shape, arrays: &str, names: &ColumnNames, stands: &[String]) -> String {
    let table = quote(&shape.table.name);
    let key = |(column, name): (&Column, &String)| {
        let value = match &column.foreign {
            Some(foreign) => format!("{NEW}.{name}::{}", foreign.name),
            None => format!("{NEW}.{name}"),
        };
        format!("{table}.{} {} {value}", collated(column), operator_of(column, "="))
    };
    let mut wheres: Vec<String> = shape.key.iter().zip(&names.keys).map(key).collect();
    let set = |(column, value): (&Column, &String)| format!("{} = {value}", quote(&column.name));
    let mut sets: Vec<String> = shape.cells.iter().zip(&names.new).map(set).collect();
    sets.extend(shape.keep.iter().map(|name| format!("{0} = {table}.{0}", quote(name))));
    wheres.extend_from_slice(stands);
    wheres.extend(shape.filter.iter().map(|filter| within(filter)));
    format!(
        "UPDATE {} AS {table} SET {} FROM (SELECT {arrays}) AS {NEW} WHERE {}",
        full(&shape.table),
        sets.join(", "),
        wheres.join(" AND "),
    )
}

/// Bytes are compared, not characters: citext and nondeterministic collations call different texts equal.
fn same(shape: &Shape, column: &Column, name: &str) -> String {
    let stored = stored(shape, column);
    let bytes = match column.kind {
        Kind::Text | Kind::Other | Kind::Json if column.foreign.is_some() => {
            format!("{} COLLATE pg_catalog.\"C\"", written(&stored))
        }
        Kind::Text | Kind::Other | Kind::Json => {
            format!("{stored}::pg_catalog.text COLLATE pg_catalog.\"C\"")
        }
        Kind::Int | Kind::Binary | Kind::Uuid => stored.clone(),
    };
    // IS NOT DISTINCT FROM takes whichever `=` fits best.
    format!("({bytes} {EQUALS} {NEW}.{name} OR {stored} IS NULL AND {NEW}.{name} IS NULL)")
}

fn collated(column: &Column) -> String {
    match &column.collation {
        Some(collation) => format!("{} COLLATE {collation}", quote(&column.name)),
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
        let of = ArrayType::of(kind);
        let _ = match of {
            ArrayType::Bigint => {
                let number = |value| if let &Value::Int(n) = value { Some(n) } else { None };
                self.arguments.add(values.map(number).bind_iter())
            }
            ArrayType::Bytea => self.arguments.add(values.map(Value::as_slice).bind_iter()),
            ArrayType::Uuid => {
                let uuid = |value| {
                    if let &Value::Uuid(bytes) = value { Some(uuid::Uuid::from_bytes(bytes)) } else { None }
                };
                self.arguments.add(values.map(uuid).bind_iter())
            }
            ArrayType::Text => self.arguments.add(values.map(Value::text).bind_iter()),
        };
        self.name(of.name())
    }

    /// Values that are in columns already, in the order of the parts.
    fn add_elements(&mut self, kind: Kind, rows: usize, parts: Vec<&Elements>) -> String {
        let of = ArrayType::of(kind);
        // The same as in `add`.
        let _ = self.arguments.add(ArrayOf { of, rows, parts });
        self.name(of.name())
    }

    /// `xmin` is an unsigned 32-bit number that compares with `integer` bit by bit.
    fn add_versions(&mut self, versions: impl Iterator<Item = u32>) -> String {
        let versions = versions.map(|version| version as i32);
        let _ = self.arguments.add(versions.bind_iter());
        self.name("int4[]")
    }

    fn add_flags(&mut self, flags: impl Iterator<Item = bool>) -> String {
        let _ = self.arguments.add(flags.bind_iter());
        self.name("bool[]")
    }

    fn add_positions(&mut self, rows: usize) -> String {
        let _ = self.arguments.add((0..rows as i64).collect::<Vec<_>>());
        self.name("int8[]")
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
        let _ = write!(
            self.columns,
            "{comma}pg_catalog.unnest(${}::pg_catalog.{sql_type}) AS {name}",
            self.parameter
        );
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MayBePlain;

    /// Watches what a swap is compared by whose row may hold plaintext, and what is sent of it, also when others are compared by value.
    #[test]
    fn what_may_be_plaintext_is_neither_sent_nor_compared() {
        let column = |name: &str, kind| Column { name: name.into(), kind, collation: None, foreign: None };
        let shape = Shape {
            table: crate::TableName { schema: None, name: "t".into() },
            key: vec![column("id", Kind::Int)],
            cells: vec![column("a", Kind::Text), column("b", Kind::Text)],
            context: vec![],
            keep: vec![],
            filter: None,
            only: None,
            read_back: false,
            watch: std::sync::Arc::default(),
        };
        let text = |text: &str| Value::Text(text.into());
        let mut swap = Swap {
            key: crate::RowKey(vec![Value::Int(1)]),
            old: vec![text("old"), text("a diagnosis")],
            new: vec![text("new"), text("a diagnosis")],
            version: Some(7),
            may_be_plain: MayBePlain::Kept,
        };
        let sql = update(&mut Arrays::default(), &shape, &[&swap], false);
        assert!(sql.contains(r#""t".xmin OPERATOR(pg_catalog.=) reseal_new."#), "{sql}");
        let stays = r#""b" = CASE WHEN reseal_new.reseal_4 THEN "t"."b" ELSE reseal_new.reseal_3 END"#;
        assert!(sql.contains(stays), "{sql}");
        assert!(!sql.contains("IS NULL"), "{sql}");
        swap.may_be_plain = MayBePlain::Nothing;
        let sql = update(&mut Arrays::default(), &shape, &[&swap], false);
        assert!(sql.contains("IS NULL") && !sql.contains("CASE"), "{sql}");
    }

    /// Watches that a ledger statement calls nothing that a schema of the connection's path holds.
    #[test]
    fn riders_name_the_operators_of_the_database() {
        let sql = r#"UPDATE "a" SET "n" = "n" + $1 WHERE "id" = $2 AND "x" = $3"#;
        let expect = r#"UPDATE "a" SET "n" = "n" OPERATOR(pg_catalog.+) $1 WHERE "id" OPERATOR(pg_catalog.=) $2 AND "x" OPERATOR(pg_catalog.=) $3"#;
        assert_eq!(qualified(sql), expect);
        assert_eq!(qualified("INSERT INTO a VALUES ($1)"), "INSERT INTO a VALUES ($1)");
    }

    #[test]
    fn placeholders_move_behind_those_before_them() {
        let sql = r#"UPDATE "a" SET "n" = "n" + $1 WHERE "id" = $12 AND "x" = $2"#;
        assert_eq!(renumbered(sql, 3), r#"UPDATE "a" SET "n" = "n" + $4 WHERE "id" = $15 AND "x" = $5"#);
    }
}
