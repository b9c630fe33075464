//! Guards in PostgreSQL: a CHECK constraint, added unchecked and then validated, which reads the table under a lock that
//! lets writers through; or a trigger.

use super::line::Line;
use super::{full, quote};
use crate::driver::Names;
use crate::guard::{Forbidden, Guard, GuardKind, PREFIX, REFUSAL, any, name};
use crate::{Column, Kind, TableName};

pub(super) fn put_up(guard: &Guard<'_>, line: &Line) -> Vec<String> {
    let Guard { table, filter, forbidden, kind, .. } = *guard;
    let full = full(table);
    if kind == GuardKind::Constraint {
        let violated =
            any(filter, forbidden, |column| named("", column), |forbidden| condition("", forbidden));
        let add =
            format!("ALTER TABLE {full} ADD CONSTRAINT {PREFIX} CHECK ({violated} IS NOT TRUE) NOT VALID");
        return as_the_plan_looks(line, add);
    }
    let new = |column: &Column| named("NEW.", column);
    let violated = any(None, forbidden, new, |forbidden| condition("NEW.", forbidden));
    let function = function(table);
    vec![
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $reseal$ BEGIN \
             IF {violated} THEN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'check_violation'; END IF; \
             RETURN NEW; END $reseal$"
        ),
        format!(
            "CREATE TRIGGER {PREFIX} BEFORE INSERT OR UPDATE ON {full} FOR EACH ROW EXECUTE FUNCTION {function}()"
        ),
    ]
}

fn validate(full: &str) -> String {
    format!("ALTER TABLE {full} VALIDATE CONSTRAINT {PREFIX}")
}

/// A constraint that is valid already is left alone by the server.
pub(super) fn prove(table: &TableName, line: &Line) -> Vec<String> {
    as_the_plan_looks(line, validate(&full(table)))
}

/// A statement that holds a plan's condition, or has it carried out.
fn as_the_plan_looks(line: &Line, statement: String) -> Vec<String> {
    vec![line.set(Names::Plan), statement, line.set(Names::Own)]
}

pub(super) fn take_away(table: &TableName, _: &[String]) -> Vec<String> {
    let full = full(table);
    vec![
        format!("ALTER TABLE {full} DROP CONSTRAINT IF EXISTS {PREFIX}"),
        format!("DROP TRIGGER IF EXISTS {PREFIX} ON {full}"),
        format!("DROP FUNCTION IF EXISTS {}()", function(table)),
    ]
}

fn named(row: &str, column: &Column) -> String {
    format!("{row}{}", quote(&column.name))
}

/// A trigger looks for names where the session looks that fires it.
const EQUALS: &str = "OPERATOR(pg_catalog.=)";
const BYTEWISE: &str = "COLLATE pg_catalog.\"C\"";

fn condition(row: &str, forbidden: &Forbidden) -> String {
    let column = named(row, &forbidden.column);
    if forbidden.column.kind == Kind::Binary {
        let bytes = format!("'\\x{}'::pg_catalog.bytea", hex::encode(&forbidden.text));
        return match forbidden.whole {
            true => format!("{column} {EQUALS} {bytes}"),
            false => format!("pg_catalog.substr({column}, 1, {}) {EQUALS} {bytes}", forbidden.text.len()),
        };
    }
    let text = String::from_utf8_lossy(&forbidden.text);
    let literal = format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    // Byte by byte: some collations call `V1` and `v1` equal.
    match forbidden.whole {
        true => format!("{column}::pg_catalog.text {BYTEWISE} {EQUALS} {literal}"),
        false => {
            let begin = format!("pg_catalog.left({column}::pg_catalog.text, {})", text.chars().count());
            format!("{begin} {BYTEWISE} {EQUALS} {literal}")
        }
    }
}

fn function(table: &TableName) -> String {
    format!("reseal.{}", name(table))
}
