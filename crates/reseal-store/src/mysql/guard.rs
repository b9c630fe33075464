//! Guards in MariaDB and MySQL: triggers. A CHECK constraint would be checked by copying the table.

use super::{full, quote};
use crate::guard::{Forbidden, REFUSAL, any, name};
use crate::{Column, Kind, TableName};

pub(super) fn put_up(table: &TableName, forbidden: &[Forbidden]) -> Vec<String> {
    let violated = any(None, forbidden, named, condition);
    let trigger = |when: &str| {
        format!(
            "CREATE TRIGGER {} BEFORE {when} ON {} FOR EACH ROW \
             IF {violated} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSAL}'; END IF",
            trigger(table, when),
            full(table),
        )
    };
    ["INSERT", "UPDATE"].map(trigger).into()
}

pub(super) fn take_away(table: &TableName) -> Vec<String> {
    ["INSERT", "UPDATE"].map(|when| format!("DROP TRIGGER IF EXISTS {}", trigger(table, when))).into()
}

fn named(column: &Column) -> String {
    format!("NEW.{}", quote(&column.name))
}

fn condition(forbidden: &Forbidden) -> String {
    let column = named(&forbidden.column);
    let bytes = format!("X'{}'", hex::encode(&forbidden.text));
    let beginning = match (forbidden.whole, forbidden.column.kind) {
        (true, Kind::Int) => format!("CAST({column} AS CHAR)"),
        (true, _) => column,
        (false, Kind::Binary) => format!("LEFT({column}, {})", forbidden.text.len()),
        // Characters of a text; compared as bytes, since most collations call `V1` and `v1` equal.
        (false, _) => {
            format!("LEFT({column}, {})", String::from_utf8_lossy(&forbidden.text).chars().count())
        }
    };
    format!("CAST({beginning} AS BINARY) = {bytes}")
}

/// A trigger lives in the schema of its table.
fn trigger(table: &TableName, when: &str) -> String {
    let name = quote(&format!("{}_{}", name(table), when.to_lowercase()));
    table.schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{}.{name}", quote(schema)))
}
