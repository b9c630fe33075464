//! Counts of cells, as commands show them.

use serde_json::{Value, json};

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

/// A sweep of a whole scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepFacts {
    /// When its snapshot was begun, in milliseconds since 1970 by the server's clock: what had been committed by then is
    /// in it.
    pub began_ms: i64,
    /// How many cells it opened, or found that no key opens. NULL is no cell.
    pub cells: u64,
}

/// The cells of one field.
#[derive(Clone, Debug)]
pub struct CensusField {
    /// The table, as the plan names it.
    pub table: String,
    /// The field, as the plan names it.
    pub field: String,
    /// The keysets of the seals that its cells may have.
    pub keysets: Vec<String>,
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
    /// Whether they open, or say that they would, and a run moves them.
    pub is_old: bool,
    /// What would authenticate them and they do not have, such as an `MDC`.
    pub lacks: Option<&'static str>,
    /// How many.
    pub cells: u64,
}

impl CensusLine {
    fn json(&self) -> Value {
        let mut line = json!({ "seal": self.seal, "key": self.key, "cells": self.cells });
        if let Some(lacks) = self.lacks {
            line["lacks"] = lacks.into();
        }
        line
    }
}

impl Census {
    /// The census with the keys that others rely on.
    #[must_use]
    pub fn json(&self) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| {
                let counts: Vec<Value> = field.counts.iter().map(CensusLine::json).collect();
                json!({ "table": field.table, "field": field.field, "counts": counts })
            })
            .collect();
        json!({ "plan": self.plan, "clean": self.clean, "by": self.by, "fields": fields })
    }
}
