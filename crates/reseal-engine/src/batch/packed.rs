//! Swaps on their way to a writer that commits whole batches: packed where they are made, while they are in the core's
//! cache, into what is sent.

use reseal_store::{Shape, SwapColumns};

use super::planned::{Moved, PlannedSwap};

/// Swaps in columns, and behind each other what undo keeps of their rows.
pub(crate) struct Packed {
    columns: SwapColumns,
    rows: Vec<PackedRow>,
    entries: Vec<u8>,
}

/// What is counted and kept for one of them.
struct PackedRow {
    /// All but the entry.
    moved: Moved,
    /// Where its entry ends.
    end: usize,
}

impl Packed {
    /// Room for so many rows of so many bytes altogether.
    pub(crate) fn with_room(shape: &Shape, rows: usize, bytes: usize, undo: bool) -> Packed {
        Packed {
            columns: SwapColumns::with_room(shape, rows, bytes),
            rows: Vec::with_capacity(rows),
            entries: Vec::with_capacity(if undo { bytes + rows * 64 } else { 0 }),
        }
    }

    /// Where the entry of the next swap is to be written, behind the others.
    pub(super) fn entries(&mut self) -> &mut Vec<u8> {
        &mut self.entries
    }

    /// Appends a swap whose entry was written.
    pub(crate) fn push(&mut self, planned: PlannedSwap) {
        self.columns.push(&planned.swap);
        self.rows.push(PackedRow { moved: planned.moved, end: self.entries.len() });
    }

    pub(crate) fn columns(&self) -> &SwapColumns {
        &self.columns
    }

    /// The entries of all rows.
    pub(crate) fn all_entries(&self) -> &[u8] {
        &self.entries
    }

    /// Whether there is an entry for every row.
    pub(crate) fn has_entries(&self) -> bool {
        let ends = self.rows.iter().map(|row| row.end);
        ends.scan(0, |before, end| Some(std::mem::replace(before, end) < end)).all(|grows| grows)
    }

    /// What the swaps move.
    pub(crate) fn moved(&self) -> impl Iterator<Item = &Moved> + Clone {
        self.rows.iter().map(|row| &row.moved)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Cells of all swaps.
    pub(crate) fn cells(&self) -> u64 {
        self.rows.iter().map(|row| row.moved.cells()).sum()
    }

    /// How many rows there is room for.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.rows.capacity()
    }

    /// Takes out all from `at` on.
    fn split_off(&mut self, at: usize) -> Packed {
        let at = at.min(self.rows.len());
        let start = at.checked_sub(1).map_or(0, |last| self.rows[last].end);
        let mut rows = self.rows.split_off(at);
        rows.iter_mut().for_each(|row| row.end -= start);
        Packed { columns: self.columns.split_off(at), rows, entries: self.entries.split_off(start) }
    }
}

/// Appends the stripes of another part.
pub(super) fn append(stripes: &mut Vec<Vec<Packed>>, others: Vec<Vec<Packed>>) {
    for (at, parts) in others.into_iter().enumerate() {
        match stripes.get_mut(at) {
            Some(mine) => mine.extend(parts),
            None => stripes.push(parts),
        }
    }
}

/// How many swaps the parts hold.
pub(crate) fn rows(parts: &[Packed]) -> usize {
    parts.iter().map(Packed::len).sum()
}

/// Takes out all swaps of the parts from `at` on.
pub(crate) fn split_off(parts: &mut Vec<Packed>, at: usize) -> Vec<Packed> {
    let (mut whole, mut left) = (0, at);
    while parts.get(whole).is_some_and(|part| part.len() <= left) {
        left -= parts[whole].len();
        whole += 1;
    }
    let mut rest = parts.split_off(whole);
    if left > 0
        && let Some(cut) = rest.first_mut()
    {
        let tail = cut.split_off(left);
        parts.push(std::mem::replace(cut, tail));
    }
    rest
}

/// The swaps of the parts one by one, without their old values.
pub(crate) fn unpacked(parts: Vec<Packed>) -> Vec<PlannedSwap> {
    let mut all = Vec::with_capacity(rows(&parts));
    for Packed { columns, rows, entries } in parts {
        let mut start = 0;
        for (swap, row) in columns.swaps().into_iter().zip(rows) {
            let entry = entries[std::mem::replace(&mut start, row.end)..row.end].to_vec();
            all.push(PlannedSwap { swap, moved: Moved { entry, ..row.moved } });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use reseal_core::Value;
    use reseal_store::{Column, Kind, MayBePlain, RowKey, Swap, TableName};

    use super::*;
    use crate::batch::planned::Fields;

    fn shape() -> Shape {
        let column = |name: &str, kind| Column { name: name.into(), kind, collation: None, foreign: None };
        Shape {
            table: TableName { schema: None, name: "t".into() },
            key: vec![column("id", Kind::Int)],
            cells: vec![column("a", Kind::Text)],
            context: vec![],
            keep: vec![],
            filter: None,
            only: None,
            read_back: false,
            watch: std::sync::Arc::default(),
        }
    }

    fn part(numbers: std::ops::Range<i64>) -> Packed {
        let mut packed = Packed::with_room(&shape(), 1, 1, true);
        for n in numbers {
            let new = vec![Value::Text(format!("cell {n}"))];
            let key = RowKey(vec![Value::Int(n)]);
            let swap =
                Swap { key, old: vec![], new, version: Some(n as u32), may_be_plain: MayBePlain::Nothing };
            packed.entries().extend_from_slice(format!("entry {n}").as_bytes());
            let mut fields = Fields::default();
            fields.insert(n as usize);
            packed.push(PlannedSwap { swap, moved: Moved { fields, ..Moved::default() } });
        }
        packed
    }

    #[test]
    fn swaps_come_out_as_they_went_in_wherever_the_parts_are_split() {
        for at in 0..=9 {
            let mut parts = vec![part(0..3), part(3..4), part(4..8)];
            let rest = split_off(&mut parts, at);
            assert_eq!((rows(&parts), rows(&rest)), (at.min(8), 8 - at.min(8)), "{at}");
            assert!(parts.iter().chain(&rest).all(Packed::has_entries));
            assert_eq!(parts.iter().chain(&rest).map(Packed::cells).sum::<u64>(), 8);
            let mut swaps = unpacked(parts);
            swaps.append(&mut unpacked(rest));
            for (n, PlannedSwap { swap, moved }) in swaps.iter().enumerate() {
                assert_eq!(swap.key, RowKey(vec![Value::Int(n as i64)]));
                assert_eq!(swap.new, [Value::Text(format!("cell {n}"))]);
                assert_eq!(moved.entry, format!("entry {n}").as_bytes());
                assert!(moved.fields.contains(n));
            }
            assert_eq!(swaps.len(), 8);
        }
    }

    #[test]
    fn a_row_without_an_entry_is_noticed() {
        let mut packed = part(0..2);
        let (key, new) = (RowKey(vec![Value::Int(9)]), vec![Value::Null]);
        let swap = Swap { key, old: vec![], new, version: None, may_be_plain: MayBePlain::Nothing };
        packed.push(PlannedSwap { swap, moved: Moved::default() });
        assert!(!packed.has_entries());
    }
}
