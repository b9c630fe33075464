//! PostgreSQL: what only it does.

mod array;
mod capabilities;
mod connect;
mod copy;
mod decode;
mod facts;
mod guard;
mod own;
mod swap;
mod trouble;
mod watch;

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use reseal_core::Value;
use sea_query::{Expr, ExprTrait, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row as _};
use tokio::sync::mpsc::Sender;

pub(crate) use self::capabilities::CAPABILITIES;
use self::connect::connect;
use self::copy::{Columns, Copied};
use self::decode::{decode, line_pointer, version};
use self::trouble::failed;
use crate::driver::{Driver, OtherCell, ScanPlan, Statement, Written};
use crate::facts::without_guards;
use crate::guard::Guard;
use crate::names::iden;
use crate::rows::Sent as _;
use crate::{
    Column, Kind, LookedUp, Planned, Replication, Row, Rows, ServerFacts, Shape, StoreError, Swap,
    SwapColumns, TableFacts, TableMark, TableName, Trouble,
};

/// A connection to PostgreSQL.
pub(crate) struct Postgres {
    options: PgConnectOptions,
    connection: PgConnection,
    in_transaction: bool,
    /// Whether a copy was begun and not read to its end: what comes next on this connection is no answer to anything.
    cut_off: bool,
    /// Rows that were updated in each of the tables that are watched, when the watch began.
    updated: Vec<i64>,
}

impl Postgres {
    pub(crate) async fn connect(url: &str) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url).map_err(|error| failed(&error))?.disable_statement_logging();
        let connection = connect(&options).await?;
        Ok(Postgres { options, connection, in_transaction: false, cut_off: false, updated: Vec::new() })
    }

    /// Reads a query to its end, or until `most_bytes` have come. Whoever wants no more of an answer can but close the
    /// connection, so that there is a new one then.
    async fn copied(
        &mut self,
        query: &str,
        columns: Columns,
        most_bytes: usize,
    ) -> Result<Copied, StoreError> {
        self.whole()?;
        self.cut_off = true;
        let mut rows = Copied::of(&columns);
        let mut copy = copy::begin(&mut self.connection, query).await?;
        while rows.bytes() < most_bytes {
            match copy.next().await? {
                Some(row) => rows.push(&row),
                None => {
                    self.cut_off = false;
                    return Ok(rows);
                }
            }
        }
        drop(copy);
        // Where there is no other to be had, what is asked next finds this one lost, and the rows are good all the same.
        if let Ok(new) = connect(&self.options).await {
            self.connection = new;
            self.cut_off = false;
        }
        Ok(rows)
    }

    /// The connection, unless nothing can be asked on it any more.
    fn whole(&mut self) -> Result<&mut PgConnection, StoreError> {
        match self.cut_off {
            true => Err(StoreError::new(Trouble::ConnectionLost, "rows were left unread on this connection")),
            false => Ok(&mut self.connection),
        }
    }
}

#[async_trait]
impl Driver for Postgres {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let done = query.execute(self.whole()?).await.map_err(|error| failed(&error))?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let rows = query.fetch_all(self.whole()?).await.map_err(|error| failed(&error))?;
        rows.iter().map(|row| decode(row, kinds)).collect()
    }

    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Rows>) -> Result<(), StoreError> {
        let columns = Columns { kinds: plan.kinds.into(), key_width: plan.key_width, system: false };
        self.whole()?;
        self.cut_off = true;
        let mut copy = copy::begin(&mut self.connection, &plan.statement.sql).await?;
        let (mut chunk, mut more) = (Copied::of(&columns), true);
        while more {
            match copy.next().await? {
                Some(row) => chunk.push(&row),
                None => more = false,
            }
            if chunk.bytes() >= plan.chunk_bytes || !more && chunk.bytes() > 0 {
                let full = std::mem::replace(&mut chunk, Copied::of(&columns));
                if chunks.send(Rows::sent(full)).await.is_err() {
                    return Ok(());
                }
            }
        }
        self.cut_off = false;
        Ok(())
    }

    async fn script(&mut self, statements: &[String]) -> Result<(), StoreError> {
        // Within a transaction the server takes them all at once, to the same effect.
        let joined = self.in_transaction.then(|| [statements.join("\n;\n")]);
        for statement in joined.as_ref().map_or(statements, |joined| joined.as_slice()) {
            let sql = AssertSqlSafe(statement.clone());
            self.connection.execute(sqlx::raw_sql(sql)).await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn step(&mut self, statement: Statement, limit: Duration) -> Result<(), StoreError> {
        own::step(&mut self.connection, statement, limit).await
    }

    async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        own::look_up(&mut self.connection, sql).await
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
        // A connection that is cut off can only be closed, which rolls back.
        if std::mem::take(&mut self.in_transaction) && !self.cut_off {
            self.connection.execute("ROLLBACK").await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn update_triggers(&mut self, table: &TableName) -> Result<Vec<String>, StoreError> {
        Ok(without_guards(facts::triggers(self, &full(table)).await?).0)
    }

    fn lock(&self) -> &'static str {
        " FOR NO KEY UPDATE"
    }

    async fn fire_deferred(&mut self) -> Result<(), StoreError> {
        let set = "SET CONSTRAINTS ALL IMMEDIATE";
        self.connection.execute(set).await.map(drop).map_err(|error| failed(&error))
    }

    fn fingerprint(&self, column: &str) -> Expr {
        Expr::cust(watch::fingerprint(column))
    }

    async fn watch(&mut self, planned: &[Planned]) -> Result<(), StoreError> {
        self.updated = watch::updated(&mut self.connection, planned).await?;
        Ok(())
    }

    async fn written_beside(&mut self, swapped: &Written<'_>) -> Result<Option<OtherCell>, StoreError> {
        let updated = std::mem::take(&mut self.updated);
        watch::written_beside(&mut self.connection, &self.options, swapped, &updated).await
    }

    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
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
        swaps: &[&SwapColumns],
        riders: Vec<Statement>,
    ) -> Result<bool, StoreError> {
        swap::swap_whole(&mut self.connection, shape, swaps, riders).await
    }

    fn guard(&self, guard: &Guard<'_>) -> Vec<String> {
        guard::put_up(guard)
    }

    fn prove_guard(&self, table: &TableName) -> Vec<String> {
        guard::prove(table)
    }

    fn unguard(&self, table: &TableName, guards: &[String]) -> Vec<String> {
        guard::take_away(table, guards)
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

    fn copies(&self) -> bool {
        true
    }

    async fn rows(
        &mut self,
        statement: Statement,
        kinds: &[Kind],
        key_width: usize,
        most_bytes: usize,
    ) -> Result<Rows, StoreError> {
        if statement.args.0.is_empty() {
            let columns = Columns { kinds: kinds.into(), key_width, system: true };
            let most_bytes = if self.cuts_short() { most_bytes } else { usize::MAX };
            return self.copied(&statement.sql, columns, most_bytes).await.map(Rows::sent);
        }
        let mut rows = Vec::new();
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let mut stream = query.fetch(&mut self.connection);
        while let Some(row) = stream.try_next().await.map_err(|error| failed(&error))? {
            let mut out = Row::from_values(decode(&row, kinds)?, key_width);
            let system = |at: usize| row.try_get_raw(at).ok()?.as_bytes().ok();
            out.version = system(kinds.len()).and_then(version);
            out.slot = system(kinds.len() + 1).map(line_pointer).unwrap_or_default();
            rows.push(out);
        }
        Ok(rows.into())
    }

    fn cuts_short(&self) -> bool {
        // A new connection would not see what the transaction sees.
        !self.in_transaction
    }

    /// Measured with one to sixteen. With more of them, more updates are heap-only (six: 79 of 100, sixteen: 91) and
    /// each page is visited and pruned that much more often; between five and eight hardly anything changes.
    fn stripes(&self) -> usize {
        6
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

    async fn mark(&mut self, table: &TableName) -> Result<Option<TableMark>, StoreError> {
        facts::mark(self, table).await
    }

    async fn unreadable(&mut self, table: &TableName, columns: &[&str]) -> Result<Vec<String>, StoreError> {
        facts::unreadable(self, table, columns).await
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
