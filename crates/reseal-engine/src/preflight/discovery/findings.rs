//! What was found, in words: what a run would harm, what it would leave behind, what keeps a key.

use reseal_core::Key;
use reseal_store::{ColumnFacts, Kind, Relation};

use super::Outside;
use super::column::{ColumnSearch, Found};
use super::parts::OpenedWith;
use super::table::TableSearch;
use crate::finding::Finding;

/// A column that was searched, with its place in words.
struct Place<'f, 'j> {
    search: &'f TableSearch<'j>,
    column: &'f ColumnSearch<'j>,
    name: String,
}

/// The columns of a table that was searched.
fn places<'f, 'j>(search: &'f TableSearch<'j>) -> impl Iterator<Item = Place<'f, 'j>> {
    let name = |column: &ColumnSearch<'_>| format!("{}.{}", search.label, column.column.name);
    search.columns.iter().map(move |column| Place { search, column, name: name(column) })
}

/// What there is to say of a table before a run.
pub(super) fn before_a_run(search: &TableSearch<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for place in places(search) {
        let silenced = place.is_ignored();
        findings.extend(place.harmed().or_else(|| place.left_behind().filter(|_| !silenced)));
        findings.extend(place.key_ids().filter(|_| !silenced));
    }
    findings
}

/// What there is to say of a table before a key is retired.
pub(super) fn of_a_key(search: &TableSearch<'_>, key: Option<&Key>, outside: &mut Outside) {
    for place in places(search) {
        let held = place.left_behind().filter(|_| place.holds(key));
        let named = place.key_ids().filter(|_| place.names(key));
        for finding in held.into_iter().chain(named) {
            match place.is_ignored() && !place.opens(key) {
                true => outside.unseen.push(format!("ignored by the plan: {}", finding.message)),
                false => outside.findings.push(finding),
            }
        }
        if place.column.looks_random() && !place.is_ignored() {
            outside.unseen.push(format!(
                "not checked: {} (its values look random; they may be ciphertexts of this key in a layout that the plan \
                 does not have)",
                place.name
            ));
        }
        if key.is_none() && place.is_ignored() {
            outside.unseen.push(format!(
                "not checked: {} (`ignore:` lists it, and the plan no longer has the key)",
                place.name
            ));
        }
    }
    let away = search.kek_away.iter().map(|why| format!("not checked: DEKs in {} ({why})", search.label));
    outside.unseen.extend(away);
}

impl<'j> Place<'_, 'j> {
    fn is_ignored(&self) -> bool {
        self.search.is_ignored(&self.column.column.name)
    }

    /// Whether a cell of the column opened under this key.
    fn opens(&self, key: Option<&Key>) -> bool {
        let opened = match &self.column.found {
            Some(Found::Opens { key, .. } | Found::OpensWith(OpenedWith { key, .. })) => Some(*key),
            _ => None,
        };
        opened.zip(key).is_some_and(|(opened, key)| opened.identity() == key.identity())
    }

    /// Whether what was found keeps this key. Cells of others do too, where nobody has said that they are to be left alone.
    fn holds(&self, key: Option<&Key>) -> bool {
        match &self.column.found {
            _ if !self.is_ignored() || self.opens(key) => true,
            Some(Found::Names { key: named, .. }) => key.is_some_and(|key| key.id() == named.id()),
            Some(Found::Looks) => true,
            _ => false,
        }
    }

    /// Whether the column holds ids of keys, that of this one among them.
    fn names(&self, key: Option<&Key>) -> bool {
        let named = self.column.ids.as_ref().map(|ids| ids.found()).unwrap_or_default();
        key.is_some_and(|key| named.iter().any(|named| named.identity() == key.identity()))
    }

    /// Cells that the run would make unreadable, since it rewrites what they open with.
    fn harmed(&self) -> Option<Finding> {
        let table = self.search.planned?;
        let of_table = |field| table.fields.iter().any(|own| std::ptr::eq(own, field));
        if let Some(Found::OpensWith(OpenedWith { field, lost, .. })) = &self.column.found
            && of_table(*field)
            && !lost.is_empty()
        {
            let (lost, name) = (lost.join(", "), &self.name);
            let message = format!(
                "`{name}` uses {lost} of field `{}`, which a run rewrites: cells of `{name}` would no longer \
                 open",
                field.name
            );
            return Some(Finding::refusal("shared-part", message, self.help_of_parts(&lost)));
        }
        if let Some(key) = &table.key_column
            && self.is_sealed()
            && !self.is_ignored()
        {
            let message = format!(
                "`{}` {}, but a run would change `{}.{key}`, which names the key of all cells of a row",
                self.name,
                self.what(),
                self.search.label
            );
            return Some(Finding::refusal("key-column-shared", message, self.help_of_parts(key)));
        }
        self.harmed_by_name()
    }

    /// The same where only names say so, and nothing opens.
    fn harmed_by_name(&self) -> Option<Finding> {
        let opens = matches!(self.column.found, None | Some(Found::Looks)) && self.column.is_opaque();
        let may_be =
            opens && matches!(self.column.column.kind, Kind::Text | Kind::Binary) && !self.is_ignored();
        let (field, part) = self.search.goes_by_name(&self.column.column.name).filter(|_| may_be)?;
        let name = &self.name;
        let message = format!(
            "judging by the column names, `{name}` uses {part} like field `{}`, but a run rewrites {part}: \
             cells of `{name}` would no longer open",
            field.name
        );
        let help = format!("{}; if it does not use {part}, add `ignore: [{name}]`", self.help_of_parts(part));
        Some(Finding::refusal("shared-part", message, help))
    }

    fn is_sealed(&self) -> bool {
        matches!(
            self.column.found,
            Some(Found::Opens { .. } | Found::OpensWith(_) | Found::Names { .. } | Found::Looks)
        )
    }

    fn help_of_parts(&self, parts: &str) -> String {
        match self.why_not_in_a_plan() {
            None => format!("add it to the plan as a field of the same table with the same {parts}"),
            Some(why) => format!("{why}; let the application seal it without {parts} first"),
        }
    }

    /// Cells that the run would leave under an old key.
    fn left_behind(&self) -> Option<Finding> {
        self.column.found.as_ref()?;
        let name = &self.name;
        let message = format!("`{name}` {}, but it is not in the plan", self.what());
        let help = match (self.why_not_in_a_plan(), self.is_ignored()) {
            (None, false) => format!("add it to the plan, or suppress this warning with `ignore: [{name}]`"),
            (None, true) => "add it to the plan and rotate it; `ignore:` does not release a key".to_owned(),
            (Some(why), false) => {
                format!(
                    "{why}; let the application rotate its cells, or suppress this warning with `ignore: \
                     [{name}]`"
                )
            }
            (Some(why), true) => {
                format!("{why}; let the application rotate its cells; `ignore:` does not release a key")
            }
        };
        Some(Finding::warning("column-outside-the-plan", message, help))
    }

    /// A column that names keys, and that the plan does not know as one that does.
    fn key_ids(&self) -> Option<Finding> {
        let named = self.column.ids.as_ref()?.found();
        let ids: Vec<&str> = named.iter().map(|key| key.id()).collect();
        let (ids, name) = (ids.join(", "), &self.name);
        (!named.is_empty()).then(|| {
            Finding::warning(
                "key-ids-outside-the-plan",
                format!("`{name}` contains only IDs of the plan's keys ({ids}), but no run changes it"),
                format!(
                    "if it names the key of a row, add it as `key:` of the table or to `columns:` of a \
                     field; otherwise add `ignore: [{name}]`"
                ),
            )
        })
    }

    /// What the column holds, as the rest of a sentence.
    fn what(&self) -> String {
        let holds = if self.column.inside { "contains documents with cells" } else { "contains cells" };
        match &self.column.found {
            Some(Found::Opens { seal, .. }) => {
                format!("{holds} that open under a key of seal `{}`", seal.name)
            }
            Some(Found::OpensWith(OpenedWith { seal, field, .. })) => {
                format!(
                    "{holds} that open under a key of seal `{}` with the parts of field `{}`",
                    seal.name, field.name
                )
            }
            Some(Found::Names { seal, .. }) => format!("{holds} that name a key of seal `{}`", seal.name),
            Some(Found::Copy(column)) => format!("contains a copy of `{column}`"),
            Some(Found::Looks) if self.column.inside => {
                "contains documents with values that look like a known ciphertext".to_owned()
            }
            Some(Found::Looks) | None => "contains values that look like a known ciphertext".to_owned(),
        }
    }

    /// Why the column cannot become a field of a plan; `None` where it can.
    fn why_not_in_a_plan(&self) -> Option<String> {
        let facts = &self.search.facts;
        let of_key = |name: &String| *name == self.column.column.name;
        let column = facts.column(&self.column.column.name)?;
        let sql_type = &column.sql_type;
        let planned = self.search.planned;
        Some(match column.kind {
            _ if self.column.inside => "a plan cannot rotate cells inside documents or lists".to_owned(),
            _ if facts.relation != Relation::Table => format!("`{}` is not a table", self.search.label),
            _ if column.generated => format!("the database computes `{}`", self.name),
            _ if planned.is_some_and(|table| table.row_key.iter().any(of_key)) => {
                format!("`{}` is part of the row key", self.name)
            }
            _ if planned.is_some_and(|table| table.tenant.iter().any(of_key)) => {
                format!("`{}` is the tenant column", self.name)
            }
            Kind::Json | Kind::Other | Kind::Int | Kind::Uuid => {
                format!("a plan cannot rotate cells in a column of type {sql_type}")
            }
            _ if !facts.transactional => format!("`{}` does not support transactions", self.search.label),
            _ if !has_row_key(facts) => {
                format!("`{}` has no unique NOT NULL row key", self.search.label)
            }
            Kind::Text | Kind::Binary => return None,
        })
    }
}

/// Whether the rows of a table can be told apart.
fn has_row_key(facts: &reseal_store::TableFacts) -> bool {
    let compares =
        |column: &ColumnFacts| column.enumerated || !matches!(column.kind, Kind::Other | Kind::Json);
    let fits = |column: &ColumnFacts| column.not_null && compares(column);
    facts.indexes.iter().filter(|index| index.unique && !index.partial).any(|index| {
        let named = |name: &Option<String>| name.as_deref().and_then(|name| facts.column(name));
        index.columns.iter().all(|name| named(name).is_some_and(fits))
    })
}
