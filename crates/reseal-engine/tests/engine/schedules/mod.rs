//! Schedules of faults by the thousand: the run's state machine against a database in memory.
//!
//! A schedule is made from its seed: rows, what an application saves meanwhile, and at which calls to the database an engine
//! loses its connection, is refused, is killed, or stands still while others take its run up. Whatever happens, each row
//! opens to what the application saved last, a checkpoint promises no more than was written, an engine that was superseded
//! changes nothing, and a run that says `complete` has left nothing behind.

mod engine;
mod faults;
mod random;
mod schedule;
mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many schedules are played beside all other tests.
const SCHEDULES: u64 = 1_500;

/// Names how many are played instead.
const HOW_MANY: &str = "RESEAL_SCHEDULES";

/// How many at a time: a schedule that loses connections waits, and so do those that others keep off a core.
const AT_A_TIME: usize = 8;

/// Names one schedule that is to be played again: a failure prints its seed.
const SEED: &str = "RESEAL_SCHEDULE";

#[test]
fn no_schedule_of_faults_loses_a_cell_or_claims_too_much() {
    if let Ok(seed) = std::env::var(SEED) {
        return play(seed.parse().unwrap(), &mut template(0));
    }
    let schedules = std::env::var(HOW_MANY).map_or(SCHEDULES, |number| number.parse().unwrap());
    let next = AtomicU64::new(0);
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < schedules && !failed());
    let take = &take;
    std::thread::scope(|scope| {
        for player in 0..AT_A_TIME {
            scope.spawn(move || {
                stay_on_one_core(player);
                let mut template = template(player);
                while let Some(seed) = take() {
                    play(seed, &mut template);
                }
            });
        }
    });
}

/// Keeps this thread, and all that it starts, on one core: each call to the database is a message to a thread of the
/// driver's and back, and waking a thread up on another core costs more than the call.
#[cfg(target_os = "linux")]
fn stay_on_one_core(player: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let Some(core) = cores.cycle().nth(player) else { return };
    let mut only = CpuSet::new();
    only.set(core);
    // Where it is refused, it takes longer.
    let _ = sched_setaffinity(None, &only);
}

#[cfg(not(target_os = "linux"))]
fn stay_on_one_core(_: usize) {}

/// Whether a schedule has failed: the others need not be played.
static FAILED: AtomicBool = AtomicBool::new(false);

fn failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

fn template(player: usize) -> world::Template {
    world::runtime().block_on(world::Template::new(player))
}

fn play(seed: u64, template: &mut world::Template) {
    let _told = Told(seed);
    schedule::play(seed, template);
}

/// Tells what happens, where one schedule is played again.
fn tell(what: impl FnOnce() -> String) {
    if std::env::var_os(SEED).is_some() {
        eprintln!("{}", what());
    }
}

/// Tells the seed of a schedule that failed.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            FAILED.store(true, Ordering::Relaxed);
            eprintln!("the schedule was {SEED}={}", self.0);
        }
    }
}
