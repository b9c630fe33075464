//! The swap: the batch goes into a temporary table, then one `UPDATE` joins it.
//!
//! Where an old value may be plaintext, rows are locked and compared before, and none is sent.
//!
//! Measured against UNION ALL, CASE and JSON_TABLE, this is the fastest way that compares the old values and cannot
//! insert a row that the application has deleted.

use std::collections::BTreeMap;
use std::fmt::Write;

use reseal_core::Value;
use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::{Arguments, AssertSqlSafe, Executor, Row as _};

use super::{Packet, failed, full, quote};
use crate::names::within;
use crate::{Column, Kind, Shape, StoreError, Swap, TableName, Trouble};

/// Widest value that still goes into a table of the MEMORY engine, whose rows are of fixed length.
const WIDEST_IN_MEMORY: usize = 1024;
/// Bytes of one INSERT, well below the smallest usual `max_allowed_packet`.
const INSERT_BYTES: usize = 4 << 20;
/// Placeholders that one prepared statement may hold.
const PLACEHOLDERS: usize = 65_000;

/// The temporary table as it stands.
pub(super) struct Stage {
    table: TableName,
    width: usize,
}

/// Fills the temporary table, recreating it when the table or the width of its values changed. Outside any
/// transaction: MEMORY tables take no part in one, and the locks of the swap are held for less time.
pub(super) async fn stage(
    connection: &mut MySqlConnection,
    before: Option<Stage>,
    shape: &Shape,
    swaps: &[&Swap],
    packet: Packet,
) -> Result<Stage, StoreError> {
    let size = |swap: &Swap| {
        let values = swap.key.0.iter().chain(&swap.old).chain(&swap.new);
        values.map(|value| value.size() + 9).sum::<usize>()
    };
    for swap in swaps {
        packet.takes(size(swap))?;
    }
    let most = INSERT_BYTES.min(packet.room());
    let widest =
        swaps.iter().flat_map(|swap| swap.old.iter().chain(&swap.new)).map(Value::size).max().unwrap_or(0);
    let stage = match before {
        Some(stage) if stage.table == shape.table && widest <= stage.width => {
            run(connection, "DELETE FROM reseal_swap".to_owned()).await?;
            stage
        }
        _ => create(connection, shape, widest).await?,
    };
    let columns = shape.key.len() + 2 * shape.cells.len() + shape.context.len() + 1;
    let mut rest = swaps;
    let mut position = 0;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fit = rest.iter().take(PLACEHOLDERS / columns).take_while(|swap| {
            let first = bytes == 0;
            bytes += size(swap);
            first || bytes <= most
        });
        let (now, later) = rest.split_at(fit.count());
        insert(connection, shape, now, position, columns).await?;
        position += now.len();
        rest = later;
    }
    Ok(stage)
}

async fn create(connection: &mut MySqlConnection, shape: &Shape, widest: usize) -> Result<Stage, StoreError> {
    run(connection, "DROP TEMPORARY TABLE IF EXISTS reseal_swap".to_owned()).await?;
    let in_memory = widest <= WIDEST_IN_MEMORY;
    // A little room, so that a slightly longer cell does not recreate the table.
    let width = if in_memory { (widest + 32).next_multiple_of(64).min(WIDEST_IN_MEMORY) } else { usize::MAX };
    let value_type = if in_memory { format!("VARBINARY({width})") } else { "LONGBLOB".to_owned() };
    let mut columns = "reseal_i INT NOT NULL DEFAULT 0".to_owned();
    for at in 0..shape.cells.len() {
        let _ = write!(columns, ", reseal_n{at} {value_type}");
    }
    for at in 0..shape.cells.len() + shape.context.len() {
        let _ = write!(columns, ", reseal_o{at} {value_type}");
    }
    // The key columns come from the table itself, so that type and collation are those of its index.
    let keys: Vec<String> = shape
        .key
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{} AS reseal_k{at}", quote(&column.name)))
        .collect();
    let engine = if in_memory { "MEMORY" } else { "InnoDB" };
    let sql = format!(
        "CREATE TEMPORARY TABLE reseal_swap ({columns}) ENGINE={engine} AS SELECT {} FROM {} WHERE FALSE",
        keys.join(", "),
        full(&shape.table),
    );
    run(connection, sql).await?;
    Ok(Stage { table: shape.table.clone(), width })
}

async fn insert(
    connection: &mut MySqlConnection,
    shape: &Shape,
    swaps: &[&Swap],
    position: usize,
    columns: usize,
) -> Result<(), StoreError> {
    let mut names = "reseal_i".to_owned();
    for (prefix, count) in
        [("k", shape.key.len()), ("n", shape.cells.len()), ("o", shape.cells.len() + shape.context.len())]
    {
        for at in 0..count {
            let _ = write!(names, ", reseal_{prefix}{at}");
        }
    }
    let row = format!("({})", vec!["?"; columns].join(","));
    let sql =
        format!("INSERT INTO reseal_swap ({names}) VALUES {}", vec![row.as_str(); swaps.len()].join(","));
    let mut arguments = MySqlArguments::default();
    let sends_old = !swaps.iter().any(|swap| swap.may_hold_plaintext());
    for (at, swap) in swaps.iter().enumerate() {
        let _ = arguments.add((position + at) as i64);
        for (column, value) in shape.key.iter().zip(&swap.key.0) {
            add_key(&mut arguments, column, value);
        }
        for (place, value) in swap.new.iter().enumerate() {
            add_value(&mut arguments, value, !swap.withholds(place));
        }
        for value in &swap.old {
            add_value(&mut arguments, value, sends_old);
        }
    }
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
    query.execute(connection).await.map(drop).map_err(|error| failed(&error))
}

/// What is not sent is NULL there, and not looked at.
fn add_value(arguments: &mut MySqlArguments, value: &Value, sends: bool) {
    let value = if sends { value } else { &Value::Null };
    // Encoding into memory cannot fail.
    let _ = arguments.add(value.bytes().map(|bytes| bytes.into_owned()));
}

fn add_key(arguments: &mut MySqlArguments, column: &Column, value: &Value) {
    let _ = match value {
        Value::Int(n) => arguments.add(*n),
        Value::Bytes(bytes) => arguments.add(bytes.clone()),
        other => {
            debug_assert!(matches!(column.kind, Kind::Text | Kind::Uuid | Kind::Int));
            arguments.add(other.text().unwrap_or_default().into_owned())
        }
    };
}

/// Runs the swap; gives the positions that were written. The server counts matched rows: when all matched, all were
/// written; otherwise those are asked for that now hold the new values, which nobody else can have made.
pub(super) async fn swap(
    connection: &mut MySqlConnection,
    shape: &Shape,
    count: usize,
) -> Result<Vec<usize>, StoreError> {
    let (join, table) = (join(shape), quote(&shape.table.name));
    let sets = sets(shape, 0..shape.cells.len());
    let mut wheres: Vec<String> = shape
        .cells
        .iter()
        .chain(&shape.context)
        .enumerate()
        .map(|(at, column)| format!("{} <=> reseal_swap.reseal_o{at}", bytes_of(&table, column)))
        .collect();
    if let Some(filter) = &shape.filter {
        wheres.push(within(filter));
    }
    let sql = format!("UPDATE {join} SET {} WHERE {}", sets.join(", "), wheres.join(" AND "));
    let done =
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(|error| failed(&error))?;
    if done.rows_affected() == count as u64 {
        return Ok((0..count).collect());
    }
    let wheres: Vec<String> = shape
        .cells
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{} <=> reseal_swap.reseal_n{at}", bytes_of(&table, column)))
        .collect();
    let sql =
        format!("SELECT CAST(reseal_swap.reseal_i AS SIGNED) FROM {join} WHERE {}", wheres.join(" AND "));
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(|error| failed(&error))?;
    let positions = rows.iter().map(|row| row.try_get_unchecked::<i64, _>(0).map(|n| n as usize));
    positions.collect::<Result<_, _>>().map_err(|error| failed(&error))
}

/// Writes the swaps at `standing`, whose rows are locked and were compared: one statement for those that leave the same cells as
/// they are. Gives the same positions.
pub(super) async fn swap_locked(
    connection: &mut MySqlConnection,
    shape: &Shape,
    swaps: &[&Swap],
    standing: &[usize],
) -> Result<Vec<usize>, StoreError> {
    let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for at in standing {
        let places = (0..shape.cells.len()).filter(|place| !swaps[*at].withholds(*place)).collect();
        alike.entry(places).or_default().push(*at);
    }
    for (places, positions) in alike {
        let sql = format!(
            "UPDATE {} SET {} WHERE reseal_swap.reseal_i IN ({})",
            join(shape),
            sets(shape, places.into_iter()).join(", "),
            positions.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
        );
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await;
        let rows = done.map_err(|error| failed(&error))?.rows_affected();
        if rows != positions.len() as u64 {
            // A row key names one row each, and nobody else can have changed those that are locked.
            let message =
                format!("{}: {rows} rows were changed, but {} were locked", shape.table, positions.len());
            return Err(StoreError::new(Trouble::Ambiguous, message));
        }
    }
    Ok(standing.to_vec())
}

/// What an update sets: these cells, and the columns that are to stay.
fn sets(shape: &Shape, places: impl Iterator<Item = usize>) -> Vec<String> {
    let table = quote(&shape.table.name);
    let cells = places.map(|at| set(&table, &shape.cells[at], at));
    let kept = shape.keep.iter().map(|name| format!("{table}.{0} = {table}.{0}", quote(name)));
    cells.chain(kept).collect()
}

/// The table keeps its own name, which the plan's condition may use.
fn join(shape: &Shape) -> String {
    let table = quote(&shape.table.name);
    let keys: Vec<String> = shape
        .key
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{table}.{} = reseal_swap.reseal_k{at}", quote(&column.name)))
        .collect();
    format!("reseal_swap STRAIGHT_JOIN {} AS {table} ON {}", full(&shape.table), keys.join(" AND "))
}

fn set(table: &str, column: &Column, at: usize) -> String {
    let (name, value) = (quote(&column.name), format!("reseal_swap.reseal_n{at}"));
    match column.kind {
        Kind::Text => format!("{table}.{name} = CONVERT({value} USING utf8mb4)"),
        Kind::Int => format!("{table}.{name} = CAST(CONVERT({value} USING utf8mb4) AS DECIMAL(20))"),
        _ => format!("{table}.{name} = {value}"),
    }
}

/// Bytes are compared, not characters: `_ci` collations and PAD SPACE call different base64 equal.
fn bytes_of(table: &str, column: &Column) -> String {
    let name = quote(&column.name);
    match column.kind {
        Kind::Binary => format!("{table}.{name}"),
        Kind::Text => format!("CAST(CONVERT({table}.{name} USING utf8mb4) AS BINARY)"),
        _ => format!("CAST(CAST({table}.{name} AS CHAR) AS BINARY)"),
    }
}

async fn run(connection: &mut MySqlConnection, sql: String) -> Result<(), StoreError> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop).map_err(|error| failed(&error))
}
