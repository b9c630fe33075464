//! Old cells, kept batch by batch for an exact rollback.

use sea_query::{Expr, ExprTrait, InsertStatement, Order, Query, SelectStatement};

use super::guarded::Guarded;
use crate::taker::{Taker, signed};
use crate::{Kind, Session, StoreError};

/// The old cells of one batch. What the payload holds is the engine's business.
#[derive(Clone, Debug)]
pub struct UndoBatch {
    /// The shard that the batch belongs to.
    pub shard: i64,
    /// The batch's number in the shard.
    pub batch: i64,
    /// The table, as the plan names it.
    pub table: String,
    /// How many cells it holds.
    pub cells: u64,
    /// The old cells.
    pub payload: Vec<u8>,
}

/// Where a batch of old cells stands among those of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndoPlace {
    /// The shard that the batch belongs to.
    pub shard: i64,
    /// The batch's number in the shard.
    pub batch: i64,
}

impl UndoBatch {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> UndoPlace {
        UndoPlace { shard: self.shard, batch: self.batch }
    }
}

/// The old cells that were kept in one shard of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoShard {
    /// The shard.
    pub number: i64,
    /// The table, as the plan names it.
    pub table: String,
    /// How many cells there are.
    pub cells: u64,
}

impl Guarded<'_> {
    /// Keeps the old cells of a batch, in the transaction that swaps them.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn keep_undo(&mut self, batch: UndoBatch) -> Result<(), StoreError> {
        let insert = self.session.undo_insert(self.lease.run_id(), batch);
        self.run(&insert).await.map(drop)
    }

    /// Drops the kept cells of the run. A rollback of it that listed cells is over: there is nothing to try again.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_undo(&mut self) -> Result<(), StoreError> {
        let run_id = self.lease.run_id();
        self.session.delete_of_run("stood", run_id).await?;
        self.session.delete_of_run("undo", run_id).await?;
        self.session.close_rollback(run_id).await
    }

    /// Drops batches of a shard that another run has kept: the one that this run rolls back.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_undo_of(
        &mut self,
        run_id: &str,
        shard: i64,
        batches: &[i64],
    ) -> Result<(), StoreError> {
        let delete = Query::delete()
            .from_table(self.session.ledger("undo"))
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(Expr::col("shard").eq(shard))
            .and_where(Expr::col("batch").is_in(batches.iter().copied()))
            .to_owned();
        self.run(&delete).await.map(drop)
    }

    /// Puts another payload in the place of a batch that another run has kept.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn replace_undo_of(&mut self, run_id: &str, batch: UndoBatch) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.session.ledger("undo"))
            .value("cells", signed(batch.cells))
            .value("payload", batch.payload)
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(Expr::col("shard").eq(batch.shard))
            .and_where(Expr::col("batch").eq(batch.batch))
            .to_owned();
        self.run(&update).await.map(drop)
    }
}

impl Session {
    pub(crate) fn undo_insert(&self, run_id: &str, batch: UndoBatch) -> InsertStatement {
        Query::insert()
            .into_table(self.ledger("undo"))
            .columns(["run_id", "shard", "batch", "table_name", "cells", "payload"])
            .values_panic([
                run_id.into(),
                batch.shard.into(),
                batch.batch.into(),
                batch.table.into(),
                signed(batch.cells).into(),
                batch.payload.into(),
            ])
            .to_owned()
    }

    /// The next kept batch behind `after`; the first one where there is none.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn next_undo(
        &mut self,
        run_id: &str,
        after: Option<UndoPlace>,
    ) -> Result<Option<UndoBatch>, StoreError> {
        let after = after.unwrap_or(UndoPlace { shard: -1, batch: -1 });
        let later = Expr::col("shard")
            .gt(after.shard)
            .or(Expr::col("shard").eq(after.shard).and(Expr::col("batch").gt(after.batch)));
        let mut select = self.select_undo(run_id);
        select.and_where(later).order_by("shard", Order::Asc).order_by("batch", Order::Asc);
        self.fetch_undo(&select).await
    }

    /// The newest kept batch of a shard before the one with the number `before`; the newest of all where there is none.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn undo_before(
        &mut self,
        run_id: &str,
        shard: i64,
        before: Option<i64>,
    ) -> Result<Option<UndoBatch>, StoreError> {
        let mut select = self.select_undo(run_id);
        select.and_where(Expr::col("shard").eq(shard)).order_by("batch", Order::Desc);
        if let Some(before) = before {
            select.and_where(Expr::col("batch").lt(before));
        }
        self.fetch_undo(&select).await
    }

    fn select_undo(&self, run_id: &str) -> SelectStatement {
        Query::select()
            .columns(["shard", "batch", "table_name", "cells", "payload"])
            .from(self.ledger("undo"))
            .and_where(Expr::col("run_id").eq(run_id))
            .limit(1)
            .to_owned()
    }

    async fn fetch_undo(&mut self, select: &SelectStatement) -> Result<Option<UndoBatch>, StoreError> {
        let kinds = [Kind::Int, Kind::Int, Kind::Text, Kind::Int, Kind::Binary];
        Ok(self.query(select, &kinds).await?.pop().map(|row| {
            let mut take = Taker::new(row);
            UndoBatch {
                shard: take.int(),
                batch: take.int(),
                table: take.text(),
                cells: take.count(),
                payload: take.bytes(),
            }
        }))
    }

    /// Where the kept batches of a table stand, in their order.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn undo_places(&mut self, run_id: &str, table: &str) -> Result<Vec<UndoPlace>, StoreError> {
        let select = Query::select()
            .columns(["shard", "batch"])
            .from(self.ledger("undo"))
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(Expr::col("table_name").eq(table))
            .order_by("shard", Order::Asc)
            .order_by("batch", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &[Kind::Int; 2]).await?.into_iter().map(Taker::new);
        Ok(rows.map(|mut take| UndoPlace { shard: take.int(), batch: take.int() }).collect())
    }

    /// The kept batch in a place; `None` where it is gone.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn undo_at(&mut self, run_id: &str, place: UndoPlace) -> Result<Option<UndoBatch>, StoreError> {
        let before = UndoPlace { shard: place.shard, batch: place.batch - 1 };
        let next = self.next_undo(run_id, Some(before)).await?;
        Ok(next.filter(|batch| batch.place() == place))
    }

    /// The shards of a run that keep old cells, the newest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn undo_shards(&mut self, run_id: &str) -> Result<Vec<UndoShard>, StoreError> {
        let select = Query::select()
            .columns(["shard", "table_name", "cells"])
            .from(self.ledger("undo"))
            .and_where(Expr::col("run_id").eq(run_id))
            .order_by("shard", Order::Desc)
            .to_owned();
        let mut shards: Vec<UndoShard> = Vec::new();
        for row in self.query(&select, &[Kind::Int, Kind::Text, Kind::Int]).await? {
            let mut take = Taker::new(row);
            let shard = UndoShard { number: take.int(), table: take.text(), cells: take.count() };
            match shards.last_mut() {
                Some(last) if last.number == shard.number => last.cells += shard.cells,
                _ => shards.push(shard),
            }
        }
        Ok(shards)
    }

    /// How many old cells are kept for a run.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn undo_cells(&mut self, run_id: &str) -> Result<u64, StoreError> {
        let select = Query::select()
            .column("cells")
            .from(self.ledger("undo"))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        let rows = self.query(&select, &[Kind::Int]).await?;
        Ok(rows.into_iter().map(|row| Taker::new(row).count()).sum())
    }
}
