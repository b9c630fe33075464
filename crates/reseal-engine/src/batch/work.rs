//! What a page of rows comes to before anything is written.

use reseal_store::{Counts, Quarantined};

use super::packed::{self, Packed};
use super::planned::PlannedSwap;
use crate::cell::undo::Fingerprint;
use crate::reason::Reason;

/// What a page of rows comes to before anything is written.
#[derive(Default)]
pub(crate) struct Work {
    /// The swaps.
    pub(crate) swaps: Vec<PlannedSwap>,
    /// The swaps where they are packed instead: by stripes, each in as many parts as cores have worked on it.
    pub(crate) packed: Vec<Vec<Packed>>,
    /// Cells that could not be opened.
    pub(crate) broken: Vec<Quarantined>,
    /// Digests of groups of cells that are under the primary already.
    pub(crate) stood: Vec<Fingerprint>,
    /// What was counted on the way. Swapped cells are counted when they are committed.
    pub(crate) counts: Counts,
    /// For each field of the table: how many cells opened, how many did not.
    pub(crate) opened: Vec<OpenCount>,
}

/// Cells of one field that were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenCount {
    /// How many opened.
    pub(crate) opened: u64,
    /// How many did not.
    pub(crate) failed: u64,
    /// Why the last of those did not.
    pub(crate) why: Option<Reason>,
}

impl Work {
    /// How many rows are to be written.
    pub(crate) fn swapped(&self) -> usize {
        self.swaps.len() + self.packed.iter().map(|stripe| packed::rows(stripe)).sum::<usize>()
    }

    pub(crate) fn append(&mut self, mut other: Work) {
        self.swaps.append(&mut other.swaps);
        packed::append(&mut self.packed, other.packed);
        self.broken.append(&mut other.broken);
        self.stood.append(&mut other.stood);
        self.counts.add(&other.counts);
        if self.opened.is_empty() {
            self.opened = other.opened;
        } else {
            for (mine, theirs) in self.opened.iter_mut().zip(other.opened) {
                mine.opened += theirs.opened;
                mine.failed += theirs.failed;
                mine.why = theirs.why.or(mine.why);
            }
        }
    }
}
