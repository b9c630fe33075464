//! The dry run: every cell in scope is opened, sealed and opened again, and nothing is written anywhere.

use std::sync::Arc;
use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Counts, Database, Rows, Session, Slice};
use tokio::sync::mpsc::{Receiver, channel};

use super::scan::scan;
use crate::batch::planned::cells;
use crate::batch::work_through;
use crate::cell::condition::of_condition;
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::job::Job;
use crate::job::options::RunOptions;
use crate::progress::{Phase, Progress};
use crate::report::Report;

/// What was tried so far.
struct Tried {
    counts: Counts,
    cells_old: u64,
    rows_to_write: usize,
}

impl Tried {
    async fn table(
        &mut self,
        session: &mut Session,
        target: &Arc<Target>,
        progress: &Progress,
    ) -> Result<(), RunError> {
        let (chunks_in, chunks) = channel(1);
        let reader = std::slice::from_mut(session);
        let read = scan(reader, &target.shape, &[Slice::WHOLE], chunks_in);
        let (read, counted) = tokio::join!(read, self.count(target, chunks, progress));
        counted?;
        Ok(read?)
    }

    /// Counts until no more chunks come. The readers end when this does.
    async fn count(
        &mut self,
        target: &Arc<Target>,
        mut chunks: Receiver<Rows>,
        progress: &Progress,
    ) -> Result<(), RunError> {
        while let Some(rows) = chunks.recv().await {
            let read = rows.len() as u64;
            let work = work_through(target.clone(), rows.decode()?, Trust::Nothing).await?;
            self.counts.add(&work.counts);
            self.cells_old += cells(&work.swaps);
            self.rows_to_write += work.swaps.len();
            progress.add(read, 0);
        }
        Ok(())
    }
}

pub(crate) async fn dry_run(
    job: &Arc<Job>,
    database: &Database,
    targets: &[Arc<Target>],
    options: &RunOptions,
    progress: &Progress,
) -> Result<Report, RunError> {
    let begun = Instant::now();
    let mut session = database.read_only().connect().await?;
    let mut total = 0;
    for target in targets {
        total += session.count(&target.shape).await.map_err(|error| of_condition(target, error))?;
    }
    progress.begin(Phase::Rotate, 0, total);
    session.begin_snapshot().await?;
    let counts = Counts { rows_total: total, ..Counts::default() };
    let mut tried = Tried { counts, cells_old: 0, rows_to_write: 0 };
    for target in targets {
        tried.table(&mut session, target, progress).await?;
    }
    session.end_snapshot().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut estimate = seconds + tried.rows_to_write as f64 * database.capabilities().seconds_per_row;
    if let Some(rate) = job.pace.rows_per_second {
        estimate = estimate.max(tried.counts.rows_scanned as f64 / f64::from(rate));
    }
    Ok(Report {
        run_id: String::new(),
        rollback_id: None,
        state: RunState::Prepared,
        reason: None,
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: options.scope.json(),
        dry_run: true,
        stopped: false,
        steps_failed: false,
        steps: Vec::new(),
        counts: tried.counts,
        shared_nonces: job.shared_nonces(),
        cells_old: tried.cells_old,
        seconds,
        estimate_seconds: Some(estimate),
    })
}
