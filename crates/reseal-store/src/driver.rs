//! What a dialect has to bring.

use async_trait::async_trait;
use futures::{Stream, TryStreamExt};
use reseal_core::Value;
use sea_query::{Expr, Values};
use tokio::sync::mpsc::Sender;

use crate::{Column, Kind, Row, ServerFacts, Shape, StoreError, Swap, TableFacts, TableName};

/// A statement with its arguments, in the dialect's own placeholders.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) args: Values,
}

/// What the result of a scan is cut into.
pub(crate) struct ScanPlan<'a> {
    pub(crate) statement: Statement,
    pub(crate) kinds: &'a [Kind],
    /// How many leading columns are the row key.
    pub(crate) key_width: usize,
    /// Bytes after which a chunk is handed on.
    pub(crate) chunk_bytes: usize,
}

/// One connection of one dialect: only what differs between databases.
#[async_trait]
pub(crate) trait Driver: Send {
    /// Runs a statement; gives the number of rows it matched.
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError>;

    /// Runs a query whose columns have these kinds.
    async fn fetch(&mut self, statement: Statement, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, StoreError>;

    /// Streams a query in chunks; ends early, without error, when the receiver is gone.
    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Vec<Row>>) -> Result<(), StoreError>;

    /// Runs statements that take no arguments and give no rows, each on its own (migrations, session control).
    async fn script(&mut self, statements: &[String]) -> Result<(), StoreError>;

    /// Begins a transaction that writes, READ COMMITTED or the nearest that the database has.
    async fn begin(&mut self) -> Result<(), StoreError>;

    /// Begins a transaction that reads one snapshot and writes nothing.
    async fn begin_snapshot(&mut self) -> Result<(), StoreError>;

    /// Commits.
    async fn commit(&mut self) -> Result<(), StoreError>;

    /// Rolls back; harmless outside a transaction.
    async fn rollback(&mut self) -> Result<(), StoreError>;

    /// Puts swaps where their readers can be compared by the server, outside any transaction
    /// (a temporary table); most dialects need nothing.
    async fn stage(&mut self, shape: &Shape, swaps: &[Swap]) -> Result<(), StoreError> {
        let _ = (shape, swaps);
        Ok(())
    }

    /// Writes the new cells of the rows that still hold the old values, inside a transaction; gives the positions
    /// of the swaps that were written. `by_version` asks to compare versions instead of values, where there are any.
    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[Swap],
        by_version: bool,
    ) -> Result<Vec<usize>, StoreError>;

    /// How a column is read so that it decodes as its kind.
    fn read(&self, column: &Column) -> Expr;

    /// A column's size in bytes, as an SQL expression that gives 0 for NULL.
    fn size(&self, column: &Column) -> Expr;

    /// The SQL expression of the row's version, where the database has one, read as an integer.
    fn version(&self) -> Option<Expr> {
        None
    }

    /// A row-key column as it is compared and ordered: in the collation of its index.
    fn key(&self, column: &Column) -> Expr;

    /// A value as an argument that compares with a column of this kind.
    fn argument(&self, kind: Kind, value: &Value) -> Expr;

    /// Whether `(a, b) > (x, y)` is walked along an index.
    fn compares_tuples(&self) -> bool;

    /// Milliseconds since 1970 by the server's clock, as an SQL expression.
    fn now_ms(&self) -> &'static str;

    /// What the catalogue says of a table; `None` where there is no such table.
    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError>;

    /// All tables of the schemas that the application can see, without the ledger's and the system's.
    async fn tables(&mut self) -> Result<Vec<TableName>, StoreError>;

    /// What the server says of itself.
    async fn server(&mut self) -> Result<ServerFacts, StoreError>;
}

/// Hands rows on in chunks, as a scan does; ends early, without error, when the receiver is gone.
pub(crate) async fn send_in_chunks(
    mut rows: impl Stream<Item = Result<Vec<Value>, StoreError>> + Unpin,
    key_width: usize,
    chunk_bytes: usize,
    chunks: &Sender<Vec<Row>>,
) -> Result<(), StoreError> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while let Some(values) = rows.try_next().await? {
        let row = Row::from_values(values, key_width);
        bytes += row.size();
        chunk.push(row);
        if bytes >= chunk_bytes {
            bytes = 0;
            if chunks.send(std::mem::take(&mut chunk)).await.is_err() {
                return Ok(());
            }
        }
    }
    if !chunk.is_empty() {
        let _ = chunks.send(chunk).await;
    }
    Ok(())
}
