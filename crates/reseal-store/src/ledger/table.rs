//! Which table of the database each table of a run is.

use sea_query::{Expr, ExprTrait, Order, Query};
use serde_json::json;

use super::column_name::ColumnName;
use super::guarded::Guarded;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError, TableIdentity, TableMark, TableName, Trouble};

/// A table of a run, as it was found in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTable {
    /// The table, as the plan names it.
    pub label: String,
    /// Which table of the database that is.
    pub identity: TableIdentity,
    /// The columns of its row key: see [`row_key_text`](crate::row_key_text).
    pub row_key: String,
}

impl RunTable {
    /// What tells the table from others of its database, as a JSON document with a fixed order of its keys.
    #[must_use]
    pub fn encode(&self) -> String {
        let TableIdentity { name, mark } = &self.identity;
        let (mark, row_key) = (mark.encode(), &self.row_key);
        json!({ "mark": mark, "name": name.name, "row_key": row_key, "schema": name.schema }).to_string()
    }
}

/// How a table came to be a run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was found when the run began.
    Began,
    /// It was rebuilt or moved since, and holds what the run wrote.
    Rebuilt,
    /// Somebody said that it is.
    Accepted,
    /// The run is of a version that recorded no tables, and the table holds what it wrote.
    Unrecorded,
}

impl Found {
    /// The word in the ledger and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Found::Began => "began",
            Found::Rebuilt => "rebuilt",
            Found::Accepted => "accepted",
            Found::Unrecorded => "unrecorded",
        }
    }
}

/// A table that is to be recorded for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedTable {
    /// The table.
    pub table: RunTable,
    /// How it came to be the run's.
    pub found: Found,
}

const COLUMNS: [&str; 10] = [
    "run_id",
    "table_name",
    "turn",
    "schema_name",
    "own_name",
    "mark",
    "row_key",
    "found",
    "operator",
    "found_at",
];

impl Session {
    /// The tables of a run, each as it was found last; none of a run that an earlier version has written.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn run_tables(&mut self, run_id: &str) -> Result<Vec<RunTable>, StoreError> {
        let select = Query::select()
            .columns(["table_name", "schema_name", "own_name", "mark", "row_key"])
            .from(self.ledger("run_table"))
            .and_where(Expr::col("run_id").eq(run_id))
            .order_by("table_name", Order::Asc)
            .order_by("turn", Order::Desc)
            .to_owned();
        let rows = match self.query(&select, &[Kind::Text; 5]).await {
            Ok(rows) => rows,
            Err(error) if error.trouble == Trouble::Missing => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut tables: Vec<RunTable> = Vec::new();
        for row in rows {
            let table = read(row)?;
            if tables.last().is_none_or(|last| last.label != table.label) {
                tables.push(table);
            }
        }
        Ok(tables)
    }

    /// Records a table of a run, in the open transaction.
    pub(super) async fn note_table(
        &mut self,
        run_id: &str,
        noted: &NotedTable,
        operator: &str,
    ) -> Result<(), StoreError> {
        let turn = self.turns(run_id, &noted.table.label).await?;
        let RunTable { label, identity, row_key } = &noted.table;
        let now = self.now();
        let insert = Query::insert()
            .into_table(self.ledger("run_table"))
            .columns(COLUMNS)
            .values_panic([
                run_id.into(),
                label.as_str().into(),
                turn.into(),
                identity.name.schema.clone().into(),
                identity.name.name.as_str().into(),
                identity.mark.encode().into(),
                row_key.as_str().into(),
                noted.found.name().into(),
                operator.into(),
                now,
            ])
            .to_owned();
        self.run(&insert).await.map(drop)
    }

    /// How often a table of a run was recorded.
    async fn turns(&mut self, run_id: &str, label: &str) -> Result<i64, StoreError> {
        let select = Query::select()
            .expr(Expr::col("turn").count())
            .from(self.ledger("run_table"))
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(Expr::col("table_name").eq(label))
            .to_owned();
        let row = self.query(&select, &[Kind::Int]).await?.pop();
        Ok(row.map_or(0, |row| Taker::new(row).int()))
    }
}

impl Guarded<'_> {
    /// Records tables that a run was found to have by now, and claims its columns again: of those tables. A run that is rolled
    /// back has none to claim: its rollback holds them.
    ///
    /// # Errors
    /// [`Trouble::Constraint`] where another run holds one of the columns; when the server refuses.
    pub async fn note_tables(
        &mut self,
        tables: &[NotedTable],
        columns: &[ColumnName],
        operator: &str,
    ) -> Result<(), StoreError> {
        let run_id = self.lease.run_id();
        for noted in tables {
            self.session.note_table(run_id, noted, operator).await?;
        }
        if columns.is_empty() {
            return Ok(());
        }
        self.session.drop_claims_that_are_over(run_id).await?;
        self.session.claim(run_id, columns).await
    }
}

fn read(row: Vec<reseal_core::Value>) -> Result<RunTable, StoreError> {
    let mut take = Taker::new(row);
    let (label, schema, name) = (take.text(), take.optional_text(), take.text());
    let (mark, row_key) = (take.text(), take.text());
    let Some(mark) = TableMark::decode(&mark) else {
        let message = format!(
            "the ledger identifies table `{label}` in a way that this version does not support: {mark}"
        );
        return Err(StoreError::new(Trouble::Newer, message));
    };
    Ok(RunTable { label, identity: TableIdentity { name: TableName { schema, name }, mark }, row_key })
}
