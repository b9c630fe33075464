//! What a page of rows comes to before anything is written.

use bytes::Bytes;
use reseal_store::{Counts, Quarantined, Swap};

/// Swaps, and what is to be counted and kept for each.
#[derive(Default)]
pub(crate) struct Swaps {
    /// The swaps, as the store takes them.
    pub(crate) all: Vec<Swap>,
    /// What each of them moves, in the same order.
    pub(crate) moved: Vec<Moved>,
}

/// What one swap moves.
#[derive(Clone)]
pub(crate) struct Moved {
    /// How many cells.
    pub(crate) cells: u64,
    /// The fields whose old cell is plaintext: it must then not be kept or sent as it is.
    pub(crate) plain: Vec<usize>,
    /// Where the row lies in its page of storage, where the database tells.
    pub(crate) slot: u16,
    /// The row's old values as undo keeps them; empty where they are not to be kept.
    pub(crate) entry: Bytes,
}

impl Swaps {
    pub(crate) fn push(&mut self, swap: Swap, moved: Moved) {
        self.all.push(swap);
        self.moved.push(moved);
    }

    fn append(&mut self, other: &mut Swaps) {
        self.all.append(&mut other.all);
        self.moved.append(&mut other.moved);
    }

    /// Takes out all from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Swaps {
        Swaps { all: self.all.split_off(at), moved: self.moved.split_off(at) }
    }

    /// Cuts them into this many parts, by where their rows lie in their pages.
    pub(crate) fn striped(self, stripes: usize) -> Vec<Swaps> {
        let room = self.len() / stripes + self.len() / stripes / 4;
        let part = || Swaps { all: Vec::with_capacity(room), moved: Vec::with_capacity(room) };
        let mut parts: Vec<Swaps> = (0..stripes).map(|_| part()).collect();
        for (swap, moved) in self.all.into_iter().zip(self.moved) {
            parts[usize::from(moved.slot) % stripes].push(swap, moved);
        }
        parts
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Cells of all swaps.
    pub(crate) fn cells(&self) -> u64 {
        self.moved.iter().map(|moved| moved.cells).sum()
    }

    /// Whether an old cell of any of them is plaintext.
    pub(crate) fn any_plain(&self) -> bool {
        self.moved.iter().any(|moved| !moved.plain.is_empty())
    }
}

/// What a page of rows comes to before anything is written.
#[derive(Default)]
pub(crate) struct Work {
    /// The swaps.
    pub(crate) swaps: Swaps,
    /// Cells that could not be opened.
    pub(crate) broken: Vec<Quarantined>,
    /// What was counted on the way. Swapped cells are counted when they are committed.
    pub(crate) counts: Counts,
    /// For each field of the table: how many cells opened, how many did not.
    pub(crate) opened: Vec<(u64, u64)>,
}

impl Work {
    pub(crate) fn append(&mut self, mut other: Work) {
        self.swaps.append(&mut other.swaps);
        self.broken.append(&mut other.broken);
        self.counts.add(&other.counts);
        if self.opened.is_empty() {
            self.opened = other.opened;
        } else {
            for (mine, theirs) in self.opened.iter_mut().zip(other.opened) {
                mine.0 += theirs.0;
                mine.1 += theirs.1;
            }
        }
    }
}
