//! What wakes the daemon: for each scheduled job, a one-shot job in memory at the instant that `reseal-schedule` gives.
//!
//! **Invariant:** a wake-up decides nothing. It may be early, late, lost or doubled: it brings about a tick, which asks
//! `reseal-schedule` what is due and claims it in the database. Cron lines, zones and stores of the scheduler are not used,
//! since they know one offset for the whole year, claim nothing and catch nothing up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::Clock;

/// How long the scheduler may take to arm what changed; its answers come over channels, which may be closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A job of a plan, by the places of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScheduledJob {
    pub(crate) plan: usize,
    pub(crate) job: usize,
}

/// When each job needs the next tick.
#[derive(Clone, Debug, Default)]
pub(crate) struct WakeTimes(BTreeMap<ScheduledJob, Timestamp>);

impl WakeTimes {
    /// Notes that a job needs a tick at an instant. Of several, the first counts.
    pub(crate) fn add(&mut self, job: ScheduledJob, at: Timestamp) {
        self.0.entry(job).and_modify(|known| *known = at.min(*known)).or_insert(at);
    }

    /// The first of them.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.0.values().copied().min()
    }
}

/// The wake-ups that are armed.
pub(crate) struct WakeUps {
    clock: Clock,
    woken: Arc<Notify>,
    scheduler: Option<JobScheduler>,
    /// How many messages of a kind may wait in the scheduler: a receiver that falls behind by more ends for good.
    channel_size: usize,
    armed: BTreeMap<ScheduledJob, Armed>,
}

struct Armed {
    /// In seconds since 1970, by the machine's clock: the scheduler counts whole seconds.
    second: u64,
    one_shot: Job,
}

impl WakeUps {
    /// Wake-ups for so many jobs, none of them armed.
    pub(crate) fn new(clock: Clock, jobs: usize) -> WakeUps {
        let channel_size = jobs.saturating_mul(4).max(64);
        WakeUps { clock, woken: Arc::default(), scheduler: None, channel_size, armed: BTreeMap::new() }
    }

    /// Waits for the next wake-up. Several at one instant are one or two.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Arms a wake-up for each of these times, in place of all others. A scheduler that fails is replaced the next time:
    /// until then the daemon ticks at its longest interval.
    pub(crate) async fn arm(&mut self, wanted: &WakeTimes) {
        let failure = match timeout(PATIENCE, self.try_arm(wanted)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no response within {} s", PATIENCE.as_secs()),
        };
        tracing::warn!("cannot set timers, so the scheduler ticks twice a minute until it can: {failure}");
        self.stop().await;
    }

    async fn try_arm(&mut self, wanted: &WakeTimes) -> Result<(), JobSchedulerError> {
        let scheduler = match &self.scheduler {
            Some(scheduler) => scheduler.clone(),
            None => {
                let scheduler = JobScheduler::new_with_channel_size(self.channel_size).await?;
                scheduler.start().await?;
                self.scheduler.insert(scheduler).clone()
            }
        };
        let seconds = self.seconds(wanted, Timestamp::now());
        let stale = self.armed.extract_if(.., |job, armed| seconds.get(job) != Some(&armed.second));
        for (_, armed) in stale.collect::<Vec<_>>() {
            scheduler.remove(&armed.one_shot.guid()).await?;
        }
        for (job, second) in seconds {
            if !self.armed.contains_key(&job) {
                let one_shot = one_shot(second, self.woken.clone())?;
                scheduler.add(one_shot.clone()).await?;
                self.armed.insert(job, Armed { second, one_shot });
            }
        }
        Ok(())
    }

    /// The times in seconds since 1970 by the machine's clock, rounded down, but for those within the current second: the
    /// scheduler would come for them at once, and the daemon waits for them by itself.
    fn seconds(&self, wanted: &WakeTimes, now: Timestamp) -> BTreeMap<ScheduledJob, u64> {
        let second =
            |at: Timestamp| u64::try_from(self.clock.machine_time(at).as_second()).unwrap_or_default();
        let seconds = wanted.0.iter().map(|(job, at)| (*job, second(*at)));
        seconds.filter(|(_, at)| i64::try_from(*at).is_ok_and(|at| at > now.as_second())).collect()
    }

    /// The seconds of the machine's clock for which wake-ups are armed.
    #[cfg(test)]
    pub(crate) fn armed(&self) -> Vec<i64> {
        self.armed.values().map(|armed| i64::try_from(armed.second).unwrap()).collect()
    }

    /// Ends the scheduler, with all that is armed.
    pub(crate) async fn stop(&mut self) {
        self.armed.clear();
        if let Some(mut scheduler) = self.scheduler.take() {
            // It only sets a flag, and nothing is left to do where that fails.
            let _ = timeout(PATIENCE, scheduler.shutdown()).await;
        }
    }
}

fn one_shot(second: u64, woken: Arc<Notify>) -> Result<Job, JobSchedulerError> {
    let mut job = Job::new_one_shot(Duration::ZERO, move |_, _| woken.notify_one())?;
    // Given as a duration, both it and the time that it is added to would lose their fractions: up to two seconds.
    let mut data = job.job_data()?;
    data.next_tick = second;
    job.set_job_data(data)?;
    Ok(job)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const JOBS: [ScheduledJob; 2] = [ScheduledJob { plan: 0, job: 0 }, ScheduledJob { plan: 0, job: 1 }];

    fn times(times: &[(ScheduledJob, Timestamp)]) -> WakeTimes {
        let mut wake_times = WakeTimes::default();
        times.iter().for_each(|(job, at)| wake_times.add(*job, *at));
        wake_times
    }

    async fn comes(wake_ups: &WakeUps, within: Duration) -> bool {
        timeout(within, wake_ups.woken()).await.is_ok()
    }

    /// Watches that what is armed is replaced: many old wake-ups would be many ticks for nothing.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_wake_up_comes_once_and_only_the_last_one_that_was_armed() {
        let mut wake_ups = WakeUps::new(Clock::System, JOBS.len());
        let soon = Timestamp::now() + SignedDuration::from_secs(2);
        let later = soon + SignedDuration::from_secs(2);
        wake_ups.arm(&times(&[(JOBS[0], soon), (JOBS[1], soon)])).await;
        wake_ups.arm(&times(&[(JOBS[0], later), (JOBS[1], later)])).await;
        assert!(!comes(&wake_ups, Duration::from_millis(2700)).await, "it was armed for later");
        assert!(comes(&wake_ups, Duration::from_secs(3)).await);
        let early = later.duration_since(Timestamp::now());
        assert!(early < SignedDuration::from_secs(1), "{early} too early");
        let _ = comes(&wake_ups, Duration::from_millis(300)).await;
        assert!(!comes(&wake_ups, Duration::from_millis(1500)).await, "it came already");
        let next = Timestamp::now() + SignedDuration::from_secs(2);
        wake_ups.arm(&times(&[(JOBS[1], next)])).await;
        assert!(comes(&wake_ups, Duration::from_secs(3)).await, "armed again after it came");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scheduler_that_ended_is_replaced() {
        let mut wake_ups = WakeUps::new(Clock::System, JOBS.len());
        let at = |seconds| Timestamp::now() + SignedDuration::from_secs(seconds);
        wake_ups.arm(&times(&[(JOBS[0], at(100))])).await;
        wake_ups.stop().await;
        assert!(wake_ups.armed().is_empty());
        wake_ups.arm(&times(&[(JOBS[0], at(2))])).await;
        assert!(comes(&wake_ups, Duration::from_secs(3)).await);
    }
}
