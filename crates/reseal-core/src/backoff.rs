//! How long lies between attempts.

use std::time::Duration;

/// The pause after this many attempts: `first` after the first one, doubled with each further one, never beyond `longest`.
#[must_use]
pub fn backoff(attempts: u32, first: Duration, longest: Duration) -> Duration {
    let doublings = attempts.saturating_sub(1);
    first.saturating_mul(2u32.saturating_pow(doublings)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds =
            |attempts| backoff(attempts, Duration::from_secs(30), Duration::from_secs(100)).as_secs();
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(seconds), [30, 30, 60, 100, 100, 100]);
    }
}
