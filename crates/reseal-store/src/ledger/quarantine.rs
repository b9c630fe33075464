//! Cells that could not be opened, left as they are.

use sea_query::{Expr, ExprTrait, OnConflict, Order, Query, TableRef};

use super::guarded::Guarded;
use crate::names::table_ref;
use crate::taker::Taker;
use crate::{Kind, RowKey, Session, StoreError, TableName};

/// SQLite: a table of the connection's own, where cells wait for a snapshot to end.
const ASIDE: &str = "CREATE TEMP TABLE IF NOT EXISTS reseal_aside (run_id text NOT NULL, cell text NOT NULL, \
    table_name text NOT NULL, field text NOT NULL, row_key text NOT NULL, reason text NOT NULL, \
    created_at integer NOT NULL, PRIMARY KEY (run_id, cell))";

const FROM_ASIDE: [&str; 3] = [
    ASIDE,
    "INSERT INTO reseal_quarantine SELECT * FROM temp.reseal_aside WHERE true \
     ON CONFLICT (run_id, cell) DO UPDATE SET reason = excluded.reason",
    "DROP TABLE temp.reseal_aside",
];

/// A cell that could not be opened. Never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The table, as the plan names it.
    pub table: String,
    /// The field, as the plan names it.
    pub field: String,
    /// The row.
    pub row: RowKey,
    /// Why, as a short code.
    pub reason: String,
    /// A name of fixed length for table, field and row together (SHA-256, hexadecimal).
    pub cell: String,
}

impl Guarded<'_> {
    /// Lists cells in the run's quarantine; a cell that is there already keeps its place and gets the new reason.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn quarantine(&mut self, cells: &[Quarantined]) -> Result<(), StoreError> {
        let table = self.session.ledger("quarantine");
        self.session.list(table, self.lease.run_id(), cells).await
    }

    /// Brings what [`Session::quarantine_aside`] kept aside into the quarantine, once the snapshot has ended.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn quarantine_from_aside(&mut self) -> Result<(), StoreError> {
        match self.session.quarantines_aside() {
            true => self.session.sql.script(&FROM_ASIDE.map(str::to_owned)).await,
            false => Ok(()),
        }
    }

    /// Empties the run's quarantine, before a sweep lists again what it finds.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn clear_quarantine(&mut self) -> Result<(), StoreError> {
        let delete = Query::delete()
            .from_table(self.session.ledger("quarantine"))
            .and_where(Expr::col("run_id").eq(self.lease.run_id()))
            .to_owned();
        self.run(&delete).await.map(drop)
    }
}

impl Session {
    /// How many cells are in a run's quarantine.
    pub(super) async fn count_quarantined(&mut self, run_id: &str) -> Result<u64, StoreError> {
        let select = Query::select()
            .expr(Expr::col("cell").count())
            .from(self.ledger("quarantine"))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        let row = self.query(&select, &[Kind::Int]).await?.pop();
        Ok(row.map_or(0, |row| Taker::new(row).count()))
    }

    /// Lists cells in a table of this connection's own, until [`Guarded::quarantine_from_aside`] brings them into the
    /// quarantine. In SQLite a file that is read in a snapshot may be closed to writers; this needs no lock, and is bounded
    /// by the disk and not by memory.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn quarantine_aside(&mut self, run_id: &str, cells: &[Quarantined]) -> Result<(), StoreError> {
        if cells.is_empty() {
            return Ok(());
        }
        self.sql.script(&[ASIDE.to_owned()]).await?;
        let table = TableName { schema: Some("temp".into()), name: "reseal_aside".into() };
        self.list(table_ref(&table), run_id, cells).await
    }

    /// Whether the quarantine cannot be written while a snapshot is read, so that cells are put aside.
    #[must_use]
    pub fn quarantines_aside(&self) -> bool {
        !self.capabilities().writes_beside_snapshots
    }

    /// Drops what an engine before this one has put aside on this connection.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn clear_aside(&mut self) -> Result<(), StoreError> {
        match self.quarantines_aside() {
            true => self.sql.script(&["DROP TABLE IF EXISTS temp.reseal_aside".to_owned()]).await,
            false => Ok(()),
        }
    }

    async fn list(&mut self, table: TableRef, run_id: &str, cells: &[Quarantined]) -> Result<(), StoreError> {
        for cells in cells.chunks(200) {
            let mut insert = Query::insert();
            insert.into_table(table.clone()).columns([
                "run_id",
                "cell",
                "table_name",
                "field",
                "row_key",
                "reason",
                "created_at",
            ]);
            for cell in cells {
                insert.values_panic([
                    run_id.into(),
                    cell.cell.as_str().into(),
                    cell.table.as_str().into(),
                    cell.field.as_str().into(),
                    cell.row.encode().into(),
                    cell.reason.as_str().into(),
                    self.now(),
                ]);
            }
            insert.on_conflict(OnConflict::columns(["run_id", "cell"]).update_column("reason").to_owned());
            self.run(&insert).await?;
        }
        Ok(())
    }

    /// A run's quarantine, by table, field and row.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn quarantined(&mut self, run_id: &str) -> Result<Vec<Quarantined>, StoreError> {
        let select = Query::select()
            .columns(["table_name", "field", "row_key", "reason", "cell"])
            .from(self.ledger("quarantine"))
            .and_where(Expr::col("run_id").eq(run_id))
            .order_by("table_name", Order::Asc)
            .order_by("field", Order::Asc)
            .order_by("created_at", Order::Asc)
            .order_by("cell", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &[Kind::Text; 5]).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }
}

fn read(row: Vec<reseal_core::Value>) -> Option<Quarantined> {
    let mut take = Taker::new(row);
    let (table, field) = (take.text(), take.text());
    let row = RowKey::decode(&take.text())?;
    Some(Quarantined { table, field, row, reason: take.text(), cell: take.text() })
}
