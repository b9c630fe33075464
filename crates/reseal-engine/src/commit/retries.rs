//! How often a transaction that lost against others is begun again, and how long lies between.

use std::time::Duration;

use reseal_core::backoff;
use reseal_store::{StoreError, Trouble};

/// How often a transaction that deadlocked, or found a lock taken, is begun again.
const MOST: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often one transaction was begun again.
#[derive(Default)]
pub(crate) struct Retries {
    done: u32,
}

impl Retries {
    /// Whether the transaction is to be begun again after this error; if so, the pause before it is over.
    pub(crate) async fn again(&mut self, error: &StoreError) -> bool {
        if error.trouble != Trouble::Retry || self.done == MOST {
            return false;
        }
        self.done += 1;
        tokio::time::sleep(backoff(self.done, FIRST_PAUSE, LONGEST_PAUSE)).await;
        true
    }
}
