//! A table of the job, met with its schema: which columns are read, which are written, and where a cell's parts are.

use std::sync::Arc;

use reseal_core::{Part, Value};
use reseal_store::{Column, Kind, Planned, Shape, TableFacts, Watch};

use super::field::{FieldPlaces, FieldTarget, Mirror, PartPlace, Shares, TableNames};
use crate::error::{RunError, ScopeError, TableError};
use crate::job::scope::Scope;
use crate::job::{FieldJob, Job, TableJob};

/// A table of the job with the shape that the store works by.
pub(crate) struct Target {
    /// The job that it belongs to.
    pub(crate) job: Arc<Job>,
    /// Position of its table in the job.
    pub(crate) at: usize,
    /// What is read and written.
    pub(crate) shape: Shape,
    /// Its fields, in the job's order.
    pub(crate) fields: Vec<FieldTarget>,
    /// The places of values that stand or fall together: those of a field with its mirrors, or of the whole row where one
    /// column holds the key of all its fields. A column that shows a reason is in none.
    pub(crate) groups: Vec<Vec<usize>>,
    /// The fields of each group that holds cells of several.
    pub(crate) companies: Vec<Vec<usize>>,
    /// The shape without what narrows it: a row that has left the scope since keeps its way back.
    pub(crate) unscoped: Shape,
    /// Whether cells of any field carry their own key.
    pub(crate) enveloped: bool,
    names: Arc<TableNames>,
}

impl Target {
    /// Lays out a table. Every column that the job names must be among `facts`.
    pub(crate) fn new(
        job: &Arc<Job>,
        at: usize,
        facts: &TableFacts,
        scope: &Scope,
    ) -> Result<Target, RunError> {
        let table = &job.tables[at];
        let layout = Layout { facts, table };
        let key = layout.row_key()?;
        let Places { cells, fields } = layout.places()?;
        let shape = layout.shape(job, key, cells, scope)?;
        let groups = groups(&fields);
        let names = Arc::new(TableNames::new(job, at, &shape));
        let shares: Vec<Shares> = (0..fields.len()).map(|at| Shares::of(at, &fields)).collect();
        let field = |(at, places)| FieldTarget::new(at, places, shares[at], &groups, names.clone());
        let fields: Vec<FieldTarget> = fields.into_iter().enumerate().map(field).collect();
        Ok(Target {
            companies: companies(&fields, groups.len()),
            fields,
            job: job.clone(),
            at,
            unscoped: Shape { filter: None, only: None, ..shape.clone() },
            shape,
            groups,
            enveloped: table.fields.iter().flat_map(FieldJob::seals).any(|seal| seal.envelope.is_some()),
            names,
        })
    }

    pub(crate) fn table(&self) -> &TableJob {
        self.names.table()
    }

    /// The table's name as the plan writes it.
    pub(crate) fn label(&self) -> &str {
        self.names.label()
    }

    /// Whether one column holds the key of all fields of a row, so that the row moves whole or not at all.
    pub(crate) fn moves_whole(&self) -> bool {
        self.table().key_column.is_some()
    }

    /// The field whose ciphertext, or a copy of it, a place holds.
    pub(crate) fn field_of_ciphertext(&self, place: usize) -> Option<&FieldTarget> {
        self.fields.iter().find(|field| field.holds_ciphertext(place))
    }

    /// The places of the columns that show why cells are in quarantine.
    pub(crate) fn error_columns(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().filter_map(|field| field.error_column)
    }

    /// Whether there is any such column.
    pub(crate) fn shows_reasons(&self) -> bool {
        self.error_columns().next().is_some()
    }
}

/// The columns of a table's cells, and where each field has its own among them.
struct Places {
    cells: Vec<Column>,
    fields: Vec<FieldPlaces>,
}

impl Places {
    /// The place of a column, which is put behind the others where it is not among them.
    fn place(&mut self, layout: &Layout<'_>, name: &str) -> Result<usize, RunError> {
        match self.cells.iter().position(|column| column.name == name) {
            Some(at) => Ok(at),
            None => {
                self.cells.push(layout.column(name)?);
                Ok(self.cells.len() - 1)
            }
        }
    }

    fn part(&mut self, layout: &Layout<'_>, part: Part, name: &str) -> Result<PartPlace, RunError> {
        let place = self.place(layout, name)?;
        Ok(PartPlace { part, place, kind: self.cells[place].kind })
    }

    fn add(&mut self, layout: &Layout<'_>, field: &FieldJob) -> Result<(), RunError> {
        let mut parts = Vec::new();
        for (part, name) in &field.columns {
            parts.push(self.part(layout, *part, name)?);
        }
        if let Some(name) = &layout.table.key_column {
            parts.push(self.part(layout, Part::Key, name)?);
        }
        let mut mirrors = Vec::new();
        for (part, name) in &field.mirrors {
            let PartPlace { part, place: copy, kind } = self.part(layout, *part, name)?;
            let original = parts.iter().find(|other| other.part == part).map(|other| other.place);
            mirrors.extend(original.map(|original| Mirror { part, original, copy, kind }));
        }
        let error_column = field.last_error.as_deref().map(|name| self.place(layout, name)).transpose()?;
        self.fields.push(FieldPlaces { parts, mirrors, error_column });
        Ok(())
    }
}

/// A table of the plan, and what the catalogue says of it.
struct Layout<'l> {
    facts: &'l TableFacts,
    table: &'l TableJob,
}

impl Layout<'_> {
    fn places(&self) -> Result<Places, RunError> {
        let mut places = Places { cells: Vec::new(), fields: Vec::new() };
        for field in &self.table.fields {
            places.add(self, field)?;
        }
        Ok(places)
    }

    fn shape(
        &self,
        job: &Job,
        key: Vec<Column>,
        cells: Vec<Column>,
        scope: &Scope,
    ) -> Result<Shape, RunError> {
        let watch = self.watch(job, &cells);
        let mut context: Vec<Column> = Vec::new();
        for name in self.context_columns() {
            if !cells.iter().chain(&context).any(|column| column.name == name) {
                context.push(self.column(name)?);
            }
        }
        let touched = self.facts.columns.iter().filter(|column| column.touched);
        Ok(Shape {
            // Found once: by the plan's own spelling each connection would look for it again, where its search path leads.
            table: self.facts.name.clone(),
            key,
            cells,
            context,
            keep: touched.map(|column| column.name.clone()).collect(),
            filter: self.table.filter.clone(),
            only: self.tenant_of(scope)?,
            read_back: !self.facts.update_triggers.is_empty(),
            watch: Arc::new(watch),
        })
    }

    /// What no swap may change beside its cells. What the database computes is for preflight to judge.
    fn watch(&self, job: &Job, cells: &[Column]) -> Watch {
        let beside = self.facts.columns.iter().filter(|column| {
            !column.generated
                && !cells.iter().any(|cell| cell.name == column.name)
                && !self.table.row_key.contains(&column.name)
                && !job.expects(self.table, &column.name)
        });
        Watch {
            beside: beside.map(|column| column.name.clone()).collect(),
            planned: job.tables.iter().map(|table| self.planned(table)).collect(),
        }
    }

    /// A table of the plan, as far as who writes its cells is watched; this one by the name that its swaps give.
    fn planned(&self, table: &TableJob) -> Planned {
        let name = if table.name == self.table.name { &self.facts.name } else { &table.name };
        let mut cells: Vec<String> = table.fields.iter().flat_map(FieldJob::written).cloned().collect();
        cells.extend(table.key_column.clone());
        cells.sort_unstable();
        cells.dedup();
        Planned { table: name.clone(), key: table.row_key.clone(), cells }
    }

    /// The column and the value that a scope's tenant narrows the table to.
    fn tenant_of(&self, scope: &Scope) -> Result<Option<(Column, Value)>, RunError> {
        let (Some(tenant), Some(name)) = (&scope.tenant, &self.table.tenant) else { return Ok(None) };
        let column = self.column(name)?;
        let value = tenant_value(tenant, column.kind).ok_or_else(|| ScopeError::Tenant {
            tenant: tenant.clone(),
            column: format!("{}.{name}", self.table.name),
        })?;
        Ok(Some((column, value)))
    }

    /// The columns of the row key, as its index compares and orders them.
    fn row_key(&self) -> Result<Vec<Column>, RunError> {
        let index = self.facts.unique_index(&self.table.row_key);
        let mut key = Vec::new();
        for name in &self.table.row_key {
            let mut of_key = self.column(name)?;
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

    fn column(&self, name: &str) -> Result<Column, RunError> {
        let Some(column) = self.facts.column(name) else {
            let columns: Vec<&str> = self.facts.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(TableError::NoSuchColumn {
                table: self.table.name.to_string(),
                column: name.to_owned(),
                columns: columns.join(", "),
            }
            .into());
        };
        Ok(column.column())
    }

    /// The columns that AAD and derivation read and that are not part of the row key.
    fn context_columns(&self) -> Vec<&str> {
        let seals = || self.table.fields.iter().flat_map(FieldJob::seals);
        let mut names: Vec<&str> = Vec::new();
        for name in seals().flat_map(|seal| seal.row_columns()) {
            if !self.table.row_key.iter().any(|key| key == name) && !names.contains(&name) {
                names.push(name);
            }
        }
        if let Some(tenant) = self.table.tenant.as_deref()
            && seals().any(|seal| seal.reads_tenant())
            && !names.contains(&tenant)
        {
            names.push(tenant);
        }
        names
    }
}

/// The places of each field, those that share one joined.
fn groups(fields: &[FieldPlaces]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for field in fields {
        let mut group: Vec<usize> = field.parts.iter().map(|part| part.place).collect();
        group.extend(field.mirrors.iter().map(|mirror| mirror.copy));
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

/// The fields of each group, where there are several.
fn companies(fields: &[FieldTarget], groups: usize) -> Vec<Vec<usize>> {
    let of_group = |group| fields.iter().filter(move |field| field.group == group).map(|field| field.at);
    let companies = (0..groups).map(|group| of_group(group).collect::<Vec<_>>());
    companies.filter(|fields| fields.len() > 1).collect()
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
