//! What the daemon knows of itself.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::Setup;

/// Without a tick for so long, the daemon does not count as healthy.
const HEALTHY: Duration = Duration::from_secs(120);

/// What the daemon knows of itself, for the scheduler and the pages.
pub struct State {
    pub(crate) setup: Setup,
    ticks: AtomicU64,
    failures: AtomicU64,
    last: Mutex<Last>,
    /// The newest slot of each job, by plan and job, that was announced.
    announced: Mutex<HashMap<(String, String), Timestamp>>,
}

struct Last {
    tick: Instant,
    failure: Option<String>,
}

impl State {
    pub(crate) fn new(setup: Setup) -> State {
        let last = Last { tick: Instant::now(), failure: None };
        State {
            setup,
            ticks: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last: Mutex::new(last),
            announced: Mutex::default(),
        }
    }

    /// Notes a tick that went well.
    pub(crate) fn record_tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        *self.last() = Last { tick: Instant::now(), failure: None };
    }

    /// Notes one that did not.
    pub(crate) fn record_failure(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.last().failure = Some(why.to_owned());
    }

    /// Whether this daemon has not announced a slot.
    pub(crate) fn is_unannounced(&self, plan: &str, job: &str, slot: Timestamp) -> bool {
        self.announced().get(&(plan.to_owned(), job.to_owned())) != Some(&slot)
    }

    /// Notes that it has.
    pub(crate) fn mark_announced(&self, plan: &str, job: &str, slot: Timestamp) {
        self.announced().insert((plan.to_owned(), job.to_owned()), slot);
    }

    fn announced(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Timestamp>> {
        self.announced.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Why the daemon is not healthy, if it is not.
    pub(crate) fn health_problem(&self) -> Option<String> {
        let last = self.last();
        let since = last.tick.elapsed();
        let why = last.failure.clone().unwrap_or_else(|| "no tick was over".to_owned());
        (since > HEALTHY).then(|| format!("{} s without a tick: {why}", since.as_secs()))
    }

    /// How many ticks went well, and how many did not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.ticks.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
