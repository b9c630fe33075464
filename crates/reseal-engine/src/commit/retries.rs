//! How often a transaction that lost against others is begun again, and how long lies between.

use std::time::Duration;

use reseal_store::{StoreError, Trouble};

/// How often a transaction that deadlocked, or found a lock taken, is begun again.
const MOST: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The retries that one transaction has left.
pub(crate) struct Retries {
    left: u32,
    pause: Duration,
}

impl Retries {
    pub(crate) fn new() -> Self {
        Retries { left: MOST, pause: FIRST_PAUSE }
    }

    /// Whether the transaction is to be begun again after this error; if so, the pause before it is over.
    pub(crate) async fn again(&mut self, error: &StoreError) -> bool {
        if error.trouble != Trouble::Retry || self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}
