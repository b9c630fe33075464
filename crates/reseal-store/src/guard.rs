//! Guards: the database itself refuses cells under keys that are out of use.

use reseal_core::digest::Parts;

use crate::names::within;
use crate::{Column, TableName};

/// How a database is to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardKind {
    /// By a CHECK constraint where it can be added without reading the table under a lock (PostgreSQL), else by triggers.
    Constraint,
    /// By triggers.
    Trigger,
}

/// What a column must not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The column.
    pub column: Column,
    /// What its values must not begin with, or must not be.
    pub text: Vec<u8>,
    /// Whether the whole value is meant, not its beginning.
    pub whole: bool,
    /// Where the value names the key of a cell in another column: that column. Without a cell, what is named is of no
    /// concern.
    pub of: Option<Column>,
}

/// What the server says when it refuses.
pub(crate) const REFUSAL: &str = "reseal: this key is no longer in use";

/// A guard of one table, as a dialect writes it.
pub(crate) struct Guard<'g> {
    pub(crate) table: &'g TableName,
    /// The plan's condition.
    pub(crate) filter: Option<&'g str>,
    pub(crate) forbidden: &'g [Forbidden],
    pub(crate) kind: GuardKind,
    /// Tells it from a guard of another engine, where names must.
    pub(crate) tag: String,
}

/// Names that are unique in a schema, for the guards of a table: its own name may be too long to be part of one.
pub(crate) fn name(table: &TableName) -> String {
    let digest = Parts::of([table.schema.as_deref().unwrap_or_default(), &table.name]);
    format!("{PREFIX}_{}", hex::encode(&digest[..6]))
}

/// What the names of all guards begin with.
pub(crate) const PREFIX: &str = "reseal_guard";

/// Joins what is forbidden into one condition. `name` names a column of the row that is looked at.
pub(crate) fn any(
    filter: Option<&str>,
    forbidden: &[Forbidden],
    name: impl Fn(&Column) -> String,
    condition: impl Fn(&Forbidden) -> String,
) -> String {
    let one = |forbidden| {
        let condition = condition(forbidden);
        match &forbidden.of {
            Some(cell) => format!("({condition} AND {} IS NOT NULL)", name(cell)),
            None => condition,
        }
    };
    let any = forbidden.iter().map(one).collect::<Vec<_>>().join(" OR ");
    filter.map_or_else(|| format!("({any})"), |filter| format!("({} AND ({any}))", within(filter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards that are up bear such names, and are found and taken down by them.
    #[test]
    fn names_of_guards_are_what_they_always_were() {
        let check = |schema: Option<&str>, expect: &str| {
            let table = TableName { schema: schema.map(str::to_owned), name: "patients".into() };
            assert_eq!(name(&table), expect);
        };
        check(Some("clinic"), "reseal_guard_0458a194150e");
        check(None, "reseal_guard_6b868c2f9183");
    }
}
