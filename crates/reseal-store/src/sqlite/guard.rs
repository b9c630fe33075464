//! Guards in SQLite: triggers. A constraint cannot be added to a table that exists.

use super::quote;
use crate::guard::{Forbidden, Guard, REFUSAL, any, name};
use crate::{Column, TableName};

pub(super) fn put_up(guard: &Guard<'_>) -> Vec<String> {
    let table = guard.table;
    let violated = any(None, guard.forbidden, named, condition);
    let trigger = |when: &str| {
        format!(
            "CREATE TRIGGER {} BEFORE {when} ON {} WHEN {violated} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
            trigger(table, when),
            quote(&table.name),
        )
    };
    ["INSERT", "UPDATE"].map(trigger).into()
}

pub(super) fn take_away(_: &TableName, guards: &[String]) -> Vec<String> {
    guards.iter().map(|name| format!("DROP TRIGGER IF EXISTS {}", quote(name))).collect()
}

fn named(column: &Column) -> String {
    format!("NEW.{}", quote(&column.name))
}

/// Compared as bytes: a column holds texts and blobs side by side.
fn condition(forbidden: &Forbidden) -> String {
    let column = format!("CAST({} AS BLOB)", named(&forbidden.column));
    let bytes = format!("X'{}'", hex::encode(&forbidden.text));
    match forbidden.whole {
        true => format!("{column} = {bytes}"),
        false => format!("substr({column}, 1, {}) = {bytes}", forbidden.text.len()),
    }
}

fn trigger(table: &TableName, when: &str) -> String {
    quote(&format!("{}_{}", name(table), when.to_lowercase()))
}
