//! Swaps by columns, as they travel.

use std::fmt;

use reseal_core::Value;

use crate::{Kind, MayBePlain, RowKey, Shape, Swap};

/// Many swaps that are compared by version, column by column.
///
/// A swap of its own is half a dozen allocations that wait for the writer, on another core than the one that made them;
/// here it is a few bytes behind those of the swap before, in the form in which the server takes them.
pub struct SwapColumns {
    rows: usize,
    key: Vec<Elements>,
    new: Vec<Elements>,
    versions: Vec<u32>,
}

/// The values of one column. Each is written as PostgreSQL's binary arrays have it (`array_send` in its
/// `arrayfuncs.c`): its length as 32 bits, -1 for NULL, then its bytes, all in network byte order.
pub(crate) struct Elements {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    pub(crate) has_null: bool,
}

impl SwapColumns {
    /// Room for swaps of such rows: so many, of so many bytes altogether.
    #[must_use]
    pub fn with_room(shape: &Shape, rows: usize, bytes: usize) -> Self {
        let columns = shape.key.iter().chain(&shape.cells).filter(|column| column.kind != Kind::Int);
        let columns = columns.count().max(1);
        let elements = |kind| Elements {
            kind,
            bytes: Vec::with_capacity(if kind == Kind::Int { rows * 12 } else { bytes / columns }),
            has_null: false,
        };
        SwapColumns {
            rows: 0,
            key: shape.key.iter().map(|column| elements(column.kind)).collect(),
            new: shape.cells.iter().map(|column| elements(column.kind)).collect(),
            versions: Vec::with_capacity(rows),
        }
    }

    /// Appends a swap that withholds nothing. Its old values are not kept: a row without a version will not be found.
    pub fn push(&mut self, swap: &Swap) {
        self.rows += 1;
        self.key.iter_mut().zip(&swap.key.0).for_each(|(elements, value)| elements.push(value));
        self.new.iter_mut().zip(&swap.new).for_each(|(elements, value)| elements.push(value));
        self.versions.push(swap.version.unwrap_or_default());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Takes out all from `at` on.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> SwapColumns {
        let at = at.min(self.rows);
        let rest = self.rows - at;
        self.rows = at;
        let split = |all: &mut Vec<Elements>| all.iter_mut().map(|one| one.split_off(at)).collect();
        SwapColumns {
            rows: rest,
            key: split(&mut self.key),
            new: split(&mut self.new),
            versions: self.versions.split_off(at),
        }
    }

    /// The swaps one by one, without old values.
    #[must_use]
    pub fn swaps(&self) -> Vec<Swap> {
        let rows = |all: &[Elements]| -> Vec<Vec<Value>> {
            let mut rows: Vec<Vec<Value>> = (0..self.rows).map(|_| Vec::with_capacity(all.len())).collect();
            for elements in all {
                elements.values().zip(&mut rows).for_each(|(value, row)| row.push(value));
            }
            rows
        };
        let swaps = rows(&self.key).into_iter().zip(rows(&self.new)).zip(&self.versions);
        let swap = |((key, new), version): ((Vec<Value>, Vec<Value>), &u32)| Swap {
            key: RowKey(key),
            old: Vec::new(),
            new,
            version: Some(*version),
            may_be_plain: MayBePlain::Nothing,
        };
        swaps.map(swap).collect()
    }

    pub(crate) fn key(&self) -> &[Elements] {
        &self.key
    }

    pub(crate) fn new_values(&self) -> &[Elements] {
        &self.new
    }

    pub(crate) fn versions(&self) -> &[u32] {
        &self.versions
    }
}

/// Says how many there are, not what they hold.
impl fmt::Debug for SwapColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwapColumns").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Elements {
    fn push(&mut self, value: &Value) {
        match (self.kind, value) {
            (Kind::Int, Value::Int(n)) => self.put(&n.to_be_bytes()),
            (Kind::Uuid, Value::Uuid(bytes)) => self.put(bytes),
            (Kind::Int | Kind::Uuid, _) | (_, Value::Null) => self.put_null(),
            (Kind::Binary, value) => match value.as_slice() {
                Some(bytes) => self.put(bytes),
                None => self.put_null(),
            },
            (Kind::Text | Kind::Json | Kind::Other, value) => match value.text() {
                Some(text) => self.put(text.as_bytes()),
                None => self.put_null(),
            },
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    fn put_null(&mut self) {
        self.has_null = true;
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// The bytes of each value; `None` for NULL.
    fn each(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            let (bytes, after) = after.split_at_checked(length.unwrap_or_default())?;
            rest = after;
            Some(length.map(|_| bytes))
        })
    }

    fn values(&self) -> impl Iterator<Item = Value> {
        let value = |bytes: &[u8]| match self.kind {
            Kind::Int => bytes.try_into().ok().map(|bytes| Value::Int(i64::from_be_bytes(bytes))),
            Kind::Uuid => bytes.try_into().ok().map(Value::Uuid),
            Kind::Binary => Some(Value::Bytes(bytes.to_vec())),
            Kind::Text | Kind::Json | Kind::Other => String::from_utf8(bytes.to_vec()).ok().map(Value::Text),
        };
        self.each().map(move |bytes| bytes.and_then(value).unwrap_or(Value::Null))
    }

    fn split_off(&mut self, at: usize) -> Elements {
        let start = self.each().take(at).map(|bytes| 4 + bytes.map_or(0, <[u8]>::len)).sum();
        Elements { kind: self.kind, bytes: self.bytes.split_off(start), has_null: self.has_null }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, TableName};

    fn shape() -> Shape {
        let column = |name: &str, kind| Column { name: name.into(), kind, collation: None, foreign: None };
        Shape {
            table: TableName { schema: None, name: "t".into() },
            key: vec![column("n", Kind::Int), column("u", Kind::Uuid)],
            cells: vec![column("a", Kind::Text), column("b", Kind::Binary), column("c", Kind::Text)],
            context: vec![],
            keep: vec![],
            filter: None,
            only: None,
            read_back: false,
            watch: std::sync::Arc::default(),
        }
    }

    fn swap(n: i64) -> Swap {
        Swap {
            key: RowKey(vec![Value::Int(n), Value::Uuid([n as u8; 16])]),
            old: Vec::new(),
            new: vec![Value::Text(format!("é{n}")), Value::Bytes(vec![0; n as usize]), Value::Null],
            version: Some(u32::MAX - n as u32),
            may_be_plain: MayBePlain::Nothing,
        }
    }

    fn told(swaps: &[Swap]) -> Vec<(RowKey, Vec<Value>, Option<u32>)> {
        swaps.iter().map(|swap| (swap.key.clone(), swap.new.clone(), swap.version)).collect()
    }

    #[test]
    fn swaps_come_back_as_they_were_put_wherever_they_are_split() {
        let all: Vec<Swap> = (0..7).map(swap).collect();
        for at in 0..=8 {
            let mut columns = SwapColumns::with_room(&shape(), 7, 100);
            all.iter().for_each(|swap| columns.push(swap));
            assert_eq!(format!("{columns:?}"), "SwapColumns { rows: 7, .. }", "content is shown");
            let rest = columns.split_off(at);
            let (here, there) = all.split_at(at.min(7));
            assert_eq!((columns.len(), rest.len()), (here.len(), there.len()));
            assert_eq!(told(&columns.swaps()), told(here));
            assert_eq!(told(&rest.swaps()), told(there));
        }
    }
}
