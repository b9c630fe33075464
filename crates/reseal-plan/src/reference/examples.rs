//! An example of each key, from plans.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::kinds::{Alternative, OTHER};
use super::sections::{Need, Row, Section, Sections};
use super::snippet::snippet;
use crate::yaml::{Content, MapEntry, Node};

/// A key of a section: its number among the section's rows.
type RowNumber = usize;

/// What plans have of the keys of the language.
#[derive(Default)]
pub(super) struct Examples {
    /// By section and key. The first plan that has a key gives its example, the shortest that it has.
    snippets: BTreeMap<String, BTreeMap<RowNumber, Snippet>>,
    /// The keys that stand together, by section: one set for each map of a plan.
    together: BTreeMap<String, BTreeSet<BTreeSet<RowNumber>>>,
    plans: usize,
}

struct Snippet {
    plan: usize,
    text: String,
}

impl Examples {
    /// The example of a key.
    pub(super) fn of(&self, section: &Section<'_>, row: &Row<'_>) -> Option<&str> {
        let number = section.rows.iter().position(|other| std::ptr::eq(other, row))?;
        Some(&self.snippets.get(&section.id)?.get(&number)?.text)
    }

    /// The examples of a section in its order: in one text those that stand together in some plan.
    pub(super) fn blocks(&self, section: &Section<'_>) -> Vec<String> {
        let none = BTreeSet::new();
        let together = self.together.get(&section.id).unwrap_or(&none);
        let fits = |block: &[RowNumber], row: RowNumber| {
            block.iter().all(|other| together.iter().any(|keys| keys.contains(other) && keys.contains(&row)))
        };
        let mut blocks: Vec<Vec<RowNumber>> = Vec::new();
        for row in 0..section.rows.len() {
            match blocks.iter_mut().find(|block| fits(block, row)) {
                Some(block) => block.push(row),
                None => blocks.push(vec![row]),
            }
        }
        let text = |row: &RowNumber| self.of(section, &section.rows[*row]).unwrap_or_default();
        let texts = blocks.iter().map(|block| block.iter().map(text).collect::<Vec<_>>().join("\n"));
        texts.collect()
    }

    /// Adds what a plan has.
    pub(super) fn collect(&mut self, sections: &Sections<'_>, text: &str, root: &Node) {
        Walk { sections, text, examples: self }.node(root, sections.schema.root, "");
        self.plans += 1;
    }

    fn add(&mut self, section: &str, row: RowNumber, text: String) {
        let plan = self.plans;
        let snippets = self.snippets.entry(section.to_owned()).or_default();
        let better =
            snippets.get(&row).is_none_or(|known| known.plan == plan && is_shorter(&text, &known.text));
        if better {
            snippets.insert(row, Snippet { plan, text });
        }
    }
}

fn is_shorter(one: &str, other: &str) -> bool {
    let size = |text: &str| (text.lines().count(), text.len());
    size(one) < size(other)
}

struct Walk<'w, 's> {
    sections: &'w Sections<'s>,
    text: &'w str,
    examples: &'w mut Examples,
}

impl<'s> Walk<'_, 's> {
    fn node(&mut self, node: &Node, schema: &'s Value, id: &str) {
        let alternatives = self.sections.schema.alternatives(schema, id);
        match &node.content {
            Content::List(items) => {
                for list in alternatives.iter().filter(|alternative| alternative.is("array")) {
                    if let Some(schema) = list.schema.get("items") {
                        items.iter().for_each(|item| self.node(item, schema, &list.id));
                    }
                }
            }
            Content::Map(entries) => {
                if let Some(form) = alternatives.iter().find(|form| form.has_keys() && fits(form, entries)) {
                    self.map(entries, form, &alternatives);
                } else if let Some(free) = alternatives.iter().find(|form| form.is_free_map()) {
                    let schema = &free.schema["additionalProperties"];
                    entries.iter().for_each(|entry| self.node(&entry.node, schema, &free.id));
                }
            }
            _ => {}
        }
    }

    fn map(&mut self, entries: &[MapEntry], form: &Alternative<'s>, alternatives: &[Alternative<'s>]) {
        let Some(section) = self.sections.by_id(&form.id) else { return };
        let several = alternatives.iter().filter(|other| other.has_keys() && other.id == form.id).count() > 1;
        let mut together = BTreeSet::new();
        for entry in entries {
            let Some((name, schema)) = key(form, &entry.name) else { continue };
            let telling = several && form.required().any(|required| required == name);
            let row = section.rows.iter().position(|row| {
                row.name == name && row.schema == schema && telling == (row.need == Need::OneOf)
            });
            if let Some(row) = row {
                together.insert(row);
                self.examples.add(&section.id, row, snippet(self.text, entry.name_span.start));
            }
            self.node(&entry.node, schema, &format!("{}/{name}", form.id));
        }
        self.examples.together.entry(section.id.clone()).or_default().insert(together);
    }
}

/// The key of a form that an entry is, with its schema.
fn key<'s>(form: &Alternative<'s>, name: &str) -> Option<(&'s str, &'s Value)> {
    form.keys().find(|(key, _)| *key == name).or_else(|| form.keys().find(|(key, _)| *key == OTHER))
}

/// Whether a map is of this form.
fn fits(form: &Alternative<'_>, entries: &[MapEntry]) -> bool {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    form.required().all(has) && entries.iter().all(|entry| key(form, &entry.name).is_some())
}
