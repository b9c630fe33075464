//! What an engine that holds a run may still write of it beside its state.

use sea_query::{Expr, ExprTrait, Query};

use super::{Holder, RunRow};
use crate::{Session, StoreError};

impl Session {
    /// Notes the keys of a run that has none noted yet, if its epoch is still this. False: another engine holds it, or
    /// has noted them.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_keys(&mut self, run: (&str, i64), keys: &str) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.ledger("run"))
            .value("primaries", keys)
            .value("updated_at", self.now())
            .and_where(Expr::col("id").eq(run.0))
            .and_where(Expr::col("epoch").eq(run.1))
            .and_where(Expr::col("primaries").eq(""))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }

    /// Holds a run whose state stays as it is, if its epoch is still that of `run`; gives the new epoch.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn hold(
        &mut self,
        run: &RunRow,
        holder: &Holder,
        lease_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let epoch = run.epoch + 1;
        let update = Query::update()
            .table(self.ledger("run"))
            .value("epoch", epoch)
            .value("holder", holder.0.as_str())
            .value("lease_until", self.now().add(lease_ms))
            .and_where(Expr::col("id").eq(run.id.as_str()))
            .and_where(Expr::col("epoch").eq(run.epoch))
            .to_owned();
        Ok((self.run(&update).await? == 1).then_some(epoch))
    }

    /// Gives a run back before the lease is over.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn release(&mut self, id: &str, epoch: i64) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.ledger("run"))
            .value("lease_until", 0i64)
            .and_where(Expr::col("id").eq(id))
            .and_where(Expr::col("epoch").eq(epoch))
            .to_owned();
        self.run(&update).await.map(drop)
    }

    /// Puts a run's shards back to their beginnings and drops its kept cells, which have been put back. False: another
    /// engine holds the run.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn restart_shards(&mut self, id: &str, epoch: i64) -> Result<bool, StoreError> {
        self.begin().await?;
        let mut update = Query::update();
        update.table(self.ledger("shard"));
        update.value("checkpoint", Option::<String>::None).value("done", 0i64);
        for name in [
            "rows_scanned",
            "cells_rotated",
            "cells_current",
            "cells_null",
            "cells_quarantined",
            "cells_raced",
        ] {
            update.value(name, 0i64);
        }
        update.and_where(Expr::col("run_id").eq(id)).and_where(Expr::col("epoch").eq(epoch));
        if self.run(&update).await? == 0 {
            self.rollback().await?;
            return Ok(false);
        }
        let drop_undo =
            Query::delete().from_table(self.ledger("undo")).and_where(Expr::col("run_id").eq(id)).to_owned();
        self.run(&drop_undo).await?;
        self.commit().await?;
        Ok(true)
    }
}
