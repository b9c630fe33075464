//! Guards in MariaDB and MySQL: triggers. A CHECK constraint would be checked by copying the table.

use super::{LOCK_WAIT_SECONDS, full, quote};
use crate::guard::{Forbidden, Guard, REFUSAL, any, name};
use crate::{Column, Kind, TableName};

/// How long a statement that changes triggers waits for those who use the table, in seconds: all others queue behind it.
const PATIENCE_SECONDS: u32 = 2;

pub(super) fn put_up(guard: &Guard<'_>) -> Vec<String> {
    let table = guard.table;
    let violated = any(None, guard.forbidden, named, condition);
    let trigger = |when: &str| {
        format!(
            "CREATE TRIGGER {} BEFORE {when} ON {} FOR EACH ROW \
             IF {violated} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSAL}'; END IF",
            trigger(table, &format!("{}_{}_{}", name(table), guard.tag, when.to_lowercase())),
            full(table),
        )
    };
    impatient(["INSERT", "UPDATE"].map(trigger).into())
}

pub(super) fn take_away(table: &TableName, guards: &[String]) -> Vec<String> {
    impatient(guards.iter().map(|name| format!("DROP TRIGGER IF EXISTS {}", trigger(table, name))).collect())
}

/// Statements that fail early where the table is in use for long.
fn impatient(mut statements: Vec<String>) -> Vec<String> {
    statements.insert(0, format!("SET SESSION lock_wait_timeout = {PATIENCE_SECONDS}"));
    statements.push(format!("SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}"));
    statements
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
fn trigger(table: &TableName, name: &str) -> String {
    let name = quote(name);
    table.schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{}.{name}", quote(schema)))
}
