//! A field of a table, met with its schema: where its parts, its mirrors and its reasons lie in a row.

use std::borrow::Cow;
use std::sync::Arc;

use reseal_core::{Cell, Context, Part, Value};
use reseal_store::{Kind, Row, Shape};

use crate::job::{FieldJob, Job, TableJob};

/// A field of a table, met with its schema. Places are positions in a row's values.
pub(crate) struct FieldTarget {
    /// Its position in the table.
    pub(crate) at: usize,
    /// Where its parts lie.
    pub(crate) parts: Vec<PartPlace>,
    /// The columns that copy a part.
    pub(crate) mirrors: Vec<Mirror>,
    /// Where the column is that shows why its cell is in quarantine.
    pub(crate) error_column: Option<usize>,
    /// What its cells have in common with those of other fields.
    pub(crate) shares: Shares,
    /// The position of its group among those of the table: see `Target::groups`.
    pub(crate) group: usize,
    table: Arc<TableNames>,
}

/// A part of a cell in its column.
#[derive(Clone, Copy)]
pub(crate) struct PartPlace {
    pub(crate) part: Part,
    pub(crate) place: usize,
    /// What the column takes.
    pub(crate) kind: Kind,
}

/// A column that copies a part.
#[derive(Clone, Copy)]
pub(crate) struct Mirror {
    pub(crate) part: Part,
    /// Where the part lies.
    pub(crate) original: usize,
    /// Where its copy lies.
    pub(crate) copy: usize,
    /// What the copy's column takes.
    pub(crate) kind: Kind,
}

/// What the cells of a field have in common with those of other fields of their row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// The first field whose cells have the same wrapped DEK; the field itself where it is that.
    pub(crate) dek_of: usize,
    /// Where the nonce is that cells of other fields have too.
    pub(crate) nonce: Option<usize>,
}

impl Shares {
    /// Of the field at this position.
    pub(super) fn of(at: usize, fields: &[FieldPlaces]) -> Shares {
        let place = |field: &FieldPlaces, part: Part| {
            field.parts.iter().find(|other| other.part == part).map(|other| other.place)
        };
        let dek = place(&fields[at], Part::WrappedDek);
        let dek_of = fields.iter().position(|other| dek.is_some() && place(other, Part::WrappedDek) == dek);
        let nonce = place(&fields[at], Part::Nonce);
        let same_nonce = fields.iter().filter(|other| place(other, Part::Nonce) == nonce).count();
        Shares { dek_of: dek_of.unwrap_or(at), nonce: nonce.filter(|_| same_nonce > 1) }
    }
}

/// Where the columns of a field lie, before the table is laid out.
pub(super) struct FieldPlaces {
    pub(super) parts: Vec<PartPlace>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) error_column: Option<usize>,
}

/// What the fields of a table share: their job, and where in a row a column's value is found.
pub(super) struct TableNames {
    job: Arc<Job>,
    at: usize,
    label: String,
    key: Vec<String>,
    values: Vec<String>,
    /// Where the row's tenant is in the row's values.
    tenant: Option<usize>,
}

impl TableNames {
    pub(super) fn new(job: &Arc<Job>, at: usize, shape: &Shape) -> TableNames {
        let table = &job.tables[at];
        let key = shape.key.iter().map(|column| column.name.clone()).collect();
        let values: Vec<String> =
            shape.cells.iter().chain(&shape.context).map(|column| column.name.clone()).collect();
        let tenant = table.tenant.as_ref().and_then(|name| values.iter().position(|other| other == name));
        TableNames { job: job.clone(), at, label: table.name.to_string(), key, values, tenant }
    }

    pub(super) fn table(&self) -> &TableJob {
        &self.job.tables[self.at]
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    fn value<'r>(&self, row: &'r Row, name: &str) -> Option<&'r Value> {
        if let Some(at) = self.key.iter().position(|column| column == name) {
            return row.key.0.get(at);
        }
        row.values.get(self.values.iter().position(|column| column == name)?)
    }
}

impl FieldTarget {
    pub(super) fn new(
        at: usize,
        places: FieldPlaces,
        shares: Shares,
        groups: &[Vec<usize>],
        table: Arc<TableNames>,
    ) -> Self {
        let FieldPlaces { parts, mirrors, error_column } = places;
        let has_part = |group: &Vec<usize>| parts.iter().any(|part| group.contains(&part.place));
        let group = groups.iter().position(has_part).unwrap_or_default();
        FieldTarget { at, parts, mirrors, error_column, shares, group, table }
    }

    /// The job that it belongs to.
    pub(crate) fn whole_job(&self) -> &Arc<Job> {
        &self.table.job
    }

    /// What the job says of it.
    pub(crate) fn job(&self) -> &FieldJob {
        &self.table.table().fields[self.at]
    }

    /// The table's name as the plan writes it.
    pub(crate) fn table_label(&self) -> &str {
        &self.table.label
    }

    /// Where a part lies, if the field has it.
    pub(crate) fn place_of(&self, part: Part) -> Option<usize> {
        self.parts.iter().find(|other| other.part == part).map(|other| other.place)
    }

    /// Whether a place holds the ciphertext or a copy of it, which may be what was never sealed.
    pub(crate) fn holds_ciphertext(&self, place: usize) -> bool {
        self.place_of(Part::Ciphertext) == Some(place)
            || self.mirrors.iter().any(|mirror| mirror.part == Part::Ciphertext && mirror.copy == place)
    }

    /// The cell in a row's values, its parts decoded; `None` where a part does not decode.
    pub(crate) fn cell<'v>(&self, values: &'v [Value]) -> Option<Cell<'v>> {
        self.cell_of(|place| &values[place])
    }

    /// The same, wherever the values are kept.
    pub(crate) fn cell_of<'v>(&self, value: impl Fn(usize) -> &'v Value) -> Option<Cell<'v>> {
        let encoding = self.job().encoding;
        let part = |&PartPlace { part, place, .. }: &PartPlace| match part {
            Part::Key => Some((part, Cow::Borrowed(value(place)))),
            _ => Some((part, encoding.decode(value(place))?)),
        };
        if let [only] = self.parts.as_slice() {
            return part(only).map(|(part, value)| Cell::lent_whole(part, value));
        }
        self.parts.iter().map(part).collect::<Option<Vec<_>>>().map(Cell::lent)
    }

    /// Runs `with` with what templates are filled with for this field of a row.
    pub(crate) fn with_context<T>(&self, row: &Row, with: impl FnOnce(&Context<'_>) -> T) -> T {
        let lookup = |name: &str| self.table.value(row, name).cloned();
        with(&Context {
            tenant: self.table.tenant.map(|at| &row.values[at]),
            table: &self.table.label,
            field: &self.job().name,
            key: "",
            row: &lookup,
        })
    }
}
