//! Who writes the cells of which rows, beside the swaps of a transaction.
//!
//! The server counts the rows that a backend updates in each table, whoever asks for it. Where it counts more than were
//! swapped, the rows are looked for: those that this very transaction has written, which takes a scan of the table. What
//! they held before, another connection still sees.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::line::{Line, Options};
use super::text::written;
use super::{Postgres, failed, full, quote};
use crate::driver::{Driver, Names, OtherCell, SEPARATOR, Written};
use crate::{Planned, StoreError, TableName};

/// Rows updated by this backend, table by table, those of partitions counted with their table.
const UPDATED: &str = "SELECT coalesce(sum(pg_stat_get_xact_tuples_updated(c.oid)), 0)::bigint \
    FROM unnest($1::text[]) WITH ORDINALITY AS w (name, n) LEFT JOIN LATERAL (\
        SELECT to_regclass(w.name)::oid UNION SELECT relid::oid FROM pg_partition_tree(to_regclass(w.name))\
    ) AS c (oid) ON true GROUP BY w.n ORDER BY w.n";

/// Rows that the open transaction has written. The version of a row has 32 bits: it is as old as the transaction or
/// younger, which is a bounded distance, and its transaction, or the subtransaction of a trigger, is still in progress.
const OURS: &str = "age(xmin) <= age(pg_current_xact_id()::xid) AND pg_xact_status(\
    ((pg_current_xact_id()::text::bigint + \
      ((xmin::text::bigint - pg_current_xact_id()::text::bigint) & 4294967295))::text)::xid8) = 'in progress'";

/// The value as a number of 64 bits.
pub(super) fn fingerprint(column: &str) -> String {
    let value = written(&quote(column));
    format!("pg_catalog.hashtextextended({value} COLLATE pg_catalog.\"C\", 0::bigint)::pg_catalog.text")
}

/// What is watched.
#[derive(Default)]
pub(super) struct Watched {
    /// The tables' own names, by those that the plan gives them.
    own: HashMap<TableName, TableName>,
    /// Rows that were updated in each of the tables when the watch began.
    updated: Vec<i64>,
}

impl Watched {
    fn own(&self, planned: &Planned) -> Planned {
        let table = self.own.get(&planned.table).unwrap_or(&planned.table).clone();
        Planned { table, ..planned.clone() }
    }
}

/// Begins to watch these tables. Their own names are looked for once.
pub(super) async fn begin(session: &mut Postgres, planned: &[Planned]) -> Result<(), StoreError> {
    for Planned { table, .. } in planned.iter().filter(|planned| planned.table.schema.is_none()) {
        if !session.watched.own.contains_key(table) {
            let own = session.own_name(table).await?;
            session.watched.own.insert(table.clone(), own);
        }
    }
    let planned: Vec<Planned> = planned.iter().map(|planned| session.watched.own(planned)).collect();
    session.watched.updated = updated(session.line.looking(Names::Own).await?, &planned).await?;
    Ok(())
}

/// How many rows this backend has updated in each table, in this transaction and before.
async fn updated(connection: &mut PgConnection, planned: &[Planned]) -> Result<Vec<i64>, StoreError> {
    let names: Vec<String> = planned.iter().map(|planned| full(&planned.table)).collect();
    let query = sqlx::query(UPDATED).bind(names);
    let rows = query.fetch_all(connection).await.map_err(|error| failed(&error))?;
    rows.iter().map(|row| row.try_get(0).map_err(|error| failed(&error))).collect()
}

pub(super) async fn written_beside(
    connection: &mut PgConnection,
    options: &Options,
    swapped: &Written<'_>,
    watched: &Watched,
) -> Result<Option<OtherCell>, StoreError> {
    let planned: Vec<Planned> = swapped.planned.iter().map(|planned| watched.own(planned)).collect();
    let (before, after) = (&watched.updated, updated(connection, &planned).await?);
    let is_own = |planned: &Planned| planned.table == *swapped.table;
    let more = |at: usize| after.get(at).unwrap_or(&0) - before.get(at).unwrap_or(&0);
    let own = planned.iter().position(is_own);
    let rows = i64::try_from(swapped.rows).unwrap_or(i64::MAX);
    // With `track_counts = off` nothing is counted, and then every table has to be looked at.
    let counts = own.is_none_or(|own| more(own) >= rows);
    for (at, planned) in planned.iter().enumerate() {
        let expected = if own == Some(at) { rows } else { 0 };
        if counts && more(at) <= expected {
            continue;
        }
        let mut now = cells(connection, planned, OURS, &[]).await?;
        if own == Some(at) {
            swapped.keys.iter().for_each(|key| drop(now.remove(key)));
        }
        if now.is_empty() {
            continue;
        }
        let keys: Vec<String> = now.keys().cloned().collect();
        let mut other = Line::connect(options).await?;
        let condition = format!("{} = ANY ($1)", key(planned));
        let then = cells(other.anyhow(), planned, &condition, &keys).await?;
        // A row that was not there before was inserted, and its cells are what somebody means to store.
        let changed = then.iter().find_map(|(key, then)| {
            let now = now.get(key)?;
            then.iter().zip(now).position(|(then, now)| then != now)
        });
        if let Some(column) = changed {
            let column = planned.cells[column].clone();
            return Ok(Some(OtherCell { table: swapped.planned[at].table.clone(), column }));
        }
    }
    Ok(None)
}

/// The fingerprints of a row's cells.
type Cells = Vec<Option<String>>;

/// The cells of the rows that meet a condition, by row key.
async fn cells(
    connection: &mut PgConnection,
    planned: &Planned,
    condition: &str,
    keys: &[String],
) -> Result<HashMap<String, Cells>, StoreError> {
    let columns: Vec<String> = planned.cells.iter().map(|column| fingerprint(column)).collect();
    let sql = format!(
        "SELECT {}, {} FROM {} WHERE {condition}",
        key(planned),
        columns.join(", "),
        full(&planned.table)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    if !keys.is_empty() {
        query = query.bind(keys);
    }
    let rows = query.fetch_all(connection).await.map_err(|error| failed(&error))?;
    let read = |row: &sqlx::postgres::PgRow| -> Result<(String, Cells), sqlx::Error> {
        let cells = (1..=columns.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>()?;
        Ok((row.try_get(0)?, cells))
    };
    rows.iter().map(|row| read(row).map_err(|error| failed(&error))).collect()
}

/// A row key as [`key_text`](crate::driver::key_text) writes it.
fn key(planned: &Planned) -> String {
    let columns: Vec<String> = planned.key.iter().map(|name| format!("{}::text", quote(name))).collect();
    columns.join(&format!(" || E'\\x{:02x}' || ", SEPARATOR.as_bytes()[0]))
}
