//! What one transaction is to write.

use reseal_store::{Counts, Quarantined};

use super::packed::{self, Packed};
use super::planned::PlannedSwap;
use super::work::Work;
use crate::cell::undo::Fingerprint;

/// The swaps of one transaction.
pub(crate) enum Chunk {
    /// One by one.
    Rows(Vec<PlannedSwap>),
    /// Packed, in parts.
    Packed(Vec<Packed>),
}

/// A chunk, and what is counted and listed with it.
pub(crate) struct Batch {
    pub(crate) chunk: Chunk,
    /// The counts of a whole group, in the last of its batches; nothing in the others.
    pub(crate) counts: Counts,
    /// The broken cells of a whole group, likewise.
    pub(crate) broken: Vec<Quarantined>,
    /// What stood under the primary already in a whole group, likewise.
    pub(crate) stood: Vec<Fingerprint>,
    /// Rows that it stands for.
    pub(crate) rows: u64,
}

impl Batch {
    /// A batch of these swaps alone.
    pub(crate) fn of(chunk: Chunk) -> Batch {
        let rows = chunk.len() as u64;
        Batch { chunk, counts: Counts::default(), broken: Vec::new(), stood: Vec::new(), rows }
    }
}

/// Work whose swaps are not packed, as one batch.
impl From<Work> for Batch {
    fn from(work: Work) -> Batch {
        let Work { swaps, counts, broken, stood, .. } = work;
        Batch { chunk: Chunk::Rows(swaps), rows: counts.rows_scanned, counts, broken, stood }
    }
}

impl Chunk {
    pub(crate) fn len(&self) -> usize {
        match self {
            Chunk::Rows(swaps) => swaps.len(),
            Chunk::Packed(parts) => packed::rows(parts),
        }
    }

    /// Takes out all from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Chunk {
        match self {
            Chunk::Rows(swaps) => Chunk::Rows(swaps.split_off(at)),
            Chunk::Packed(parts) => Chunk::Packed(packed::split_off(parts, at)),
        }
    }

    /// The swaps one by one.
    pub(crate) fn rows(self) -> Vec<PlannedSwap> {
        match self {
            Chunk::Rows(swaps) => swaps,
            Chunk::Packed(parts) => packed::unpacked(parts),
        }
    }
}
