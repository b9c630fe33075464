//! SQLite: what only it does.

mod facts;
mod guard;
mod probe;
mod swap;
mod trouble;
mod watch;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use reseal_core::{SecretBytes, Value};
use sea_query::Expr;
use sea_query_sqlx::SqlxValues;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row as _, TypeInfo, ValueRef};
use tokio::sync::mpsc::Sender;

pub(crate) use self::probe::probe;
use self::trouble::{failed, sort};
use crate::comparison::Comparison;
use crate::driver::{Driver, Names, OtherCell, ScanPlan, Statement, Written, prepared, send_in_chunks};
use crate::facts::without_guards;
use crate::guard::Guard;
use crate::names::iden;
use crate::reach::Parameters;
use crate::{
    Capabilities, Column, DatabaseIdentity, Kind, LookedUp, Planned, Rows, ServerFacts, Shape, StoreError,
    Swap, TableFacts, TableMark, TableName, Trouble,
};

/// A connection to an SQLite file.
pub(crate) struct Sqlite {
    connection: SqliteConnection,
    in_transaction: bool,
}

/// What the driver reads of a URL.
pub(crate) const PARAMETERS: Parameters = Parameters(&["mode", "cache", "immutable", "vfs"]);

/// What the database can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    concurrent_writers: false,
    sends_old_values: false,
    guards_by_constraint: false,
    alters_in_transactions: true,
    writes_beside_snapshots: false,
    types_by_value: true,
    seconds_per_row: 15e-6,
};

impl Sqlite {
    pub(crate) async fn connect(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| failed(&error))?
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        let connected = SqliteConnection::connect_with(&options).await;
        let connection = connected.map_err(|error| unreachable(&error, options.get_filename()))?;
        Ok(Sqlite { connection, in_transaction: false })
    }

    /// The file that a URL names and that may be written; `None` for a database in memory.
    pub(crate) fn file(url: &str) -> Option<PathBuf> {
        Sqlite::named_file(url).filter(|_| !url.contains("mode=ro"))
    }

    /// The file that a URL names; `None` for a database in memory.
    fn named_file(url: &str) -> Option<PathBuf> {
        let options = SqliteConnectOptions::from_str(url).ok()?;
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        (!in_memory).then(|| options.get_filename().to_owned())
    }

    /// Why the file is readonly. BEGIN IMMEDIATE says nothing of a file that may only be read, so a page is written that
    /// holds what it held, and that is rolled back.
    async fn unwritable(&mut self) -> Result<Option<String>, StoreError> {
        let ask = |sql: &str| Statement::own(sql.into(), sea_query::Values(vec![]));
        let version =
            self.fetch(ask("PRAGMA user_version"), &[Kind::Int]).await?.into_iter().flatten().next();
        let Some(Value::Int(version)) = version else { return Ok(None) };
        let outcome = match self.simple("BEGIN IMMEDIATE").await {
            Ok(()) => {
                let write = format!("PRAGMA user_version = {version}");
                let written = self.script(&[write], Names::Own).await;
                // Some errors roll back by themselves, and then there is nothing left to roll back.
                let _ = self.simple("ROLLBACK").await;
                written
            }
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if matches!(error.trouble, Trouble::Unwritable | Trouble::NoFile) => {
                Ok(Some(error.message))
            }
            Err(error) if error.trouble != Trouble::Retry => Err(error),
            _ => Ok(None),
        }
    }

    async fn simple(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop).map_err(|error| failed(&error))
    }
}

#[async_trait]
impl Driver for Sqlite {
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

    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Rows>) -> Result<(), StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(plan.statement.sql), SqlxValues(plan.statement.args));
        let stream = query.fetch(&mut self.connection);
        let rows = stream.map(|row| decode(&row.map_err(|error| failed(&error))?, plan.kinds));
        send_in_chunks(rows, plan.key_width, plan.chunk_bytes, chunks).await
    }

    async fn script(&mut self, statements: &[String], _: Names) -> Result<(), StoreError> {
        for statement in statements {
            let sql = AssertSqlSafe(statement.clone());
            self.connection.execute(sqlx::raw_sql(sql)).await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn step(&mut self, statement: Statement, _limit: Duration) -> Result<(), StoreError> {
        let sql = AssertSqlSafe(statement.sql.clone());
        // Without arguments in the protocol that takes every statement there is.
        let outcome = match statement.args.0.is_empty() {
            true => self.connection.execute(sqlx::raw_sql(sql)).await,
            false => sqlx::query_with(sql, SqlxValues(statement.args)).execute(&mut self.connection).await,
        };
        outcome.map(drop).map_err(|error| StoreError::from_step(&error, sort, &statement.sql))
    }

    async fn prepare(&mut self, sql: &str) -> Result<usize, StoreError> {
        prepared(&mut self.connection, sql, sort).await
    }

    async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        // A transaction of SQLite that only reads is one in which nobody writes: this forbids it.
        self.simple("PRAGMA query_only = 1").await?;
        let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        let found = query.fetch_all(&mut self.connection).await.map_err(|error| failed(&error));
        self.simple("PRAGMA query_only = 0").await?;
        let rows = found?;
        let columns = rows.first().map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect());
        let read = |row: &SqliteRow| {
            let one = |at| decode_one(row, at, Kind::Other).map_err(|error| failed(&error));
            (0..row.len()).map(|at| Ok(one(at)?.bytes().map(|b| SecretBytes::new(b.into_owned())))).collect()
        };
        Ok(LookedUp {
            columns: columns.unwrap_or_default(),
            rows: rows.iter().map(read).collect::<Result<_, StoreError>>()?,
        })
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        // The write lock at once: a deferred transaction that turns into a writer fails whatever the busy timeout.
        self.simple("BEGIN IMMEDIATE").await?;
        self.in_transaction = true;
        Ok(())
    }

    async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        // The snapshot is taken by the first read, not by BEGIN.
        self.simple("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1").await?;
        self.in_transaction = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        // A COMMIT that finds the file busy leaves the transaction open.
        self.simple("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.in_transaction) {
            // Some errors roll back by themselves, and then there is nothing left to roll back.
            let _ = self.simple("ROLLBACK").await;
        }
        Ok(())
    }

    async fn update_triggers(&mut self, table: &TableName) -> Result<Vec<String>, StoreError> {
        Ok(without_guards(facts::triggers(self, table).await?).0)
    }

    fn fingerprint(&self, column: &str) -> Expr {
        Expr::cust(watch::fingerprint(column))
    }

    async fn watch(&mut self, planned: &[Planned]) -> Result<(), StoreError> {
        watch::begin(self, planned).await
    }

    async fn written_beside(&mut self, swapped: &Written<'_>) -> Result<Option<OtherCell>, StoreError> {
        watch::written_beside(self, swapped).await
    }

    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        _comparison: Comparison<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        swap::swap(&mut self.connection, shape, swaps).await
    }

    fn guard(&self, guard: &Guard<'_>) -> Vec<String> {
        guard::put_up(guard)
    }

    fn unguard(&self, table: &TableName, guards: &[String]) -> Vec<String> {
        guard::take_away(table, guards)
    }

    fn read(&self, column: &Column) -> Expr {
        match column.kind {
            Kind::Other | Kind::Json => Expr::cust(format!("CAST({} AS TEXT)", quote(&column.name))),
            _ => Expr::col(iden(&column.name)),
        }
    }

    fn searched(&self, column: &Column) -> Expr {
        Expr::col(iden(&column.name))
    }

    fn searched_kind(&self, _kind: Kind) -> Kind {
        // Each value has a type of its own, whatever the column declares.
        Kind::Text
    }

    fn size(&self, column: &Column) -> Expr {
        Expr::cust(format!("COALESCE(LENGTH(CAST({} AS BLOB)), 0)", quote(&column.name)))
    }

    fn key(&self, column: &Column) -> Expr {
        match &column.collation {
            Some(collation) => Expr::cust(format!("{} COLLATE {}", quote(&column.name), quote(collation))),
            None => Expr::col(iden(&column.name)),
        }
    }

    fn argument(&self, _column: &Column, value: &Value) -> Expr {
        match value {
            Value::Null => Expr::cust("NULL"),
            Value::Int(n) => Expr::val(*n),
            Value::Bytes(bytes) => Expr::val(bytes.clone()),
            other => Expr::val(other.text().unwrap_or_default().into_owned()),
        }
    }

    fn compares_tuples(&self) -> bool {
        true
    }

    fn now_ms(&self) -> &'static str {
        "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError> {
        facts::describe(self, table).await
    }

    async fn database_identity(&mut self) -> Result<DatabaseIdentity, StoreError> {
        facts::database_identity(self).await
    }

    async fn mark(&mut self, table: &TableName) -> Result<Option<TableMark>, StoreError> {
        facts::mark(self, table).await
    }

    async fn guarded_tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        facts::guarded_tables(self).await
    }

    async fn tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        facts::tables(self).await
    }

    async fn server(&mut self) -> Result<ServerFacts, StoreError> {
        let unwritable = self.unwritable().await?;
        let version = Statement::own("SELECT sqlite_version()".into(), sea_query::Values(vec![]));
        let version = self.fetch(version, &[Kind::Text]).await?.into_iter().flatten().next();
        let version =
            version.and_then(|value| value.text().map(|text| format!("SQLite {text}"))).unwrap_or_default();
        Ok(ServerFacts { version, unwritable, ..ServerFacts::default() })
    }
}

/// A quoted identifier.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn decode(row: &SqliteRow, kinds: &[Kind]) -> Result<Vec<Value>, StoreError> {
    kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| decode_one(row, at, *kind).map_err(|error| failed(&error)))
        .collect()
}

/// A value as SQLite stores it: its own type counts, not the column's.
fn decode_one(row: &SqliteRow, at: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let stored = raw.type_info().name().to_owned();
    Ok(match (stored.as_str(), kind) {
        ("INTEGER", _) => Value::Int(row.try_get_unchecked(at)?),
        ("BLOB", _) => Value::Bytes(row.try_get_unchecked(at)?),
        ("REAL", Kind::Int) => {
            return Err(sqlx::Error::Decode("a floating-point number where an integer was expected".into()));
        }
        // What arithmetic gives has no declared type; the caller's kind decides.
        (_, Kind::Int) if stored != "TEXT" => Value::Int(row.try_get_unchecked(at)?),
        _ => Value::Text(row.try_get_unchecked(at)?),
    })
}

/// An error while opening the file: whatever the reason, nothing was in flight.
fn unreachable(error: &sqlx::Error, file: &Path) -> StoreError {
    let error = failed(error);
    let why = if file.exists() { error.message } else { "the file does not exist".to_owned() };
    StoreError::new(Trouble::NoFile, format!("{}: {why}", file.display()))
}
