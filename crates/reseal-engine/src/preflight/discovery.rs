//! Columns that nobody thought of: outside the plan, and yet with cells that a key of the plan opens, or that look
//! like a known ciphertext. Strings inside of JSON are looked at one by one. What additional data and derivation read is
//! taken from a cell's own row, where it has such columns.

use std::sync::Arc;

use reseal_core::{Cell, Context, Identified, Part, Value};
use reseal_store::{Column, Database, Kind, Session, TableFacts, TableName};

use crate::cell::claim::looks_sealed;
use crate::error::RunError;
use crate::finding::Finding;
use crate::job::seal::Seal;
use crate::job::{FieldJob, Job, TableJob};

/// Values of a column that are looked at before a run.
pub(super) const BEFORE_A_RUN: u64 = 50;
/// Values of a column that are looked at before a key is given up.
const BEFORE_A_KEY_GOES: u64 = 1000;
/// Strings of one JSON document that are looked at.
const STRINGS: usize = 200;

/// Looks at every column outside the plan, before a key is given up. Writes nothing.
///
/// # Errors
/// When the database refuses.
pub async fn outside(job: &Arc<Job>, database: &Database) -> Result<Vec<Finding>, RunError> {
    let mut session = database.connect().await?;
    look(&mut session, job, BEFORE_A_KEY_GOES).await
}

pub(super) async fn look(
    session: &mut Session,
    job: &Arc<Job>,
    sample: u64,
) -> Result<Vec<Finding>, RunError> {
    let mut findings = Vec::new();
    let mut own_names = Vec::new();
    for table in &job.tables {
        own_names.push(
            session.describe(&table.name).await.map_or_else(|_| table.name.clone(), |facts| facts.name),
        );
    }
    for table in session.tables().await? {
        let facts = session.describe(&table).await?;
        let planned = job.tables.iter().zip(&own_names).filter(|(_, name)| **name == facts.name);
        let planned: Vec<&TableJob> = planned.map(|(table, _)| table).collect();
        let companions = companions(job, &planned, &facts);
        for column in facts.columns {
            let searchable = matches!(column.kind, Kind::Text | Kind::Binary | Kind::Json);
            if !searchable || is_named(job, &planned, &table, &column.name) {
                continue;
            }
            let of_column = Column { name: column.name.clone(), kind: column.kind, collation: None };
            // A column that cannot be read is not in the way of the run.
            let Ok(rows) = session.sample(&table, &of_column, &companions, sample).await else { continue };
            let place = Place { table: &table, column: &column.name, companions: &companions };
            if let Some(what) = recognise(job, &place, &rows) {
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

/// A column that is looked at.
struct Place<'a> {
    table: &'a TableName,
    column: &'a str,
    /// The columns that were read with it.
    companions: &'a [Column],
}

/// The columns of a table that a cell may need to open, and those of the plan that a copy would equal: ciphertexts
/// whose other parts lie in other columns.
fn companions(job: &Job, planned: &[&TableJob], facts: &TableFacts) -> Vec<Column> {
    let mut names: Vec<&str> = Vec::new();
    for table in &job.tables {
        for field in &table.fields {
            names.extend(field.seals().flat_map(Seal::row_columns));
            let tenant = field.seals().any(Seal::reads_tenant).then_some(table.tenant.as_deref());
            names.extend(tenant.flatten());
        }
    }
    names.extend(planned.iter().flat_map(|table| &table.fields).filter_map(ciphertext_among_parts));
    let known = facts.columns.iter().filter(|column| names.contains(&column.name.as_str()));
    known.map(|column| Column { name: column.name.clone(), kind: column.kind, collation: None }).collect()
}

fn ciphertext_among_parts(field: &FieldJob) -> Option<&str> {
    let several = field.columns.len() > 1;
    let ciphertext = field.columns.iter().find(|(part, _)| several && *part == Part::Ciphertext);
    ciphertext.map(|(_, name)| name.as_str())
}

/// Whether the plan knows the column of a table, or was told to leave it alone.
fn is_named(job: &Job, planned: &[&TableJob], table: &TableName, column: &str) -> bool {
    let named = planned.iter().any(|other| {
        other.fields.iter().flat_map(FieldJob::written).any(|name| name == column)
            || other.key_column.as_deref() == Some(column)
            || other.row_key.iter().any(|key| key == column)
            || other.tenant.as_deref() == Some(column)
    });
    named || job.ignore.contains(&format!("{table}.{column}"))
}

/// What the values of a column are, as cells: themselves, or the strings of the JSON documents that they are.
struct Sampled<'a> {
    cells: Vec<SampledCell<'a>>,
    /// Whether the cells are strings of documents, most of which are nothing of the kind.
    inside: bool,
}

/// A cell of another column, and the values of its row that were read with it.
struct SampledCell<'a> {
    cell: Cell<'a>,
    companions: &'a [Value],
}

/// The field of the plan that a cell is tried as.
#[derive(Clone, Copy)]
struct TriedAs<'a> {
    table: &'a TableJob,
    field: &'a str,
}

fn sampled(rows: &[Vec<Value>]) -> Sampled<'_> {
    let rows = rows.iter().filter_map(|row| row.split_first());
    let (mut cells, mut inside) = (Vec::new(), false);
    for (value, companions) in rows {
        let cell = |value| SampledCell { cell: Cell::whole(value), companions };
        let mut texts = Vec::new();
        match document(value) {
            Some(document) => {
                inside = true;
                strings(&document, &mut texts, STRINGS);
            }
            None => cells.push(cell(value.clone())),
        }
        cells.extend(texts.into_iter().map(|text| cell(Value::Text(text))));
    }
    Sampled { cells, inside }
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
fn recognise(job: &Job, place: &Place<'_>, rows: &[Vec<Value>]) -> Option<String> {
    let Sampled { cells, inside } = sampled(rows);
    let where_ = if inside { "holds JSON with cells" } else { "holds cells" };
    let most = |count: usize| count > 0 && (inside || count * 2 >= cells.len());
    let mut tried: Vec<&str> = Vec::new();
    for (table, field) in job.tables.iter().flat_map(|table| table.fields.iter().map(move |f| (table, f))) {
        for seal in field.seals() {
            // An envelope opens with its DEK, and one column alone does not hold both.
            if seal.format.plaintext || seal.envelope.is_some() || tried.contains(&seal.name.as_str()) {
                continue;
            }
            tried.push(&seal.name);
            let tried_as = TriedAs { table, field: &field.name };
            let openings: Vec<bool> =
                cells.iter().filter_map(|cell| opens(seal, cell, place, tried_as)).collect();
            if openings.contains(&true) || most(openings.len()) {
                return Some(format!("{where_} that open under a key of seal {}", seal.name));
            }
            if cells.iter().any(|sampled| is_marked_with_key(seal, &sampled.cell)) {
                return Some(format!("{where_} that name a key of seal {}", seal.name));
            }
        }
    }
    if let Some(column) = copied(job, place, rows) {
        return Some(format!("holds a copy of {column}"));
    }
    let count = cells.iter().filter(|sampled| looks_sealed(job, &sampled.cell)).count();
    most(count).then(|| {
        let inside = if inside { "JSON with " } else { "" };
        format!("holds {inside}what looks like a known ciphertext")
    })
}

/// Whether a key opens a cell where it stands, or as it would in a field of the plan, and whether that is proof.
fn opens(seal: &Seal, sampled: &SampledCell<'_>, place: &Place<'_>, tried_as: TriedAs<'_>) -> Option<bool> {
    let SampledCell { cell, companions } = sampled;
    if matches!(seal.format.format.identify(cell), Identified::NotMine) {
        return None;
    }
    let at = |name: &str| place.companions.iter().position(|column| column.name == name);
    let row = |name: &str| at(name).map(|at| &companions[at]);
    let lookup = |name: &str| row(name).cloned();
    let tenant = tried_as.table.tenant.as_deref().and_then(row);
    let (own, of_plan) = (place.table.to_string(), tried_as.table.name.to_string());
    let places = [(own.as_str(), place.column), (of_plan.as_str(), tried_as.field)];
    let opened = places.iter().flat_map(|&(table, field)| {
        let context = Context { tenant, table, field, key: "", row: &lookup };
        seal.keyset.keys().iter().filter_map(move |key| seal.open(cell, key, &context).ok())
    });
    opened.map(|text| text.is_authenticated()).max()
}

/// The ciphertext of the plan that a column repeats in one of its rows.
fn copied<'p>(job: &Job, place: &Place<'p>, rows: &[Vec<Value>]) -> Option<&'p str> {
    let ciphertexts = job.tables.iter().flat_map(|table| &table.fields).filter_map(ciphertext_among_parts);
    let ciphertexts: Vec<&str> = ciphertexts.collect();
    let repeats = |at: usize| rows.iter().any(|row| row.get(at + 1) == row.first());
    let mut others = place.companions.iter().enumerate();
    let same = others.find(|(at, other)| ciphertexts.contains(&other.name.as_str()) && repeats(*at));
    same.map(|(_, column)| column.name.as_str())
}

/// Whether a cell carries the tag of a key: it need not open here, where nobody knows its row.
fn is_marked_with_key(seal: &Seal, cell: &Cell) -> bool {
    match seal.format.format.identify(cell) {
        Identified::Marked(tag) => seal.keyset.by_tag(&tag).is_some(),
        _ => false,
    }
}
