//! The time as the daemon sees it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// For tests: it showed `from` when the machine's clock showed `since`, and runs `speed` times as fast. Daemons that are
    /// given the same numbers agree, however often they are started.
    Simulated {
        /// What it showed.
        from: Timestamp,
        /// When.
        since: Timestamp,
        /// How fast it runs.
        speed: u32,
    },
}

impl Clock {
    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        match self {
            Clock::System => now,
            Clock::Simulated { from, since, speed } => {
                let passed = now.duration_since(*since).checked_mul(i32::try_from(*speed).unwrap_or(1));
                passed.and_then(|passed| from.checked_add(passed).ok()).unwrap_or(now)
            }
        }
    }

    /// How long it really takes until it shows a time; nothing for one that is past.
    #[must_use]
    pub fn until(&self, then: Timestamp) -> Duration {
        let left = then.duration_since(self.now()).max(SignedDuration::ZERO);
        self.real(left.unsigned_abs())
    }

    /// What the machine's clock shows when this one shows a time.
    #[must_use]
    pub fn machine_time(&self, shown: Timestamp) -> Timestamp {
        match self {
            Clock::System => shown,
            Clock::Simulated { from, since, speed } => {
                let passed = shown.duration_since(*from) / i32::try_from(*speed).unwrap_or(1).max(1);
                since.checked_add(passed).unwrap_or(shown)
            }
        }
    }

    /// How much time passes on it while so much really does.
    #[must_use]
    pub fn shown(&self, real: SignedDuration) -> SignedDuration {
        match self {
            Clock::System => real,
            Clock::Simulated { speed, .. } => real.saturating_mul(i32::try_from(*speed).unwrap_or(1)),
        }
    }

    /// How long it really takes for so much time to pass.
    #[must_use]
    pub fn real(&self, shown: Duration) -> Duration {
        match self {
            Clock::System => shown,
            Clock::Simulated { speed, .. } => shown / (*speed).max(1),
        }
    }
}
