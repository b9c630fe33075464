//! How far replicas lag behind, and the task that keeps measuring it. What cannot be measured counts as too much.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reseal_store::{Database, Replication};
use tokio::task::JoinHandle;

use crate::rotate::pace::Pacer;

/// How often it is measured.
const EVERY: Duration = Duration::from_millis(500);
/// Positions that are remembered: more than half an hour of them.
const REMEMBERED: usize = 4096;

/// Turns positions in the log into time. The server's own figure stands still while a replica does.
#[derive(Default)]
struct LagMeter {
    /// When the primary had written how far, oldest first.
    written: VecDeque<(Instant, u64)>,
}

impl LagMeter {
    /// How long ago the primary was where the slowest replica is now; never more than the truth.
    fn observe(&mut self, now: Instant, seen: &Replication) -> Duration {
        self.written.push_back((now, seen.written));
        while self.written.len() > REMEMBERED {
            self.written.pop_front();
        }
        if seen.replayed >= seen.written {
            self.written.clear();
            return Duration::ZERO;
        }
        while self.written.get(1).is_some_and(|(_, position)| *position <= seen.replayed) {
            self.written.pop_front();
        }
        self.written.front().map_or(Duration::ZERO, |(then, _)| now.duration_since(*then))
    }
}

/// Measures until it is dropped.
pub(crate) struct LagWatch {
    task: Option<JoinHandle<()>>,
}

impl LagWatch {
    /// Starts to measure, if the plan bounds the lag.
    pub(crate) fn start(database: Database, pacer: Arc<Pacer>) -> LagWatch {
        let bounded = pacer.bounds_lag();
        let watch = async move {
            let (mut meter, mut session) = (LagMeter::default(), None);
            loop {
                if session.is_none() {
                    session = database.connect().await.ok();
                }
                let seen = match session.as_mut() {
                    Some(open) => open.replication().await,
                    None => Ok(None),
                };
                match seen {
                    Ok(seen) => pacer.lag(seen.map(|seen| meter.observe(Instant::now(), &seen))),
                    Err(_) => {
                        session = None;
                        pacer.lag(None);
                    }
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        LagWatch { task: bounded.then(|| tokio::spawn(watch)) }
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_the_age_of_what_was_replayed_last() {
        let (mut meter, begun) = (LagMeter::default(), Instant::now());
        let mut at = |second: u64, written: u64, replayed: u64| {
            meter.observe(begun + Duration::from_secs(second), &Replication { written, replayed }).as_secs()
        };
        assert_eq!(at(0, 100, 100), 0);
        assert_eq!(at(1, 200, 100), 0);
        // It stands still: the lag grows with the clock, whether more is written or not.
        assert_eq!(at(2, 300, 100), 1);
        assert_eq!(at(9, 300, 100), 8);
        // It goes on: behind second 2, then where the primary still was at second 9.
        assert_eq!(at(10, 400, 250), 9);
        assert_eq!(at(11, 400, 300), 2);
        assert_eq!(at(12, 400, 400), 0);
        assert_eq!(at(13, 500, 400), 0);
    }
}
