//! Forgetting slots that are over.
//!
//! The row of a slot is what keeps it from firing twice (`firing.rs`), so a row goes only when its slot can fire no more: it is
//! settled, its work is over, it is older than any step back of a clock that anybody waits for, and newer slots of its job are
//! there, more of them than a daemon ever catches up.

use reseal_store::sql::{Taker, signed};
use reseal_store::{Kind, StoreError};
use sea_query::{Expr, ExprTrait, Order, Query};

use crate::ControlSession;
use crate::firing::FiringState;
use crate::schedule::settled_for_good;

/// The newest slots of a job that stay whatever their age.
const NEWEST: u64 = 100;

/// Slots of a job that were forgotten.
pub(crate) struct PrunedFirings {
    pub(crate) job: String,
    pub(crate) state: FiringState,
    pub(crate) firings: u64,
}

/// A job, and up to when its slots are settled.
struct Settled {
    plan: String,
    job: String,
    through: i64,
}

impl ControlSession {
    /// Forgets slots before a time, in milliseconds since 1970, that can fire no more; gives how many.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn prune_firings(&mut self, before: i64) -> Result<u64, StoreError> {
        let mut pruned = 0;
        for job in self.settled_jobs().await? {
            let Some(newest) = self.oldest_of_newest(&job).await? else { continue };
            let before = [before, newest, job.through.saturating_add(1)].into_iter().fold(i64::MAX, Ord::min);
            for state in [FiringState::Done, FiringState::Failed] {
                self.begin().await?;
                let done = self.prune_inside(&job, state, before).await;
                let count = *done.as_ref().unwrap_or(&0);
                self.end(done.map(|_| true)).await?;
                pruned += count;
            }
        }
        Ok(pruned)
    }

    async fn settled_jobs(&mut self) -> Result<Vec<Settled>, StoreError> {
        let select = Query::select().column("plan").distinct().from(self.table("schedule")).to_owned();
        let plans = self.query(&select, &[Kind::Text]).await?;
        let mut settled = Vec::new();
        for plan in plans.into_iter().map(|row| Taker::new(row).text()) {
            let rows = self.schedule_rows(&plan).await?;
            let jobs = rows.iter().filter(|row| !row.is_version());
            settled.extend(jobs.map(|job| Settled {
                plan: plan.clone(),
                job: job.job.clone(),
                through: settled_for_good(&rows, job),
            }));
        }
        Ok(settled)
    }

    /// The oldest of a job's newest slots; `None` where there are no more than those.
    async fn oldest_of_newest(&mut self, job: &Settled) -> Result<Option<i64>, StoreError> {
        let select = Query::select()
            .column("slot")
            .from(self.table("firing"))
            .and_where(Expr::col("plan").eq(job.plan.as_str()))
            .and_where(Expr::col("job").eq(job.job.as_str()))
            .order_by("slot", Order::Desc)
            .limit(1)
            .offset(NEWEST - 1)
            .to_owned();
        let row = self.query(&select, &[Kind::Int]).await?.pop();
        Ok(row.map(|row| Taker::new(row).int()))
    }

    async fn prune_inside(
        &mut self,
        job: &Settled,
        state: FiringState,
        before: i64,
    ) -> Result<u64, StoreError> {
        let of_job = |plan: Expr| {
            plan.eq(job.plan.as_str())
                .and(Expr::col("job").eq(job.job.as_str()))
                .and(Expr::col("state").eq(state.name()))
        };
        let delete = Query::delete()
            .from_table(self.table("firing"))
            .and_where(of_job(Expr::col("plan")))
            .and_where(Expr::col("slot").lt(before))
            .to_owned();
        let firings = self.run(&delete).await?;
        if firings == 0 {
            return Ok(0);
        }
        let table = self.table("firing_pruned");
        let update = Query::update()
            .table(table.clone())
            .value("firings", Expr::col("firings").add(signed(firings)))
            .and_where(of_job(Expr::col("plan")))
            .to_owned();
        if self.run(&update).await? == 0 {
            let insert = Query::insert()
                .into_table(table)
                .columns(["plan", "job", "state", "firings"])
                .values_panic([
                    job.plan.as_str().into(),
                    job.job.as_str().into(),
                    state.name().into(),
                    signed(firings).into(),
                ])
                .to_owned();
            self.run(&insert).await?;
        }
        Ok(firings)
    }

    pub(crate) async fn pruned_firings(&mut self, plan: &str) -> Result<Vec<PrunedFirings>, StoreError> {
        let select = Query::select()
            .columns(["job", "state", "firings"])
            .from(self.table("firing_pruned"))
            .and_where(Expr::col("plan").eq(plan))
            .to_owned();
        let rows = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int]).await?;
        let pruned = rows.into_iter().map(|row| {
            let mut take = Taker::new(row);
            let (job, state) = (take.text(), FiringState::parse(&take.text()));
            PrunedFirings { job, state, firings: take.count() }
        });
        Ok(pruned.collect())
    }
}
