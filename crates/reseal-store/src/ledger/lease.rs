//! Acquiring a run, keeping it and giving it back.

use reseal_core::RunState;
use sea_query::{Expr, ExprTrait, Query, UpdateStatement};

use super::claim::Claimed;
use super::column_name::ColumnName;
use super::holder::Holder;
use super::run::{Request, RunRow};
use super::run_lease::RunLease;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError, Trouble};

/// How an attempt to acquire a run for a rollback ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// This engine holds the run and its columns.
    Yes(RunLease),
    /// The run changed since it was read: another engine is at work on it, or it moved to another state.
    Changed,
    /// Another run holds one of the columns.
    HeldBy {
        /// The column, as `table.column`.
        column: String,
        /// The run that holds it.
        run_id: String,
    },
}

/// What a renewal of the lease told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The lease still is this engine's; with what an operator asked for since.
    Ours(Option<Request>),
    /// Another engine holds the run now.
    Superseded,
}

impl Session {
    /// Acquires a run, if its epoch is still that of `run`. Every shard then stands under the new epoch: engines of older
    /// ones can commit nothing more. Runs in one transaction; a crash leaves the run as it was, or acquired.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn acquire(
        &mut self,
        run: &RunRow,
        holder: &Holder,
        lease_ms: i64,
    ) -> Result<Option<RunLease>, StoreError> {
        if !run.state.may_become(RunState::Running) {
            return Ok(None);
        }
        let lease = next_lease(run);
        self.begin().await?;
        let mut update = self.epoch_update(run, &lease, holder, lease_ms);
        self.answer_request(&mut update, RunState::Running);
        if self.run(&update).await? == 0 {
            self.rollback().await?;
            return Ok(None);
        }
        self.move_shards(&lease).await?;
        self.commit().await?;
        Ok(Some(lease))
    }

    /// Acquires a run that is to be rolled back, and its columns: the run moves to `rolling_back`, and no other run may
    /// claim a column of it. Runs in one transaction: what is refused, or killed on the way, leaves no claim behind.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn acquire_rollback(
        &mut self,
        run: &RunRow,
        holder: &Holder,
        lease_ms: i64,
        columns: &[ColumnName],
    ) -> Result<Acquired, StoreError> {
        if run.state != RunState::RollingBack && !run.state.may_become(RunState::RollingBack) {
            return Ok(Acquired::Changed);
        }
        let lease = next_lease(run);
        self.begin().await?;
        match self.acquire_inside(run, &lease, holder, lease_ms, columns).await {
            Ok(true) => self.commit().await.map(|()| Acquired::Yes(lease)),
            Ok(false) => self.rollback().await.map(|()| Acquired::Changed),
            Err(error) => {
                self.rollback().await?;
                match (error.trouble, self.holder_of_any(columns, &run.id).await?) {
                    (Trouble::Constraint | Trouble::Retry, Some(Claimed::HeldBy { column, run_id })) => {
                        Ok(Acquired::HeldBy { column, run_id })
                    }
                    _ => Err(error),
                }
            }
        }
    }

    async fn acquire_inside(
        &mut self,
        run: &RunRow,
        lease: &RunLease,
        holder: &Holder,
        lease_ms: i64,
        columns: &[ColumnName],
    ) -> Result<bool, StoreError> {
        let mut update = self.epoch_update(run, lease, holder, lease_ms);
        self.answer_request(&mut update, RunState::RollingBack);
        update.and_where(Expr::col("state").eq(run.state.name()));
        if self.run(&update).await? == 0 {
            return Ok(false);
        }
        self.move_shards(lease).await?;
        self.drop_claims_that_are_over(lease.run_id()).await?;
        self.claim(lease.run_id(), columns).await?;
        Ok(true)
    }

    /// Acquires a run whose state stays as it is, if its epoch is still that of `run`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn acquire_as_it_is(
        &mut self,
        run: &RunRow,
        holder: &Holder,
        lease_ms: i64,
    ) -> Result<Option<RunLease>, StoreError> {
        let lease = next_lease(run);
        let update = self.epoch_update(run, &lease, holder, lease_ms);
        Ok((self.run(&update).await? == 1).then_some(lease))
    }

    /// Sets epoch, holder and lease, where the epoch is still that of `run`.
    fn epoch_update(
        &self,
        run: &RunRow,
        lease: &RunLease,
        holder: &Holder,
        lease_ms: i64,
    ) -> UpdateStatement {
        Query::update()
            .table(self.ledger("run"))
            .value("epoch", lease.epoch)
            .value("holder", holder.encode())
            .value("lease_until", self.now().add(lease_ms))
            .and_where(Expr::col("id").eq(run.id.as_str()))
            .and_where(Expr::col("epoch").eq(run.epoch))
            .to_owned()
    }

    /// The run is at work: what was asked of the engine before, and why that one stopped, no longer holds.
    fn answer_request(&self, update: &mut UpdateStatement, state: RunState) {
        let none = || Option::<String>::None;
        update.value("state", state.name()).value("updated_at", self.now());
        update.value("request", none()).value("reason", none());
    }

    async fn move_shards(&mut self, lease: &RunLease) -> Result<(), StoreError> {
        let shards = Query::update()
            .table(self.ledger("shard"))
            .value("epoch", lease.epoch)
            .and_where(Expr::col("run_id").eq(lease.run_id()))
            .to_owned();
        self.run(&shards).await.map(drop)
    }

    /// Renews the lease, and tells what an operator asked for since.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn renew(&mut self, lease: &RunLease, lease_ms: i64) -> Result<Renewed, StoreError> {
        let update = Query::update()
            .table(self.ledger("run"))
            .value("lease_until", self.now().add(lease_ms))
            .value("updated_at", self.now())
            .and_where(Expr::col("id").eq(lease.run_id()))
            .and_where(Expr::col("epoch").eq(lease.epoch))
            .to_owned();
        if self.run(&update).await? == 0 {
            return Ok(Renewed::Superseded);
        }
        let select = Query::select()
            .column("request")
            .from(self.ledger("run"))
            .and_where(Expr::col("id").eq(lease.run_id()))
            .to_owned();
        let asked = self.query(&select, &[Kind::Text]).await?.pop();
        let asked = asked.and_then(|row| Taker::new(row).optional_text());
        Ok(Renewed::Ours(asked.as_deref().and_then(Request::parse)))
    }

    /// Gives a run back before the lease is over.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn release(&mut self, lease: &RunLease) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.ledger("run"))
            .value("lease_until", 0i64)
            .and_where(Expr::col("id").eq(lease.run_id()))
            .and_where(Expr::col("epoch").eq(lease.epoch))
            .to_owned();
        self.run(&update).await.map(drop)
    }
}

fn next_lease(run: &RunRow) -> RunLease {
    RunLease { run_id: run.id.clone(), epoch: run.epoch + 1 }
}
