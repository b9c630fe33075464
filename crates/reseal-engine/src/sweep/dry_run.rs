//! The dry run: every cell in scope is opened, sealed and opened again, and nothing is written anywhere.

use std::sync::Arc;
use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Counts, Database, Dialect, Rows, Slice};
use tokio::sync::mpsc::channel;

use crate::batch::work_through;
use crate::cell::condition::of_condition;
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::error::EngineError;
use crate::job::Job;
use crate::job::options::RunOptions;
use crate::progress::{Phase, Progress};
use crate::report::Report;

/// Bytes of a chunk of rows on its way from the database to the cores.
const CHUNK_BYTES: usize = 1 << 20;

/// Seconds that writing a row takes beside reading and crypto, by rule of thumb: measured with two small cells a row,
/// one worker, data in memory. Disks, indexes and other writers make it more.
fn seconds_per_row(dialect: Dialect) -> f64 {
    match dialect {
        Dialect::Postgres => 15e-6,
        Dialect::Mysql => 60e-6,
        Dialect::Sqlite => 15e-6,
    }
}

pub(crate) async fn dry_run(
    job: &Arc<Job>,
    database: &Database,
    targets: &[Arc<Target>],
    options: &RunOptions,
    progress: &Arc<Progress>,
) -> Result<Report, EngineError> {
    let begun = Instant::now();
    let mut session = database.connect().await?;
    let mut total = 0;
    for target in targets {
        total += session.count(&target.shape).await.map_err(|error| of_condition(target, error))?;
    }
    progress.begin(Phase::Rotate, 0, total);
    session.begin_snapshot().await?;
    let mut counts = Counts { rows_total: total, ..Counts::default() };
    let (mut cells_old, mut rows_to_write) = (0, 0);
    for target in targets {
        let (chunks_in, chunks) = channel::<Rows>(1);
        let read = async {
            let outcome = session.scan(&target.shape, &Slice::WHOLE, CHUNK_BYTES, &chunks_in).await;
            drop(chunks_in);
            outcome
        };
        let count = async {
            // Whoever reads ends when nobody counts any more.
            let mut chunks = chunks;
            while let Some(rows) = chunks.recv().await {
                let read = rows.len() as u64;
                let work = work_through(target.clone(), rows.decode()?, Trust::Nothing).await?;
                counts.add(&work.counts);
                cells_old += work.swaps.cells();
                rows_to_write += work.swaps.len();
                progress.add(read, 0);
            }
            Ok::<(), EngineError>(())
        };
        let (outcome, counted) = tokio::join!(read, count);
        counted?;
        outcome?;
    }
    session.end_snapshot().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut estimate = seconds + rows_to_write as f64 * seconds_per_row(database.dialect());
    if let Some(rate) = job.pace.rows_per_second {
        estimate = estimate.max(counts.rows_scanned as f64 / f64::from(rate));
    }
    Ok(Report {
        run_id: String::new(),
        state: RunState::Prepared,
        reason: None,
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: options.scope.json(),
        dry_run: true,
        stopped: false,
        steps_failed: false,
        steps: Vec::new(),
        counts,
        cells_old,
        seconds,
        estimate_seconds: Some(estimate),
    })
}
