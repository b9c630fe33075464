//! In which order the rows of several windows are written.
//!
//! When a rotation comes to a page of storage, the page is full: a new version of a row finds no room beside the old
//! one, goes to another page, and every index needs a new entry. So a database that can write rows in place (PostgreSQL:
//! heap-only tuples) is given the rows of a window in stripes, each with every sixth row of a page. The first stripe
//! makes room, the others stay where they are. The stripes of several windows are interleaved, so that one stripe of a
//! page is committed, and its old versions can be dropped, before the next one comes.

use reseal_store::RowKey;

use crate::batch::{Swaps, Work};

/// Windows whose stripes are interleaved.
pub(crate) const WINDOWS: usize = 2;
/// How a group is cut.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Windows of the group at the most.
    pub(crate) windows: usize,
    /// Stripes of a window.
    pub(crate) stripes: usize,
    /// Rows of a batch. Stripes come out uneven, so a batch may have a quarter more.
    pub(crate) rows: usize,
}

impl Cut {
    /// The batches of one window.
    fn parts(self, swaps: Swaps) -> Vec<Swaps> {
        if swaps.len() <= self.rows {
            return vec![swaps];
        }
        let mut parts = Vec::new();
        for mut stripe in swaps.striped(self.stripes) {
            while stripe.len() > self.rows + self.rows / 4 {
                let rest = stripe.split_off(self.rows);
                parts.push(std::mem::replace(&mut stripe, rest));
            }
            parts.push(stripe);
        }
        parts
    }
}

/// Batches that belong together: the last of them carries the checkpoint and all counts but those of the swaps.
pub(crate) struct Group {
    /// The batches, in the order in which they are to be committed; at least one.
    pub(crate) batches: Vec<Batch>,
    /// For each field of the table: how many cells opened, how many did not.
    pub(crate) opened: Vec<(u64, u64)>,
    /// The last row key of the group; `None` where it has no row.
    pub(crate) last: Option<RowKey>,
    /// Whether the range is through.
    pub(crate) done: bool,
}

/// What one transaction is to write.
pub(crate) struct Batch {
    /// Its swaps; in the last batch of a group also the counts and the broken cells of the whole group.
    pub(crate) work: Work,
    /// Rows that it stands for.
    pub(crate) rows: u64,
}

impl Group {
    /// Cuts windows into stripes and interleaves them. `last` is the last row key of the last window, and whether
    /// nothing comes after it.
    pub(crate) fn of(windows: Vec<Work>, cut: Cut, (last, done): (Option<RowKey>, bool)) -> Group {
        let mut rest = Work::default();
        let mut parts: Vec<std::vec::IntoIter<Swaps>> = Vec::new();
        for mut window in windows {
            parts.push(cut.parts(std::mem::take(&mut window.swaps)).into_iter());
            rest.append(window);
        }
        let mut batches = Vec::new();
        while parts.iter().any(|parts| parts.len() > 0) {
            for swaps in parts.iter_mut().filter_map(Iterator::next).filter(|swaps| swaps.len() > 0) {
                let rows = swaps.len() as u64;
                batches.push(Batch { work: Work { swaps, ..Work::default() }, rows });
            }
        }
        let opened = std::mem::take(&mut rest.opened);
        let written: u64 = batches.iter().map(|batch| batch.rows).sum();
        let others = rest.counts.rows_scanned - written;
        match batches.last_mut() {
            Some(batch) => {
                batch.rows += others;
                (batch.work.counts, batch.work.broken) = (rest.counts, rest.broken);
            }
            None => batches.push(Batch { work: rest, rows: others }),
        }
        Group { batches, opened, last, done }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reseal_core::Value;
    use reseal_store::{Counts, Swap};

    use super::*;
    use crate::batch::Moved;

    const CUT: Cut = Cut { windows: 4, stripes: 8, rows: 100 };

    fn window(rows: std::ops::Range<i64>) -> Work {
        let mut work = Work { opened: vec![(rows.clone().count() as u64, 0)], ..Work::default() };
        for n in rows {
            let swap = Swap { key: RowKey(vec![Value::Int(n)]), old: vec![], new: vec![], version: None };
            work.swaps.push(
                swap,
                Moved { cells: 1, plain: Vec::new(), slot: (n % 40) as u16, entry: Bytes::new() },
            );
            work.counts.add(&Counts { rows_scanned: 1, ..Counts::default() });
        }
        work.counts.rows_scanned += 5;
        work
    }

    #[test]
    fn every_swap_comes_once_and_stripes_of_a_window_never_follow_each_other() {
        let group =
            Group::of(vec![window(0..800), window(800..1600), window(1600..2400)], CUT, (None, false));
        assert_eq!(group.batches.len(), 24);
        let keys =
            |batch: &Batch| batch.work.swaps.all.iter().map(|swap| swap.key.clone()).collect::<Vec<_>>();
        let mut all: Vec<_> = group.batches.iter().flat_map(keys).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 2400);
        for pair in group.batches.windows(2) {
            let window = |batch: &Batch| match keys(batch)[0].0[0] {
                Value::Int(n) => n / 800,
                _ => -1,
            };
            assert_ne!(window(&pair[0]), window(&pair[1]));
        }
        for batch in &group.batches {
            let slots: Vec<u16> = batch.work.swaps.moved.iter().map(|moved| moved.slot % 8).collect();
            assert!(slots.iter().all(|slot| *slot == slots[0]));
        }
    }

    #[test]
    fn a_batch_is_bounded_however_rows_lie_in_their_pages() {
        let mut window = window(0..800);
        window.swaps.moved.iter_mut().for_each(|moved| moved.slot = 1);
        let group = Group::of(vec![window], CUT, (None, false));
        assert!(group.batches.iter().all(|batch| batch.work.swaps.len() <= 125));
        assert_eq!(group.batches.iter().map(|batch| batch.work.swaps.len()).sum::<usize>(), 800);
    }

    #[test]
    fn counts_come_with_the_last_batch_alone() {
        let group = Group::of(vec![window(0..800), window(800..1000)], CUT, (Some(RowKey(vec![])), false));
        let (last, others) = group.batches.split_last().unwrap();
        assert!(others.iter().all(|batch| batch.work.counts == Counts::default()));
        assert_eq!(last.work.counts.rows_scanned, 1010);
        assert_eq!(group.batches.iter().map(|batch| batch.rows).sum::<u64>(), 1010);
        assert_eq!(group.opened, [(1000, 0)]);
    }

    #[test]
    fn a_group_without_swaps_still_moves_the_checkpoint() {
        let group = Group::of(vec![], CUT, (None, false));
        assert_eq!(group.batches.len(), 1);
    }
}
