//! Who acts.

use reseal_control::Who;

/// Who runs it, for the ledger: the name that the system has, or what the environment claims where it has none.
#[must_use]
pub fn operator() -> String {
    Who::is_here().name
}
