//! How fast a run goes: batch size, rows a second, a pause file, windows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::job::Pace;
use crate::lease::Stopper;
use crate::progress::Progress;

/// Where an automatic batch begins, and its bounds. More rows gain little and hold locks for longer.
const FIRST_ROWS: usize = 500;
const FEWEST_ROWS: usize = 10;
const MOST_ROWS: usize = 1000;
/// Bytes of one page at the most, whatever the plan allows: it is held as read, opened, sealed and sent.
const MOST_BYTES: usize = 2 << 20;
/// How long a wait lasts before it looks again.
const TICK: Duration = Duration::from_millis(200);

/// The pace of one run, shared by its workers.
pub(crate) struct Pacer {
    pace: Pace,
    rows: AtomicUsize,
    next: Mutex<Instant>,
}

impl Pacer {
    pub(crate) fn new(pace: &Pace) -> Self {
        let rows = AtomicUsize::new(pace.rows.unwrap_or(FIRST_ROWS));
        Pacer { pace: pace.clone(), rows, next: Mutex::new(Instant::now()) }
    }

    /// Rows of the next page.
    pub(crate) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes of the next page. Several pages are in flight at once, so one page never takes all that a plan allows.
    pub(crate) fn bytes(&self) -> usize {
        self.pace.bytes.min(MOST_BYTES)
    }

    /// Learns from a batch: one slow batch shrinks the next at once, growth is at most half again.
    pub(crate) fn observe(&self, took: Duration) {
        if self.pace.rows.is_some() {
            return;
        }
        let rows = self.rows();
        let next = if took > self.pace.target {
            rows / 2
        } else if took < self.pace.target / 2 {
            rows + rows / 2
        } else {
            rows
        };
        self.rows.store(next.clamp(FEWEST_ROWS, MOST_ROWS), Ordering::Relaxed);
    }

    /// Halves the batch, after a timeout; false when it cannot be halved any more.
    pub(crate) fn halve(&self) -> bool {
        let rows = self.rows();
        self.rows.store((rows / 2).max(1), Ordering::Relaxed);
        rows > 1
    }

    /// Waits until `rows` more rows may be written: by the rate, and while the pause file exists.
    pub(crate) async fn admit(&self, rows: usize, progress: &Progress, stop: &Stopper) {
        while let Some(file) = self.pace.pause_file.as_ref().filter(|file| file.exists()) {
            progress.wait(Some(&format!("{} exists", file.display())));
            if stop.asked().is_some() {
                break;
            }
            tokio::time::sleep(TICK).await;
        }
        progress.wait(None);
        let Some(rate) = self.pace.rows_per_second else { return };
        let cost = Duration::from_secs_f64(rows as f64 / f64::from(rate.max(1)));
        let until = match self.next.lock() {
            Ok(mut next) => {
                let start = (*next).max(Instant::now());
                *next = start + cost;
                start
            }
            Err(_) => Instant::now(),
        };
        while Instant::now() < until && stop.asked().is_none() {
            tokio::time::sleep(TICK.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// Whether the plan lets it run at this moment.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.pace.is_open.as_ref().is_none_or(|is_open| is_open(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_batch_shrinks_at_once_and_growth_is_bounded() {
        let pace = Pace {
            rows: None,
            target: Duration::from_millis(100),
            bytes: 1,
            workers: 1,
            rows_per_second: None,
            pause_file: None,
            is_open: None,
        };
        let pacer = Pacer::new(&pace);
        pacer.observe(Duration::from_millis(101));
        assert_eq!(pacer.rows(), 250);
        pacer.observe(Duration::from_millis(1));
        assert_eq!(pacer.rows(), 375);
        for _ in 0..20 {
            pacer.observe(Duration::from_millis(1));
        }
        assert_eq!(pacer.rows(), MOST_ROWS);
    }
}
