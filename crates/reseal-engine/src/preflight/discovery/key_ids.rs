//! Small columns that hold nothing but ids of the plan's keys: an application that goes by one reads no cell any more, once
//! the cells are under another key than the column says.

use std::collections::BTreeSet;

use reseal_core::{Key, Value};

use super::cells::{document, text_of};
use crate::job::TableJob;
use crate::job::seal::Seal;

/// Longer texts are no ids.
const LONGEST: usize = 128;
/// Words of a column's name that tells which key a row is under. Numbers alone do not: many columns hold 1 and 2.
const HINTS: [&str; 8] = ["key", "kid", "kek", "dek", "enc", "crypt", "cipher", "seal"];

/// The keys of a table's cells, and what a column was found to hold of their ids.
pub(super) struct KeyIds<'j> {
    keys: Vec<&'j Key>,
    hinted: bool,
    values: u64,
    others: bool,
    /// The keys that are named, by their positions.
    named: BTreeSet<usize>,
}

impl<'j> KeyIds<'j> {
    /// Watches a column of a table whose cells the plan rotates.
    pub(super) fn of(table: &'j TableJob, column: &str) -> KeyIds<'j> {
        let seals = table.fields.iter().flat_map(|field| field.seals());
        let keys = seals.filter(|seal| !seal.format.plaintext).flat_map(|seal: &Seal| seal.keyset.keys());
        let mut distinct: Vec<&Key> = Vec::new();
        for key in keys {
            if !distinct.iter().any(|other| other.id() == key.id() && other.tag() == key.tag()) {
                distinct.push(key);
            }
        }
        let hinted = words(column).any(|word| HINTS.iter().any(|hint| is_about(&word, hint)));
        KeyIds { keys: distinct, hinted, values: 0, others: false, named: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, value: &Value) {
        if self.others || value.is_null() {
            return;
        }
        let text = value.text().map(std::borrow::Cow::into_owned);
        // A value of a type of the application's own may be written as a string of JSON.
        let quoted =
            text_of(value).and_then(document).and_then(|document| document.as_str().map(str::to_owned));
        let Some(text) = quoted.or(text).filter(|text| text.len() <= LONGEST) else {
            self.others = true;
            return;
        };
        let is_its = |key: &&&Key| key.tag() == text || key.id() == text;
        let named: Vec<usize> = (0..self.keys.len()).filter(|at| is_its(&&self.keys[*at])).collect();
        let counts = self.hinted || text.parse::<i64>().is_err();
        self.values += 1;
        self.others = named.is_empty() || !counts;
        self.named.extend(named);
    }

    /// The keys that the column names, where it names nothing else.
    pub(super) fn found(&self) -> Vec<&'j Key> {
        match self.others || self.values == 0 {
            true => Vec::new(),
            false => self.named.iter().map(|at| self.keys[*at]).collect(),
        }
    }

    /// Whether nothing that comes can make it a column of ids any more.
    pub(super) fn is_over(&self) -> bool {
        self.others
    }
}

/// The words of a column's name, in lower case.
fn words(column: &str) -> impl Iterator<Item = String> {
    let parts = column.split(|letter: char| !letter.is_alphanumeric());
    parts.map(str::to_ascii_lowercase)
}

/// Short hints are whole words: `enc` stands in `reference` too.
fn is_about(word: &str, hint: &str) -> bool {
    if hint.len() > 3 { word.contains(hint) } else { word == hint || (hint == "key" && word.contains(hint)) }
}
