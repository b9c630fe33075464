//! When a database counts as lost.

use std::time::{Duration, Instant};

/// How often a database is probed. With [`SILENT`], a database that falls silent is known as lost after 13 s at the latest.
const EVERY: Duration = Duration::from_secs(4);
/// How soon it is probed again where a probe failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How many failures in a row make it lost: one may be a restart, or a server that is full for a moment.
const FAILURES: u32 = 2;
/// For how long it may leave all probes without a good answer.
const SILENT: Duration = Duration::from_secs(9);

/// What the last probes of a database came to.
#[derive(Debug)]
pub(super) struct Standing {
    /// When to probe it next.
    due: Instant,
    /// Whether a probe is under way.
    is_asked: bool,
    /// When the first probe began that no good answer has come to since.
    unanswered_since: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// Why the last one failed.
    why: String,
}

impl Standing {
    /// Of a database that is not known yet.
    pub(super) fn new(now: Instant) -> Standing {
        Standing { due: now, is_asked: false, unanswered_since: None, failures: 0, why: String::new() }
    }

    /// Whether to begin a probe. There is never more than one.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_asked && self.due <= now
    }

    /// A probe begins.
    pub(super) fn asked(&mut self, now: Instant) {
        self.is_asked = true;
        self.unanswered_since.get_or_insert(now);
    }

    /// A probe is over.
    pub(super) fn answered(&mut self, answer: Result<(), String>, now: Instant) {
        self.is_asked = false;
        match answer {
            Ok(()) => *self = Standing { due: now + EVERY, ..Standing::new(now) },
            Err(why) => {
                self.failures = self.failures.saturating_add(1);
                self.due = now + if self.failures < FAILURES { AGAIN } else { EVERY };
                self.why = why;
            }
        }
    }

    /// Whether it counts as lost, and why.
    pub(super) fn fault(&self, now: Instant) -> Option<&str> {
        let is_silent = self.unanswered_since.is_some_and(|since| now.duration_since(since) >= SILENT);
        let why = if self.failures == 0 { "it does not answer" } else { &self.why };
        (is_silent || self.failures >= FAILURES).then_some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of probes, each begun and answered at so many seconds; gives whether it counts as lost at a time.
    fn fault(probes: &[(u64, Option<(u64, bool)>)], at: u64) -> Option<String> {
        let begun = Instant::now();
        let time = |seconds| begun + Duration::from_secs(seconds);
        let mut standing = Standing::new(begun);
        for (asked, answer) in probes {
            assert!(standing.is_due(time(*asked)), "a probe at {asked} s");
            standing.asked(time(*asked));
            assert!(!standing.is_due(time(asked + 60)), "two at once");
            if let Some((answered, is_good)) = answer {
                let answer = if *is_good { Ok(()) } else { Err("refused".to_owned()) };
                standing.answered(answer, time(*answered));
            }
        }
        standing.fault(time(at)).map(str::to_owned)
    }

    #[test]
    fn two_failures_in_a_row_are_a_loss_and_one_is_none() {
        let refused = Some("refused".to_owned());
        assert_eq!(fault(&[], 0), None);
        assert_eq!(fault(&[(0, Some((0, false)))], 0), None);
        assert_eq!(fault(&[(0, Some((0, false))), (1, Some((1, true)))], 1), None, "it refused once");
        assert_eq!(fault(&[(0, Some((0, false))), (1, Some((1, false)))], 1), refused);
        let back = [(0, Some((0, false))), (1, Some((1, false))), (5, Some((5, true)))];
        assert_eq!(fault(&back, 5), None, "it is back");
        let again = [back[0], back[1], back[2], (9, Some((9, false)))];
        assert_eq!(fault(&again, 9), None, "what was before it came back does not count");
    }

    #[test]
    fn silence_is_a_loss_within_the_time_that_is_promised() {
        let silent = Some("it does not answer".to_owned());
        let good = (0, Some((0, true)));
        assert_eq!(fault(&[good, (4, None)], 12), None, "a slow answer is one");
        assert_eq!(fault(&[good, (4, Some((12, true)))], 12), None);
        assert_eq!(fault(&[good, (4, None)], 13), silent);
        // However failures and silence mix.
        assert_eq!(fault(&[good, (4, Some((11, false))), (12, None)], 13), Some("refused".to_owned()));
    }

    /// Watches that nothing is asked all the time.
    #[test]
    fn a_database_is_probed_every_four_seconds_lost_or_not() {
        let begun = Instant::now();
        let mut standing = Standing::new(begun);
        let mut probes = 0;
        for tenth in 0..600 {
            let now = begun + Duration::from_millis(100 * tenth);
            if standing.is_due(now) {
                standing.asked(now);
                let answer = if tenth < 300 { Ok(()) } else { Err("refused".to_owned()) };
                standing.answered(answer, now);
                probes += 1;
            }
        }
        assert!((14..=17).contains(&probes), "{probes} probes in a minute");
    }
}
