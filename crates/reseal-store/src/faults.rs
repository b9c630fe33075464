//! Faults at every call that reaches the database, for tests of what is built on it.
//!
//! A [`Faults`] stands between a session and its driver: it may end a call before the database hears of it, or after the
//! database has done it and before the caller learns so. A connection that is lost stays lost, and its open transaction is
//! rolled back, as a server does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reseal_core::Value;
use sea_query::{BinOper, Expr};
use tokio::sync::mpsc::Sender;

use crate::comparison::Comparison;
use crate::driver::{Driver, Names, OtherCell, ScanPlan, Statement, Written};
use crate::guard::Guard;
use crate::{
    Column, DatabaseIdentity, Kind, LookedUp, Planned, Replication, Rows, ServerFacts, Shape, StoreError,
    Swap, SwapColumns, TableFacts, TableMark, TableName, Trouble,
};

/// What a call asks of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A connection.
    Connect,
    /// A transaction that writes.
    Begin,
    /// A transaction that reads one snapshot.
    Snapshot,
    /// Rows, or facts.
    Read,
    /// A statement that may write a table of Reseal's own, or a statement of a step.
    Write,
    /// New cells.
    Swap,
    /// That a transaction is kept.
    Commit,
    /// That a transaction is rolled back.
    Rollback,
}

/// Decides which calls fail. A call that is never answered stands for a process that was stopped or killed there.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Asked before the database hears of a call.
    ///
    /// # Errors
    /// What the caller gets in place of an answer. The database does nothing.
    async fn before(&self, call: Call) -> Result<(), StoreError>;

    /// Asked after the database has done what the call says.
    ///
    /// # Errors
    /// What the caller gets in place of the answer.
    async fn after(&self, call: Call) -> Result<(), StoreError>;
}

/// A driver whose calls are asked about.
pub(crate) struct Faulty {
    inner: Box<dyn Driver>,
    faults: Arc<dyn Faults>,
    lost: bool,
}

/// Runs a call of the inner driver between the two questions.
macro_rules! asked {
    ($self:ident, $call:expr, $inner:expr) => {{
        $self.before($call).await?;
        let answer = $inner;
        $self.after($call).await?;
        answer
    }};
}

impl Faulty {
    /// Asks about a connection, and opens it.
    pub(crate) async fn connect(
        faults: Arc<dyn Faults>,
        open: impl Future<Output = Result<Box<dyn Driver>, StoreError>> + Send,
    ) -> Result<Box<dyn Driver>, StoreError> {
        faults.before(Call::Connect).await?;
        let inner = open.await?;
        faults.after(Call::Connect).await?;
        Ok(Box::new(Faulty { inner, faults, lost: false }))
    }

    async fn before(&mut self, call: Call) -> Result<(), StoreError> {
        if self.lost {
            return Err(StoreError::new(Trouble::ConnectionLost, "the connection is lost"));
        }
        let answer = self.faults.before(call).await;
        self.noted(answer).await
    }

    async fn after(&mut self, call: Call) -> Result<(), StoreError> {
        let answer = self.faults.after(call).await;
        self.noted(answer).await
    }

    async fn noted(&mut self, answer: Result<(), StoreError>) -> Result<(), StoreError> {
        if answer.as_ref().is_err_and(|error| error.trouble == Trouble::ConnectionLost) {
            self.lost = true;
            self.inner.rollback().await?;
        }
        answer
    }
}

#[async_trait]
impl Driver for Faulty {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        asked!(self, Call::Write, self.inner.execute(statement).await)
    }

    async fn fetch(&mut self, statement: Statement, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, StoreError> {
        asked!(self, Call::Read, self.inner.fetch(statement, kinds).await)
    }

    fn copies(&self) -> bool {
        self.inner.copies()
    }

    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Rows>) -> Result<(), StoreError> {
        asked!(self, Call::Read, self.inner.scan(plan, chunks).await)
    }

    async fn script(&mut self, statements: &[String], names: Names) -> Result<(), StoreError> {
        asked!(self, Call::Write, self.inner.script(statements, names).await)
    }

    async fn step(&mut self, statement: Statement, limit: Duration) -> Result<(), StoreError> {
        asked!(self, Call::Write, self.inner.step(statement, limit).await)
    }

    async fn prepare(&mut self, sql: &str) -> Result<usize, StoreError> {
        asked!(self, Call::Read, self.inner.prepare(sql).await)
    }

    async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        asked!(self, Call::Read, self.inner.look_up(sql).await)
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        asked!(self, Call::Begin, self.inner.begin().await)
    }

    async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        asked!(self, Call::Snapshot, self.inner.begin_snapshot().await)
    }

    async fn share_snapshot(&mut self) -> Result<Option<String>, StoreError> {
        asked!(self, Call::Read, self.inner.share_snapshot().await)
    }

    async fn begin_shared(&mut self, snapshot: &str) -> Result<(), StoreError> {
        asked!(self, Call::Snapshot, self.inner.begin_shared(snapshot).await)
    }

    async fn slices(&mut self, table: &TableName, parts: usize) -> Result<Vec<String>, StoreError> {
        asked!(self, Call::Read, self.inner.slices(table, parts).await)
    }

    async fn unreadable(&mut self, table: &TableName, columns: &[&str]) -> Result<Vec<String>, StoreError> {
        asked!(self, Call::Read, self.inner.unreadable(table, columns).await)
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        asked!(self, Call::Commit, self.inner.commit().await)
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        asked!(self, Call::Rollback, self.inner.rollback().await)
    }

    async fn stage(&mut self, shape: &Shape, swaps: &[&Swap]) -> Result<(), StoreError> {
        asked!(self, Call::Write, self.inner.stage(shape, swaps).await)
    }

    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        comparison: Comparison<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        asked!(self, Call::Swap, self.inner.swap(shape, swaps, comparison).await)
    }

    fn swaps_whole(&self) -> bool {
        self.inner.swaps_whole()
    }

    async fn swap_whole(
        &mut self,
        shape: &Shape,
        swaps: &[&SwapColumns],
        riders: Vec<Statement>,
    ) -> Result<bool, StoreError> {
        asked!(self, Call::Swap, self.inner.swap_whole(shape, swaps, riders).await)
    }

    async fn update_triggers(&mut self, table: &TableName) -> Result<Vec<String>, StoreError> {
        asked!(self, Call::Read, self.inner.update_triggers(table).await)
    }

    async fn database_identity(&mut self) -> Result<DatabaseIdentity, StoreError> {
        asked!(self, Call::Read, self.inner.database_identity().await)
    }

    async fn mark(&mut self, table: &TableName) -> Result<Option<TableMark>, StoreError> {
        asked!(self, Call::Read, self.inner.mark(table).await)
    }

    fn lock(&self) -> &'static str {
        self.inner.lock()
    }

    async fn fire_deferred(&mut self) -> Result<(), StoreError> {
        asked!(self, Call::Write, self.inner.fire_deferred().await)
    }

    fn fingerprint(&self, column: &str) -> Expr {
        self.inner.fingerprint(column)
    }

    async fn watch(&mut self, planned: &[Planned]) -> Result<(), StoreError> {
        asked!(self, Call::Write, self.inner.watch(planned).await)
    }

    async fn written_beside(&mut self, swapped: &Written<'_>) -> Result<Option<OtherCell>, StoreError> {
        asked!(self, Call::Read, self.inner.written_beside(swapped).await)
    }

    fn searched(&self, column: &Column) -> Expr {
        self.inner.searched(column)
    }

    fn searched_kind(&self, kind: Kind) -> Kind {
        self.inner.searched_kind(kind)
    }

    fn guard(&self, guard: &Guard<'_>) -> Vec<String> {
        self.inner.guard(guard)
    }

    fn prove_guard(&self, table: &TableName) -> Vec<String> {
        self.inner.prove_guard(table)
    }

    fn unguard(&self, table: &TableName, guards: &[String]) -> Vec<String> {
        self.inner.unguard(table, guards)
    }

    fn read(&self, column: &Column) -> Expr {
        self.inner.read(column)
    }

    fn size(&self, column: &Column) -> Expr {
        self.inner.size(column)
    }

    fn system_columns(&self) -> &'static [&'static str] {
        self.inner.system_columns()
    }

    async fn rows(
        &mut self,
        statement: Statement,
        kinds: &[Kind],
        key_width: usize,
        most_bytes: usize,
    ) -> Result<Rows, StoreError> {
        asked!(self, Call::Read, self.inner.rows(statement, kinds, key_width, most_bytes).await)
    }

    fn cuts_short(&self) -> bool {
        self.inner.cuts_short()
    }

    fn stripes(&self) -> usize {
        self.inner.stripes()
    }

    async fn relax(&mut self) -> Result<(), StoreError> {
        asked!(self, Call::Write, self.inner.relax().await)
    }

    fn key(&self, column: &Column) -> Expr {
        self.inner.key(column)
    }

    fn compared(&self, first: &Column, operator: BinOper, left: Expr, right: Expr) -> Expr {
        self.inner.compared(first, operator, left, right)
    }

    fn one_of(&self, column: &Column, values: Vec<Expr>) -> Expr {
        self.inner.one_of(column, values)
    }

    fn argument(&self, column: &Column, value: &Value) -> Expr {
        self.inner.argument(column, value)
    }

    fn compares_tuples(&self) -> bool {
        self.inner.compares_tuples()
    }

    fn now_ms(&self) -> &'static str {
        self.inner.now_ms()
    }

    async fn own_name(&mut self, table: &TableName) -> Result<TableName, StoreError> {
        asked!(self, Call::Read, self.inner.own_name(table).await)
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError> {
        asked!(self, Call::Read, self.inner.describe(table).await)
    }

    async fn guarded_tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        asked!(self, Call::Read, self.inner.guarded_tables().await)
    }

    async fn tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        asked!(self, Call::Read, self.inner.tables().await)
    }

    async fn replication(&mut self) -> Result<Option<Replication>, StoreError> {
        asked!(self, Call::Read, self.inner.replication().await)
    }

    async fn server(&mut self) -> Result<ServerFacts, StoreError> {
        asked!(self, Call::Read, self.inner.server().await)
    }
}
