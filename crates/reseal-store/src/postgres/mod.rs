//! PostgreSQL: what only it does.

mod facts;
mod guard;
mod swap;

use std::str::FromStr;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use reseal_core::{SecretBytes, Value};
use sea_query::{Expr, ExprTrait, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgValueFormat};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row as _, SqlSafeStr, TypeInfo,
    ValueRef,
};
use tokio::sync::mpsc::Sender;

use crate::driver::{Driver, ScanPlan, Statement, send_in_chunks};
use crate::nodelay;
use crate::session::iden;
use crate::{
    Column, Forbidden, GuardKind, Kind, LookedUp, Replication, Row, ServerFacts, Shape, StoreError, Swap,
    TableFacts, TableName, Trouble,
};

/// A connection to PostgreSQL.
pub(crate) struct Postgres {
    connection: PgConnection,
    in_transaction: bool,
}

/// What every connection is set to. `row_security = off` makes the server err where a policy would hide rows; the
/// timeouts are the server's, since a statement in flight is never cancelled from here; generic plans keep the swap
/// from being planned anew, or wrongly, for every batch.
const SETTINGS: &str = "SET application_name = 'reseal'; SET row_security = off; \
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s'; \
    SET statement_timeout = '120s'; SET idle_in_transaction_session_timeout = '120s'; \
    SET plan_cache_mode = force_generic_plan; SET jit = off; SET client_min_messages = warning";

impl Postgres {
    pub(crate) async fn connect(url: &str) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url).map_err(|error| failed(&error))?.disable_statement_logging();
        let connection = PgConnection::connect_with(&options).await.map_err(|error| unreachable(&error))?;
        nodelay::set();
        let mut session = Postgres { connection, in_transaction: false };
        session.connection.execute(SETTINGS).await.map_err(|error| failed(&error))?;
        Ok(session)
    }
}

#[async_trait]
impl Driver for Postgres {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let done = query.execute(&mut self.connection).await.map_err(|error| failed(&error))?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let rows = query.fetch_all(&mut self.connection).await.map_err(|error| failed(&error))?;
        rows.iter().map(|row| decode(row, kinds)).collect()
    }

    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Vec<Row>>) -> Result<(), StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(plan.statement.sql), SqlxValues(plan.statement.args));
        let stream = query.fetch(&mut self.connection);
        let rows = stream.map(|row| decode(&row.map_err(|error| failed(&error))?, plan.kinds));
        send_in_chunks(rows, plan.key_width, plan.chunk_bytes, chunks).await
    }

    async fn script(&mut self, statements: &[String]) -> Result<(), StoreError> {
        for statement in statements {
            let sql = AssertSqlSafe(statement.clone());
            self.connection.execute(sqlx::raw_sql(sql)).await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        // Prepared first, which refuses a second statement behind the first; then asked in the protocol in which the
        // server writes every type as text.
        let once = AssertSqlSafe(sql.to_owned()).into_sql_str();
        (&mut self.connection).prepare(once).await.map_err(|error| failed(&error))?;
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let rows = query.fetch_all(&mut self.connection).await.map_err(|error| failed(&error))?;
        let columns = rows.first().map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect());
        let read = |row: &PgRow| {
            (0..row.len()).map(|at| as_written(row, at).map_err(|error| failed(&error))).collect()
        };
        Ok(LookedUp {
            columns: columns.unwrap_or_default(),
            rows: rows.iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        self.connection
            .execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            .await
            .map_err(|error| failed(&error))?;
        self.in_transaction = true;
        Ok(())
    }

    async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        // A sweep may take longer than a batch ever should.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0";
        self.connection.execute(begin).await.map_err(|error| failed(&error))?;
        self.in_transaction = true;
        Ok(())
    }

    async fn share_snapshot(&mut self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT pg_export_snapshot()".to_owned();
        let rows = self.fetch(Statement { sql, args: Values(vec![]) }, &[Kind::Text]).await?;
        Ok(rows.into_iter().flatten().next().and_then(|name| name.text().map(|name| name.into_owned())))
    }

    async fn begin_shared(&mut self, snapshot: &str) -> Result<(), StoreError> {
        self.begin_snapshot().await?;
        let set = format!("SET TRANSACTION SNAPSHOT '{}'", snapshot.replace('\'', "''"));
        self.connection.execute(AssertSqlSafe(set)).await.map(drop).map_err(|error| failed(&error))
    }

    async fn slices(&mut self, table: &TableName, parts: usize) -> Result<Vec<String>, StoreError> {
        facts::slices(self, table, parts).await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.in_transaction = false;
        self.connection.execute("COMMIT").await.map(drop).map_err(|error| failed(&error))
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.in_transaction) {
            self.connection.execute("ROLLBACK").await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[Swap],
        by_version: bool,
    ) -> Result<Vec<usize>, StoreError> {
        swap::swap(&mut self.connection, shape, swaps, by_version).await
    }

    fn swaps_whole(&self) -> bool {
        true
    }

    async fn swap_whole(
        &mut self,
        shape: &Shape,
        swaps: &[Swap],
        riders: Vec<Statement>,
    ) -> Result<bool, StoreError> {
        swap::swap_whole(&mut self.connection, shape, swaps, riders).await
    }

    fn guard(
        &self,
        table: &TableName,
        filter: Option<&str>,
        forbidden: &[Forbidden],
        kind: GuardKind,
    ) -> Vec<String> {
        guard::put_up(table, filter, forbidden, kind)
    }

    fn guards_by_constraint(&self) -> bool {
        true
    }

    fn unguard(&self, table: &TableName) -> Vec<String> {
        guard::take_away(table)
    }

    fn read(&self, column: &Column) -> Expr {
        let name = Expr::col(iden(&column.name));
        match column.kind {
            Kind::Binary | Kind::Uuid => name,
            Kind::Int => name.cast_as("bigint"),
            Kind::Text | Kind::Json | Kind::Other => name.cast_as("text"),
        }
    }

    fn size(&self, column: &Column) -> Expr {
        let size = match column.kind {
            Kind::Binary | Kind::Text => Expr::cust(format!("octet_length({})", quote(&column.name))),
            _ => Expr::cust(format!("octet_length({}::text)", quote(&column.name))),
        };
        Expr::cust_with_exprs("coalesce($1, 0)::bigint", [size])
    }

    fn system_columns(&self) -> &'static [&'static str] {
        &["xmin", "ctid"]
    }

    async fn rows(
        &mut self,
        statement: Statement,
        kinds: &[Kind],
        key_width: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let mut stream = query.fetch(&mut self.connection);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await.map_err(|error| failed(&error))? {
            let mut out = Row::from_values(decode(&row, kinds)?, key_width);
            (out.version, out.slot) = (xmin(&row, kinds.len()), line_pointer(&row, kinds.len() + 1));
            rows.push(out);
        }
        Ok(rows)
    }

    /// Measured with one to sixteen: eight leave room for heap-only updates on nearly every page.
    fn stripes(&self) -> usize {
        8
    }

    async fn relax(&mut self) -> Result<(), StoreError> {
        let set = "SET synchronous_commit = off";
        self.connection.execute(set).await.map(drop).map_err(|error| failed(&error))
    }

    fn key(&self, column: &Column) -> Expr {
        match &column.collation {
            Some(collation) => Expr::cust(format!("{} COLLATE {}", quote(&column.name), quote(collation))),
            None => Expr::col(iden(&column.name)),
        }
    }

    fn argument(&self, kind: Kind, value: &Value) -> Expr {
        match value {
            Value::Null => Expr::cust("NULL"),
            Value::Int(n) => Expr::val(*n),
            Value::Bytes(bytes) => Expr::val(bytes.clone()),
            other => {
                let text = Expr::val(other.text().unwrap_or_default().into_owned());
                if kind == Kind::Uuid { text.cast_as("uuid") } else { text }
            }
        }
    }

    fn compares_tuples(&self) -> bool {
        true
    }

    fn now_ms(&self) -> &'static str {
        "(extract(epoch from clock_timestamp()) * 1000)::bigint"
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError> {
        facts::describe(self, table).await
    }

    async fn tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        facts::tables(self).await
    }

    async fn replication(&mut self) -> Result<Option<Replication>, StoreError> {
        facts::replication(self).await
    }

    async fn server(&mut self) -> Result<ServerFacts, StoreError> {
        facts::server(self).await
    }
}

/// A quoted identifier.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's quoted name, with its schema where it has one.
fn full(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
        None => quote(&table.name),
    }
}

fn decode(row: &PgRow, kinds: &[Kind]) -> Result<Vec<Value>, StoreError> {
    kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| decode_one(row, at, *kind).map_err(|error| failed(&error)))
        .collect()
}

/// Reads a value as the server sends it. Columns are read as types that are sent alike whatever they are declared as, so
/// that the driver need not look each type up for each value.
fn decode_one(row: &PgRow, at: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let wrong = || sqlx::Error::Decode(format!("column {at} is not sent as {kind:?}").into());
    Ok(match kind {
        Kind::Text | Kind::Json | Kind::Other => Value::Text(raw.as_str().map_err(|_| wrong())?.to_owned()),
        _ if raw.format() == PgValueFormat::Text => return Err(wrong()),
        Kind::Binary => Value::Bytes(raw.as_bytes().map_err(|_| wrong())?.to_vec()),
        Kind::Int => {
            let bytes = raw.as_bytes().map_err(|_| wrong())?;
            Value::Int(i64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?))
        }
        Kind::Uuid => Value::Uuid(raw.as_bytes().map_err(|_| wrong())?.try_into().map_err(|_| wrong())?),
    })
}

/// A value as the server writes it in text; a binary one as its bytes.
fn as_written(row: &PgRow, at: usize) -> Result<Option<SecretBytes>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(None);
    }
    let wrong = || sqlx::Error::Decode(format!("column {at} is not sent as text").into());
    let bytes = raw.as_bytes().map_err(|_| wrong())?;
    let bytes = match bytes.strip_prefix(br"\x") {
        Some(digits) if raw.type_info().name() == "BYTEA" => hex::decode(digits).map_err(|_| wrong())?,
        _ => bytes.to_vec(),
    };
    Ok(Some(SecretBytes::new(bytes)))
}

/// The transaction that wrote the row: an unsigned 32-bit number, as the server sends an `xid`.
fn xmin(row: &PgRow, at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(row.try_get_raw(at).ok()?.as_bytes().ok()?.try_into().ok()?))
}

/// The row's line pointer in its page: the last two bytes of a `tid` as the server sends it.
fn line_pointer(row: &PgRow, at: usize) -> u16 {
    let place = row.try_get_raw(at).ok().and_then(|raw| raw.as_bytes().ok()?.last_chunk().copied());
    u16::from_be_bytes(place.unwrap_or_default())
}

fn failed(error: &sqlx::Error) -> StoreError {
    StoreError::from_driver(error, classify)
}

/// An error while connecting: whatever the reason, nothing was in flight.
fn unreachable(error: &sqlx::Error) -> StoreError {
    let mut error = failed(error);
    if !matches!(error.trouble, Trouble::Retry) {
        error.trouble = Trouble::Refused;
    }
    error
}

/// Sorts SQLSTATE codes (PostgreSQL documentation, appendix A). Class 22 and 23 messages can hold values.
fn classify(error: &dyn DatabaseError) -> (Trouble, bool) {
    let code = error.code().unwrap_or_default();
    match code.as_ref() {
        "40001" | "40P01" | "55P03" => (Trouble::Retry, true),
        "57014" | "25P03" => (Trouble::Timeout, true),
        "57P01" | "57P02" | "57P03" | "57P05" => (Trouble::ConnectionLost, true),
        "42501" => (Trouble::Permission, true),
        "42P01" | "42703" | "3F000" | "42883" | "42804" | "42P07" | "0A000" => (Trouble::Missing, true),
        "25006" | "53100" | "53200" | "53400" => (Trouble::Unwritable, true),
        "28000" | "28P01" | "3D000" | "53300" => (Trouble::Refused, true),
        _ if code.starts_with("08") => (Trouble::ConnectionLost, true),
        _ if code.starts_with("23")
            || code.starts_with("22")
            || code.starts_with("P0")
            || code == "44000" =>
        {
            (Trouble::Constraint, false)
        }
        _ => (Trouble::Other, true),
    }
}
