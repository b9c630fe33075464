//! Columns that nobody thought of: outside the plan, and yet with cells that a key of the plan opens, or that look
//! like a known ciphertext. Strings inside of JSON are looked at one by one.

use std::sync::Arc;

use reseal_core::{Cell, Context, Identified, Value};
use reseal_store::{Column, Database, Dialect, Kind, Session, TableName};

use super::Finding;
use crate::cell::seals;
use crate::error::EngineError;
use crate::job::{FieldJob, Job};
use crate::seal::Seal;

/// Values of a column that are looked at before a run.
pub(super) const BEFORE_A_RUN: u64 = 50;
/// Values of a column that are looked at before a key is given up.
const BEFORE_A_KEY_GOES: u64 = 1000;
/// Strings of one JSON document that are looked at.
const STRINGS: usize = 200;

/// Looks at every column outside the plan, for whoever gives a key up. Writes nothing.
///
/// # Errors
/// When the database refuses.
pub async fn outside(job: &Arc<Job>, database: &Database) -> Result<Vec<Finding>, EngineError> {
    let mut session = database.connect().await?;
    look(&mut session, job, BEFORE_A_KEY_GOES).await
}

pub(super) async fn look(
    session: &mut Session,
    job: &Arc<Job>,
    sample: u64,
) -> Result<Vec<Finding>, EngineError> {
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
            let Ok(values) = session.sample(&table, &of_column, sample).await else { continue };
            if let Some(what) = recognise(job, &table.to_string(), &column.name, values) {
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
        other.fields.iter().flat_map(FieldJob::written).any(|name| name == column)
            || other.key_column.as_deref() == Some(column)
            || other.row_key.iter().any(|key| key == column)
            || other.tenant.as_deref() == Some(column)
    });
    named || job.ignore.contains(&format!("{table}.{column}"))
}

/// What the values of a column are, as cells: themselves, or the strings of the JSON documents that they are.
struct Sampled {
    cells: Vec<Cell>,
    /// Whether the cells are strings of documents, most of which are nothing of the kind.
    inside: bool,
}

fn sampled(values: Vec<Value>) -> Sampled {
    let documents: Vec<serde_json::Value> = values.iter().filter_map(document).collect();
    if documents.is_empty() {
        return Sampled { cells: values.into_iter().map(Cell::whole).collect(), inside: false };
    }
    let mut texts = Vec::new();
    for document in &documents {
        let most = texts.len() + STRINGS;
        strings(document, &mut texts, most);
    }
    let others = values.iter().filter(|value| document(value).is_none()).cloned();
    let texts = texts.into_iter().map(Value::Text);
    Sampled { cells: texts.chain(others).map(Cell::whole).collect(), inside: true }
}

/// The JSON document that a value is; a number or a plain text is none.
fn document(value: &Value) -> Option<serde_json::Value> {
    let Value::Text(text) = value else { return None };
    text.trim_start().starts_with(['{', '[', '"']).then(|| serde_json::from_str(text).ok()).flatten()
}

fn strings(document: &serde_json::Value, out: &mut Vec<String>, most: usize) {
    if out.len() >= most {
        return;
    }
    match document {
        serde_json::Value::String(text) => out.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, out, most)),
        serde_json::Value::Object(entries) => entries.values().for_each(|item| strings(item, out, most)),
        _ => {}
    }
}

/// What the values of a column hold. One cell that opens with proof, or that names a key, is one too many; what only
/// looks like a ciphertext, or opens without proof, must be at least half of what stands alone in its column.
fn recognise(job: &Job, table: &str, column: &str, values: Vec<Value>) -> Option<String> {
    let Sampled { cells, inside } = sampled(values);
    let where_ = if inside { "holds JSON with cells" } else { "holds cells" };
    let most = |count: usize| count > 0 && (inside || count * 2 >= cells.len());
    let mut tried: Vec<&str> = Vec::new();
    for (label, field) in job.tables.iter().flat_map(|table| table.fields.iter().map(move |f| (table, f))) {
        for seal in seals(field) {
            // An envelope opens with its DEK, and one column alone does not hold both.
            if seal.format.plaintext || seal.envelope.is_some() || tried.contains(&seal.name.as_str()) {
                continue;
            }
            tried.push(&seal.name);
            let label = label.name.to_string();
            let places = [(table, column), (label.as_str(), field.name.as_str())];
            let openings: Vec<bool> = cells.iter().filter_map(|cell| opens(seal, cell, &places)).collect();
            if openings.contains(&true) || most(openings.len()) {
                return Some(format!("{where_} that open under a key of seal {}", seal.name));
            }
            if cells.iter().any(|cell| names_a_key(seal, cell)) {
                return Some(format!("{where_} that name a key of seal {}", seal.name));
            }
        }
    }
    let looks = |cell: &&Cell| {
        job.recognisers.iter().any(|format| !matches!(format.identify(cell), Identified::NotMine))
    };
    let count = cells.iter().filter(looks).count();
    most(count).then(|| {
        let inside = if inside { "JSON with " } else { "" };
        format!("holds {inside}what looks like a known ciphertext")
    })
}

/// Whether a key opens a cell as it would in one of these places, and whether that is proof.
fn opens(seal: &Seal, cell: &Cell, places: &[(&str, &str)]) -> Option<bool> {
    if matches!(seal.format.format.identify(cell), Identified::NotMine) {
        return None;
    }
    let opened = places.iter().flat_map(|&(table, field)| {
        seal.keyset.keys().iter().filter_map(move |key| {
            let context = Context { tenant: None, table, field, key: "", row: &|_| None };
            seal.open(cell, key, &context).ok()
        })
    });
    opened.map(|text| text.is_authenticated()).max()
}

/// Whether a cell carries the tag of a key: it need not open here, where nobody knows its row.
fn names_a_key(seal: &Seal, cell: &Cell) -> bool {
    match seal.format.format.identify(cell) {
        Identified::Marked(tag) => seal.keyset.by_tag(&tag).is_some(),
        _ => false,
    }
}
