//! How fast a run goes: batch size, rows a second, a pause file, windows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::job::Pace;
use crate::progress::Progress;
use crate::rotate::stripes::{Cut, WINDOWS};
use crate::stop::Stopper;

/// Where an automatic batch begins, and its bounds: fewer rows cost more, more rows gain little and hold locks for longer.
const FIRST_ROWS: usize = 1000;
const FEWEST_ROWS: usize = 10;
const MOST_ROWS: usize = 1000;
/// Rows of a batch below which windows are not cut into stripes: a transaction has a cost of its own.
const FEWEST_ROWS_IN_STRIPE: usize = 50;
/// Maximum number of rows in a window: several windows are held at once, as read and as sealed.
const MOST_ROWS_IN_WINDOW: usize = 8000;
/// Maximum number of bytes in one page, whatever the plan allows: it is held as read, opened, sealed and sent.
const MOST_BYTES: usize = 2 << 20;
/// How long a wait lasts before it looks again.
const TICK: Duration = Duration::from_millis(200);

/// The pace of one run, shared by its workers.
pub(crate) struct Pacer {
    pace: Pace,
    rows: AtomicUsize,
    next: Mutex<Instant>,
    /// How far the slowest replica lags behind; `None` while nobody knows.
    lag: Mutex<Option<Duration>>,
}

impl Pacer {
    pub(crate) fn new(pace: &Pace) -> Self {
        let rows = AtomicUsize::new(pace.rows.unwrap_or(FIRST_ROWS.min(most(pace))));
        Pacer { pace: pace.clone(), rows, next: Mutex::new(Instant::now()), lag: Mutex::new(None) }
    }

    /// Rows of the next page.
    pub(crate) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Rows of the next window, where a database likes `stripes` batches to a window.
    pub(crate) fn window(&self, stripes: usize) -> usize {
        let rows = self.rows();
        let most = self
            .pace
            .rows_per_second
            .map_or(MOST_ROWS_IN_WINDOW, |rate| MOST_ROWS_IN_WINDOW.min(rate as usize));
        if rows < FEWEST_ROWS_IN_STRIPE { rows } else { (rows * stripes).min(most.max(rows)) }
    }

    /// How the next windows are cut. All that is between two checkpoints is done again after a crash, so where rows a
    /// second are bounded, it is no more than a second's.
    pub(crate) fn cut(&self, stripes: usize) -> Cut {
        let rows = self.rows();
        let striped = stripes > 1 && rows >= FEWEST_ROWS_IN_STRIPE;
        let windows = if striped && self.pace.rows_per_second.is_none() { WINDOWS } else { 1 };
        Cut { windows, stripes: if striped { stripes } else { 1 }, rows }
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
        let most = most(&self.pace);
        self.rows.store(next.clamp(FEWEST_ROWS.min(most), most), Ordering::Relaxed);
    }

    /// Halves the batch, after a timeout; false when it cannot be halved any more.
    pub(crate) fn halve(&self) -> bool {
        let rows = self.rows();
        self.rows.store((rows / 2).max(1), Ordering::Relaxed);
        rows > 1
    }

    /// Whether the plan bounds how far replicas may lag behind.
    pub(crate) fn bounds_lag(&self) -> bool {
        self.pace.max_lag.is_some()
    }

    /// Learns how far the slowest replica lags behind; `None` where that could not be measured.
    pub(crate) fn lag(&self, lag: Option<Duration>) {
        if let Ok(mut known) = self.lag.lock() {
            *known = lag;
        }
    }

    /// Why no row may be written now, if there is a reason.
    fn reason_to_wait(&self) -> Option<String> {
        if let Some(file) = self.pace.pause_file.as_ref().filter(|file| file.exists()) {
            return Some(format!("the pause file {} exists", file.display()));
        }
        let max = self.pace.max_lag?;
        match self.lag.lock().ok().and_then(|lag| *lag) {
            None => Some("replication lag cannot be measured".to_owned()),
            Some(lag) if lag > max => Some(format!("a replica lags behind by {} s", lag.as_secs())),
            Some(_) => None,
        }
    }

    /// Waits while the pause file exists or a replica lags too far behind. False where a stop was requested.
    pub(crate) async fn clear(&self, progress: &Progress, stop: &Stopper) -> bool {
        while let Some(reason) = self.reason_to_wait() {
            progress.wait(Some(&reason));
            if stop.asked().is_some() {
                return false;
            }
            tokio::time::sleep(TICK).await;
        }
        progress.wait(None);
        true
    }

    /// Waits until the rate allows `rows` more rows. False where a stop was asked for before it did.
    pub(crate) async fn keep_rate(&self, rows: usize, stop: &Stopper) -> bool {
        let Some(rate) = self.pace.rows_per_second.filter(|_| rows > 0) else { return true };
        let cost = Duration::from_secs_f64(rows as f64 / f64::from(rate.max(1)));
        let until = match self.next.lock() {
            Ok(mut next) => {
                let start = (*next).max(Instant::now());
                *next = start + cost;
                start
            }
            Err(_) => Instant::now(),
        };
        while Instant::now() < until {
            if stop.asked().is_some() {
                return false;
            }
            tokio::time::sleep(TICK.min(until.saturating_duration_since(Instant::now()))).await;
        }
        true
    }

    /// Whether the plan lets it run at this moment.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.pace.is_open.as_ref().is_none_or(|is_open| is_open(now))
    }
}

/// Maximum number of rows in an automatic batch: where a rate is kept, no more than a second's.
fn most(pace: &Pace) -> usize {
    pace.rows_per_second.map_or(MOST_ROWS, |rate| MOST_ROWS.min(rate.max(1) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;

    #[test]
    fn a_window_is_no_more_than_a_second_and_a_small_batch_is_a_window() {
        let pacer =
            |rows, rate| Pacer::new(&Pace { rows: Some(rows), rows_per_second: rate, ..Pace::default() });
        assert_eq!(pacer(500, None).window(8), 4000);
        assert_eq!(pacer(500, None).window(1), 500);
        assert_eq!(pacer(20, None).window(8), 20);
        assert_eq!(pacer(100, Some(300)).window(8), 300);
        assert_eq!(pacer(100, Some(50)).window(8), 100);
        assert_eq!(pacer(9000, None).window(8), 9000);
        let cut = pacer(100, Some(300)).cut(8);
        assert_eq!((cut.windows, cut.stripes, cut.rows), (1, 8, 100));
    }

    #[test]
    fn an_automatic_batch_is_no_more_than_a_second_of_the_rate() {
        for (rate, rows) in [(1, 1), (200, 200), (5000, MOST_ROWS)] {
            let pacer = Pacer::new(&Pace { rows_per_second: Some(rate), ..Pace::default() });
            assert_eq!(pacer.rows(), rows);
            pacer.observe(Duration::from_millis(1));
            assert_eq!(pacer.rows(), rows, "grew beyond {rate} rows a second");
        }
    }

    #[tokio::test]
    async fn a_stop_ends_the_wait_for_the_rate() {
        let pacer = Pacer::new(&Pace { rows_per_second: Some(1), ..Pace::default() });
        let stop = Stopper::default();
        assert!(pacer.keep_rate(3600, &stop).await);
        assert!(pacer.keep_rate(0, &stop).await, "nothing to write has nothing to wait for");
        stop.ask(Stop::PauseAsked);
        assert!(!pacer.keep_rate(1, &stop).await);
    }

    #[test]
    fn lag_that_nobody_measured_is_too_much() {
        let pacer = Pacer::new(&Pace { max_lag: Some(Duration::from_secs(5)), ..Pace::default() });
        let waits = |lag| {
            pacer.lag(lag);
            pacer.reason_to_wait()
        };
        assert_eq!(waits(None).as_deref(), Some("replication lag cannot be measured"));
        assert_eq!(waits(Some(Duration::from_secs(9))).as_deref(), Some("a replica lags behind by 9 s"));
        assert_eq!(waits(Some(Duration::from_secs(5))), None);
    }

    #[test]
    fn a_slow_batch_shrinks_at_once_and_growth_is_bounded() {
        let pacer = Pacer::new(&Pace::default());
        pacer.observe(Duration::from_millis(101));
        assert_eq!(pacer.rows(), FIRST_ROWS / 2);
        pacer.observe(Duration::from_millis(1));
        assert_eq!(pacer.rows(), FIRST_ROWS * 3 / 4);
        for _ in 0..20 {
            pacer.observe(Duration::from_millis(1));
        }
        assert_eq!(pacer.rows(), MOST_ROWS);
    }
}
