//! The breaker: cell after cell that does not open says that the key is wrong, not the cells.

use std::sync::atomic::{AtomicU64, Ordering};

use reseal_core::Key;

use crate::batch::work::OpenCount;
use crate::cell::field::FieldTarget;
use crate::cell::target::Target;
use crate::error::{RunError, TableError};
use crate::reason::Reason;

/// Cells of one field that may fail in a row, with none between them that opens, before the run stops.
pub(crate) const BREAKER: u64 = 1000;

/// Stops a run whose cells of one field fail one after the other: the key is wrong, not the cells.
pub(crate) fn breaker(target: &Target, fails: &[AtomicU64], counts: &[OpenCount]) -> Result<(), RunError> {
    for ((field, fails), count) in target.fields.iter().zip(fails).zip(counts) {
        if count.opened > 0 {
            fails.store(0, Ordering::Relaxed);
        } else if fails.fetch_add(count.failed, Ordering::Relaxed) + count.failed >= BREAKER {
            let last = |reason: Reason| format!("the last reason is {}", reason.name());
            let why = count.why.map_or_else(|| "see `reseal quarantine`".to_owned(), last);
            return Err(wrong_key(field, fails.load(Ordering::Relaxed), why));
        }
    }
    Ok(())
}

/// The refusal of a field of which cell after cell opens under no key. `reasons` are those that `inspect` gives.
pub(crate) fn wrong_key(field: &FieldTarget, cells: u64, reasons: String) -> RunError {
    let job = field.job();
    let mut keys: Vec<String> = Vec::new();
    for seal in job.seals() {
        let ids: Vec<&str> = seal.keyset.keys().iter().map(Key::id).collect();
        if !ids.is_empty() {
            keys.push(format!("{} ({})", seal.name, ids.join(", ")));
        }
    }
    let field = format!("{}.{}", field.table_label(), job.name);
    TableError::WrongKey { field, cells, keys: keys.join(", "), reasons }.into()
}
