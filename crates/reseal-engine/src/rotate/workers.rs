//! As many workers as the plan says, each with a connection of its own, take shards from one queue.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reseal_store::ShardRow;
use tokio::sync::Mutex;

use crate::cell::target::Target;
use crate::error::{LedgerFault, RunError};
use crate::rotate::pump::{Ended, pump};
use crate::rotate::shared::Shared;
use crate::stop::Stop;

/// By a table's label: its target, and for each field the failures in a row.
type Targets = HashMap<String, (Arc<Target>, Arc<Vec<AtomicU64>>)>;

/// Pumps every shard through, as many at once as there are workers. Gives the reason, if it was stopped.
pub(crate) async fn rotate(
    shared: &Arc<Shared>,
    targets: &[Arc<Target>],
    shards: Vec<ShardRow>,
) -> Result<Option<Stop>, RunError> {
    let by_label: Arc<Targets> = Arc::new(
        targets
            .iter()
            .map(|target| {
                let fails = target.fields.iter().map(|_| AtomicU64::new(0)).collect();
                (target.label().to_owned(), (target.clone(), Arc::new(fails)))
            })
            .collect(),
    );
    let workers = match shared.database.capabilities().concurrent_writers {
        true => shards.len().min(targets[0].job.pace.workers),
        false => 1,
    };
    let queue = Arc::new(Mutex::new(VecDeque::from(shards)));
    let tasks: Vec<_> = (0..workers)
        .map(|_| tokio::spawn(work_queue(shared.clone(), queue.clone(), by_label.clone())))
        .collect();
    let mut first: Option<RunError> = None;
    for task in tasks {
        let outcome = match task.await {
            Ok(outcome) => outcome,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Err(error) = outcome {
            first.get_or_insert(error);
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(shared.stop.asked()),
    }
}

async fn work_queue(
    shared: Arc<Shared>,
    queue: Arc<Mutex<VecDeque<ShardRow>>>,
    targets: Arc<Targets>,
) -> Result<(), RunError> {
    let outcome = async {
        let mut session = shared.connect().await?;
        loop {
            // Taken in a statement of its own: in the head of a loop, the lock would be held for the whole body.
            let next = queue.lock().await.pop_front();
            let Some(shard) = next else { break };
            let Some((target, fails)) = targets.get(&shard.table) else {
                return Err(LedgerFault::UnknownTable { table: shard.table }.into());
            };
            if pump(&shared, &mut session, target, &shard, fails).await? == Ended::Stopped {
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
