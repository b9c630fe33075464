//! How a cell is listed in the quarantine.

use reseal_core::digest::Parts;
use reseal_store::{Quarantined, RowKey};

use super::field::FieldTarget;
use crate::reason::Reason;

impl FieldTarget {
    /// The cell of a row, as the quarantine lists it.
    pub(crate) fn quarantined(&self, row: &RowKey, reason: Reason) -> Quarantined {
        let (table, field) = (self.table_label().to_owned(), self.job().name.clone());
        let cell = self.cell_id(row);
        Quarantined { table, field, row: row.clone(), reason: reason.name().to_owned(), cell }
    }

    /// What identifies a cell in the quarantine.
    pub(crate) fn cell_id(&self, row: &RowKey) -> String {
        hex::encode(Parts::of([self.table_label(), &self.job().name, &row.encode()]))
    }
}
