//! The cells that a value may hold: it may be one itself, be a document with some inside, or be written by the database as a
//! list of some.

use std::borrow::Cow;

use reseal_core::{Cell, Part, Value};
use reseal_store::Kind;

/// Shorter texts hold no cell: a nonce and a tag alone take more.
const SHORTEST: usize = 20;
/// How deep documents may lie inside of the strings of others.
const DEEPEST: usize = 4;

/// A cell that a value may hold.
pub(super) struct Candidate<'v> {
    pub(super) cell: Cell<'v>,
    /// Where it stands in the value.
    pub(super) stands: Stands,
}

/// Where a cell stands in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It is the whole value.
    Alone,
    /// It is a string of a document or of a list, most of which are nothing of the kind.
    Inside,
    /// It is a word of a text: that it looks like a ciphertext says nothing.
    AsAWord,
}

/// The cells that a value of a column of this kind may hold, and at most `most` of those inside of it.
pub(super) fn candidates(value: &Value, kind: Kind, most: usize) -> Vec<Candidate<'_>> {
    let mut found = vec![Candidate {
        cell: Cell::lent_whole(Part::Ciphertext, Cow::Borrowed(value)),
        stands: Stands::Alone,
    }];
    let Some(text) = text_of(value) else { return found };
    let mut inside = Inside { most, found: Vec::new() };
    match document(text) {
        Some(document) => inside.parts(&document, DEEPEST),
        None => inside.words(text, if kind == Kind::Other { Stands::Inside } else { Stands::AsAWord }),
    }
    found.append(&mut inside.found);
    found
}

/// A value that reads as text.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// The JSON document that a text is; a number or a plain text is none.
pub(super) fn document(text: &str) -> Option<serde_json::Value> {
    text.trim_start().starts_with(['{', '[', '"']).then(|| serde_json::from_str(text).ok()).flatten()
}

struct Inside<'v> {
    most: usize,
    found: Vec<Candidate<'v>>,
}

impl Inside<'_> {
    fn push(&mut self, text: String, stands: Stands) {
        let bytes = text.strip_prefix("\\x").and_then(|digits| hex::decode(digits).ok());
        let value = bytes.map_or(Value::Text(text), Value::Bytes);
        self.found.push(Candidate { cell: Cell::whole(value), stands });
    }

    /// What a document holds, and what documents hold that are written into its strings.
    fn parts(&mut self, document: &serde_json::Value, deep: usize) {
        match document {
            serde_json::Value::String(text) => self.item(text, deep),
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.part(item, deep)),
            serde_json::Value::Object(entries) => entries.values().for_each(|item| self.part(item, deep)),
            _ => {}
        }
    }

    fn part(&mut self, part: &serde_json::Value, deep: usize) {
        if self.found.len() >= self.most {
            return;
        }
        // An object may be a cell as a whole.
        if part.is_object() {
            self.push(part.to_string(), Stands::Inside);
        }
        self.parts(part, deep);
    }

    fn item(&mut self, text: &str, deep: usize) {
        if text.len() >= SHORTEST {
            self.push(text.to_owned(), Stands::Inside);
        }
        if let Some(inner) = document(text).filter(|_| deep > 0) {
            self.parts(&inner, deep - 1);
        }
    }

    /// The words of a text: as the database writes lists and composite values, `{a,"b c"}`, `(a,"b c")`, `"a"=>"b"`, and as
    /// people and programs set cells between other text.
    fn words(&mut self, text: &str, stands: Stands) {
        let (mut word, mut quoted, mut skip) = (String::new(), false, false);
        for (at, letter) in text.char_indices() {
            if self.found.len() >= self.most {
                return;
            }
            if std::mem::take(&mut skip) {
                word.push(letter);
                continue;
            }
            let ends = match letter {
                '\\' if quoted => {
                    skip = true;
                    continue;
                }
                '"' => {
                    quoted = !quoted;
                    true
                }
                '<' | '>' | '{' | '}' | '(' | ')' | '[' | ']' | ',' | ';' | '\'' => !quoted,
                '=' => !quoted && text[at..].starts_with("=>"),
                letter => letter.is_whitespace(),
            };
            match ends {
                true => self.word(&mut word, stands),
                false => word.push(letter),
            }
        }
        self.word(&mut word, stands);
    }

    fn word(&mut self, word: &mut String, stands: Stands) {
        let word = std::mem::take(word);
        if word.len() >= SHORTEST {
            self.push(word, stands);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: &str = "v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAA==";

    fn inside(text: &str, kind: Kind) -> Vec<String> {
        let value = Value::Text(text.to_owned());
        let found = candidates(&value, kind, 100);
        let text = |found: &Candidate<'_>| {
            let bytes = found.cell.bytes(Part::Ciphertext).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        found.iter().skip(1).map(text).collect()
    }

    #[test]
    fn cells_are_found_wherever_they_stand() {
        let json = format!(r#"{{"a": [1, {{"b": "{CELL}"}}]}}"#);
        let in_a_string = serde_json::json!({ "payload": json }).to_string();
        for (text, kind) in [
            (json.clone(), Kind::Json),
            (in_a_string, Kind::Text),
            (format!("{{{CELL},NULL,x}}"), Kind::Other),
            (format!("{{\"{CELL}\",\"a b\"}}"), Kind::Other),
            (format!("(7,\"{CELL}\",t)"), Kind::Other),
            (format!("\"key\"=>\"{CELL}\", \"other\"=>NULL"), Kind::Other),
            (format!("<name kind=\"sealed\">{CELL}</name>"), Kind::Text),
            (format!("was '{CELL}' before"), Kind::Text),
        ] {
            assert!(inside(&text, kind).iter().any(|found| found == CELL), "{text}");
        }
    }

    #[test]
    fn bytes_are_read_as_the_database_writes_them_in_a_list() {
        let value = Value::Text(r#"{"\\x000102030405060708090a0b0c0d0e0f"}"#.into());
        let found = candidates(&value, Kind::Other, 100);
        assert_eq!(found[1].cell.get(Part::Ciphertext), Some(&Value::Bytes((0..16).collect())));
        assert_eq!(found[1].stands, Stands::Inside);
    }

    #[test]
    fn no_more_are_taken_than_were_asked_for() {
        let many = serde_json::Value::from(vec![CELL; 50]).to_string();
        assert_eq!(inside(&many, Kind::Json).len(), 50);
        assert_eq!(candidates(&Value::Text(many), Kind::Json, 10).len(), 11);
    }
}
