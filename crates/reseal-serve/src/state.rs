//! What the daemon knows of itself.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::Setup;

/// Without a tick for so long, the daemon does not count as healthy.
const HEALTHY: Duration = Duration::from_secs(120);
/// The same where the last tick failed, and where a check of its health is not over.
const FAILING: Duration = Duration::from_secs(10);

/// What the daemon knows of itself, for the scheduler and the pages.
pub struct State {
    pub(crate) setup: Setup,
    ticks: AtomicU64,
    failures: AtomicU64,
    last: Mutex<Last>,
    /// The newest slot of each job, by plan and job, that was announced.
    announced: Mutex<HashMap<(String, String), Timestamp>>,
    /// The times of jobs, by plan and name, that this daemon has looked at.
    seen: Mutex<HashSet<(String, String)>>,
}

struct Last {
    tick: Instant,
    failure: Option<String>,
    check: Instant,
    fault: Option<String>,
    probed: Instant,
    /// The databases of plans that are lost.
    lost: Vec<String>,
}

impl State {
    pub(crate) fn new(setup: Setup) -> State {
        let now = Instant::now();
        let last = Last { tick: now, failure: None, check: now, fault: None, probed: now, lost: Vec::new() };
        State {
            setup,
            ticks: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last: Mutex::new(last),
            announced: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Notes a tick that went well.
    pub(crate) fn record_tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last();
        (last.tick, last.failure) = (Instant::now(), None);
    }

    /// Notes one that did not.
    pub(crate) fn record_failure(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.last().failure = Some(why.to_owned());
    }

    /// Notes a check of the daemon's health, and what it found wrong.
    pub(crate) fn record_check(&self, fault: Option<String>) {
        let mut last = self.last();
        (last.check, last.fault) = (Instant::now(), fault);
    }

    /// Notes which databases of plans are lost.
    pub(crate) fn record_databases(&self, lost: Vec<String>) {
        let mut last = self.last();
        (last.probed, last.lost) = (Instant::now(), lost);
    }

    /// Whether this daemon looks at these times of a job for the first time.
    pub(crate) fn begins(&self, plan: &str, times: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.insert((plan.to_owned(), times.to_owned()))
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

    /// Why the daemon is not healthy, if it is not: a line for each reason.
    pub(crate) fn health_problem(&self) -> Option<String> {
        let last = self.last();
        let mut problems: Vec<String> = last.fault.iter().chain(&last.lost).cloned().collect();
        if last.check.elapsed().max(last.probed.elapsed()) > FAILING {
            problems.push("the health checks have stalled".to_owned());
        }
        let (since, most) = (last.tick.elapsed(), if last.failure.is_some() { FAILING } else { HEALTHY });
        if since > most {
            let why = last.failure.as_deref().unwrap_or("no tick has finished");
            problems.push(format!("no successful tick for {} s: {why}", since.as_secs()));
        }
        (!problems.is_empty()).then(|| problems.join("\n"))
    }

    /// How many ticks went well, and how many did not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.ticks.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
