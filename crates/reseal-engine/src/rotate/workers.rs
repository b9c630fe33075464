//! As many workers as the plan says, each with a connection of its own, take shards from one queue.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reseal_store::ShardRow;
use tokio::sync::Mutex;

use crate::batch::joined;
use crate::cell::target::Target;
use crate::commit::planner::Onward;
use crate::error::{LedgerFault, RunError};
use crate::rotate::pump::{Ended, RangeWork, ShardWork, pump};
use crate::rotate::shared::Shared;
use crate::stop::Stop;

/// A shard, and how it is worked on.
pub(crate) struct Planned {
    pub(crate) shard: ShardRow,
    pub(crate) work: Arc<dyn ShardWork>,
}

/// Pumps every shard of a run through. Gives the reason, if it was stopped.
pub(crate) async fn rotate(
    shared: &Arc<Shared>,
    targets: &[Arc<Target>],
    shards: Vec<ShardRow>,
) -> Result<Option<Stop>, RunError> {
    let works: HashMap<&str, Arc<dyn ShardWork>> = targets
        .iter()
        .map(|target| {
            let fails = Arc::new(target.fields.iter().map(|_| AtomicU64::new(0)).collect());
            let planner = Arc::new(Onward(target.clone()));
            let work = RangeWork { target: target.clone(), planner, spared: None, fails: Some(fails) };
            (target.label(), Arc::new(work) as Arc<dyn ShardWork>)
        })
        .collect();
    let mut planned = Vec::new();
    for shard in shards {
        let Some(work) = works.get(shard.table.as_str()) else {
            return Err(LedgerFault::UnknownTable { table: shard.table }.into());
        };
        planned.push(Planned { shard, work: work.clone() });
    }
    work_off(shared, targets[0].job.pace.workers, planned).await
}

/// Works shards off in their order, as many at once as there are workers. Gives the reason, if it was stopped.
pub(crate) async fn work_off(
    shared: &Arc<Shared>,
    workers: usize,
    shards: Vec<Planned>,
) -> Result<Option<Stop>, RunError> {
    let workers = match shared.database.capabilities().concurrent_writers {
        true => shards.len().min(workers),
        false => 1,
    };
    let queue = Arc::new(Mutex::new(VecDeque::from(shards)));
    let tasks: Vec<_> =
        (0..workers).map(|_| tokio::spawn(work_queue(shared.clone(), queue.clone()))).collect();
    let mut first: Option<RunError> = None;
    for task in tasks {
        if let Err(error) = joined(task).await {
            first.get_or_insert(error);
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(shared.stop.asked()),
    }
}

async fn work_queue(shared: Arc<Shared>, queue: Arc<Mutex<VecDeque<Planned>>>) -> Result<(), RunError> {
    let outcome = async {
        let mut session = shared.connect().await?;
        loop {
            // Taken in a statement of its own: in the head of a loop, the lock would be held for the whole body.
            let next = queue.lock().await.pop_front();
            let Some(Planned { shard, work }) = next else { break };
            if pump(&shared, &mut session, work.as_ref(), &shard).await? == Ended::Stopped {
                break;
            }
        }
        Ok(())
    };
    let outcome = outcome.await;
    if outcome.is_err() {
        shared.stop.ask(Stop::Failing);
    }
    outcome
}
