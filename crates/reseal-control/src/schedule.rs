//! Schedules: up to where a job's slots are settled, for each version of its times.
//!
//! A job has one row, which says whether it is paused. Beside it, each version of its times has a row of its own: during a
//! deployment, daemons with two versions of a plan settle the slots of both, and neither resets what the other counts.
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
    /// Its times in words.
    pub timing: String,
    /// Slots up to this one are settled: milliseconds since 1970, UTC.
    pub settled: i64,
    /// Who paused the job, if it is paused.
    pub paused_by: Option<String>,
}

/// The times of a job, as one version of a plan has them.
#[derive(Clone, Copy, Debug)]
pub struct JobTimes<'t> {
    /// The job's name.
    pub job: &'t str,
    /// Its times in words.
    pub timing: &'t str,
    /// What tells these times from others of the job: up to 63 letters and digits.
    pub version: &'t str,
}

/// A version whose slots nobody has settled for so long while those of another version were was replaced by that one.
const REPLACED_MS: i64 = 7 * 86_400_000;
/// What the rows of versions begin with, and no job's name does.
const VERSION: char = '@';
/// What parts a job's name from its times in the row of a version. No job's name has it.
const BETWEEN: &str = ": ";

impl JobTimes<'_> {
    fn key(&self) -> String {
        format!("{VERSION}{}", self.version)
    }

    fn label(&self) -> String {
        [self.job, self.timing].join(BETWEEN)
    }
}

impl ScheduleRow {
    pub(crate) fn is_version(&self) -> bool {
        self.job.starts_with(VERSION)
    }

    fn is_version_of(&self, job: &str) -> bool {
        self.is_version() && self.timing.split_once(BETWEEN).is_some_and(|(of, _)| of == job)
    }
}

/// Up to where nobody settles a slot of a job any more: versions that are not replaced are no further apart.
pub(crate) fn settled_for_good(rows: &[ScheduleRow], job: &ScheduleRow) -> i64 {
    let newest = rows.iter().filter(|row| row.is_version_of(&job.job)).map(|row| row.settled).max();
    newest.map_or(job.settled, |newest| newest.saturating_sub(REPLACED_MS))
}

/// The rows of a plan's jobs, and of the versions of their times.
struct Rows(Vec<ScheduleRow>);

impl Rows {
    fn named(&self, name: &str) -> Option<&ScheduleRow> {
        self.0.iter().find(|row| row.job == name)
    }

    fn versions(&self, job: &str) -> impl Iterator<Item = &ScheduleRow> {
        self.0.iter().filter(move |row| row.is_version_of(job))
    }

    /// What is known of a job in this version, if anything.
    fn known(&self, times: JobTimes<'_>) -> Option<ScheduleRow> {
        let (job, version) = (self.named(times.job)?, self.named(&times.key()));
        // Earlier versions of Reseal kept the job's row alone.
        let is_first = self.versions(times.job).next().is_none() && job.timing == times.timing;
        let settled = version.or_else(|| is_first.then_some(job))?.settled;
        Some(ScheduleRow {
            job: times.job.to_owned(),
            timing: times.timing.to_owned(),
            settled,
            paused_by: job.paused_by.clone(),
        })
    }

    /// Whether other versions have been settled for long since this one was.
    fn is_replaced(&self, times: JobTimes<'_>, settled: i64) -> bool {
        let newest = self.versions(times.job).map(|row| row.settled).max();
        newest.is_some_and(|newest| newest.saturating_sub(settled) > REPLACED_MS)
    }
}

impl ControlSession {
    /// Notes a job in this version, so that what counts as missed begins at `now`; the same where a daemon `begins` with a
    /// version that another had replaced for long, since these times were nobody's plan. Gives what is known of it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn schedule_seen(
        &mut self,
        plan: &str,
        times: JobTimes<'_>,
        now: i64,
        begins: bool,
    ) -> Result<ScheduleRow, StoreError> {
        loop {
            let rows = Rows(self.schedule_rows(plan).await?);
            let Some(known) = rows.known(times) else {
                let is_new = rows.named(times.job).is_none();
                let (name, timing) = match is_new {
                    true => (times.job.to_owned(), times.timing.to_owned()),
                    false => (times.key(), times.label()),
                };
                self.insert_schedule(plan, &name, &timing, now).await?;
                continue;
            };
            if rows.named(&times.key()).is_none() {
                self.insert_schedule(plan, &times.key(), &times.label(), known.settled).await?;
                continue;
            }
            if begins && rows.is_replaced(times, known.settled) {
                self.move_settled(plan, &times.key(), known.settled, now).await?;
                continue;
            }
            return Ok(known);
        }
    }

    async fn insert_schedule(
        &mut self,
        plan: &str,
        name: &str,
        timing: &str,
        settled: i64,
    ) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.table("schedule"))
            .columns(["plan", "job", "timing", "settled"])
            .values_panic([plan.into(), name.into(), timing.into(), settled.into()])
            .to_owned();
        match self.run(&insert).await {
            // Another daemon was first.
            Err(error) if error.trouble == Trouble::Constraint => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// What is known of a plan's jobs, whatever their version: `settled` is what a daemon settled last.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn schedules(&mut self, plan: &str) -> Result<Vec<ScheduleRow>, StoreError> {
        let mut rows = self.schedule_rows(plan).await?;
        rows.retain(|row| !row.job.starts_with(VERSION));
        Ok(rows)
    }

    /// What is known of a job in this version, if a daemon has ever seen it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn schedule_known(
        &mut self,
        plan: &str,
        times: JobTimes<'_>,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        Ok(Rows(self.schedule_rows(plan).await?).known(times))
    }

    pub(crate) async fn schedule_rows(&mut self, plan: &str) -> Result<Vec<ScheduleRow>, StoreError> {
        let select = Query::select()
            .columns(["job", "timing", "settled", "paused_by"])
            .from(self.table("schedule"))
            .and_where(Expr::col("plan").eq(plan))
            .order_by("job", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int, Kind::Text]).await?;
        let row = |row| {
            let mut take = Taker::new(row);
            ScheduleRow {
                job: take.text(),
                timing: take.text(),
                settled: take.int(),
                paused_by: take.optional_text(),
            }
        };
        Ok(rows.into_iter().map(row).collect())
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
        let rows = Rows(self.schedule_rows(plan).await?);
        if rows.named(job).is_none_or(|row| row.paused_by.is_none()) {
            return Ok(());
        }
        // Nothing settles until the job's own row lets it.
        for version in rows.versions(job) {
            self.move_settled(plan, &version.job, version.settled, now).await?;
        }
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

    /// Moves `settled` of a job in this version, inside or outside a transaction; false where it no longer stands at `from`,
    /// or the job is paused.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn settle(
        &mut self,
        plan: &str,
        times: JobTimes<'_>,
        from: i64,
        to: i64,
    ) -> Result<bool, StoreError> {
        // First the job's row, in every daemon: whoever pauses the job waits for it, or is heeded.
        let update = Query::update()
            .table(self.table("schedule"))
            .value("settled", to)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("job").eq(times.job))
            .and_where(Expr::col("paused_by").is_null())
            .to_owned();
        if self.run(&update).await? != 1 {
            return Ok(false);
        }
        self.move_settled(plan, &times.key(), from, to).await
    }

    async fn move_settled(&mut self, plan: &str, name: &str, from: i64, to: i64) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.table("schedule"))
            .value("settled", to)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("job").eq(name))
            .and_where(Expr::col("settled").eq(from))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }
}
