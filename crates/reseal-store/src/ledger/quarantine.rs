//! Cells that could not be opened, left as they are.

use sea_query::{Expr, ExprTrait, OnConflict, Order, Query};

use super::Taker;
use crate::{Kind, RowKey, Session, StoreError};

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

impl Session {
    /// Lists cells in a run's quarantine; a cell that is there already keeps its place and gets the new reason.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn quarantine(&mut self, run_id: &str, cells: &[Quarantined]) -> Result<(), StoreError> {
        for cells in cells.chunks(200) {
            let mut insert = Query::insert();
            insert.into_table(self.ledger("quarantine")).columns([
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

    /// Empties a run's quarantine, before a sweep lists anew what it finds.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn clear_quarantine(&mut self, run_id: &str) -> Result<(), StoreError> {
        let delete = Query::delete()
            .from_table(self.ledger("quarantine"))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        self.run(&delete).await.map(drop)
    }
}

fn read(row: Vec<reseal_core::Value>) -> Option<Quarantined> {
    let mut take = Taker::new(row);
    let (table, field) = (take.text(), take.text());
    let row = RowKey::decode(&take.text())?;
    Some(Quarantined { table, field, row, reason: take.text(), cell: take.text() })
}
