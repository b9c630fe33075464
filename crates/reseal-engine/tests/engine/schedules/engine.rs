//! An engine with a runtime of its own: it can be stopped, gone on with, and killed.

use std::pin::Pin;
use std::sync::Arc;

use reseal_engine::{Environment, Job, Report, RollbackOptions, RunError, RunOptions};
use tokio::runtime::Runtime;

use super::faults::{Fault, Script};
use super::world::{World, runtime};

/// What an engine is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Run,
    RollBack,
}

type Work = Pin<Box<dyn Future<Output = Result<Report, RunError>>>>;

/// An engine at work. Dropped, it is killed: nothing of it runs any more, and its connections are closed.
pub(super) struct Engine {
    // Dropped in this order.
    work: Work,
    runtime: Runtime,
    pub(super) script: Arc<Script>,
}

impl Engine {
    pub(super) fn start(world: &Arc<World>, job: &Arc<Job>, task: Task, faults: Vec<(u64, Fault)>) -> Engine {
        let script = Script::new(world, faults);
        let environment = Environment::new(world.database.clone().with_faults(script.clone()));
        let job = job.clone();
        let work: Work = Box::pin(async move {
            match task {
                Task::Run => reseal_engine::run(&job, &RunOptions::default(), &environment).await,
                Task::RollBack => {
                    reseal_engine::rollback(&job, &RollbackOptions::default(), &environment).await
                }
            }
        });
        Engine { work, runtime: runtime(), script }
    }

    /// Lets it work until it is over, or halted: then there is no outcome.
    pub(super) fn drive(&mut self) -> Option<Result<Report, RunError>> {
        let (work, script) = (&mut self.work, self.script.clone());
        self.runtime.block_on(async move {
            tokio::select! {
                biased;
                () = script.halted() => None,
                outcome = work => Some(outcome),
            }
        })
    }
}
