//! A table of the job, met with its schema: which columns are read, which are written, and where a cell's parts are.

use std::borrow::Cow;
use std::sync::Arc;

use reseal_core::{Cell, Context, Part, Value};
use reseal_store::{Column, Kind, Row, Shape, TableFacts};

use crate::error::EngineError;
use crate::job::FieldJob;
use crate::job::scope::Scope;
use crate::job::{Job, TableJob};

/// A table of the job with the shape that the store works by.
pub(crate) struct Target {
    /// The job that it belongs to.
    pub(crate) job: Arc<Job>,
    /// Position of its table in the job.
    pub(crate) at: usize,
    /// What is read and written.
    pub(crate) shape: Shape,
    /// For each field, the parts and where they are in the row's values.
    pub(crate) fields: Vec<Vec<(Part, usize)>>,
    /// For each field, the columns that copy a part.
    pub(crate) mirrors: Vec<Vec<Mirror>>,
    /// For each field, where the column is that shows why a cell is in quarantine.
    pub(crate) last_errors: Vec<Option<usize>>,
    /// The places of those columns.
    pub(crate) told: Vec<usize>,
    /// The places of values that stand or fall together: those of a field with its mirrors, or of the whole row where one
    /// column holds the key of all its fields. A column that shows a reason is in none.
    pub(crate) groups: Vec<Vec<usize>>,
    /// The shape without what narrows it: a row that has left the scope since keeps its way back.
    pub(crate) unscoped: Shape,
    /// Whether cells of any field carry their own key.
    pub(crate) enveloped: bool,
    /// Where the row's tenant is in the row's values.
    tenant: Option<usize>,
    label: String,
}

/// A column that copies a part: both by their places in the row.
#[derive(Clone, Copy)]
pub(crate) struct Mirror {
    pub(crate) part: Part,
    pub(crate) original: usize,
    pub(crate) copy: usize,
}

impl Target {
    pub(crate) fn table(&self) -> &TableJob {
        &self.job.tables[self.at]
    }

    /// The table's name as the plan writes it.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Whether one column holds the key of all fields of a row, so that the row moves whole or not at all.
    pub(crate) fn moves_whole(&self) -> bool {
        self.table().key_column.is_some()
    }

    /// Lays out a table. Every column that the job names must be among `facts`.
    pub(crate) fn new(
        job: &Arc<Job>,
        at: usize,
        facts: &TableFacts,
        scope: &Scope,
    ) -> Result<Target, EngineError> {
        let table = &job.tables[at];
        let column = |name: &str| column(facts, table, name);
        let key = row_key(facts, table)?;
        let Places { cells, fields, mirrors, last_errors } = places(facts, table)?;
        let enveloped = table.fields.iter().flat_map(FieldJob::seals).any(|seal| seal.envelope.is_some());
        let mut context: Vec<Column> = Vec::new();
        for name in context_columns(table) {
            if !cells.iter().chain(&context).any(|column| column.name == name) {
                context.push(column(name)?);
            }
        }
        let position = |name: &str| cells.iter().chain(&context).position(|column| column.name == name);
        let tenant = table.tenant.as_deref().and_then(position);
        let only = match (&scope.tenant, &table.tenant) {
            (Some(tenant), Some(name)) => {
                let of_tenant = column(name)?;
                let value = tenant_value(tenant, of_tenant.kind).ok_or_else(|| {
                    let message = format!("tenant {tenant} does not fit the column {}.{name}", table.name);
                    EngineError::usage("tenant", message, "give --tenant as the column holds it")
                })?;
                Some((of_tenant, value))
            }
            _ => None,
        };
        let keep =
            facts.columns.iter().filter(|column| column.touched).map(|column| column.name.clone()).collect();
        let filter = table.filter.clone();
        let shape = Shape { table: table.name.clone(), key, cells, context, keep, filter, only };
        let unscoped = Shape { filter: None, only: None, ..shape.clone() };
        let label = table.name.to_string();
        let groups = groups(&fields, &mirrors);
        let (job, told) = (job.clone(), last_errors.iter().flatten().copied().collect());
        Ok(Target {
            job,
            at,
            shape,
            fields,
            mirrors,
            last_errors,
            told,
            groups,
            unscoped,
            enveloped,
            tenant,
            label,
        })
    }

    /// The cell of a field in a row's values, its parts decoded; `None` where a part does not decode.
    pub(crate) fn cell<'v>(&self, field: usize, values: &'v [Value]) -> Option<Cell<'v>> {
        self.cell_of(field, |at| &values[at])
    }

    /// The same, wherever the values are kept.
    pub(crate) fn cell_of<'v>(&self, field: usize, value: impl Fn(usize) -> &'v Value) -> Option<Cell<'v>> {
        let encoding = self.table().fields[field].encoding;
        let part = |(part, at): &(Part, usize)| match part {
            Part::Key => Some((*part, Cow::Borrowed(value(*at)))),
            _ => Some((*part, encoding.decode(value(*at))?)),
        };
        if let [only] = self.fields[field].as_slice() {
            return part(only).map(|(part, value)| Cell::lent_whole(part, value));
        }
        let parts: Option<Vec<_>> = self.fields[field].iter().map(part).collect();
        parts.map(Cell::lent)
    }

    /// Whether a place in a row's values holds a ciphertext or a copy of one, which may be what was never sealed.
    pub(crate) fn field_of_ciphertext(&self, place: usize) -> Option<usize> {
        let parts = self.fields.iter().zip(&self.mirrors);
        parts.enumerate().find_map(|(field, (parts, mirrors))| {
            let original = parts.iter().any(|(part, at)| *part == Part::Ciphertext && *at == place);
            let copy = mirrors.iter().any(|mirror| mirror.part == Part::Ciphertext && mirror.copy == place);
            (original || copy).then_some(field)
        })
    }

    /// Runs `with` with what templates are filled with for a field of a row.
    pub(crate) fn with_context<T>(&self, field: usize, row: &Row, with: impl FnOnce(&Context<'_>) -> T) -> T {
        let lookup = |name: &str| self.value(row, name).cloned();
        with(&Context {
            tenant: self.tenant.map(|at| &row.values[at]),
            table: &self.label,
            field: &self.table().fields[field].name,
            key: "",
            row: &lookup,
        })
    }

    fn value<'r>(&self, row: &'r Row, name: &str) -> Option<&'r Value> {
        if let Some(at) = self.shape.key.iter().position(|column| column.name == name) {
            return row.key.0.get(at);
        }
        let at = self.shape.cells.iter().chain(&self.shape.context).position(|column| column.name == name)?;
        row.values.get(at)
    }
}

/// The columns of a table's cells, and where each field has its own among them.
struct Places {
    cells: Vec<Column>,
    fields: Vec<Vec<(Part, usize)>>,
    mirrors: Vec<Vec<Mirror>>,
    last_errors: Vec<Option<usize>>,
}

fn places(facts: &TableFacts, table: &TableJob) -> Result<Places, EngineError> {
    let mut cells: Vec<Column> = Vec::new();
    let mut place = |name: &str| -> Result<usize, EngineError> {
        match cells.iter().position(|column| column.name == name) {
            Some(at) => Ok(at),
            None => {
                cells.push(column(facts, table, name)?);
                Ok(cells.len() - 1)
            }
        }
    };
    let (mut fields, mut mirrors, mut last_errors) = (Vec::new(), Vec::new(), Vec::new());
    for field in &table.fields {
        let mut parts = Vec::new();
        for (part, name) in &field.columns {
            parts.push((*part, place(name)?));
        }
        if let Some(name) = &table.key_column {
            parts.push((Part::Key, place(name)?));
        }
        let mut copies = Vec::new();
        for (part, name) in &field.mirrors {
            let original = parts.iter().find(|(other, _)| other == part).map(|(_, at)| *at);
            let copy = place(name)?;
            copies.extend(original.map(|original| Mirror { part: *part, original, copy }));
        }
        last_errors.push(field.last_error.as_deref().map(&mut place).transpose()?);
        mirrors.push(copies);
        fields.push(parts);
    }
    Ok(Places { cells, fields, mirrors, last_errors })
}

/// The places of each field, those that share one joined.
fn groups(fields: &[Vec<(Part, usize)>], mirrors: &[Vec<Mirror>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (parts, mirrors) in fields.iter().zip(mirrors) {
        let mut group: Vec<usize> = parts.iter().map(|(_, place)| *place).collect();
        group.extend(mirrors.iter().map(|mirror| mirror.copy));
        groups.retain(|other| {
            let apart = !other.iter().any(|place| group.contains(place));
            if !apart {
                group.extend(other);
            }
            apart
        });
        group.sort_unstable();
        group.dedup();
        groups.push(group);
    }
    groups
}

/// The columns of the row key, as its index compares and orders them.
fn row_key(facts: &TableFacts, table: &TableJob) -> Result<Vec<Column>, EngineError> {
    let index = facts.unique_index(&table.row_key);
    let mut key = Vec::new();
    for name in &table.row_key {
        let mut of_key = column(facts, table, name)?;
        // Rows are paged in the collation of the index: under another one a page would skip rows.
        of_key.collation = index.and_then(|index| {
            let place = index.columns.iter().position(|other| other.as_deref() == Some(name))?;
            index.collations.get(place).cloned().flatten()
        });
        key.push(of_key);
    }
    if let Some(index) = index {
        // The index's own order of columns is the one that can be walked.
        key.sort_by_key(|column| {
            index.columns.iter().position(|other| other.as_deref() == Some(&column.name))
        });
    }
    Ok(key)
}

fn column(facts: &TableFacts, table: &TableJob, name: &str) -> Result<Column, EngineError> {
    let Some(column) = facts.column(name) else {
        let near = facts.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(EngineError::refused(
            "no-such-column",
            format!("table {} has no column {name}", table.name),
            format!("its columns are {near}"),
        ));
    };
    Ok(Column { name: column.name.clone(), kind: column.kind, collation: None })
}

/// The columns that AAD and derivation read and that are not part of the row key.
fn context_columns(table: &TableJob) -> Vec<&str> {
    let seals = || table.fields.iter().flat_map(|field| std::iter::once(&field.to).chain(&field.from));
    let mut names: Vec<&str> = Vec::new();
    for name in seals().flat_map(|seal| seal.row_columns()) {
        if !table.row_key.iter().any(|key| key == name) && !names.contains(&name) {
            names.push(name);
        }
    }
    if let Some(tenant) = table.tenant.as_deref()
        && seals().any(|seal| seal.reads_tenant())
        && !names.contains(&tenant)
    {
        names.push(tenant);
    }
    names
}

/// An integer that somebody wrote, as a column holds it ([`Kind::Int`]).
pub(crate) fn integer(text: &str) -> Option<Value> {
    let large = || text.parse::<u64>().ok().map(|n| Value::Text(n.to_string()));
    text.parse().ok().map(Value::Int).or_else(large)
}

/// What `--tenant` gives, as a value of the column.
fn tenant_value(text: &str, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Int => integer(text),
        Kind::Uuid => hex::decode(text.replace('-', "")).ok()?.try_into().ok().map(Value::Uuid),
        Kind::Binary => hex::decode(text).ok().map(Value::Bytes),
        Kind::Text | Kind::Json | Kind::Other => Some(Value::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_of_sixty_four_bits_without_a_sign_is_known() {
        let large = u64::MAX.to_string();
        for (text, value) in [
            ("-7", Some(Value::Int(-7))),
            (&large, Some(Value::Text(large.clone()))),
            ("18446744073709551616", None),
            ("seven", None),
        ] {
            assert_eq!(tenant_value(text, Kind::Int), value, "{text}");
        }
    }
}
