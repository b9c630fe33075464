//! Counts of cells, and one row's cells looked at.

use std::sync::Arc;

use reseal_store::{Database, RowKey};
use serde_json::{Value, json};

use crate::cell::deks::{Stage, prepare};
use crate::cell::layout::layout;
use crate::cell::mirrors;
use crate::cell::open::{Opening, Trust, open};
use crate::cell::target::integer;
use crate::error::EngineError;
use crate::job::Job;
use crate::job::scope::Scope;

/// Cells per field, seal and key.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// The plan's name.
    pub plan: String,
    /// Whether every cell is under the primary of the seal that it must end with.
    pub clean: bool,
    /// `mark`: by what cells say; `opened`: by opening each.
    pub by: &'static str,
    /// The fields, in the plan's order.
    pub fields: Vec<CensusField>,
}

/// The cells of one field.
#[derive(Clone, Debug)]
pub struct CensusField {
    /// The table, as the plan names it.
    pub table: String,
    /// The field, as the plan names it.
    pub field: String,
    /// The counts.
    pub counts: Vec<CensusLine>,
}

/// The cells of one field under one seal and key.
#[derive(Clone, Debug)]
pub struct CensusLine {
    /// The seal; `None` for what no seal recognises.
    pub seal: Option<String>,
    /// The key's id; `None` where none is named or none opens the cell.
    pub key: Option<String>,
    /// How many.
    pub cells: u64,
}

impl Census {
    /// The census with the keys that others rely on.
    #[must_use]
    pub fn json(&self) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| {
                let counts: Vec<Value> = field
                    .counts
                    .iter()
                    .map(|line| json!({ "seal": line.seal, "key": line.key, "cells": line.cells }))
                    .collect();
                json!({ "table": field.table, "field": field.field, "counts": counts })
            })
            .collect();
        json!({ "plan": self.plan, "clean": self.clean, "by": self.by, "fields": fields })
    }
}

/// One cell, as `inspect` shows it: never its plaintext.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The field, as the plan names it.
    pub field: String,
    /// The seal that opens or recognises it.
    pub seal: Option<String>,
    /// The key that opens it.
    pub key: Option<String>,
    /// `current`, `old`, `null`, or why it does not open.
    pub state: String,
    /// Size of its parts in bytes.
    pub bytes: usize,
}

/// Opens the cells of one row and tells what they are.
///
/// # Errors
/// When the table is not in the plan, the row key does not fit, or there is no such row.
pub async fn inspect(
    job: &Arc<Job>,
    database: &Database,
    table: &str,
    row: &str,
) -> Result<Vec<Inspected>, EngineError> {
    let mut session = database.connect().await?;
    let scope = Scope { tables: vec![table.to_owned()], ..Scope::default() };
    let targets = layout(&mut session, job, &scope).await?;
    let Some(target) = targets.first() else {
        return Err(EngineError::usage(
            "no-such-table",
            format!("the plan has no table {table}"),
            "see `reseal check`",
        ));
    };
    let key = row_key(row, target.shape.key.iter().map(|column| column.kind)).ok_or_else(|| {
        let message = format!("{row} is no row key of {table}");
        EngineError::usage(
            "row-key",
            message,
            "give the key as `reseal quarantine` prints it, parts joined by commas",
        )
    })?;
    let rows = session.rows_by_key(&target.shape, &[key]).await?;
    let Some(row) = rows.first() else {
        return Err(EngineError::usage(
            "no-such-row",
            format!("{table} has no row {row}"),
            "it may have been deleted",
        ));
    };
    let deks = prepare(target, std::slice::from_ref(row), Stage::Open).await?;
    let fields = target.table().fields.iter().enumerate();
    Ok(fields
        .map(|(at, field)| {
            let cell = target.cell(at, &row.values);
            let bytes = cell.as_ref().map_or(0, reseal_core::Cell::size);
            let opening = target.with_context(at, row, |context| {
                open((job, field), cell.as_ref(), context, Trust::Nothing, deks.as_deref())
            });
            let name = |at: usize| field.seals().nth(at).map(|seal| seal.name.clone());
            let (seal, key, state) = match opening {
                _ if mirrors::differs(target, at, &row.values) => (None, None, mirrors::DIFFERS.to_owned()),
                Opening::Null => (None, None, "null".to_owned()),
                Opening::Marked | Opening::Shut(_) => (name(0), None, "current".to_owned()),
                Opening::Opened(cell) => {
                    let key = cell.key.map(|key| key.id().to_owned());
                    (name(cell.seal), key, if cell.current { "current" } else { "old" }.to_owned())
                }
                Opening::Broken(fault) => (fault.seal.and_then(name), None, fault.reason.to_owned()),
            };
            Inspected { field: field.name.clone(), seal, key, state, bytes }
        })
        .collect())
}

/// A row key as people write it: its parts joined by commas, or the JSON of the ledger.
fn row_key(text: &str, kinds: impl Iterator<Item = reseal_store::Kind>) -> Option<RowKey> {
    use reseal_core::Value;
    use reseal_store::Kind;
    if let Some(key) = RowKey::decode(text) {
        return Some(key);
    }
    let kinds: Vec<Kind> = kinds.collect();
    let parts: Vec<&str> =
        if kinds.len() == 1 { vec![text] } else { text.split(',').map(str::trim).collect() };
    if parts.len() != kinds.len() {
        return None;
    }
    let value = |(part, kind): (&str, Kind)| match kind {
        Kind::Int => integer(part),
        Kind::Uuid => hex::decode(part.replace('-', "")).ok()?.try_into().ok().map(Value::Uuid),
        Kind::Binary => hex::decode(part.trim_start_matches("0x")).ok().map(Value::Bytes),
        _ => Some(Value::Text(part.to_owned())),
    };
    parts.into_iter().zip(kinds).map(value).collect::<Option<Vec<_>>>().map(RowKey)
}
