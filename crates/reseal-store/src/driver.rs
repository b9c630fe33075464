//! What a dialect has to bring.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use futures::{Stream, TryStreamExt};
use reseal_core::Value;
use sea_query::{BinOper, Expr, ExprTrait, Values};
use sqlx::{AssertSqlSafe, Either, Executor, SqlSafeStr as _, Statement as _};
use tokio::sync::mpsc::Sender;

use crate::comparison::Comparison;
use crate::error::Sort;
use crate::guard::Guard;
use crate::{
    Column, DatabaseIdentity, Kind, LookedUp, Planned, Replication, Row, RowKey, Rows, ServerFacts, Shape,
    StoreError, Swap, SwapColumns, TableFacts, TableMark, TableName, TriggerWrite,
};

/// A statement with its arguments, in the dialect's own placeholders.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) args: Values,
    pub(crate) names: Names,
}

impl Statement {
    /// A statement of Reseal's own.
    pub(crate) fn own(sql: String, args: Values) -> Statement {
        Statement { sql, args, names: Names::Own }
    }
}

/// Whose names a statement holds, where a database can look for names in several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Reseal's own, which no schema of the connection's path can redefine.
    Own,
    /// A plan's condition among them: what is no name of the database's own is looked for where the connection looked.
    Plan,
    /// Those of a table's triggers and constraints, and of statements that are the caller's: as the connection looked.
    Table,
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

/// What a transaction has swapped.
pub(crate) struct Written<'w> {
    /// The tables that were watched.
    pub(crate) planned: &'w [Planned],
    /// The table of the swaps.
    pub(crate) table: &'w TableName,
    /// The row keys of all swaps, each as [`key_text`] writes it.
    pub(crate) keys: HashSet<String>,
    /// How many of them were written.
    pub(crate) rows: usize,
}

/// A cell that was written beside the swaps.
#[derive(Debug)]
pub(crate) struct OtherCell {
    pub(crate) table: TableName,
    pub(crate) column: String,
}

impl Planned {
    /// The cells of the table that are among what triggers write.
    pub(crate) fn written_by(&self, writes: &[TriggerWrite]) -> Vec<OtherCell> {
        let here = writes.iter().filter(|write| write.table.eq_ignore_ascii_case(&self.table.name));
        let cells = here.flat_map(|write| {
            let is_written =
                |cell: &&String| write.column.as_ref().is_none_or(|column| column.eq_ignore_ascii_case(cell));
            self.cells.iter().filter(is_written)
        });
        cells.map(|cell| OtherCell { table: self.table.clone(), column: cell.clone() }).collect()
    }
}

/// A row key as one text, as a dialect's own SQL can make it too: what each value is as text, bytes in hexadecimal, with a
/// unit separator between them.
pub(crate) fn key_text(key: &RowKey) -> String {
    let text = |value: &Value| match value {
        Value::Bytes(bytes) => format!("\\x{}", hex::encode(bytes)),
        other => other.text().unwrap_or_default().into_owned(),
    };
    key.0.iter().map(text).collect::<Vec<_>>().join(SEPARATOR)
}

/// Has a statement prepared and not carried out; gives how many parameters it has.
pub(crate) async fn prepared<'c, D: sqlx::Database>(
    connection: impl Executor<'c, Database = D>,
    sql: &str,
    sort: Sort,
) -> Result<usize, StoreError> {
    let prepared = connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
    let prepared = prepared.map_err(|error| StoreError::from_preparing(&error, sort))?;
    Ok(match prepared.parameters() {
        Some(Either::Left(types)) => types.len(),
        Some(Either::Right(count)) => count,
        None => 0,
    })
}

/// Between the values of a row key.
pub(crate) const SEPARATOR: &str = "\u{1f}";

/// One connection of one dialect: only what differs between databases.
#[async_trait]
pub(crate) trait Driver: Send {
    /// Runs a statement; gives the number of rows it matched.
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError>;

    /// Runs a query whose columns have these kinds.
    async fn fetch(&mut self, statement: Statement, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, StoreError>;

    /// Whether [`Driver::scan`] and [`Driver::rows`] want their arguments written out in the statement.
    fn copies(&self) -> bool {
        false
    }

    /// Streams a query in chunks; ends early, without error, when the receiver is gone.
    async fn scan(&mut self, plan: ScanPlan<'_>, chunks: &Sender<Rows>) -> Result<(), StoreError>;

    /// Runs statements that take no arguments and give no rows, each on its own (migrations, session control). Where they
    /// are not in a transaction, what they set holds for those behind them.
    async fn script(&mut self, statements: &[String], names: Names) -> Result<(), StoreError>;

    /// Runs one statement of the caller's own in a transaction of its own, for no longer than `limit` where the server
    /// measures that; what the statement itself raises is told in its words.
    async fn step(&mut self, statement: Statement, limit: Duration) -> Result<(), StoreError>;

    /// Has the server prepare a statement, and carries nothing of it out; gives the number of its parameters.
    async fn prepare(&mut self, sql: &str) -> Result<usize, StoreError>;

    /// Runs one query of the caller's own; gives what it finds as the server writes it in text.
    async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError>;

    /// Begins a transaction that writes, READ COMMITTED or the nearest that the database has.
    async fn begin(&mut self) -> Result<(), StoreError>;

    /// Begins a transaction that reads one snapshot and writes nothing.
    async fn begin_snapshot(&mut self) -> Result<(), StoreError>;

    /// Names the snapshot of the open transaction, so that others can read the same; `None` where that cannot be.
    async fn share_snapshot(&mut self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// Begins a transaction that reads the snapshot that another one shared.
    async fn begin_shared(&mut self, snapshot: &str) -> Result<(), StoreError> {
        let _ = snapshot;
        self.begin_snapshot().await
    }

    /// Cuts a table into up to `parts` slices of its storage, as SQL conditions of which every row meets exactly one.
    async fn slices(&mut self, table: &TableName, parts: usize) -> Result<Vec<String>, StoreError> {
        let _ = (table, parts);
        Ok(Vec::new())
    }

    /// Which of these columns of a table, or of those that pages read beside them, the user may not read, where the
    /// database grants columns one by one.
    async fn unreadable(&mut self, table: &TableName, columns: &[&str]) -> Result<Vec<String>, StoreError> {
        let _ = (table, columns);
        Ok(Vec::new())
    }

    /// Commits.
    async fn commit(&mut self) -> Result<(), StoreError>;

    /// Rolls back; harmless outside a transaction.
    async fn rollback(&mut self) -> Result<(), StoreError>;

    /// Puts swaps where their readers can be compared by the server, outside any transaction
    /// (a temporary table); most dialects need nothing.
    async fn stage(&mut self, shape: &Shape, swaps: &[&Swap]) -> Result<(), StoreError> {
        let _ = (shape, swaps);
        Ok(())
    }

    /// The triggers that an update of the table fires by now, without guards of ours.
    async fn update_triggers(&mut self, table: &TableName) -> Result<Vec<String>, StoreError>;

    /// What locks the rows that a query reads until the transaction ends; nothing where a transaction that writes is
    /// alone.
    fn lock(&self) -> &'static str {
        ""
    }

    /// Has the triggers fire now that wait for the end of the transaction, and from now on each with its statement.
    async fn fire_deferred(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// A text by which the value of a column, of whatever type, is told from another one; NULL for NULL.
    fn fingerprint(&self, column: &str) -> Expr;

    /// Begins to watch who writes the cells of these tables on this connection, where the database lets it.
    async fn watch(&mut self, planned: &[Planned]) -> Result<(), StoreError> {
        let _ = planned;
        Ok(())
    }

    /// A cell that somebody wrote since [`Driver::watch`] in a row that was not swapped.
    async fn written_beside(&mut self, swapped: &Written<'_>) -> Result<Option<OtherCell>, StoreError> {
        let _ = swapped;
        Ok(None)
    }

    /// Writes the new cells of the rows that still hold the old values, inside a transaction; gives the positions
    /// of the swaps that were written, a position twice where its row key names several rows.
    async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        comparison: Comparison<'_>,
    ) -> Result<Vec<usize>, StoreError>;

    /// Whether [`Driver::swap_whole`] can be asked.
    fn swaps_whole(&self) -> bool {
        false
    }

    /// Writes the new cells of rows whose versions still stand and runs `riders`, all in one transaction of its own and
    /// one round trip. All or nothing: false, and nothing was written, unless every row was and every rider changed
    /// exactly one row.
    async fn swap_whole(
        &mut self,
        shape: &Shape,
        swaps: &[&SwapColumns],
        riders: Vec<Statement>,
    ) -> Result<bool, StoreError> {
        let _ = (shape, swaps, riders);
        Ok(false)
    }

    /// Statements that make the database refuse forbidden values from now on.
    fn guard(&self, guard: &Guard<'_>) -> Vec<String>;

    /// Statements that have a guard checked against all rows that are there; none where it cannot be a constraint.
    fn prove_guard(&self, table: &TableName) -> Vec<String> {
        let _ = table;
        Vec::new()
    }

    /// Statements that take guards away; `guards` are their names.
    fn unguard(&self, table: &TableName, guards: &[String]) -> Vec<String>;

    /// The tables on which a guard of ours stands: those of this database that the connection can see, or that a run has noted.
    async fn guarded_tables(&mut self) -> Result<Vec<TableName>, StoreError>;

    /// How a column is read so that it decodes as its kind.
    fn read(&self, column: &Column) -> Expr;

    /// How a column is read so that whatever it holds can be searched for cells: as the text or the bytes that stand in it.
    fn searched(&self, column: &Column) -> Expr {
        self.read(column)
    }

    /// As what [`Driver::searched`] gives travels.
    fn searched_kind(&self, kind: Kind) -> Kind {
        kind
    }

    /// A column's size in bytes, as an SQL expression that gives 0 for NULL.
    fn size(&self, column: &Column) -> Expr;

    /// Columns that the database itself keeps for every row, which [`Driver::rows`] reads behind all others.
    fn system_columns(&self) -> &'static [&'static str] {
        &[]
    }

    /// Runs a query for rows: columns of these kinds, the row key first, then the system columns. Where
    /// [`Driver::cuts_short`], it ends with the row that brings it to `most_bytes`.
    async fn rows(
        &mut self,
        statement: Statement,
        kinds: &[Kind],
        key_width: usize,
        most_bytes: usize,
    ) -> Result<Rows, StoreError> {
        let _ = most_bytes;
        let rows = self.fetch(statement, kinds).await?.into_iter();
        Ok(rows.map(|values| Row::from_values(values, key_width)).collect::<Vec<_>>().into())
    }

    /// Whether [`Driver::rows`] can end before the query does. Else rows are to be measured before they are fetched.
    fn cuts_short(&self) -> bool {
        false
    }

    /// Into how many stripes a window of rows is to be cut so that the database can write them in place: rows of one
    /// page of storage then come in several batches, and the room that one leaves is there for the next.
    fn stripes(&self) -> usize {
        1
    }

    /// Lets commits on this connection return before they are on disk. What commits together is still lost together,
    /// and a later commit on another connection brings all before it to disk.
    async fn relax(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// A row-key column as it is compared and ordered: in the collation of its index.
    fn key(&self, column: &Column) -> Expr;

    /// Compares such columns, all of them as the type of the first one is compared.
    fn compared(&self, first: &Column, operator: BinOper, left: Expr, right: Expr) -> Expr {
        let _ = first;
        left.binary(operator, right)
    }

    /// Whether such a column is one of these values.
    fn one_of(&self, column: &Column, values: Vec<Expr>) -> Expr {
        self.key(column).is_in(values)
    }

    /// Whether such a column is one of these numbers, without arguments; `None` where a list of arguments is as good.
    fn among(&self, column: &Column, numbers: &[i64]) -> Option<Expr> {
        let _ = (column, numbers);
        None
    }

    /// A value as an argument that compares with this column.
    fn argument(&self, column: &Column, value: &Value) -> Expr;

    /// Whether `(a, b) > (x, y)` is walked along an index.
    fn compares_tuples(&self) -> bool;

    /// Milliseconds since 1970 by the server's clock, as an SQL expression.
    fn now_ms(&self) -> &'static str;

    /// A table's own name, with its schema where the database has several that a connection may look in; as it stands
    /// where there is no such table.
    async fn own_name(&mut self, table: &TableName) -> Result<TableName, StoreError> {
        Ok(table.clone())
    }

    /// What the catalogue says of a table; `None` where there is no such table.
    async fn describe(&mut self, table: &TableName) -> Result<Option<TableFacts>, StoreError>;

    /// Which database it is, without what its ledger is told by.
    async fn database_identity(&mut self) -> Result<DatabaseIdentity, StoreError>;

    /// What the database tells a table by, beside its name; `None` where there is no such table.
    async fn mark(&mut self, table: &TableName) -> Result<Option<TableMark>, StoreError>;

    /// All tables of the schemas that the application can see, without the ledger's and the system's.
    async fn tables(&mut self) -> Result<Vec<TableName>, StoreError>;

    /// How far replicas are; `None` where the server does not tell, or has none.
    async fn replication(&mut self) -> Result<Option<Replication>, StoreError> {
        Ok(None)
    }

    /// What the server says of itself.
    async fn server(&mut self) -> Result<ServerFacts, StoreError>;
}

/// Hands rows on in chunks, as a scan does; ends early, without error, when the receiver is gone.
pub(crate) async fn send_in_chunks(
    mut rows: impl Stream<Item = Result<Vec<Value>, StoreError>> + Unpin,
    key_width: usize,
    chunk_bytes: usize,
    chunks: &Sender<Rows>,
) -> Result<(), StoreError> {
    let (mut chunk, mut bytes) = (Vec::<Row>::new(), 0);
    while let Some(values) = rows.try_next().await? {
        let row = Row::from_values(values, key_width);
        bytes += row.size();
        chunk.push(row);
        if bytes >= chunk_bytes {
            bytes = 0;
            if chunks.send(std::mem::take(&mut chunk).into()).await.is_err() {
                return Ok(());
            }
        }
    }
    if !chunk.is_empty() {
        let _ = chunks.send(chunk.into()).await;
    }
    Ok(())
}
