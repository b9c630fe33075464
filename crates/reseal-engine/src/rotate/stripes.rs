//! In which order the rows of several windows are written.
//!
//! When a rotation comes to a page of storage, the page is full: a new version of a row finds no room beside the old
//! one, goes to another page, and every index needs a new entry. So a database that can write rows in place (PostgreSQL:
//! heap-only tuples) is given the rows of a window in stripes, each with every sixth row of a page. The first stripe
//! makes room, the others stay where they are. The stripes of several windows are interleaved, so that one stripe of a
//! page is committed, and its old versions can be dropped, before the next one comes.

use reseal_store::RowKey;

use crate::batch::chunk::{Batch, Chunk};
use crate::batch::work::{OpenCount, Work};

/// Windows whose stripes are interleaved.
pub(crate) const WINDOWS: usize = 2;
/// How a group is cut.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Maximum number of windows in the group.
    pub(crate) windows: usize,
    /// Stripes of a window.
    pub(crate) stripes: usize,
    /// Rows of a batch. Stripes come out uneven, so a batch may have a quarter more.
    pub(crate) rows: usize,
}

impl Cut {
    /// The batches of one window.
    fn parts(self, window: &mut Work) -> Vec<Chunk> {
        let packed = std::mem::take(&mut window.packed).into_iter();
        let mut stripes: Vec<Chunk> = packed.map(Chunk::Packed).collect();
        stripes.push(Chunk::Rows(std::mem::take(&mut window.swaps)));
        stripes.into_iter().flat_map(|stripe| self.bounded(stripe)).collect()
    }

    /// A stripe in batches. They are cut off from its end: what is left keeps the room that all of it had.
    fn bounded(self, mut stripe: Chunk) -> Vec<Chunk> {
        let mut parts = Vec::new();
        while stripe.len() > self.rows + self.rows / 4 {
            parts.push(stripe.split_off(stripe.len() - self.rows));
        }
        parts.push(stripe);
        parts.reverse();
        parts
    }

    /// Stripes of a window of so many rows. One that fits a batch is none but itself: the order of the row keys is also
    /// that in which applications lock rows, and locking them in another order causes deadlocks.
    pub(crate) fn stripes_of(self, rows: usize) -> usize {
        if rows <= self.rows { 1 } else { self.stripes }
    }
}

/// Batches that belong together: the last of them carries the checkpoint and all counts but those of the swaps.
pub(crate) struct Group {
    /// The batches, in the order in which they are to be committed; at least one.
    pub(crate) batches: Vec<Batch>,
    /// For each field of the table: how many cells opened, how many did not.
    pub(crate) opened: Vec<OpenCount>,
    /// The last row key of the group; `None` where it has no row.
    pub(crate) last: Option<RowKey>,
    /// Whether the range is done.
    pub(crate) done: bool,
}

impl Group {
    /// Cuts windows into stripes and interleaves them. `last` is the last row key of the last window;
    /// `done` says that nothing comes after it.
    pub(crate) fn of(windows: Vec<Work>, cut: Cut, last: Option<RowKey>, done: bool) -> Group {
        let mut rest = Work::default();
        let mut parts: Vec<std::vec::IntoIter<Chunk>> = Vec::new();
        for mut window in windows {
            parts.push(cut.parts(&mut window).into_iter());
            rest.append(window);
        }
        let mut batches = Vec::new();
        while parts.iter().any(|parts| parts.len() > 0) {
            let next = parts.iter_mut().filter_map(Iterator::next).filter(|chunk| chunk.len() > 0);
            batches.extend(next.map(Batch::of));
        }
        let opened = std::mem::take(&mut rest.opened);
        let written: u64 = batches.iter().map(|batch| batch.rows).sum();
        let others = rest.counts.rows_scanned - written;
        match batches.last_mut() {
            Some(batch) => {
                batch.rows += others;
                (batch.counts, batch.broken, batch.stood) = (rest.counts, rest.broken, rest.stood);
            }
            None => batches.push(rest.into()),
        }
        Group { batches, opened, last, done }
    }
}

#[cfg(test)]
mod tests {
    use reseal_core::Value;
    use reseal_store::{Column, Counts, Kind, MayBePlain, Shape, Swap, TableName};

    use super::*;
    use crate::batch::packed::Packed;
    use crate::batch::planned::{Moved, PlannedSwap};

    const CUT: Cut = Cut { windows: 4, stripes: 8, rows: 100 };

    fn shape() -> Shape {
        Shape {
            table: TableName { schema: None, name: "t".into() },
            key: vec![Column { name: "id".into(), kind: Kind::Int, collation: None, foreign: None }],
            cells: vec![],
            context: vec![],
            keep: vec![],
            filter: None,
            only: None,
            read_back: false,
            watch: std::sync::Arc::default(),
        }
    }

    /// Rows of which every fortieth begins a page, in two parts as two cores make them.
    fn window(rows: std::ops::Range<i64>, stripes: usize) -> Work {
        striped(rows, stripes, |n| n as usize % 40)
    }

    fn striped(rows: std::ops::Range<i64>, stripes: usize, slot: impl Fn(i64) -> usize) -> Work {
        let opened = rows.clone().count() as u64;
        let mut work = Work { opened: vec![OpenCount { opened, ..OpenCount::default() }], ..Work::default() };
        let part = || Packed::with_room(&shape(), 1, 1, false);
        work.packed = (0..stripes).map(|_| vec![part(), part()]).collect();
        let middle = (rows.start + rows.end) / 2;
        for n in rows {
            let key = RowKey(vec![Value::Int(n)]);
            let swap =
                Swap { key, old: vec![], new: vec![], version: None, may_be_plain: MayBePlain::Nothing };
            let half = usize::from(n >= middle);
            work.packed[slot(n) % stripes][half].push(PlannedSwap { swap, moved: Moved::default() });
            work.counts.add(&Counts { rows_scanned: 1, ..Counts::default() });
        }
        work.counts.rows_scanned += 5;
        work
    }

    /// The rows of each batch.
    fn batches(group: Group) -> Vec<Vec<i64>> {
        let number = |planned: &PlannedSwap| if let Value::Int(n) = planned.swap.key.0[0] { n } else { -1 };
        let rows = |batch: Batch| batch.chunk.rows().iter().map(number).collect();
        group.batches.into_iter().map(rows).collect()
    }

    #[test]
    fn every_swap_comes_once_and_stripes_of_a_window_never_follow_each_other() {
        let windows = [0..800, 800..1600, 1600..2400].map(|rows| window(rows, 8));
        let group = Group::of(windows.into(), CUT, None, false);
        assert_eq!(group.batches.len(), 24);
        let batches = batches(group);
        let mut all: Vec<i64> = batches.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..2400).collect::<Vec<_>>());
        for pair in batches.windows(2) {
            assert_ne!(pair[0][0] / 800, pair[1][0] / 800);
        }
        for batch in &batches {
            assert!(batch.iter().all(|n| n % 40 % 8 == batch[0] % 40 % 8));
        }
    }

    #[test]
    fn a_window_of_a_batch_keeps_its_order() {
        let small = window(0..100, CUT.stripes_of(100));
        assert_eq!(batches(Group::of(vec![small], CUT, None, false)), [(0..100).collect::<Vec<_>>()]);
        assert_eq!(CUT.stripes_of(101), 8);
    }

    /// Watches the end that batches are cut off from: a part that they are cut off from keeps all of its room.
    #[test]
    fn small_batches_of_a_large_window_do_not_keep_its_room_each() {
        let cut = Cut { rows: 10, stripes: 1, ..CUT };
        let parts = cut.parts(&mut window(0..1000, 1));
        assert_eq!(parts.iter().map(Chunk::len).sum::<usize>(), 1000);
        let room = |chunk: &Chunk| match chunk {
            Chunk::Packed(parts) => parts.iter().map(Packed::room).sum(),
            Chunk::Rows(_) => 0,
        };
        let whole: usize = window(0..1000, 1).packed[0].iter().map(Packed::room).sum();
        assert!(parts.iter().map(room).sum::<usize>() <= 2 * whole);
    }

    #[test]
    fn a_batch_is_bounded_however_rows_lie_in_their_pages() {
        let batches = batches(Group::of(vec![striped(0..800, 8, |_| 1)], CUT, None, false));
        assert!(batches.iter().all(|batch| batch.len() <= 125));
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 800);
    }

    #[test]
    fn counts_come_with_the_last_batch_alone() {
        let windows = vec![window(0..800, 8), window(800..1000, 8)];
        let group = Group::of(windows, CUT, Some(RowKey(vec![])), false);
        let (last, others) = group.batches.split_last().unwrap();
        assert!(others.iter().all(|batch| batch.counts == Counts::default()));
        assert_eq!(last.counts.rows_scanned, 1010);
        assert_eq!(group.batches.iter().map(|batch| batch.rows).sum::<u64>(), 1010);
        assert_eq!(group.opened, [OpenCount { opened: 1000, ..OpenCount::default() }]);
    }

    #[test]
    fn a_group_without_swaps_still_moves_the_checkpoint() {
        let group = Group::of(vec![], CUT, None, false);
        assert_eq!(group.batches.len(), 1);
    }
}
