//! Tables, fields and columns.

use std::collections::HashMap;

use reseal_core::Part;

use super::keys::encoding;
use super::{Entries, Meaning, quoted};
use crate::document::Finding;
use crate::plan::{ColumnName, FieldSpec, SealSpec, TableSpec};
use crate::raw;

impl Meaning<'_> {
    pub(super) fn tables(
        &mut self,
        raw: raw::Named<raw::Table>,
        seals: &mut Entries<SealSpec>,
    ) -> Entries<TableSpec> {
        let mut tables: Entries<TableSpec> = Vec::new();
        for (label, raw) in raw.0 {
            let table = raw.and_then(|raw| self.table(&label, raw, seals));
            let name = |table: &TableSpec| (table.schema.clone(), table.name.clone());
            let mut earlier = tables.iter().filter_map(|(_, other)| other.as_ref());
            let same = table.as_ref().and_then(|table| earlier.find(|other| name(other) == name(table)));
            if let Some(same) = same {
                let message = format!("table {} is specified twice", quoted(&label));
                let finding = Finding::new("duplicate-table", self.named(&["tables", &label]), message);
                self.findings.push(finding.help(format!("it is first specified on line {}", same.line)));
            }
            tables.push((label, table));
        }
        tables
    }

    fn table(&mut self, label: &str, raw: raw::Table, seals: &mut Entries<SealSpec>) -> Option<TableSpec> {
        let path = ["tables", label];
        let name = self.table_name(label, raw.schema, raw.name);
        let row_key = raw.row_key.into_vec();
        self.row_key(label, &row_key);
        if raw.r#where.as_ref().is_some_and(|condition| condition.trim().is_empty()) {
            self.find("empty", &["tables", label, "where"], "`where` must not be empty");
        }
        let mut whole = true;
        let mut fields = Vec::new();
        for (name, raw) in raw.fields.0 {
            match raw.and_then(|raw| self.field(label, &name, raw, seals)) {
                Some(field) => fields.push(field),
                None => whole = false,
            }
        }
        let (schema, name) = name?;
        let table = TableSpec {
            label: label.into(),
            schema,
            name,
            row_key,
            tenant: raw.tenant,
            domain: raw.domain,
            r#where: raw.r#where,
            key_column: raw.key,
            shared_nonce: raw.shared_nonce.is_some(),
            fields,
            line: self.line(&path),
        };
        self.columns_once(&table);
        Some(table).filter(|_| whole)
    }

    /// `table`, `schema.table`, or whatever `schema:` and `name:` inside say.
    fn table_name(
        &mut self,
        label: &str,
        schema: Option<String>,
        name: Option<String>,
    ) -> Option<(Option<String>, String)> {
        if schema.is_some() || name.is_some() {
            return Some((schema, name.unwrap_or_else(|| label.to_owned())));
        }
        let parts: Vec<&str> = label.split('.').collect();
        match parts.as_slice() {
            [name] if !name.is_empty() => Some((None, (*name).to_owned())),
            [schema, name] if !schema.is_empty() && !name.is_empty() => {
                Some((Some((*schema).to_owned()), (*name).to_owned()))
            }
            _ => {
                let message = format!("{} must have the form `table` or `schema.table`", quoted(label));
                let finding = Finding::new("table-name", self.named(&["tables", label]), message)
                    .help("for a name that contains a dot, set `schema:` and `name:` in the table");
                self.findings.push(finding);
                None
            }
        }
    }

    fn row_key(&mut self, label: &str, row_key: &[String]) {
        for (at, column) in row_key.iter().enumerate() {
            let index = at.to_string();
            let path = ["tables", label, "row_key", &index];
            if column.is_empty() {
                self.find("empty", &path, "`row_key` contains an empty column name");
            } else if row_key[..at].contains(column) {
                self.find("row-key", &path, format!("`row_key` names {} twice", quoted(column)));
            }
        }
    }

    fn field(
        &mut self,
        table: &str,
        name: &str,
        raw: raw::Field,
        seals: &mut Entries<SealSpec>,
    ) -> Option<FieldSpec> {
        let path = ["tables", table, "fields", name];
        let line = self.line(&path);
        let whole_cell = |name: &str| vec![(Part::Ciphertext, name.to_owned())];
        let full = match raw {
            raw::Field::Short(to) => {
                let to = self.seal_named(&to, seals, &path)?;
                let columns = whole_cell(name);
                return Some(FieldSpec {
                    name: name.into(),
                    to,
                    from: vec![],
                    columns,
                    mirrors: vec![],
                    last_error: None,
                    encoding: None,
                    line,
                });
            }
            raw::Field::Full(full) => full,
        };
        let to = self.seal_named(&full.to, seals, &[&path[..], &["to"]].concat());
        let mut from = Vec::new();
        for (at, seal) in full.from.iter().enumerate() {
            let index = at.to_string();
            let path = [&path[..], &["from", &index]].concat();
            if *seal == full.to {
                self.find(
                    "same-seal",
                    &path,
                    format!("`from` names {}, which is already the `to` seal", quoted(seal)),
                );
            } else if full.from[..at].contains(seal) {
                self.find("same-seal", &path, format!("`from` names {} twice", quoted(seal)));
            }
            from.push(self.seal_named(seal, seals, &path));
        }
        let columns = full.columns.map_or_else(|| whole_cell(name), raw::Columns::named);
        let mirrors = self.mirrors(full.mirrors, &columns, &[&path[..], &["mirrors"]].concat());
        Some(FieldSpec {
            name: name.into(),
            to: to?,
            from: from.into_iter().collect::<Option<_>>()?,
            columns,
            mirrors,
            last_error: full.last_error,
            encoding: full.encoding.map(encoding),
            line,
        })
    }

    /// No column may be rotated twice, nor be rotated while it identifies rows. What several cells of a row may share is
    /// judged elsewhere: see [`Meaning::shared_parts`].
    fn columns_once(&mut self, table: &TableSpec) {
        let mut seen: HashMap<&str, String> = HashMap::new();
        for column in &table.row_key {
            seen.insert(column, "`row_key`".into());
        }
        for (what, column) in [("tenant", &table.tenant), ("key", &table.key_column)] {
            if let Some(column) = column {
                seen.insert(column, format!("`{what}`"));
            }
        }
        let key_columns = table.fields.iter().flat_map(|field| &field.columns);
        for (_, column) in key_columns.filter(|(part, _)| *part == Part::Key) {
            seen.insert(column, "a key column".into());
        }
        for field in &table.fields {
            let name = quoted(&field.name);
            let parts = field.columns.iter().filter(|(part, _)| *part != Part::Key);
            let parts = parts.map(|(part, column)| {
                (["columns", part.name()], column, format!("a column of field {name}"))
            });
            let mirrors = field.mirrors.iter();
            let mirrors = mirrors.map(|(part, column)| {
                (["mirrors", part.name()], column, format!("a mirror of field {name}"))
            });
            let last_error = field.last_error.iter();
            let last_error = last_error
                .map(|column| (["last_error", ""], column, format!("the `last_error` of field {name}")));
            for (inside, column, place) in parts.chain(mirrors).chain(last_error) {
                let part = Part::ALL.into_iter().find(|part| ["columns", part.name()] == inside);
                if part.is_some_and(|part| is_shared_by_parts(table, part, column)) {
                    seen.insert(column, place);
                    continue;
                }
                if let Some(other) = seen.insert(column, place) {
                    let message = format!("column {} is already used as {other}", quoted(column));
                    let path = ["tables", &table.label, "fields", &field.name];
                    let span = self.value_or_name(&[&path[..], &inside].concat());
                    self.findings.push(Finding::new("column-twice", span, message));
                }
            }
        }
    }

    /// The value at a path where there is one, else the name of the last entry on the way: a field in its short form
    /// is the name of its column.
    fn value_or_name(&self, path: &[&str]) -> crate::yaml::Span {
        let (value, name) = (self.value(path), self.named(&path[..path.len() - 2]));
        let field = self.value(&path[..path.len() - 2]);
        if value == field { name } else { value }
    }

    pub(super) fn ignored(&mut self, raw: &[String]) -> Vec<ColumnName> {
        let mut ignored = Vec::new();
        for (at, name) in raw.iter().enumerate() {
            let parts: Vec<&str> = name.split('.').collect();
            let column = |schema: Option<&str>, table: &str, column: &str| ColumnName {
                schema: schema.map(str::to_owned),
                table: table.to_owned(),
                column: column.to_owned(),
            };
            match parts.as_slice() {
                _ if parts.contains(&"") => self.column_name(at),
                [table, name] => ignored.push(column(None, table, name)),
                [schema, table, name] => ignored.push(column(Some(schema), table, name)),
                _ => self.column_name(at),
            }
        }
        ignored
    }

    fn column_name(&mut self, at: usize) {
        self.find(
            "column-name",
            &["ignore", &at.to_string()],
            "an entry of `ignore` must have the form `table.column` or `schema.table.column`",
        );
    }
}

/// Parts that several cells of a row may have in common. A ciphertext and its tag are one cell's alone.
pub(super) const SHARED: [Part; 3] = [Part::Nonce, Part::WrappedDek, Part::DekNonce];

/// Whether a column of a table is nothing but this part of its fields' cells, and may be that of several.
fn is_shared_by_parts(table: &TableSpec, part: Part, column: &String) -> bool {
    let parts = table.fields.iter().flat_map(|field| &field.columns);
    let mut uses = parts.filter(|(_, other)| other == column);
    let of_row = table.row_key.iter().chain(&table.tenant).chain(&table.key_column);
    SHARED.contains(&part)
        && uses.all(|(other, _)| *other == part)
        && !of_row.into_iter().any(|other| other == column)
}
