//! Who writes the cells of which rows, beside the swaps of a transaction: triggers of this connection alone note it, which
//! leave no trace in the file.

use std::fmt::Write as _;

use sea_query::Values;

use super::{Sqlite, quote};
use crate::driver::{Driver, Names, OtherCell, SEPARATOR, Statement, Written};
use crate::{Kind, Planned, StoreError};

/// The value with its type, in hexadecimal.
pub(super) fn fingerprint(column: &str) -> String {
    let column = quote(column);
    format!("CASE WHEN {column} IS NOT NULL THEN typeof({column}) || hex({column}) END")
}

/// Empties the notes, and makes the triggers where they are not there yet: they last as long as the connection.
pub(super) async fn begin(session: &mut Sqlite, planned: &[Planned]) -> Result<(), StoreError> {
    let notes =
        "CREATE TEMP TABLE IF NOT EXISTS reseal_written (place INTEGER NOT NULL, row_key TEXT NOT NULL)";
    let mut statements = vec![notes.to_owned()];
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table'".to_owned();
    let names = session.fetch(Statement::own(sql, Values(vec![])), &[Kind::Text]).await?;
    let names: Vec<String> = names.into_iter().map(|row| crate::taker::Taker::new(row).text()).collect();
    for (at, planned) in planned.iter().enumerate().filter(|(_, planned)| names.contains(&planned.table.name))
    {
        statements.extend(triggers(at, planned));
    }
    statements.push("DELETE FROM temp.reseal_written".to_owned());
    session.script(&statements, Names::Own).await
}

/// What notes each cell of a table that changes, and each that takes the place of another one.
fn triggers(at: usize, planned: &Planned) -> Vec<String> {
    let table = quote(&planned.table.name);
    let mut all = Vec::new();
    for (n, column) in planned.cells.iter().enumerate() {
        let (name, column, place) = (format!("reseal_watch_{at}_{n}"), quote(column), place(at, n));
        let note = format!("INSERT INTO reseal_written VALUES ({place}, {});", key(planned));
        all.push(format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS {name} AFTER UPDATE OF {column} ON main.{table} \
             WHEN OLD.{column} COLLATE BINARY IS NOT NEW.{column} BEGIN {note} END"
        ));
        let mut same = format!("{table}.{column} COLLATE BINARY IS NOT NEW.{column}");
        for key in planned.key.iter().map(|key| quote(key)) {
            let _ = write!(same, " AND {table}.{key} = NEW.{key}");
        }
        all.push(format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS {name}_in BEFORE INSERT ON main.{table} \
             WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {note} END"
        ));
    }
    all
}

/// The number of a column among all that are watched.
fn place(table: usize, column: usize) -> usize {
    table << 16 | column
}

/// A row key as [`key_text`](crate::driver::key_text) writes it.
fn key(planned: &Planned) -> String {
    let text = |name: &String| {
        let name = quote(name);
        format!(
            "CASE typeof(NEW.{name}) WHEN 'blob' THEN '\\x' || lower(hex(NEW.{name})) ELSE CAST(NEW.{name} AS TEXT) END"
        )
    };
    let columns: Vec<String> = planned.key.iter().map(text).collect();
    columns.join(&format!(" || char({}) || ", SEPARATOR.as_bytes()[0]))
}

pub(super) async fn written_beside(
    session: &mut Sqlite,
    swapped: &Written<'_>,
) -> Result<Option<OtherCell>, StoreError> {
    let sql = "SELECT DISTINCT place, row_key FROM temp.reseal_written".to_owned();
    let notes = session.fetch(Statement::own(sql, Values(vec![])), &[Kind::Int, Kind::Text]).await?;
    for mut note in notes.into_iter().map(crate::taker::Taker::new) {
        let (number, key) = (usize::try_from(note.int()).unwrap_or_default(), note.text());
        let Some(planned) = swapped.planned.get(number >> 16) else { continue };
        if planned.table != *swapped.table || !swapped.keys.contains(&key) {
            let column = planned.cells.get(number & 0xffff).cloned().unwrap_or_default();
            return Ok(Some(OtherCell { table: planned.table.clone(), column }));
        }
    }
    Ok(None)
}
