//! Acquiring a run, keeping it and giving it back.

use reseal_core::RunState;
use sea_query::{Expr, ExprTrait, Query, UpdateStatement};

use super::holder::Holder;
use super::run::{Request, RunRow};
use super::run_lease::RunLease;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError};

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
    pub(super) fn epoch_update(
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
    pub(super) fn answer_request(&self, update: &mut UpdateStatement, state: RunState) {
        let none = || Option::<String>::None;
        update.value("state", state.name()).value("updated_at", self.now());
        update.value("request", none()).value("reason", none());
    }

    pub(super) async fn move_shards(&mut self, lease: &RunLease) -> Result<(), StoreError> {
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

pub(super) fn next_lease(run: &RunRow) -> RunLease {
    RunLease { run_id: run.id.clone(), epoch: run.epoch + 1 }
}
