//! The old cells of a transaction, as the ledger keeps them.

use reseal_store::{StoodBatch, UndoBatch, UndoPlace};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::batch::packed::Packed;
use crate::batch::planned::Moved;
use crate::cell::undo::{self, Fingerprint, UndoKey};
use crate::error::UndoError;

/// Where the old cells of a transaction belong.
pub(super) struct Keeper<'k> {
    pub(super) shard: i64,
    /// The transaction's number in its shard.
    pub(super) batch: i64,
    /// The table, as the plan names it.
    pub(super) table: &'k str,
    /// The key that they are kept under, in an emergency.
    pub(super) key: Option<&'k UndoKey>,
}

/// Where it is noted what stood under the primary already.
#[derive(Clone, Copy)]
pub(super) struct Noting {
    pub(super) place: UndoPlace,
}

impl Noting {
    /// The note, where there is anything to note.
    pub(super) fn stood(self, digests: &[Fingerprint]) -> Option<StoodBatch> {
        (!digests.is_empty()).then(|| StoodBatch { place: self.place, digests: digests.concat() })
    }
}

impl Keeper<'_> {
    /// The old cells of these rows.
    pub(super) fn of_rows(&self, rows: &[&Moved]) -> Result<UndoBatch, Failure> {
        if rows.iter().any(|moved| moved.entry.is_empty()) {
            return Err(not_packed());
        }
        let packed = undo::pack(rows.len(), rows.iter().map(|moved| moved.entry.as_slice()));
        self.batch(packed, rows.iter().map(|moved| moved.cells()).sum())
    }

    /// The old cells of all rows of these parts.
    pub(super) fn of_parts(&self, parts: &[Packed], cells: u64) -> Result<UndoBatch, Failure> {
        if !parts.iter().all(Packed::has_entries) {
            return Err(not_packed());
        }
        let rows = parts.iter().map(Packed::len).sum();
        self.batch(undo::pack(rows, parts.iter().map(Packed::all_entries)), cells)
    }

    fn batch(&self, packed: Zeroizing<Vec<u8>>, cells: u64) -> Result<UndoBatch, Failure> {
        Ok(UndoBatch {
            shard: self.shard,
            batch: self.batch,
            table: self.table.to_owned(),
            cells,
            payload: undo::close(packed, self.key).map_err(Failure::Engine)?,
        })
    }
}

fn not_packed() -> Failure {
    Failure::Engine(UndoError::NotPacked.into())
}
