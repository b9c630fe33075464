//! Why a cell is in quarantine, and how it is listed there.

use reseal_core::digest::Parts;
use reseal_store::{Quarantined, RowKey};

use super::target::Target;

/// A cell as the quarantine lists it.
pub(crate) fn quarantined(target: &Target, field: usize, row: &RowKey, reason: &str) -> Quarantined {
    let (table, field) = (target.label().to_owned(), target.table().fields[field].name.clone());
    let cell = hex::encode(Parts::of([table.as_str(), &field, &row.encode()]));
    Quarantined { table, field, row: row.clone(), reason: reason.to_owned(), cell }
}
