//! Schedules: up to where a job's slots are settled.
//!
//! `settled` moves from where a daemon read it, in the transaction that claims a slot (`firing.rs`), so that none decides
//! by what another has changed.

use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, Order, Query};

use crate::ControlSession;

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// The job's name.
    pub job: String,
    /// What `settled` was counted by: the job's timing in words.
    pub timing: String,
    /// Slots up to this one are settled: milliseconds since 1970, UTC.
    pub settled: i64,
    /// Who paused the job, if it is paused.
    pub paused_by: Option<String>,
}

impl ControlSession {
    /// Notes a job, so that what counts as missed begins at `now`; the same where its timing has changed, since the new
    /// times were nobody's plan before. Gives what is known of it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn schedule_seen(
        &mut self,
        plan: &str,
        job: &str,
        timing: &str,
        now: i64,
    ) -> Result<ScheduleRow, StoreError> {
        loop {
            if let Some(row) = self.schedules(plan).await?.into_iter().find(|row| row.job == job) {
                if row.timing == timing {
                    return Ok(row);
                }
                let update = Query::update()
                    .table(self.table("schedule"))
                    .value("timing", timing)
                    .value("settled", now)
                    .and_where(Expr::col("plan").eq(plan))
                    .and_where(Expr::col("job").eq(job))
                    .and_where(Expr::col("timing").eq(row.timing.as_str()))
                    .to_owned();
                self.run(&update).await?;
                continue;
            }
            let insert = Query::insert()
                .into_table(self.table("schedule"))
                .columns(["plan", "job", "timing", "settled"])
                .values_panic([plan.into(), job.into(), timing.into(), now.into()])
                .to_owned();
            match self.run(&insert).await {
                // Another daemon was first.
                Err(error) if error.trouble == Trouble::Constraint => {}
                outcome => drop(outcome?),
            }
        }
    }

    /// What is known of a plan's jobs.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn schedules(&mut self, plan: &str) -> Result<Vec<ScheduleRow>, StoreError> {
        let select = Query::select()
            .columns(["job", "timing", "settled", "paused_by"])
            .from(self.table("schedule"))
            .and_where(Expr::col("plan").eq(plan))
            .order_by("job", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int, Kind::Text]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                ScheduleRow {
                    job: take.text(),
                    timing: take.text(),
                    settled: take.int(),
                    paused_by: take.optional_text(),
                }
            })
            .collect())
    }

    /// Keeps a job from firing.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn pause_schedule(&mut self, plan: &str, job: &str, by: &str) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.table("schedule"))
            .value("paused_by", by)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("job").eq(job))
            .to_owned();
        self.run(&update).await.map(drop)
    }

    /// Lets a paused job fire again. What passed meanwhile is settled: nobody wants it caught up.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn resume_schedule(&mut self, plan: &str, job: &str, now: i64) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.table("schedule"))
            .value("paused_by", Option::<String>::None)
            .value("settled", now)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("job").eq(job))
            .and_where(Expr::col("paused_by").is_not_null())
            .to_owned();
        self.run(&update).await.map(drop)
    }

    /// Moves `settled`, inside or outside a transaction; false where it no longer stands at `from`, or the job is paused.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn settle(&mut self, plan: &str, job: &str, from: i64, to: i64) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.table("schedule"))
            .value("settled", to)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("job").eq(job))
            .and_where(Expr::col("settled").eq(from))
            .and_where(Expr::col("paused_by").is_null())
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }
}
