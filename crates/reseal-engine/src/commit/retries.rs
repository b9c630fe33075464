//! How often a transaction that failed is begun again, and how long lies between.

use std::time::Duration;

use reseal_core::backoff;
use reseal_store::{StoreError, Trouble};

/// How often a transaction that deadlocked, or found a lock taken, is begun again.
const MOST: u32 = 10;
/// How often swaps of several rows are tried before they are tried in halves.
const TOGETHER: u32 = 3;
/// How often a row that is locked is refused with one code before it counts as refused.
const ALONE: u32 = 3;
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
        error.trouble == Trouble::Retry && self.pause().await
    }

    async fn pause(&mut self) -> bool {
        if self.done == MOST {
            return false;
        }
        self.done += 1;
        tokio::time::sleep(backoff(self.done, FIRST_PAUSE, LONGEST_PAUSE)).await;
        true
    }
}

/// What an error of the database is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The transaction: its begin, what is committed beside swaps, its end.
    Transaction,
    /// The swaps of a whole batch, or of several rows.
    Rows,
    /// The swap of one row.
    Row,
}

/// What comes after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The transaction is begun again.
    Again,
    /// A row is refused: of several, which one it is is yet to be found.
    Refused,
    /// It cannot be gone on with.
    Halt,
}

/// How often one set of swaps was tried.
#[derive(Default)]
pub(super) struct Tries {
    retries: Retries,
    /// How often it was refused with the last message; a single row, since it is locked.
    same: u32,
    last: Option<String>,
    /// Whether the one row is locked before it is swapped.
    pub(super) holds: bool,
}

impl Tries {
    /// What comes next; if that is the transaction again, the pause before it is over.
    ///
    /// A trigger gives whatever code it likes, also those by which servers say that somebody else came first. So what seems
    /// to pass is waited for, then tried in halves, and counts as a refusal where nobody else can be it.
    pub(super) async fn next(&mut self, error: &StoreError, about: About) -> Next {
        match (error.trouble, about) {
            (_, About::Transaction) => match self.retries.again(error).await {
                true => Next::Again,
                false => Next::Halt,
            },
            (Trouble::Retry | Trouble::Timeout, _) => self.passing(error, about).await,
            _ if error.may_be_of_a_row() => Next::Refused,
            _ => Next::Halt,
        }
    }

    async fn passing(&mut self, error: &StoreError, about: About) -> Next {
        // What refused a row before it was locked says nothing of the row.
        let counts = about == About::Rows || self.holds;
        let same = if self.last.as_ref() == Some(&error.message) { self.same + 1 } else { 1 };
        self.same = if counts { same } else { 0 };
        self.last = Some(error.message.clone());
        self.holds = about == About::Row;
        let most = match about {
            About::Row => ALONE,
            // What took too long takes as long again.
            _ if error.trouble == Trouble::Timeout => 1,
            _ => TOGETHER,
        };
        match () {
            () if self.same >= most => Next::Refused,
            () if self.retries.pause().await => Next::Again,
            () => Next::Halt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nexts(about: About, troubles: &[Trouble]) -> Vec<Next> {
        let (mut tries, mut nexts) = (Tries::default(), Vec::new());
        for trouble in troubles {
            nexts.push(tries.next(&StoreError::new(*trouble, format!("{trouble:?}")), about).await);
        }
        nexts
    }

    #[tokio::test]
    async fn what_seems_to_pass_is_tried_again_before_it_counts_as_a_refusal() {
        use Next::{Again, Halt, Refused};
        use Trouble::{Constraint, Other, Permission, Retry, Timeout, Unwritable};
        let check = async |about, troubles: &[Trouble], expect: &[Next]| {
            assert_eq!(nexts(about, troubles).await, expect, "{about:?} {troubles:?}");
        };
        check(About::Rows, &[Retry; 3], &[Again, Again, Refused]).await;
        check(About::Rows, &[Timeout], &[Refused]).await;
        // The first time it is not locked yet; then three times with one code.
        check(About::Row, &[Retry; 4], &[Again, Again, Again, Refused]).await;
        check(
            About::Row,
            &[Retry, Timeout, Timeout, Retry, Retry, Retry],
            &[Again, Again, Again, Again, Again, Refused],
        )
        .await;
        for trouble in [Constraint, Permission, Other] {
            check(About::Row, &[trouble], &[Refused]).await;
            check(About::Transaction, &[trouble], &[Halt]).await;
        }
        check(About::Row, &[Unwritable], &[Halt]).await;
        check(About::Transaction, &[Retry; 4], &[Again; 4]).await;
        check(About::Transaction, &[Timeout], &[Halt]).await;
    }
}
