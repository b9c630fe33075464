//! What the server stored of a swap, read back in the transaction that wrote it.
//!
//! A trigger may store another value than the one that was sent, and neither RETURNING nor the number of rows shows it:
//! both tell what the statement did, and triggers may come after. So the rows are locked and read, swapped, and read
//! again by a query of their own once every deferred trigger has fired.

use std::collections::HashMap;

use reseal_core::Value;
use sea_query::Expr;

use crate::comparison::Comparison;
use crate::conditions::keys_at_once;
use crate::driver::{Written, key_text};
use crate::names::iden;
use crate::session::kinds;
use crate::{Kind, Row, RowKey, Session, Shape, StoreError, Swap, TableName};

/// What came of swaps. Only what was written can be committed.
#[derive(Clone, Debug)]
pub enum Swapped {
    /// The swaps at these positions were written, the others lost against another writer.
    Written(Vec<usize>),
    /// The table has triggers, and nothing was read back: swap again, with [`Shape::with_read_back`].
    Unwatched,
    /// The rows at these positions stand as they stood, although nobody else has changed them.
    Swallowed {
        /// The positions.
        rows: Vec<usize>,
        /// The triggers of the table.
        by: Vec<String>,
    },
    /// What is stored is not what was sent.
    Differs(Difference),
}

/// What is stored, and was not to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is stored.
    pub what: Differing,
    /// The triggers of the table.
    pub by: Vec<String>,
}

/// Where what is stored differs from what was to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differing {
    /// A cell holds something else than what was sent.
    Cell {
        /// The row.
        row: RowKey,
        /// The column.
        column: String,
    },
    /// The row is no longer there, or has another row key.
    Gone {
        /// The row.
        row: RowKey,
    },
    /// A column that nobody expects to change has changed.
    Beside {
        /// The row.
        row: RowKey,
        /// The column.
        column: String,
    },
    /// A cell of a row that was not swapped was written.
    OtherRow {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
}

/// A row, and the fingerprints of the columns beside its cells.
struct Image {
    row: Row,
    beside: Vec<Value>,
}

/// Whether the rows that are read are still to be locked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Taken,
    Held,
}

type Images = HashMap<RowKey, Image>;

impl Session {
    /// Writes swaps in the open transaction, and compares what is stored then.
    pub(crate) async fn swap_and_read_back(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        by_version: bool,
    ) -> Result<Swapped, StoreError> {
        let by = self.sql.driver.update_triggers(&shape.table).await?;
        // Where no trigger fires, nothing is written but what is sent.
        let beside: &[_] = if by.is_empty() { &[] } else { &shape.watch.beside };
        let before = self.images(shape, beside, swaps, Lock::Taken).await?;
        let planned: &[_] = if by.is_empty() { &[] } else { &shape.watch.planned };
        if !planned.is_empty() {
            self.sql.driver.watch(planned).await?;
        }
        let standing = self.compares_here(swaps).then(|| standing(swaps, &before));
        let comparison = Comparison::of(by_version, standing.as_deref());
        let written = self.sql.driver.swap(shape, swaps, comparison).await?;
        self.sql.driver.fire_deferred().await?;
        // A row that left the scope by what a trigger did is looked at all the same.
        let unscoped = Shape { filter: None, only: None, ..shape.clone() };
        let after = self.images(&unscoped, beside, swaps, Lock::Held).await?;
        let compared = compare(shape, swaps, &written, &before, &after);
        if !matches!(compared, Compared::Same) {
            return Ok(compared.by(by));
        }
        if !planned.is_empty() {
            let keys = swaps.iter().map(|swap| key_text(&swap.key)).collect();
            let swapped = Written { planned, table: &shape.table, keys, rows: written.len() };
            if let Some(other) = self.sql.driver.written_beside(&swapped).await? {
                let what = Differing::OtherRow { table: other.table, column: other.column };
                return Ok(Swapped::Differs(Difference { what, by }));
            }
        }
        Ok(Swapped::Written(written))
    }

    /// Whether swaps are compared here, since the server would be sent what may be plaintext.
    pub(crate) fn compares_here(&self, swaps: &[&Swap]) -> bool {
        self.capabilities().sends_old_values && swaps.iter().any(|swap| swap.may_hold_plaintext())
    }

    /// Locks the rows of swaps until the transaction ends; gives the positions of those that are what they were planned for.
    pub(crate) async fn standing(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
    ) -> Result<Vec<usize>, StoreError> {
        let locked = self.images(shape, &[], swaps, Lock::Taken).await?;
        Ok(standing(swaps, &locked))
    }

    /// The rows of swaps as they stand, with the fingerprints of columns beside their cells.
    async fn images(
        &mut self,
        shape: &Shape,
        beside: &[String],
        swaps: &[&Swap],
        lock: Lock,
    ) -> Result<Images, StoreError> {
        let mut select = self.select_columns(shape);
        for column in beside {
            select.expr(self.sql.driver.fingerprint(column));
        }
        for name in self.sql.driver.system_columns() {
            select.expr(Expr::col(iden(name)));
        }
        let mut columns = kinds(shape);
        columns.extend(beside.iter().map(|_| Kind::Text));
        let values = shape.cells.len() + shape.context.len();
        let mut images = HashMap::with_capacity(swaps.len());
        for swaps in swaps.chunks(keys_at_once(&shape.key)) {
            let any = self.any_of(&shape.key, swaps.iter().map(|swap| &swap.key));
            let mut select = select.clone();
            select.cond_where(self.scope(shape).add(any));
            let mut statement = self.build(&select).about(shape);
            if lock == Lock::Taken {
                statement.sql.push_str(self.sql.driver.lock());
            }
            let rows = self.sql.driver.rows(statement, &columns, shape.key.len(), usize::MAX).await?;
            for mut row in rows.decode()? {
                let beside = row.values.split_off(values);
                images.insert(row.key.clone(), Image { row, beside });
            }
        }
        Ok(images)
    }
}

fn standing(swaps: &[&Swap], locked: &Images) -> Vec<usize> {
    let stands = |swap: &Swap| locked.get(&swap.key).is_some_and(|image| stood(swap, &image.row));
    swaps.iter().enumerate().filter(|(_, swap)| stands(swap)).map(|(at, _)| at).collect()
}

enum Compared {
    Same,
    Swallowed(Vec<usize>),
    Differs(Differing),
}

impl Compared {
    fn by(self, by: Vec<String>) -> Swapped {
        match self {
            Compared::Same => Swapped::Written(Vec::new()),
            Compared::Swallowed(rows) => Swapped::Swallowed { rows, by },
            Compared::Differs(what) => Swapped::Differs(Difference { what, by }),
        }
    }
}

/// Holds what is stored against what was sent. A row that another writer changed before it was locked is not written, and
/// is compared with itself alone.
fn compare(shape: &Shape, swaps: &[&Swap], written: &[usize], before: &Images, after: &Images) -> Compared {
    let mut is_written = vec![false; swaps.len()];
    for at in written {
        if let Some(is_written) = is_written.get_mut(*at) {
            *is_written = true;
        }
    }
    let mut swallowed = Vec::new();
    for (at, (swap, is_written)) in swaps.iter().zip(is_written).enumerate() {
        let (old, new) = (before.get(&swap.key), after.get(&swap.key));
        match judge(shape, swap, is_written, old, new) {
            None => {}
            Some(Judged::Swallowed) => swallowed.push(at),
            Some(Judged::Differs(what)) => return Compared::Differs(what),
        }
    }
    if swallowed.is_empty() { Compared::Same } else { Compared::Swallowed(swallowed) }
}

enum Judged {
    Swallowed,
    Differs(Differing),
}

fn judge(
    shape: &Shape,
    swap: &Swap,
    is_written: bool,
    old: Option<&Image>,
    new: Option<&Image>,
) -> Option<Judged> {
    let gone = || Some(Judged::Differs(Differing::Gone { row: swap.key.clone() }));
    let Some(new) = new else {
        return if is_written || old.is_some() { gone() } else { None };
    };
    let cells = shape.cells.len();
    let unchanged = old.is_some_and(|old| old.row.values[..cells] == new.row.values[..cells]);
    let stored = |at: &usize| same(&swap.new[*at], &new.row.values[*at]);
    let wrong = if is_written { (0..cells).find(|at| !stored(at)) } else { None };
    match (is_written, old) {
        (true, _) if wrong.is_some() && unchanged => return Some(Judged::Swallowed),
        (false, Some(old)) if unchanged && stood(swap, &old.row) => return Some(Judged::Swallowed),
        (false, Some(old)) if !unchanged => {
            // What was read under the lock is no other writer's any more.
            let at = (0..cells).find(|at| old.row.values[*at] != new.row.values[*at]).unwrap_or_default();
            return Some(differs(shape, swap, at));
        }
        _ => {}
    }
    if let Some(at) = wrong {
        return Some(differs(shape, swap, at));
    }
    let changed = old.filter(|_| is_written)?.beside.iter().zip(&new.beside).position(|(a, b)| a != b)?;
    let column = shape.watch.beside[changed].clone();
    Some(Judged::Differs(Differing::Beside { row: swap.key.clone(), column }))
}

fn differs(shape: &Shape, swap: &Swap, at: usize) -> Judged {
    Judged::Differs(Differing::Cell { row: swap.key.clone(), column: shape.cells[at].name.clone() })
}

/// Whether a row was, when it was locked, what the swap was planned for: in its version, where there are versions, and in
/// its bytes.
fn stood(swap: &Swap, row: &Row) -> bool {
    swap.version == row.version && (swap.old.is_empty() || swap.old == row.values)
}

/// Whether a value is stored as it was sent. A number that was sent as a text is stored as a number.
fn same(sent: &Value, stored: &Value) -> bool {
    let both = sent.as_slice().is_some() && stored.as_slice().is_some();
    sent == stored || !both && sent.text() == stored.text()
}
