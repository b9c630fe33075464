//! MariaDB and MySQL: what only they do.

mod facts;
pub(crate) mod grants;
mod guard;
pub(crate) mod logs;
mod probe;
mod server;
mod swap;
mod trigger_text;
mod trouble;
mod url;

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use reseal_core::{SecretBytes, Value};
use sea_query::Expr;
use sea_query_sqlx::SqlxValues;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row as _, SqlSafeStr, TypeInfo,
};
use tokio::sync::mpsc::Sender;

pub(crate) use self::probe::probe;
use self::trouble::{failed, sort};
pub(crate) use self::url::PARAMETERS;
use self::url::place;
use crate::comparison::Comparison;
use crate::driver::{Driver, Names, OtherCell, ScanPlan, Statement, Written, prepared, send_in_chunks};
use crate::facts::without_guards;
use crate::guard::Guard;
use crate::names::iden;
use crate::nodelay;
use crate::reach::in_time;
use crate::{
    Capabilities, Column, DatabaseIdentity, Kind, LookedUp, Rows, ServerFacts, Shape, StoreError, Swap,
    TableFacts, TableMark, TableName, Trouble,
};

/// A connection to MariaDB or MySQL.
pub(crate) struct Mysql {
    connection: MySqlConnection,
    /// Where the server is.
    place: String,
    in_transaction: bool,
    staged: Option<swap::Stage>,
    packet: Packet,
}

/// What the server takes in one statement.
#[derive(Clone, Copy)]
struct Packet {
    bytes: usize,
}

impl Packet {
    /// Bytes of values that fit with what is sent beside them.
    fn room(self) -> usize {
        self.bytes - self.bytes / 8
    }

    /// Refuses what the server would break the connection for.
    fn takes(self, bytes: usize) -> Result<(), StoreError> {
        match bytes > self.room() {
            true => Err(StoreError::new(
                Trouble::Constraint,
                format!(
                    "{bytes} bytes exceed the limit of the server: max_allowed_packet = {} bytes",
                    self.bytes
                ),
            )),
            false => Ok(()),
        }
    }
}

/// How long a statement waits for those who use or change a table, in seconds; the server's own default is a day.
const LOCK_WAIT_SECONDS: u32 = 5;

/// What every connection is set to: no gap locks, a value that does not fit is an error and not a shorter value. A
/// statement outside of a transaction is one by itself, whatever the server makes of new connections.
const SETTINGS: [&str; 5] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 5",
    "SET SESSION lock_wait_timeout = 5",
    "SET SESSION autocommit = 1",
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES,STRICT_ALL_TABLES')",
];

/// What the database can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    concurrent_writers: true,
    sends_old_values: true,
    guards_by_constraint: false,
    alters_in_transactions: false,
    writes_beside_snapshots: true,
    types_by_value: false,
    seconds_per_row: 60e-6,
};

impl Mysql {
    pub(crate) async fn connect(url: &str, plaintext: bool) -> Result<Self, StoreError> {
        let options =
            MySqlConnectOptions::from_str(url).map_err(|error| failed(&error))?.disable_statement_logging();
        let options = url::secured(options, plaintext)?;
        let connected = in_time(MySqlConnection::connect_with(&options)).await;
        let connection =
            connected.map_err(|error| StoreError::unreachable(failed(&error), &error, &place(&options)))?;
        nodelay::set();
        let packet = Packet { bytes: usize::MAX };
        let place = place(&options);
        let mut session = Mysql { connection, place, in_transaction: false, staged: None, packet };
        for setting in SETTINGS {
            in_time(session.connection.execute(setting)).await.map_err(|error| failed(&error))?;
        }
        if let Some(bytes) = facts::max_packet(&mut session).await? {
            session.packet.bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        Ok(session)
    }

    async fn simple(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop).map_err(|error| failed(&error))
    }
}

#[async_trait]
impl Driver for Mysql {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        self.packet.takes(statement.args.iter().map(size).sum())?;
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

    async fn step(&mut self, statement: Statement, limit: Duration) -> Result<(), StoreError> {
        // MySQL has no such limit for what writes, and says so.
        let bounded = format!("SET SESSION max_statement_time = {}", limit.as_secs_f64());
        let _ = self.connection.execute(AssertSqlSafe(bounded)).await;
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
        // Prepared first, which refuses a second statement behind the first; then asked in the protocol in which the
        // server writes every type as text.
        let once = AssertSqlSafe(sql.to_owned()).into_sql_str();
        (&mut self.connection).prepare(once).await.map_err(|error| failed(&error))?;
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let rows = query.fetch_all(&mut self.connection).await.map_err(|error| failed(&error))?;
        let columns = rows.first().map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect());
        let one = |row: &MySqlRow, at| row.try_get_unchecked::<Option<Vec<u8>>, _>(at);
        let read = |row: &MySqlRow| {
            let values = (0..row.len()).map(|at| Ok(one(row, at)?.map(SecretBytes::new)));
            values.collect::<Result<_, sqlx::Error>>().map_err(|error| failed(&error))
        };
        Ok(LookedUp {
            columns: columns.unwrap_or_default(),
            rows: rows.iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        self.in_transaction = true;
        self.simple("START TRANSACTION").await
    }

    async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.simple("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
        self.in_transaction = true;
        self.simple("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.in_transaction = false;
        self.simple("COMMIT").await
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.in_transaction) {
            self.simple("ROLLBACK").await?;
        }
        Ok(())
    }

    async fn stage(&mut self, shape: &Shape, swaps: &[&Swap]) -> Result<(), StoreError> {
        let before = self.staged.take();
        self.staged = Some(swap::stage(&mut self.connection, before, shape, swaps, self.packet).await?);
        Ok(())
    }

    async fn update_triggers(&mut self, table: &TableName) -> Result<Vec<String>, StoreError> {
        Ok(without_guards(facts::triggers(self, table).await?).0)
    }

    fn lock(&self) -> &'static str {
        " FOR UPDATE"
    }

    fn fingerprint(&self, column: &str) -> Expr {
        Expr::cust(format!("MD5({})", quote(column)))
    }

    async fn written_beside(&mut self, swapped: &Written<'_>) -> Result<Option<OtherCell>, StoreError> {
        // What was written cannot be watched here: what the triggers of this moment say counts.
        let triggers = self.update_triggers(swapped.table).await?;
        let writes = facts::trigger_writes(self, swapped.table, &triggers).await?;
        let other = swapped.planned.iter().filter(|planned| planned.table != *swapped.table);
        Ok(other.flat_map(|planned| planned.written_by(&writes)).next())
    }

    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        comparison: Comparison<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        match comparison {
            Comparison::Here(standing) => {
                swap::swap_locked(&mut self.connection, shape, swaps, standing).await
            }
            _ => swap::swap(&mut self.connection, shape, swaps.len()).await,
        }
    }

    fn guard(&self, guard: &Guard<'_>) -> Vec<String> {
        guard::put_up(guard)
    }

    fn unguard(&self, table: &TableName, guards: &[String]) -> Vec<String> {
        guard::take_away(table, guards)
    }

    fn read(&self, column: &Column) -> Expr {
        let name = quote(&column.name);
        match column.kind {
            Kind::Uuid | Kind::Other => Expr::cust(format!("CAST({name} AS CHAR)")),
            Kind::Int | Kind::Binary | Kind::Text | Kind::Json => Expr::col(iden(&column.name)),
        }
    }

    fn searched(&self, column: &Column) -> Expr {
        match column.kind {
            Kind::Other => Expr::cust(format!("CAST({} AS BINARY)", quote(&column.name))),
            _ => self.read(column),
        }
    }

    fn searched_kind(&self, kind: Kind) -> Kind {
        // What a spatial or a bit column holds is no text.
        if kind == Kind::Other { Kind::Binary } else { kind }
    }

    fn size(&self, column: &Column) -> Expr {
        Expr::cust(format!("COALESCE(LENGTH({}), 0)", quote(&column.name)))
    }

    fn key(&self, column: &Column) -> Expr {
        Expr::col(iden(&column.name))
    }

    fn argument(&self, column: &Column, value: &Value) -> Expr {
        match value {
            // Beyond 64 bits with a sign. As text it would be compared as a floating-point number.
            Value::Text(digits) if column.kind == Kind::Int => {
                Expr::cust_with_values("CAST(? AS UNSIGNED)", [digits.as_str()])
            }
            Value::Null => Expr::cust("NULL"),
            Value::Int(n) => Expr::val(*n),
            Value::Bytes(bytes) => Expr::val(bytes.clone()),
            other => Expr::val(other.text().unwrap_or_default().into_owned()),
        }
    }

    fn compares_tuples(&self) -> bool {
        false
    }

    fn now_ms(&self) -> &'static str {
        "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError> {
        facts::describe(self, table).await
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

    async fn database_identity(&mut self) -> Result<DatabaseIdentity, StoreError> {
        server::database_identity(self).await
    }

    async fn server(&mut self) -> Result<ServerFacts, StoreError> {
        server::server(self).await
    }
}

/// A quoted identifier.
fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A table's quoted name, with its schema where it has one.
fn full(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
        None => quote(&table.name),
    }
}

/// Size of an argument, where it may be large.
fn size(argument: &sea_query::Value) -> usize {
    match argument {
        sea_query::Value::Bytes(Some(bytes)) => bytes.len(),
        sea_query::Value::String(Some(text)) => text.len(),
        _ => 9,
    }
}

fn decode(row: &MySqlRow, kinds: &[Kind]) -> Result<Vec<Value>, StoreError> {
    kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| decode_one(row, at, *kind).map_err(|error| failed(&error)))
        .collect()
}

/// Texts are read as the bytes that they are: the driver refuses to call a `_bin` column a string.
fn decode_one(row: &MySqlRow, at: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    if kind == Kind::Int {
        return decode_integer(row, at);
    }
    let Some(bytes) = row.try_get_unchecked::<Option<Vec<u8>>, _>(at)? else { return Ok(Value::Null) };
    if kind == Kind::Binary {
        return Ok(Value::Bytes(bytes));
    }
    let text = String::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error.utf8_error())))?;
    let uuid = (kind == Kind::Uuid).then(|| uuid::Uuid::parse_str(&text).ok()).flatten();
    Ok(uuid.map_or(Value::Text(text), |uuid| Value::Uuid(uuid.into_bytes())))
}

/// An integer; where it is larger than any with a sign, its digits as text.
fn decode_integer(row: &MySqlRow, at: usize) -> Result<Value, sqlx::Error> {
    if !row.column(at).type_info().name().ends_with("UNSIGNED") {
        return Ok(row.try_get_unchecked::<Option<i64>, _>(at)?.map_or(Value::Null, Value::Int));
    }
    let n = row.try_get_unchecked::<Option<u64>, _>(at)?;
    Ok(n.map_or(Value::Null, |n| i64::try_from(n).map_or_else(|_| Value::Text(n.to_string()), Value::Int)))
}
