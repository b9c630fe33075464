//! The sections of the page: one for each map of the language whose keys are fixed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kinds::{Alternative, OTHER, Schema};

/// Maps that stand in many places have a title of their own, and their sections come last.
const TITLES: [(&str, &str); 7] = [
    ("Source", "Source of a secret"),
    ("Kdf", "Key derivation"),
    ("Hkdf", "HKDF"),
    ("Pbkdf2", "PBKDF2"),
    ("Hmac", "HMAC"),
    ("SqlStep", "SQL step"),
    ("CommandStep", "Command step"),
];

/// Forms of maps that the check of meaning refuses, so that no plan has them.
const REFUSED: [(&str, &str); 1] = [("DatabaseSource", "sql")];

/// A map.
pub(super) struct Section<'s> {
    /// What its schema goes by: the name of a type, and the names below it.
    pub(super) id: String,
    /// Where it stands first, or a title of its own.
    pub(super) title: String,
    /// Whether it has a title of its own.
    pub(super) shared: bool,
    /// Where it stands, as paths.
    pub(super) places: Vec<String>,
    pub(super) description: &'s str,
    pub(super) rows: Vec<Row<'s>>,
}

impl Section<'_> {
    /// Whether it says what a map without a type of its own says too.
    fn is_same(&self, id: &str, rows: &[Row<'_>]) -> bool {
        let alike = |(one, other): (&Row<'_>, &Row<'_>)| one.name == other.name && one.schema == other.schema;
        id.contains('/') && self.rows.len() == rows.len() && self.rows.iter().zip(rows).all(alike)
    }
}

/// A key of a map.
pub(super) struct Row<'s> {
    pub(super) name: &'s str,
    pub(super) need: Need<'s>,
    pub(super) schema: &'s Value,
    pub(super) description: &'s str,
}

/// Whether a key must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need<'s> {
    Required,
    /// It tells one form of the map from others.
    OneOf,
    Optional,
    /// It may stand beside these alone.
    Beside(Vec<&'s str>),
}

/// All sections, in the order in which they are reached.
pub(super) struct Sections<'s> {
    pub(super) schema: Schema<'s>,
    list: Vec<Section<'s>>,
    /// Maps without a type of their own that say the same as one before them, by what both go by.
    same: BTreeMap<String, String>,
}

impl<'s> Sections<'s> {
    pub(super) fn of(root: &'s Value) -> Self {
        let mut sections = Sections { schema: Schema { root }, list: Vec::new(), same: BTreeMap::new() };
        sections.reach(root, "", String::new());
        sections
    }

    /// Those of a place first, then those that stand in many.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Section<'s>> {
        let own = self.list.iter().filter(|section| !section.shared);
        own.chain(self.list.iter().filter(|section| section.shared))
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&Section<'s>> {
        let id = self.same.get(id).map_or(id, String::as_str);
        self.list.iter().find(|section| section.id == id)
    }

    /// Adds the maps that may stand at a path, and all below them.
    fn reach(&mut self, schema: &'s Value, id: &str, path: String) {
        let alternatives = self.schema.alternatives(schema, id);
        for alternative in &alternatives {
            if let Some(items) = alternative.schema.get("items") {
                self.reach(items, &alternative.id, format!("{path}[]"));
            }
            if alternative.is_free_map() {
                self.reach(&alternative.schema["additionalProperties"], &alternative.id, below(&path, OTHER));
            }
        }
        let mut known: Vec<&str> = Vec::new();
        for map in alternatives.iter().filter(|alternative| alternative.has_keys()) {
            if known.contains(&map.id.as_str()) {
                continue;
            }
            known.push(&map.id);
            let forms: Vec<&Alternative<'s>> = alternatives
                .iter()
                .filter(|other| other.has_keys() && other.id == map.id && !is_refused(other))
                .collect();
            self.add(&map.id, &forms, &path);
        }
    }

    fn add(&mut self, id: &str, forms: &[&Alternative<'s>], path: &str) {
        if let Some(section) = self.list.iter_mut().find(|section| section.id == id) {
            return section.places.push(path.to_owned());
        }
        let rows = rows(forms);
        if let Some(same) = self.list.iter_mut().find(|section| section.is_same(id, &rows)) {
            same.places.push(path.to_owned());
            self.same.insert(id.to_owned(), same.id.clone());
            return;
        }
        let own = TITLES.iter().find(|(name, _)| *name == id);
        let title = match own {
            Some((_, title)) => (*title).to_owned(),
            None if path.is_empty() => "The plan".to_owned(),
            None => path.to_owned(),
        };
        let below_here: Vec<(&'s Value, &'s str)> = rows.iter().map(|row| (row.schema, row.name)).collect();
        let description = self.schema.description(id, forms);
        let places = vec![path.to_owned()];
        let section = Section { id: id.to_owned(), shared: own.is_some(), title, places, description, rows };
        self.list.push(section);
        let from = if own.is_some() { "" } else { path };
        for (schema, name) in below_here {
            self.reach(schema, &format!("{id}/{name}"), below(from, name));
        }
    }
}

fn is_refused(form: &Alternative<'_>) -> bool {
    REFUSED.iter().any(|(id, key)| form.id == *id && form.required().any(|required| required == *key))
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The keys of all forms of a map, each once.
fn rows<'s>(forms: &[&Alternative<'s>]) -> Vec<Row<'s>> {
    let several = forms.len() > 1;
    let mut rows: Vec<Row<'s>> = Vec::new();
    // What tells forms apart comes first.
    for telling in [true, false] {
        for form in forms {
            for (name, schema) in form.keys() {
                let required = form.required().any(|other| other == name);
                if (several && required) != telling
                    || rows.iter().any(|row| row.name == name && row.schema == schema)
                {
                    continue;
                }
                let need = match (required, several) {
                    (true, true) => Need::OneOf,
                    (true, false) => Need::Required,
                    (false, _) => beside(forms, name, schema),
                };
                let description = match need {
                    Need::OneOf => form.description(),
                    _ => schema.get("description").and_then(Value::as_str).unwrap_or_default(),
                };
                rows.push(Row { name, need, schema, description });
            }
        }
    }
    rows
}

/// Beside which other keys one may stand, where it may not stand in each form.
fn beside<'s>(forms: &[&Alternative<'s>], name: &str, schema: &Value) -> Need<'s> {
    let has = |form: &&&Alternative<'s>| form.keys().any(|(other, value)| other == name && value == schema);
    let with: Vec<&Alternative<'s>> = forms.iter().filter(has).copied().collect();
    if with.len() == forms.len() {
        return Need::Optional;
    }
    Need::Beside(with.iter().flat_map(|form| form.required()).collect())
}
