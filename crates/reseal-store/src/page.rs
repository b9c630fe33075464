//! Pages in row-key order, rows by key, and the scan of a whole table.

use reseal_core::Value;
use sea_query::{Expr, ExprTrait, Func, Order, Query, SelectStatement};
use tokio::sync::mpsc::Sender;

use crate::driver::ScanPlan;
use crate::names::{iden, table_ref};
use crate::session::kinds;
use crate::{Column, Kind, Row, RowKey, Rows, Session, Shape, StoreError, TableName};

/// A part of a table's storage, for [`Session::scan`].
#[derive(Clone, Debug)]
pub struct Slice(Option<String>);

impl Slice {
    /// The whole table.
    pub const WHOLE: Slice = Slice(None);
}

/// Row keys in their order, from behind one to another.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyRange<'k> {
    /// The row key before the range; none for a range from the beginning.
    pub after: Option<&'k RowKey>,
    /// The last row key of the range; none for a range to the end.
    pub upto: Option<&'k RowKey>,
}

/// A query for what columns hold, and the kinds of what it gives.
struct Searched {
    select: SelectStatement,
    kinds: Vec<Kind>,
}

impl Session {
    /// Rows after `after`, up to and with `upto`, in row-key order: at most `rows`, and no more than fit `bytes`, but always
    /// one; where rows turn out larger than those before, the one that brings them to `bytes` is the last. No lock is held.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn page(
        &mut self,
        shape: &Shape,
        after: Option<&RowKey>,
        upto: Option<&RowKey>,
        rows: usize,
        bytes: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.page_as_sent(shape, &KeyRange { after, upto }, rows, bytes).await?.decode()
    }

    /// [`Session::page`], not decoded; of the rows in a range.
    ///
    /// The rows are measured before they are fetched, so that a page of large cells never arrives whole. Where the
    /// database can be left in the middle of an answer, that is done for the first page of a range alone: the next ones are
    /// taken to be like the one before, with something to spare.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn page_as_sent(
        &mut self,
        shape: &Shape,
        range: &KeyRange<'_>,
        rows: usize,
        bytes: usize,
    ) -> Result<Rows, StoreError> {
        let KeyRange { after, upto } = *range;
        let like_before = after.is_some() && self.sql.driver.cuts_short();
        let of_a_row = match self.bytes_of_a_row.filter(|_| like_before) {
            Some(known) => known + known / 3,
            None => match self.largest_row(shape, after, upto, rows).await? {
                Some(largest) => largest,
                None => return Ok(Rows::default()),
            },
        };
        let fit = (bytes / of_a_row.max(1)).clamp(1, rows);
        let mut select = self.select_rows(shape);
        select.cond_where(self.range(shape, after, upto));
        self.sort(&mut select, shape, Order::Asc);
        select.limit(fit as u64);
        let statement = self.build_for_rows(&select).about(shape);
        let page = self.sql.driver.rows(statement, &kinds(shape), shape.key.len(), bytes).await?;
        self.bytes_of_a_row = page.bytes().checked_div(page.len());
        Ok(page)
    }

    /// Size of the largest of the next rows; `None` where no row is left.
    async fn largest_row(
        &mut self,
        shape: &Shape,
        after: Option<&RowKey>,
        upto: Option<&RowKey>,
        rows: usize,
    ) -> Result<Option<usize>, StoreError> {
        let mut size = Expr::cust("64");
        for column in shape.cells.iter().chain(&shape.context) {
            size = size.add(self.sql.driver.size(column));
        }
        let mut inner = Query::select();
        inner.expr_as(size, "size").from(table_ref(&shape.table));
        inner.cond_where(self.range(shape, after, upto));
        self.sort(&mut inner, shape, Order::Asc);
        inner.limit(rows as u64);
        let mut outer = Query::select();
        outer.expr(Func::max(Expr::col("size"))).from_subquery(inner, "sizes");
        let found = self.query_of(shape, &outer, &[Kind::Int]).await?;
        Ok(match found.first().and_then(|row| row.first()) {
            Some(Value::Int(size)) => Some(usize::try_from(*size).unwrap_or(usize::MAX)),
            _ => None,
        })
    }

    /// Cuts a table into at most `parts` slices: every row is in exactly one of them.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn slices(&mut self, shape: &Shape, parts: usize) -> Result<Vec<Slice>, StoreError> {
        let cut = self.sql.driver.slices(&shape.table, parts).await?;
        Ok(if cut.is_empty() {
            vec![Slice::WHOLE]
        } else {
            cut.into_iter().map(|sql| Slice(Some(sql))).collect()
        })
    }

    /// Sends every row of a slice of the shape in chunks of about `chunk_bytes`, in no particular order. Inside
    /// [`Session::begin_snapshot`] it is a scan of one snapshot. Ends early when the receiver is gone.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn scan(
        &mut self,
        shape: &Shape,
        slice: &Slice,
        chunk_bytes: usize,
        chunks: &Sender<Rows>,
    ) -> Result<(), StoreError> {
        let mut select = self.select_columns(shape);
        let slice = slice.0.as_ref().map(|condition| Expr::cust(condition.clone()));
        select.cond_where(self.scope(shape).add_option(slice));
        let plan = ScanPlan {
            statement: self.build_for_rows(&select).about(shape),
            kinds: &kinds(shape),
            key_width: shape.key.len(),
            chunk_bytes,
        };
        self.sql.driver.scan(plan, chunks).await
    }

    /// How many rows the shape has.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn count(&mut self, shape: &Shape) -> Result<u64, StoreError> {
        let mut select = Query::select();
        select.expr(Expr::cust("COUNT(*)")).from(table_ref(&shape.table)).cond_where(self.scope(shape));
        let found = self.query_of(shape, &select, &[Kind::Int]).await?;
        Ok(match found.first().and_then(|row| row.first()) {
            Some(Value::Int(n)) => u64::try_from(*n).unwrap_or(0),
            _ => 0,
        })
    }

    /// The key of the row that is `skip` rows behind `after`, in row-key order; `None` past the end.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn nth_key(
        &mut self,
        shape: &Shape,
        after: Option<&RowKey>,
        skip: u64,
    ) -> Result<Option<RowKey>, StoreError> {
        let mut select = self.select_key(shape, after);
        self.sort(&mut select, shape, Order::Asc);
        select.offset(skip.saturating_sub(1)).limit(1);
        self.one_key(shape, &select).await
    }

    /// The key of the last row in row-key order; `None` where there is no row.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn last_key(&mut self, shape: &Shape) -> Result<Option<RowKey>, StoreError> {
        let mut select = self.select_key(shape, None);
        self.sort(&mut select, shape, Order::Desc);
        select.limit(1);
        self.one_key(shape, &select).await
    }

    fn select_key(&self, shape: &Shape, after: Option<&RowKey>) -> SelectStatement {
        let mut select = Query::select();
        for column in &shape.key {
            select.expr(self.sql.driver.read(column));
        }
        select.from(table_ref(&shape.table)).cond_where(self.range(shape, after, None));
        select
    }

    async fn one_key(
        &mut self,
        shape: &Shape,
        select: &SelectStatement,
    ) -> Result<Option<RowKey>, StoreError> {
        let kinds: Vec<Kind> = shape.key.iter().map(|column| column.kind).collect();
        Ok(self.query_of(shape, select, &kinds).await?.pop().map(RowKey))
    }

    /// Up to `limit` values of one column that are not NULL, as text or bytes, each followed by what other columns of its row
    /// hold.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn sample(
        &mut self,
        table: &TableName,
        column: &Column,
        beside: &[Column],
        limit: u64,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let table = self.sql.driver.own_name(table).await?;
        let Searched { mut select, kinds } = self.searched(&table, std::slice::from_ref(column), beside);
        select.and_where(Expr::col(iden(&column.name)).is_not_null()).limit(limit);
        self.query(&select, &kinds).await
    }

    /// Sends all rows of a table in chunks of about `chunk_bytes`, in no particular order: what these columns hold, as text
    /// or bytes, followed by what other columns hold. Ends early when the receiver is gone; the session is then good for
    /// nothing but to be closed, and so it is after an error.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn search(
        &mut self,
        table: &TableName,
        columns: &[Column],
        beside: &[Column],
        chunk_bytes: usize,
        chunks: &Sender<Rows>,
    ) -> Result<(), StoreError> {
        let table = self.sql.driver.own_name(table).await?;
        let Searched { select, kinds } = self.searched(&table, columns, beside);
        let statement = self.build_for_rows(&select);
        self.sql.driver.scan(ScanPlan { statement, kinds: &kinds, key_width: 0, chunk_bytes }, chunks).await
    }

    /// Reads columns as they are searched, and others beside them.
    fn searched(&self, table: &TableName, columns: &[Column], beside: &[Column]) -> Searched {
        let driver = &self.sql.driver;
        let mut select = Query::select();
        for column in columns {
            select.expr(driver.searched(column));
        }
        for column in beside {
            select.expr(driver.read(column));
        }
        select.from(table_ref(table));
        let searched = columns.iter().map(|column| driver.searched_kind(column.kind));
        Searched { select, kinds: searched.chain(beside.iter().map(|column| column.kind)).collect() }
    }

    /// The rows in which this column is longest, at most `limit`.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn longest(
        &mut self,
        shape: &Shape,
        column: &Column,
        limit: u64,
    ) -> Result<Vec<Row>, StoreError> {
        let mut select = self.select_rows(shape);
        select.cond_where(self.scope(shape));
        select.order_by_expr(self.sql.driver.size(column), Order::Desc).limit(limit);
        self.fetch_rows(shape, &select).await
    }

    /// Sorts by the row key. A column is named with its table: its bare name may be that of an output column too, which
    /// holds it cast to how it travels, and by a cast no index is sorted.
    fn sort(&self, select: &mut SelectStatement, shape: &Shape, order: Order) {
        for column in &shape.key {
            let key = match column.collation {
                Some(_) => self.sql.driver.key(column),
                None => Expr::col((iden(&shape.table.name), iden(&column.name))),
            };
            select.order_by_expr(key, order.clone());
        }
    }

    pub(crate) fn select_columns(&self, shape: &Shape) -> SelectStatement {
        let mut select = Query::select();
        for column in shape.key.iter().chain(&shape.cells).chain(&shape.context) {
            select.expr(self.sql.driver.read(column));
        }
        select.from(table_ref(&shape.table));
        select
    }

    pub(crate) fn select_rows(&self, shape: &Shape) -> SelectStatement {
        let mut select = self.select_columns(shape);
        for name in self.sql.driver.system_columns() {
            select.expr(Expr::col(iden(name)));
        }
        select
    }

    pub(crate) async fn fetch_rows(
        &mut self,
        shape: &Shape,
        select: &SelectStatement,
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.build(select).about(shape);
        self.sql.driver.rows(statement, &kinds(shape), shape.key.len(), usize::MAX).await?.decode()
    }
}

impl Row {
    pub(crate) fn from_values(mut values: Vec<Value>, key_width: usize) -> Row {
        let rest = values.split_off(key_width);
        Row { key: RowKey(values), values: rest, version: None, slot: 0 }
    }
}
