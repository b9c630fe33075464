//! Cells that were under the new key already when a run came to them: a rollback leaves them alone.

use sea_query::{Expr, ExprTrait, InsertStatement, Order, Query};

use super::guarded::Guarded;
use super::undo::UndoPlace;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError};

/// Bytes of digests that one row of the ledger holds, where they are written together: a multiple of what one takes.
const DIGESTS_OF_A_ROW: usize = 1 << 16;

/// What a batch met under the new key. What the digests are of is the engine's business.
#[derive(Clone, Debug)]
pub struct StoodBatch {
    /// Where it stands.
    pub place: UndoPlace,
    /// The digests.
    pub digests: Vec<u8>,
}

impl Guarded<'_> {
    /// Notes what a batch met under the new key, in the transaction that closes it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_stood(&mut self, batch: StoodBatch) -> Result<(), StoreError> {
        let insert = self.session.stood_insert(self.lease.run_id(), batch);
        self.run(&insert).await.map(drop)
    }

    /// Puts other digests in the place of all that another run met under the new key: the one that this run rolls back.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn replace_stood_of(&mut self, run_id: &str, digests: &[u8]) -> Result<(), StoreError> {
        self.session.delete_of_run("stood", run_id).await?;
        for (batch, digests) in (0..).zip(digests.chunks(DIGESTS_OF_A_ROW)) {
            let place = UndoPlace { shard: 0, batch };
            let insert = self.session.stood_insert(run_id, StoodBatch { place, digests: digests.to_vec() });
            self.run(&insert).await?;
        }
        Ok(())
    }

    /// Forgets what the run met under the new key.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_stood(&mut self) -> Result<(), StoreError> {
        self.session.delete_of_run("stood", self.lease.run_id()).await
    }
}

impl Session {
    pub(super) fn stood_insert(&self, run_id: &str, batch: StoodBatch) -> InsertStatement {
        let StoodBatch { place, digests } = batch;
        Query::insert()
            .into_table(self.ledger("stood"))
            .columns(["run_id", "shard", "batch", "digests"])
            .values_panic([run_id.into(), place.shard.into(), place.batch.into(), digests.into()])
            .to_owned()
    }

    /// What a run met under the new key, the next batch behind `after`; nothing of a run that an older version has written.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn next_stood(
        &mut self,
        run_id: &str,
        after: Option<UndoPlace>,
    ) -> Result<Option<StoodBatch>, StoreError> {
        if !self.knows_rollbacks().await? {
            return Ok(None);
        }
        let after = after.unwrap_or(UndoPlace { shard: -1, batch: -1 });
        let later = Expr::col("shard")
            .gt(after.shard)
            .or(Expr::col("shard").eq(after.shard).and(Expr::col("batch").gt(after.batch)));
        let select = Query::select()
            .columns(["shard", "batch", "digests"])
            .from(self.ledger("stood"))
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(later)
            .order_by("shard", Order::Asc)
            .order_by("batch", Order::Asc)
            .limit(1)
            .to_owned();
        Ok(self.query(&select, &[Kind::Int, Kind::Int, Kind::Binary]).await?.pop().map(|row| {
            let mut take = Taker::new(row);
            let place = UndoPlace { shard: take.int(), batch: take.int() };
            StoodBatch { place, digests: take.bytes() }
        }))
    }
}
