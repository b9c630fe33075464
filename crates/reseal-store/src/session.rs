//! One connection to the database that is rotated: its tables, and the ledger beside them.

use reseal_core::Value;
use sea_query::{PostgresQueryBuilder, QueryStatementWriter, Values};

use crate::driver::{Names, Statement};
use crate::sql::Connection;
use crate::{
    Capabilities, Column, Database, Dialect, Kind, LookedUp, Replication, ServerFacts, Shape, StoreError,
    Swap, TableFacts, TableIdentity, TableName, Trouble,
};

/// One connection to the database that is rotated. A worker owns its own; nothing is pooled.
pub struct Session {
    pub(crate) sql: Connection,
    /// Size of a row of the last page, on average; `None` while there was none.
    pub(crate) bytes_of_a_row: Option<usize>,
}

impl Database {
    /// Opens a connection of its own; there is no pool.
    ///
    /// # Errors
    /// [`Trouble::Refused`] when host, login or database are refused.
    pub async fn connect(&self) -> Result<Session, StoreError> {
        Ok(Session { sql: Connection::open(self).await?, bytes_of_a_row: None })
    }
}

impl Session {
    /// Which SQL the database speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.sql.dialect()
    }

    /// What the database can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.dialect().capabilities()
    }

    /// Runs statements of the caller's own, one by one: no arguments, no rows.
    ///
    /// # Errors
    /// When the server refuses one; those before it are done.
    pub async fn script(&mut self, statements: &[String]) -> Result<(), StoreError> {
        self.sql.driver.script(statements, Names::Table).await
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        self.sql.begin().await
    }

    /// Begins a transaction that reads one snapshot of the database and writes nothing.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.sql.driver.begin_snapshot().await
    }

    /// Ends a transaction that reads a snapshot.
    ///
    /// # Errors
    /// When the connection is lost: the server then ends it by itself.
    pub async fn end_snapshot(&mut self) -> Result<(), StoreError> {
        self.rollback().await
    }

    /// Names the snapshot that [`Session::begin_snapshot`] began, for [`Session::begin_shared`] on other connections;
    /// `None` where the database cannot share one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn share_snapshot(&mut self) -> Result<Option<String>, StoreError> {
        self.sql.driver.share_snapshot().await
    }

    /// Begins a transaction that reads a snapshot which another connection shares, and writes nothing.
    ///
    /// # Errors
    /// When the server refuses, or the other transaction is over.
    pub async fn begin_shared(&mut self, snapshot: &str) -> Result<(), StoreError> {
        self.sql.driver.begin_shared(snapshot).await
    }

    /// Commits. After [`Trouble::ConnectionLost`] the outcome is unknown: read the ledger.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.sql.commit().await
    }

    /// Rolls back; harmless outside a transaction.
    ///
    /// # Errors
    /// When the connection is lost: the server then rolls back by itself.
    pub(crate) async fn rollback(&mut self) -> Result<(), StoreError> {
        self.sql.rollback().await
    }

    /// Into how many stripes a window of rows is best cut, by [`Row::slot`](crate::Row::slot).
    #[must_use]
    pub fn stripes(&self) -> usize {
        self.sql.driver.stripes()
    }

    /// Lets commits on this connection return before they are on disk, where the database can: for work that the
    /// ledger's checkpoint, committed with it, tells how to do again.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn relax(&mut self) -> Result<(), StoreError> {
        self.sql.driver.relax().await
    }

    /// Hands swaps to the server where the dialect compares them there. Outside any transaction.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn stage(&mut self, shape: &Shape, swaps: &[&Swap]) -> Result<(), StoreError> {
        self.sql.driver.stage(shape, swaps).await
    }

    /// Runs one query of the caller's own, best in a transaction that [`Session::begin_snapshot`] began: it can then
    /// write nothing on any database.
    ///
    /// # Errors
    /// When it is no single statement, or the server refuses it.
    pub async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        self.sql.driver.look_up(sql).await
    }

    /// What the catalogue says of a table.
    ///
    /// # Errors
    /// [`Trouble::Missing`] where there is no such table.
    pub async fn describe(&mut self, table: &TableName) -> Result<TableFacts, StoreError> {
        let facts = self.sql.driver.describe(table).await?;
        facts.ok_or_else(|| StoreError::new(Trouble::Missing, format!("table `{table}` does not exist")))
    }

    /// Which table of the database it is that goes by this name; `None` where there is none. `own_name` is the table's own,
    /// as [`TableFacts::name`] has it: a name that is looked for in several schemas may stand for another table each time.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn identify(&mut self, own_name: &TableName) -> Result<Option<TableIdentity>, StoreError> {
        let mark = self.sql.driver.mark(own_name).await?;
        Ok(mark.map(|mark| TableIdentity { name: own_name.clone(), mark }))
    }

    /// Which columns of a shape the user may not read; none where the database does not tell.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn unreadable(&mut self, shape: &Shape) -> Result<Vec<String>, StoreError> {
        let columns = shape.key.iter().chain(&shape.cells).chain(&shape.context);
        let mut columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        if shape.read_back {
            columns.extend(shape.watch.beside.iter().map(String::as_str));
        }
        self.sql.driver.unreadable(&shape.table, &columns).await
    }

    /// All tables that the application can see, without the ledger's and the system's.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn tables(&mut self) -> Result<Vec<TableName>, StoreError> {
        self.sql.driver.tables().await
    }

    /// How far replicas are; `None` where the server does not tell, or has none.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn replication(&mut self) -> Result<Option<Replication>, StoreError> {
        self.sql.driver.replication().await
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn server(&mut self) -> Result<ServerFacts, StoreError> {
        self.sql.driver.server().await
    }

    /// A query for many rows, as the database reads it fastest.
    pub(crate) fn build_for_rows(&self, query: &impl QueryStatementWriter) -> Statement {
        match self.sql.driver.copies() {
            true => Statement::own(query.to_string(PostgresQueryBuilder), Values(vec![])),
            false => self.build(query),
        }
    }

    pub(crate) fn build(&self, query: &impl QueryStatementWriter) -> Statement {
        self.sql.build(query)
    }

    /// Runs a query for what rows of a shape hold.
    pub(crate) async fn query_of(
        &mut self,
        shape: &Shape,
        query: &impl QueryStatementWriter,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let statement = self.build(query).about(shape);
        self.sql.driver.fetch(statement, kinds).await
    }

    pub(crate) async fn run(&mut self, query: &impl QueryStatementWriter) -> Result<u64, StoreError> {
        self.sql.execute(query).await
    }

    pub(crate) async fn query(
        &mut self,
        query: &impl QueryStatementWriter,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        self.sql.fetch(query, kinds).await
    }

    /// The server's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn now_ms(&mut self) -> Result<i64, StoreError> {
        self.sql.now_ms().await
    }
}

impl Statement {
    /// The same; it reads rows of a shape, by its condition.
    pub(crate) fn about(self, shape: &Shape) -> Statement {
        Statement { names: if shape.filter.is_some() { Names::Plan } else { Names::Own }, ..self }
    }
}

/// The kinds of a shape's columns, as [`Session::page`] reads them.
pub(crate) fn kinds(shape: &Shape) -> Vec<Kind> {
    let columns = shape.key.iter().chain(&shape.cells).chain(&shape.context);
    columns.map(|column: &Column| column.kind).collect()
}
