//! PostgreSQL: what only it does.

mod array;
mod calls;
mod capabilities;
mod copy;
mod decode;
mod facts;
pub(crate) mod grants;
mod guard;
mod line;
pub(crate) mod logs;
mod own;
mod pooler;
mod probe;
mod server;
mod swap;
mod text;
mod trouble;
mod url;
mod watch;

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use reseal_core::Value;
use sea_query::{BinOper, Expr, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use tokio::sync::mpsc::Sender;

pub(crate) use self::capabilities::CAPABILITIES;
use self::copy::{Columns, Copied};
use self::decode::{decode, line_pointer, version};
use self::line::{Line, Options};
pub(crate) use self::probe::probe;
use self::text::{full, quote};
use self::trouble::{failed, sort};
pub(crate) use self::url::PARAMETERS;
use self::watch::Watched;
use crate::comparison::Comparison;
use crate::driver::{Driver, Names, OtherCell, ScanPlan, Statement, Written, prepared};
use crate::facts::without_guards;
use crate::guard::Guard;
use crate::reach::Reach;
use crate::rows::Sent as _;
use crate::{
    Column, DatabaseIdentity, Kind, LookedUp, Planned, Replication, Row, Rows, ServerFacts, Shape,
    StoreError, Swap, SwapColumns, TableFacts, TableMark, TableName, Trouble,
};

/// A connection to PostgreSQL.
pub(crate) struct Postgres {
    options: Options,
    line: Line,
    in_transaction: bool,
    /// Whether a copy was begun and not read to its end: what comes next on this connection is no answer to anything.
    cut_off: bool,
    /// What is watched since a transaction began to swap.
    watched: Watched,
}

impl Postgres {
    pub(crate) async fn connect(url: &str, reach: &Reach) -> Result<Self, StoreError> {
        let options = Options { to: url::parsed(url, reach.allows_plaintext)?, reach: reach.clone() };
        let line = Line::connect(&options).await?;
        Ok(Postgres { options, line, in_transaction: false, cut_off: false, watched: Watched::default() })
    }

    /// The connection, looking for these names; unless nothing can be asked on it any more.
    async fn whole(&mut self, names: Names) -> Result<&mut PgConnection, StoreError> {
        match self.cut_off {
            true => Err(StoreError::new(Trouble::ConnectionLost, "rows were left unread on this connection")),
            false => self.line.looking(names).await,
        }
    }

    /// Runs what names nothing.
    async fn control(&mut self, statements: &'static str) -> Result<(), StoreError> {
        self.line.anyhow().execute(statements).await.map(drop).map_err(|error| failed(&error))
    }
}

#[async_trait]
impl Driver for Postgres {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let names = statement.names;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let done = query.execute(self.whole(names).await?).await.map_err(|error| failed(&error))?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, StoreError> {
        let names = statement.names;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let rows = query.fetch_all(self.whole(names).await?).await.map_err(|error| failed(&error))?;
        rows.iter().map(|row| decode(row, kinds)).collect()
    }

    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Rows>) -> Result<(), StoreError> {
        let columns = Columns { kinds: plan.kinds.into(), key_width: plan.key_width, system: false };
        self.whole(plan.statement.names).await?;
        self.cut_off = true;
        let mut copy = copy::begin(self.line.anyhow(), &plan.statement.sql).await?;
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

    async fn script(&mut self, statements: &[String], names: Names) -> Result<(), StoreError> {
        // Within a transaction the server takes them all at once, to the same effect.
        let joined = self.in_transaction.then(|| [statements.join("\n;\n")]);
        self.line.looking(names).await?;
        if names == Names::Table || statements.iter().any(|statement| statement.contains(line::SETTING)) {
            self.line.lose_sight();
        }
        for statement in joined.as_ref().map_or(statements, |joined| joined.as_slice()) {
            let sql = sqlx::raw_sql(AssertSqlSafe(statement.clone()));
            self.line.anyhow().execute(sql).await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn step(&mut self, statement: Statement, limit: Duration) -> Result<(), StoreError> {
        own::step(&mut self.line, statement, limit).await
    }

    async fn prepare(&mut self, sql: &str) -> Result<usize, StoreError> {
        prepared(self.whole(Names::Plan).await?, sql, sort).await
    }

    async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        own::look_up(&mut self.line, sql).await
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        // A transaction that is not committed leaves the path as it was when it began.
        self.line.looking(Names::Own).await?;
        self.control("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        self.in_transaction = true;
        Ok(())
    }

    async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        // A sweep may take longer than a batch ever should.
        self.line.looking(Names::Own).await?;
        self.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0")
            .await?;
        self.in_transaction = true;
        Ok(())
    }

    async fn share_snapshot(&mut self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT pg_export_snapshot()".to_owned();
        let rows = self.fetch(Statement::own(sql, Values(vec![])), &[Kind::Text]).await?;
        Ok(rows.into_iter().flatten().next().and_then(|name| name.text().map(|name| name.into_owned())))
    }

    async fn begin_shared(&mut self, snapshot: &str) -> Result<(), StoreError> {
        self.begin_snapshot().await?;
        let set = format!("SET TRANSACTION SNAPSHOT '{}'", snapshot.replace('\'', "''"));
        self.line.anyhow().execute(AssertSqlSafe(set)).await.map(drop).map_err(|error| failed(&error))
    }

    async fn slices(&mut self, table: &TableName, parts: usize) -> Result<Vec<String>, StoreError> {
        facts::slices(self, table, parts).await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.in_transaction = false;
        self.control("COMMIT").await
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        // A connection that is cut off can only be closed, which rolls back.
        if std::mem::take(&mut self.in_transaction) && !self.cut_off {
            let statements = format!("ROLLBACK; {}", self.line.set(Names::Own));
            self.line.run_and_look(&statements, Names::Own).await?;
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
        self.line.looking(Names::Table).await?;
        // What follows is Reseal's own again, and it costs no round trip to say so here.
        let statements = format!("SET CONSTRAINTS ALL IMMEDIATE; {}", self.line.set(Names::Own));
        self.line.run_and_look(&statements, Names::Own).await
    }

    fn fingerprint(&self, column: &str) -> Expr {
        Expr::cust(watch::fingerprint(column))
    }

    async fn watch(&mut self, planned: &[Planned]) -> Result<(), StoreError> {
        watch::begin(self, planned).await
    }

    async fn written_beside(&mut self, swapped: &Written<'_>) -> Result<Option<OtherCell>, StoreError> {
        let connection = self.line.looking(Names::Own).await?;
        watch::written_beside(connection, &self.options, swapped, &self.watched).await
    }

    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        comparison: Comparison<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        let connection = self.line.looking(Names::Table).await?;
        swap::swap(connection, shape, swaps, comparison == Comparison::ByVersion).await
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
        swap::swap_whole(self.line.looking(Names::Table).await?, shape, swaps, riders).await
    }

    fn guard(&self, guard: &Guard<'_>) -> Vec<String> {
        guard::put_up(guard, &self.line)
    }

    fn prove_guard(&self, table: &TableName) -> Vec<String> {
        guard::prove(table, &self.line)
    }

    fn unguard(&self, table: &TableName, guards: &[String]) -> Vec<String> {
        guard::take_away(table, guards)
    }

    fn read(&self, column: &Column) -> Expr {
        text::read(column)
    }

    fn size(&self, column: &Column) -> Expr {
        text::size(column)
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
            return self.copied(&statement, columns, most_bytes).await.map(Rows::sent);
        }
        let mut rows = Vec::new();
        let names = statement.names;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(statement.args));
        let mut stream = query.fetch(self.line.looking(names).await?);
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
        self.control("SET synchronous_commit = off").await
    }

    fn key(&self, column: &Column) -> Expr {
        text::key(column)
    }

    fn compared(&self, first: &Column, operator: BinOper, left: Expr, right: Expr) -> Expr {
        text::compared(first, operator, left, right)
    }

    fn one_of(&self, column: &Column, values: Vec<Expr>) -> Expr {
        text::one_of(column, values)
    }

    fn among(&self, column: &Column, numbers: &[i64]) -> Option<Expr> {
        text::among(column, numbers)
    }

    fn argument(&self, column: &Column, value: &Value) -> Expr {
        text::argument(column, value)
    }

    fn compares_tuples(&self) -> bool {
        true
    }

    fn now_ms(&self) -> &'static str {
        "(extract(epoch from clock_timestamp()) * 1000)::bigint"
    }

    async fn own_name(&mut self, table: &TableName) -> Result<TableName, StoreError> {
        facts::own_name(self, table).await.map(|own| own.unwrap_or_else(|| table.clone()))
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError> {
        let mut facts = facts::describe(self, table).await?;
        if let Some(facts) = &mut facts {
            facts.calls = calls::calls(self, &full(&facts.name)).await?;
        }
        Ok(facts)
    }

    async fn mark(&mut self, table: &TableName) -> Result<Option<TableMark>, StoreError> {
        facts::mark(self, table).await
    }

    async fn unreadable(&mut self, table: &TableName, columns: &[&str]) -> Result<Vec<String>, StoreError> {
        facts::unreadable(self, table, columns).await
    }

    async fn guarded_tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        facts::guarded_tables(self).await
    }

    async fn tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        facts::tables(self).await
    }

    async fn replication(&mut self) -> Result<Option<Replication>, StoreError> {
        facts::replication(self).await
    }

    async fn database_identity(&mut self) -> Result<DatabaseIdentity, StoreError> {
        server::database_identity(self).await
    }

    async fn server(&mut self) -> Result<ServerFacts, StoreError> {
        server::server(self).await
    }
}
