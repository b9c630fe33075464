//! Columns that nobody thought of: outside the plan, and yet with cells that a key of the plan opens, or that look
//! like a known ciphertext.

use std::sync::Arc;

use reseal_core::{Cell, Context, Identified, Value};
use reseal_store::{Column, Dialect, Kind, Session, TableName};

use super::Finding;
use crate::cell::seals;
use crate::error::EngineError;
use crate::job::Job;

/// Values of a column that are looked at.
const SAMPLE: u64 = 50;

pub(super) async fn look(session: &mut Session, job: &Arc<Job>) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    for table in session.tables().await? {
        let facts = session.describe(&table).await?;
        for column in facts.columns {
            let searchable = matches!(column.kind, Kind::Text | Kind::Binary | Kind::Json);
            if !searchable || is_named(job, session.dialect(), &table, &column.name) {
                continue;
            }
            let of_column = Column { name: column.name.clone(), kind: column.kind, collation: None };
            // A column that cannot be read is not in the way of the run.
            let Ok(values) = session.sample(&table, &of_column, SAMPLE).await else { continue };
            if let Some(what) = recognise(job, values) {
                let place = format!("{table}.{}", column.name);
                findings.push(Finding::warning(
                    "column-outside-the-plan",
                    format!("{place} {what}, and no table of the plan names it"),
                    format!("add it to the plan, or silence this with `ignore: [{place}]`"),
                ));
            }
        }
    }
    Ok(findings)
}

/// Whether the plan knows the column, or was told to leave it alone.
fn is_named(job: &Job, dialect: Dialect, table: &TableName, column: &str) -> bool {
    let same = |other: &TableName| {
        // A plan may write the schema that the connection finds by itself.
        other.name == table.name
            && (other.schema == table.schema || (dialect == Dialect::Postgres && table.schema.is_none()))
    };
    let named = job.tables.iter().filter(|other| same(&other.name)).any(|other| {
        other.fields.iter().flat_map(|field| &field.columns).any(|(_, name)| name == column)
            || other.key_column.as_deref() == Some(column)
            || other.row_key.iter().any(|key| key == column)
            || other.tenant.as_deref() == Some(column)
    });
    named || job.ignore.contains(&format!("{table}.{column}"))
}

/// What the values of a column look like, if at least half of them look like one thing.
fn recognise(job: &Job, values: Vec<Value>) -> Option<String> {
    let total = values.len();
    let cells: Vec<Cell> = values.into_iter().map(Cell::whole).collect();
    let most = |count: usize| count > 0 && count * 2 >= total;
    let mut tried: Vec<&str> = Vec::new();
    for seal in job.tables.iter().flat_map(|table| &table.fields).flat_map(seals) {
        if seal.format.plaintext || tried.contains(&seal.name.as_str()) {
            continue;
        }
        tried.push(&seal.name);
        let opens = |cell: &&Cell| {
            let context = Context { tenant: None, table: "", field: "", key: "", row: &|_| None };
            let recognised = !matches!(seal.format.format.identify(cell), Identified::NotMine);
            recognised && seal.keyset.keys().iter().any(|key| seal.open(cell, key, &context).is_ok())
        };
        if most(cells.iter().filter(opens).count()) {
            return Some(format!("holds cells that open under a key of seal {}", seal.name));
        }
    }
    let looks = |cell: &&Cell| {
        job.recognisers.iter().any(|format| !matches!(format.identify(cell), Identified::NotMine))
    };
    most(cells.iter().filter(looks).count()).then(|| "holds what looks like a known ciphertext".to_owned())
}
