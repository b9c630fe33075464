//! Rollbacks: runs that put back what another run has moved. Whoever works on one holds both.

use reseal_core::RunState;
use sea_query::{Expr, ExprTrait, Query};

use super::claim::Claimed;
use super::column_name::ColumnName;
use super::holder::Holder;
use super::lease::next_lease;
use super::run::{At, FIRST_EPOCH, FirstRow, RunRow};
use super::run_lease::RunLease;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError, Trouble};

/// The script of the ledger that brought rollbacks.
const SINCE: i64 = 7;

/// A rollback as the ledger has it.
#[derive(Clone, Debug)]
pub struct RollbackRow {
    /// The rollback's own run.
    pub run: RunRow,
    /// The run that it rolls back.
    pub of_run: String,
    /// The round in which kept cells are put back. Those that follow seal again what was written since.
    pub restores: i64,
}

/// A rollback to be written.
#[derive(Clone, Debug)]
pub struct NewRollback<'a> {
    /// Its id, unique for ever.
    pub id: &'a str,
    /// The keys that cells go back to, as JSON.
    pub primaries: &'a str,
    /// Who rolls back.
    pub operator: &'a str,
}

/// A rollback and its run, as one engine holds them. All that is put back is checked against the rollback's own lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackLease {
    /// Of the rollback.
    pub own: RunLease,
    /// Of the run that is rolled back.
    pub of: RunLease,
}

/// How an attempt to acquire a run for a rollback ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// This engine holds the run, its rollback and its columns.
    Yes(RollbackLease),
    /// The run or its rollback changed since it was read: another engine is at work on it, or it moved to another state.
    Changed,
    /// Another run holds one of the columns.
    HeldBy {
        /// The column, as `table.column`.
        column: String,
        /// The run that holds it.
        run_id: String,
    },
}

/// How a rollback ends.
#[derive(Clone, Copy, Debug)]
pub enum RollbackEnds<'a> {
    /// Every cell is back or sealed again: nothing is kept any more.
    Clean {
        /// What is to be said of it all the same.
        reason: Option<&'a str>,
    },
    /// Some cells are not: what was kept of them stays, and the rollback can be gone on with, also where nothing was kept.
    Left {
        /// How many, and why.
        reason: &'a str,
    },
}

impl Session {
    /// Whether this ledger has a place for rollbacks.
    pub(super) async fn knows_rollbacks(&mut self) -> Result<bool, StoreError> {
        Ok(self.version().await?.is_some_and(|version| version >= SINCE))
    }

    /// The rollback of a run, where there is one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rollback_of(&mut self, run_id: &str) -> Result<Option<RollbackRow>, StoreError> {
        let Some(noted) = self.noted_rollback("of_run", run_id).await? else { return Ok(None) };
        let run = self.run_by_id(&noted.id).await?;
        Ok(run.map(|run| RollbackRow { run, of_run: noted.of_run, restores: noted.restores }))
    }

    /// The run that a rollback rolls back; `None` for one that is no rollback.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rolls_back(&mut self, run_id: &str) -> Result<Option<String>, StoreError> {
        Ok(self.noted_rollback("run_id", run_id).await?.map(|noted| noted.of_run))
    }

    /// The run whose quarantine tells of the cells of this one: once it is rolled back, that is its rollback.
    pub(super) async fn lister(&mut self, run: &RunRow) -> Result<String, StoreError> {
        let rollback = match run.state {
            RunState::RollingBack | RunState::RolledBack => self.noted_rollback("of_run", &run.id).await?,
            _ => None,
        };
        Ok(rollback.map_or_else(|| run.id.clone(), |noted| noted.id))
    }

    async fn noted_rollback(&mut self, column: &'static str, id: &str) -> Result<Option<Noted>, StoreError> {
        if !self.knows_rollbacks().await? {
            return Ok(None);
        }
        let select = Query::select()
            .columns(["run_id", "of_run", "restores"])
            .from(self.ledger("rollback"))
            .and_where(Expr::col(column).eq(id))
            .to_owned();
        let row = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int]).await?.pop();
        Ok(row.map(|row| {
            let mut take = Taker::new(row);
            Noted { id: take.text(), of_run: take.text(), restores: take.int() }
        }))
    }

    /// Acquires a run that is to be rolled back, its rollback (a new one where it has none yet), and its columns: the run
    /// moves to `rolling_back`, and no other run may claim a column of it. Runs in one transaction: what is refused, or
    /// killed on the way, leaves no claim behind.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn acquire_rollback(
        &mut self,
        run: &RunRow,
        rollback: Option<&RollbackRow>,
        new: &NewRollback<'_>,
        holder: &Holder,
        lease_ms: i64,
        columns: &[ColumnName],
    ) -> Result<Acquired, StoreError> {
        let is_open = |rollback: &RollbackRow| rollback.run.state.may_become(RunState::Running);
        let goes_on = match run.state {
            RunState::RolledBack => rollback.is_some_and(is_open),
            state => state.may_become(RunState::RollingBack) && rollback.is_none_or(is_open),
        };
        if !goes_on {
            return Ok(Acquired::Changed);
        }
        let own = match rollback {
            Some(rollback) => next_lease(&rollback.run),
            None => RunLease { run_id: new.id.to_owned(), epoch: FIRST_EPOCH },
        };
        let lease = RollbackLease { own, of: next_lease(run) };
        let acquiring = Acquiring { run, rollback, new, lease: &lease, holder, lease_ms, columns };
        self.begin().await?;
        match self.acquire_both(&acquiring).await {
            Ok(true) => self.commit().await.map(|()| Acquired::Yes(lease)),
            Ok(false) => self.rollback().await.map(|()| Acquired::Changed),
            Err(error) => {
                self.rollback().await?;
                let ours = [lease.of.run_id(), lease.own.run_id()];
                match (error.trouble, self.holder_of_any(columns, &ours).await?) {
                    (Trouble::Constraint | Trouble::Retry, Some(Claimed::HeldBy { column, run_id })) => {
                        Ok(Acquired::HeldBy { column, run_id })
                    }
                    _ => Err(error),
                }
            }
        }
    }

    async fn acquire_both(&mut self, acquiring: &Acquiring<'_>) -> Result<bool, StoreError> {
        let Acquiring { run, rollback, lease, holder, lease_ms, .. } = *acquiring;
        let mut update = self.epoch_update(run, &lease.of, holder, lease_ms);
        if run.state != RunState::RolledBack {
            self.answer_request(&mut update, RunState::RollingBack);
        }
        update.and_where(Expr::col("state").eq(run.state.name()));
        if self.run(&update).await? == 0 {
            return Ok(false);
        }
        self.move_shards(&lease.of).await?;
        match rollback {
            Some(rollback) => {
                let mut update = self.epoch_update(&rollback.run, &lease.own, holder, lease_ms);
                self.answer_request(&mut update, RunState::Running);
                if self.run(&update).await? == 0 {
                    return Ok(false);
                }
                self.move_shards(&lease.own).await?;
            }
            None => self.insert_rollback(acquiring).await?,
        }
        for id in [lease.of.run_id(), lease.own.run_id()] {
            self.drop_claims_that_are_over(id).await?;
        }
        self.claim(lease.own.run_id(), acquiring.columns).await?;
        Ok(true)
    }

    async fn insert_rollback(&mut self, acquiring: &Acquiring<'_>) -> Result<(), StoreError> {
        let Acquiring { run, new, holder, lease_ms, .. } = *acquiring;
        let insert = self.run_insert(&FirstRow {
            id: new.id,
            plan: &run.plan,
            plan_digest: &run.plan_digest,
            scope: &run.scope,
            whole: run.whole,
            primaries: new.primaries,
            operator: new.operator,
            emergency: run.emergency,
            state: RunState::Running,
            holder,
            lease_ms,
        });
        self.run(&insert).await?;
        let insert = Query::insert()
            .into_table(self.ledger("rollback"))
            .columns(["run_id", "of_run", "restores"])
            .values_panic([new.id.into(), run.id.as_str().into(), 1i64.into()])
            .to_owned();
        self.run(&insert).await.map(drop)
    }

    /// Ends a rollback: its run is rolled back, and the columns are given back, all in one transaction. Where it is clean,
    /// the kept cells are dropped in it too. False: another engine holds it by now.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn end_rollback(
        &mut self,
        lease: &RollbackLease,
        ends: RollbackEnds<'_>,
    ) -> Result<bool, StoreError> {
        self.begin().await?;
        let done = self.end_both(lease, ends).await;
        self.sql.end(done).await
    }

    async fn end_both(&mut self, lease: &RollbackLease, ends: RollbackEnds<'_>) -> Result<bool, StoreError> {
        let (state, reason) = match ends {
            RollbackEnds::Clean { reason } => (RunState::Complete, reason),
            RollbackEnds::Left { reason } => (RunState::Paused, Some(reason)),
        };
        let mut own = self.state_update((&lease.own).into(), RunState::Running, state, reason)?;
        own.value("round", Expr::col("round").add(1i64));
        let of = At::from(&lease.of);
        let of = Query::update()
            .table(self.ledger("run"))
            .value("state", RunState::RolledBack.name())
            .value("reason", reason.map(str::to_owned))
            .value("updated_at", self.now())
            .value("completed_at", self.now())
            .and_where(Expr::col("id").eq(of.run_id))
            .and_where(Expr::col("epoch").eq(of.epoch))
            .and_where(
                Expr::col("state").is_in([RunState::RollingBack, RunState::RolledBack].map(RunState::name)),
            )
            .to_owned();
        if self.run(&own).await? == 0 || self.run(&of).await? == 0 {
            return Ok(false);
        }
        for id in [lease.own.run_id(), lease.of.run_id()] {
            self.delete_of_run("claim", id).await?;
        }
        self.delete_of_run("quarantine", lease.of.run_id()).await?;
        match ends {
            RollbackEnds::Clean { .. } => {
                for table in ["undo", "stood"] {
                    self.delete_of_run(table, lease.of.run_id()).await?;
                }
            }
            RollbackEnds::Left { .. } => self.begin_again(lease.own.run_id()).await?,
        }
        Ok(true)
    }

    /// Ends the rollback of a run that rests with cells that it listed, in the open transaction.
    pub(super) async fn close_rollback(&mut self, of_run: &str) -> Result<(), StoreError> {
        let Some(noted) = self.noted_rollback("of_run", of_run).await? else { return Ok(()) };
        let update = Query::update()
            .table(self.ledger("run"))
            .value("state", RunState::Complete.name())
            .value("updated_at", self.now())
            .value("completed_at", self.now())
            .and_where(Expr::col("id").eq(noted.id))
            .and_where(Expr::col("state").eq(RunState::Paused.name()))
            .to_owned();
        self.run(&update).await.map(drop)
    }

    /// The round that the rollback is in by now puts kept cells back: whoever goes on with it tries those that are left.
    async fn begin_again(&mut self, run_id: &str) -> Result<(), StoreError> {
        let round = Query::select()
            .column("round")
            .from(self.ledger("run"))
            .and_where(Expr::col("id").eq(run_id))
            .to_owned();
        let row = self.query(&round, &[Kind::Int]).await?.pop();
        let round = row.map_or(1, |row| Taker::new(row).int());
        let update = Query::update()
            .table(self.ledger("rollback"))
            .value("restores", round)
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        self.run(&update).await.map(drop)
    }
}

/// What the ledger notes of a rollback beside its run.
struct Noted {
    id: String,
    of_run: String,
    restores: i64,
}

/// What is acquired in one transaction.
#[derive(Clone, Copy)]
struct Acquiring<'a> {
    run: &'a RunRow,
    rollback: Option<&'a RollbackRow>,
    new: &'a NewRollback<'a>,
    lease: &'a RollbackLease,
    holder: &'a Holder,
    lease_ms: i64,
    columns: &'a [ColumnName],
}
