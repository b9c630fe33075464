//! One schedule, from its seed to its end.

use std::sync::Arc;

use reseal_core::RunState;
use reseal_engine::{Job, Report, RollbackRefused, RunError};
use reseal_store::{RunRow, Trouble};
use tokio::runtime::Runtime;

use super::engine::{Engine, Task};
use super::faults::Fault;
use super::random::Random;
use super::tell;
use super::world::{Save, Template, World, runtime};
use crate::notes::job;

/// How many calls to the database, before and after, a run of so few rows makes about.
const CALLS: u64 = 400;
/// How many engines of a schedule meet faults.
const FAULTY: u64 = 2;
/// How many engines there are at most.
const ENGINES: u64 = 7;

struct Schedule {
    random: Random,
    world: Arc<World>,
    job: Arc<Job>,
    rows: i64,
    /// For what lies between engines.
    runtime: Runtime,
    /// The last swap of any engine, by the world's clock.
    swapped: u64,
}

pub(super) fn play(seed: u64, template: &mut Template) {
    let mut random = Random::new(seed);
    let runtime = runtime();
    let rows = 2 + random.below(6) as i64;
    let world = runtime.block_on(World::new(template, seed, rows, &mut random));
    let job = Job { undo: random.percent(80), ..job() };
    let goes_back = job.undo && random.percent(50);
    let mut schedule = Schedule { random, world, job: Arc::new(job), rows, runtime, swapped: 0 };
    schedule.until_over(Task::Run, RunState::Complete);
    if goes_back {
        schedule.until_over(Task::RollBack, RunState::RolledBack);
    }
}

impl Schedule {
    /// Sends engines until the run stands where it is to end; the later ones meet no faults.
    fn until_over(&mut self, task: Task, end: RunState) {
        for engine in 0..ENGINES {
            let faults = if engine < FAULTY { self.faults() } else { Vec::new() };
            if self.send(task, faults, true) == Some(end) {
                return;
            }
        }
        panic!("{task:?} never came to its end");
    }

    /// Sends one engine; gives the state that it reports.
    fn send(&mut self, task: Task, faults: Vec<(u64, Fault)>, may_stop: bool) -> Option<RunState> {
        let found = self.newest();
        tell(|| format!("{task:?} with {faults:?}"));
        let mut engine = Engine::start(&self.world, &self.job, task, faults);
        let mut outcome = engine.drive();
        let stops = outcome.is_none() && may_stop && self.random.percent(60);
        if stops && self.runtime.block_on(engine.script.is_quiet()) {
            let holds = self.newest().filter(|held| {
                matches!(held.state, RunState::Running | RunState::RollingBack)
                    && was_acquired(found.as_ref(), held)
            });
            self.stand_still(&mut engine, holds);
            outcome = None;
        }
        self.swapped = self.swapped.max(engine.script.swapped());
        drop(engine);
        self.look(task, outcome)
    }

    fn newest(&self) -> Option<RunRow> {
        self.runtime.block_on(self.world.run())
    }

    /// Others take the run up that an engine `holds` which stands still. Woken up, it changes nothing and says so.
    fn stand_still(&mut self, engine: &mut Engine, holds: Option<RunRow>) {
        let world = self.world.clone();
        self.runtime.block_on(world.outlive_lease());
        for _ in 0..=self.random.below(3) {
            let back = self.job.undo && self.random.percent(50);
            self.send(if back { Task::RollBack } else { Task::Run }, Vec::new(), false);
        }
        let before = self.runtime.block_on(world.picture());
        engine.script.wake();
        let outcome = engine.drive().unwrap();
        let superseded = holds.is_some_and(|held| self.runtime.block_on(world.epoch(&held.id)) > held.epoch);
        if superseded {
            assert!(outcome.is_err(), "an engine that was superseded says that it came to an end");
            assert_eq!(before, self.runtime.block_on(world.picture()), "an engine that was superseded wrote");
        }
    }

    /// Looks at what an engine has left, and lets its lease end.
    fn look(&mut self, task: Task, outcome: Option<Result<Report, RunError>>) -> Option<RunState> {
        let world = self.world.clone();
        tell(|| match &outcome {
            None => format!("{task:?}: gone"),
            Some(Ok(report)) => format!("{task:?}: {} {:?}", report.state, report.reason),
            Some(Err(error)) => format!("{task:?}: {error}"),
        });
        let swapped = self.swapped;
        self.runtime.block_on(async {
            world.outlive_lease().await;
            world.check_cells().await;
            world.check_checkpoints().await;
            let report = match outcome? {
                Ok(report) => report,
                // Whoever rolled back before was killed after the end.
                Err(RunError::Rollback(RollbackRefused::NoRun { .. })) => return Some(RunState::RolledBack),
                Err(_) => return None,
            };
            match (task, report.state) {
                (Task::Run, RunState::Complete) => world.check_complete(swapped).await,
                // With a reason, cells of another run are left, and the report says so.
                (Task::RollBack, RunState::RolledBack) if report.reason.is_none() => {
                    world.check_rolled_back().await
                }
                _ => {}
            }
            Some(report.state)
        })
    }

    /// Up to three faults at calls of their own.
    fn faults(&mut self) -> Vec<(u64, Fault)> {
        let mut faults: Vec<(u64, Fault)> =
            (0..=self.random.below(3)).map(|_| (self.random.below(CALLS), self.fault())).collect();
        faults.sort_by_key(|(call, _)| *call);
        faults
    }

    fn fault(&mut self) -> Fault {
        let refusals = [Trouble::Retry, Trouble::Timeout, Trouble::Other];
        match self.random.below(100) {
            0..10 => Fault::Lost,
            10..20 => Fault::Refused(refusals[self.random.below(3) as usize]),
            20..45 => Fault::Halt { quiet: false },
            45..65 => Fault::Halt { quiet: true },
            65..80 => Fault::Save(Save::Stale(self.row())),
            80..95 => Fault::Save(Save::Text {
                id: self.row() + self.random.below(2) as i64,
                new_key: self.random.percent(50),
            }),
            _ => Fault::Save(Save::Delete(self.row())),
        }
    }

    fn row(&mut self) -> i64 {
        (1 + self.random.below(self.rows as u64) as i64) * 10
    }
}

/// Whether an engine acquired the run that it `holds`, where `found` was the newest when it began.
fn was_acquired(found: Option<&RunRow>, held: &RunRow) -> bool {
    match found.filter(|found| found.id == held.id) {
        Some(found) => held.epoch > found.epoch,
        // A run is written with the first epoch, and acquired under the next.
        None => held.epoch > 1,
    }
}
