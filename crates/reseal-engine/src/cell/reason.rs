//! Why a cell is in quarantine, and how it is listed there.

use reseal_store::{Quarantined, RowKey};
use sha2::{Digest, Sha256};

use super::target::Target;

/// A cell as the quarantine lists it.
pub(crate) fn quarantined(target: &Target, field: usize, row: &RowKey, reason: &str) -> Quarantined {
    let (table, field) = (target.label().to_owned(), target.table().fields[field].name.clone());
    let mut hash = Sha256::new();
    for part in [table.as_str(), &field, &row.encode()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let cell = hex::encode(hash.finalize());
    Quarantined { table, field, row: row.clone(), reason: reason.to_owned(), cell }
}
