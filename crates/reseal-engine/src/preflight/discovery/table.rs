//! A table whose columns are searched: which of them, what is read beside them, and what their values come to.

use reseal_core::{Context, Key, Part, Value};
use reseal_store::{Column, ColumnFacts, Kind, TableFacts, TableName};

use super::cells::Stands;
use super::column::{ColumnSearch, Found, RowOf, Trial};
use super::key_ids::KeyIds;
use super::names::goes_by;
use super::parts::{PartsOf, is_nonce, other_parts};
use crate::error::RunError;
use crate::job::seal::Seal;
use crate::job::{FieldJob, Job, TableJob};

/// What tables are searched for.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'j> {
    /// A run is to begin: what it would leave behind, and what it would harm.
    Run,
    /// A key is retired, which the plan may no longer have.
    GiveUp(Option<&'j Key>),
}

/// Strings of one value that are looked at before a run.
const STRINGS: usize = 500;

/// A table whose columns are searched.
pub(super) struct TableSearch<'j> {
    job: &'j Job,
    /// As it is found by this connection.
    pub(super) name: TableName,
    /// The same as messages write it.
    pub(super) label: String,
    pub(super) facts: TableFacts,
    /// The table of the plan, where it is one.
    pub(super) planned: Option<&'j TableJob>,
    pub(super) columns: Vec<ColumnSearch<'j>>,
    /// The columns that are read beside each of them.
    pub(super) beside: Vec<Column>,
    trials: Vec<Trial<'j>>,
    parts: Vec<PartsOf<'j>>,
    /// Why a KEK could not be asked; it is then not asked again.
    pub(super) kek_away: Option<String>,
}

impl<'j> TableSearch<'j> {
    pub(super) fn new(
        job: &'j Job,
        name: TableName,
        facts: TableFacts,
        planned: Option<&'j TableJob>,
        purpose: Purpose<'j>,
        types_by_value: bool,
    ) -> TableSearch<'j> {
        let label = name.to_string();
        let beside = beside(job, planned, &facts);
        let parts = PartsOf::among(job, &beside);
        let mut search = TableSearch {
            job,
            name,
            label,
            facts,
            planned,
            columns: Vec::new(),
            beside,
            trials: Trial::all(job),
            parts,
            kek_away: None,
        };
        for column in search.facts.columns.clone() {
            let found = search.column(&column, purpose, types_by_value);
            search.columns.extend(found);
        }
        search
    }

    /// How a column is searched; `None` where it is not.
    fn column(
        &self,
        column: &ColumnFacts,
        purpose: Purpose<'j>,
        types_by_value: bool,
    ) -> Option<ColumnSearch<'j>> {
        let holds_cells = types_by_value || !matches!(column.kind, Kind::Int | Kind::Uuid);
        let is_key = |table: &TableJob| {
            table.row_key.contains(&column.name) || table.tenant.as_ref() == Some(&column.name)
        };
        if self.planned.is_some_and(|table| is_written(table, &column.name)) {
            return None;
        }
        let ids = self.planned.filter(|table| !is_key(table)).map(|table| KeyIds::of(table, &column.name));
        if !holds_cells && ids.is_none() {
            return None;
        }
        let most = if matches!(purpose, Purpose::Run) { STRINGS } else { usize::MAX };
        let of = column.column();
        let mut search = ColumnSearch::new(of, most);
        search.ids = ids;
        match purpose {
            // Nothing silences what a run would harm, and that lies in its own tables alone.
            Purpose::Run if self.planned.is_none() && self.is_ignored(&column.name) => return None,
            Purpose::GiveUp(key) if self.is_ignored(&column.name) => search.only = key,
            _ => {}
        }
        Some(search)
    }

    /// Whether the plan says under `ignore:` that a column is to be left alone.
    pub(super) fn is_ignored(&self, column: &str) -> bool {
        let mut names = vec![self.label.clone(), self.facts.name.to_string()];
        names.extend(self.planned.map(|table| table.name.to_string()));
        names.iter().any(|name| self.job.ignore.contains(&format!("{name}.{column}")))
    }

    /// Whether no further row can tell anything new.
    pub(super) fn is_settled(&self) -> bool {
        self.columns.iter().all(ColumnSearch::is_settled)
    }

    /// Takes the value of a column, and what was read beside it.
    pub(super) async fn add(&mut self, at: usize, value: &Value, beside: &[Value]) -> Result<(), RunError> {
        if value.is_null() || self.columns[at].is_settled() {
            return Ok(());
        }
        if let Some(found) = self.copied(at, value, beside) {
            self.columns[at].settle(found, Stands::Alone);
            return Ok(());
        }
        if let Some(found) = self.opened_with_parts(at, value, beside).await? {
            self.columns[at].settle(found, Stands::Alone);
            return Ok(());
        }
        let row = RowOf { table: &self.label, beside: &self.beside, values: beside };
        self.columns[at].add(self.job, &self.trials, &row, value);
        Ok(())
    }

    /// The ciphertext of the plan that a column repeats in its row.
    fn copied(&self, at: usize, value: &Value, beside: &[Value]) -> Option<Found<'j>> {
        let column = &self.columns[at].column.name;
        let fields = self.planned.into_iter().flat_map(|table| &table.fields);
        let mut ciphertexts = fields.filter_map(ciphertext_among_parts).filter(|name| name != column);
        let row = RowOf { table: &self.label, beside: &self.beside, values: beside };
        ciphertexts.find(|name| row.value(name) == Some(value)).map(Found::Copy)
    }

    async fn opened_with_parts(
        &mut self,
        at: usize,
        value: &Value,
        beside: &[Value],
    ) -> Result<Option<Found<'j>>, RunError> {
        let column = self.columns[at].column.name.clone();
        for parts in &self.parts {
            let enveloped = parts.field.seals().any(|seal| seal.envelope.is_some());
            if enveloped && self.kek_away.is_some() {
                continue;
            }
            let row = RowOf { table: &self.label, beside: &self.beside, values: beside };
            let lookup = |name: &str| row.value(name).cloned();
            let tenant = parts.table.tenant.as_deref().and_then(|name| row.value(name));
            let of_plan = parts.table.name.to_string();
            let own = Context { tenant, table: &self.label, field: &column, key: "", row: &lookup };
            let as_field = Context { table: &of_plan, field: &parts.field.name, ..own };
            for context in [own, as_field] {
                match parts.open(self.job, value, beside, &context).await {
                    Ok(Some(opened)) => return Ok(Some(Found::OpensWith(opened))),
                    Ok(None) => {}
                    // That a KEK is away keeps no run from beginning; preflight has looked at KEKs of its own accord.
                    Err(RunError::Kek(trouble)) => {
                        self.kek_away = Some(trouble.to_string());
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    /// Ends the search of a column: all its values were taken.
    pub(super) fn finish(&mut self) {
        for column in &mut self.columns {
            column.finish(&self.trials);
        }
    }

    /// The part of a field of the plan that a column goes by, as their names say: table and field stand for what the plan
    /// knows, `column` for what it does not.
    pub(super) fn goes_by_name(&self, column: &str) -> Option<(&'j FieldJob, &'j str)> {
        let table = self.planned?;
        let all: Vec<&str> = self.facts.columns.iter().map(|column| column.name.as_str()).collect();
        table.fields.iter().find_map(|field| {
            let of = ciphertext_among_parts(field)?;
            let parts = other_parts(table, field).filter(|(part, _)| {
                let rewraps = matches!(part, Part::WrappedDek | Part::DekNonce | Part::Key);
                !rewraps || !field.to.is_rewrapped()
            });
            let mut names = parts.filter(|(part, _)| *part != Part::Key).map(|(_, name)| name);
            names.find(|part| goes_by(column, part, of, &all)).map(|part| (field, part))
        })
    }
}

/// The columns of a table that a cell may need to open, and those of the plan that a copy would equal: ciphertexts whose
/// other parts lie in other columns.
fn beside(job: &Job, planned: Option<&TableJob>, facts: &TableFacts) -> Vec<Column> {
    let mut names: Vec<&str> = Vec::new();
    for table in &job.tables {
        for field in &table.fields {
            names.extend(field.seals().flat_map(Seal::row_columns));
            let tenant = field.seals().any(Seal::reads_tenant).then_some(table.tenant.as_deref());
            names.extend(tenant.flatten());
            names.extend(other_parts(table, field).map(|(_, name)| name));
        }
    }
    names.extend(planned.into_iter().flat_map(|table| &table.fields).filter_map(ciphertext_among_parts));
    // What has the DEK or the key of a field may have a nonce of its own.
    let has_nonces = facts.columns.iter().map(|column| column.name.as_str()).filter(|name| is_nonce(name));
    names.extend(has_nonces);
    let known = facts.columns.iter().filter(|column| names.contains(&column.name.as_str()));
    known.map(ColumnFacts::column).collect()
}

fn ciphertext_among_parts(field: &FieldJob) -> Option<&str> {
    let several = field.columns.len() > 1;
    let ciphertext = field.columns.iter().find(|(part, _)| several && *part == Part::Ciphertext);
    ciphertext.map(|(_, name)| name.as_str())
}

/// Whether a run writes a column of a table.
fn is_written(table: &TableJob, column: &str) -> bool {
    table.fields.iter().flat_map(FieldJob::written).any(|name| name == column)
        || table.key_column.as_deref() == Some(column)
}
