//! Swaps that are planned, each with what it moves.

use reseal_store::Swap;
use smallvec::SmallVec;

/// A swap, and what is to be counted and kept for it.
pub(crate) struct PlannedSwap {
    /// The swap, as the store takes it.
    pub(crate) swap: Swap,
    /// What it moves.
    pub(crate) moved: Moved,
}

/// Cells of all these swaps.
pub(crate) fn cells(planned: &[PlannedSwap]) -> u64 {
    planned.iter().map(|planned| planned.moved.cells()).sum()
}

/// What one swap moves.
#[derive(Clone, Default)]
pub(crate) struct Moved {
    /// The fields whose cells it moves.
    pub(crate) fields: Fields,
    /// The fields of which a mirror is written.
    pub(crate) filled: Fields,
    /// The fields whose old cell is plaintext: it must then not be kept or sent as it is.
    pub(crate) plain: Fields,
    /// The row's old values as undo keeps them; empty where they are not to be kept.
    pub(crate) entry: Vec<u8>,
}

impl Moved {
    /// How many cells.
    pub(crate) fn cells(&self) -> u64 {
        self.fields.len()
    }

    /// Takes a field out again: nothing of it is written.
    pub(crate) fn leave(&mut self, field: usize) {
        for fields in [&mut self.fields, &mut self.filled, &mut self.plain] {
            fields.remove(field);
        }
    }

    /// Whether anything of a field is written.
    pub(crate) fn writes(&self, field: usize) -> bool {
        self.fields.contains(field) || self.filled.contains(field)
    }
}

/// A set of a table's fields, by their positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(SmallVec<[u64; 1]>);

impl Fields {
    pub(crate) fn insert(&mut self, at: usize) {
        let word = at / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (at % 64);
    }

    pub(crate) fn remove(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    pub(crate) fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_a_set_of_any_width() {
        let mut fields = Fields::default();
        assert!(fields.is_empty());
        for at in [3, 130, 3, 64] {
            fields.insert(at);
        }
        let held: Vec<usize> = (0..200).filter(|at| fields.contains(*at)).collect();
        assert_eq!(held, [3, 64, 130]);
        assert_eq!(fields.len(), 3);
        [64, 65, 999].iter().for_each(|at| fields.remove(*at));
        assert_eq!((fields.contains(64), fields.len()), (false, 2));
    }
}
