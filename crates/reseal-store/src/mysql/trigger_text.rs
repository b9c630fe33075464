//! What triggers write, read from their text: the database shows nobody which rows a statement's triggers have written.
//!
//! Followed are updates and replacements, the triggers that they and inserts fire in turn, and the routines that are
//! called. What a name does not tell (a prepared statement, a routine of another schema) is not seen.

use std::collections::HashSet;

use crate::TriggerWrite;

/// A trigger as the catalogue has it.
pub(super) struct TriggerText {
    pub(super) name: String,
    pub(super) table: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub(super) event: String,
    pub(super) body: String,
}

/// A procedure or function as the catalogue has it.
pub(super) struct Routine {
    pub(super) name: String,
    pub(super) body: String,
}

/// What a trigger writes in the end.
pub(super) fn writes_of(name: &str, triggers: &[TriggerText], routines: &[Routine]) -> Vec<TriggerWrite> {
    let Some(first) = triggers.iter().find(|trigger| trigger.name == name) else { return Vec::new() };
    let mut seen: HashSet<*const str> = HashSet::new();
    let (mut queue, mut found) = (vec![first.body.as_str()], Vec::new());
    while let Some(body) = queue.pop() {
        if !seen.insert(std::ptr::from_ref(body)) {
            continue;
        }
        let words = words(body);
        for routine in routines {
            if words.iter().any(|word| word.is(&routine.name)) {
                queue.push(&routine.body);
            }
        }
        for write in statements(&words) {
            let fired = |trigger: &&TriggerText| {
                trigger.table.eq_ignore_ascii_case(&write.table)
                    && write.events.contains(&trigger.event.as_str())
            };
            queue.extend(triggers.iter().filter(fired).map(|trigger| trigger.body.as_str()));
            found.extend(write.columns.iter().map(|column| TriggerWrite {
                trigger: name.to_owned(),
                table: write.table.clone(),
                column: column.clone(),
            }));
        }
    }
    found
}

/// A name, a keyword, or one sign.
#[derive(Debug)]
enum Word {
    Name(String),
    Sign(char),
}

impl Word {
    fn is(&self, name: &str) -> bool {
        matches!(self, Word::Name(word) if word.eq_ignore_ascii_case(name))
    }

    fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }
}

/// The words of a body, without strings and comments.
fn words(body: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '\'' | '"' => skip_string(after, first),
            '`' => {
                let (name, after) = after.split_once('`').unwrap_or((after, ""));
                words.push(Word::Name(name.to_owned()));
                after
            }
            '#' => after.split_once('\n').map_or("", |(_, after)| after),
            '-' if after.starts_with("- ") => after.split_once('\n').map_or("", |(_, after)| after),
            // What stands in `/*! … */` is carried out.
            '/' if after.starts_with('*') && !after.starts_with("*!") && !after.starts_with("*M!") => {
                after.split_once("*/").map_or("", |(_, after)| after)
            }
            first if is_of_name(first) => {
                let end = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
                words.push(Word::Name(rest[..end].to_owned()));
                &rest[end..]
            }
            first => {
                if !first.is_whitespace() {
                    words.push(Word::Sign(first));
                }
                after
            }
        };
    }
    words
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@')
}

fn skip_string(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return &text[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}

/// A statement that writes a table.
struct Statement {
    table: String,
    events: &'static [&'static str],
    columns: Vec<Option<String>>,
}

/// The statements among the words that write rows.
fn statements(words: &[Word]) -> Vec<Statement> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let rest = &words[at + 1..];
        let rest =
            &rest[..rest.iter().position(|word| matches!(word, Word::Sign(';'))).unwrap_or(rest.len())];
        let before = at.checked_sub(1).map(|at| &words[at]);
        if word.is("update") && !before.is_some_and(|word| word.is_any(&["key", "for"])) {
            found.extend(update(rest));
        } else if word.is_any(&["insert", "replace"]) && !matches!(rest.first(), Some(Word::Sign('('))) {
            found.extend(insert(rest, word.is("replace")));
        } else if word.is("delete") {
            let from = rest.iter().position(|word| word.is("from")).map_or(rest, |at| &rest[at + 1..]);
            found.extend(last_name(from).map(|table| Statement {
                table,
                events: &["DELETE"],
                columns: vec![],
            }));
        }
    }
    found
}

/// `UPDATE a JOIN b … SET …`: every table that is named before SET may be the one.
fn update(rest: &[Word]) -> Vec<Statement> {
    let Some(set) = rest.iter().position(|word| word.is("set")) else { return Vec::new() };
    let columns = assigned(&rest[set + 1..]);
    let tables = rest[..set].iter().filter_map(|word| match word {
        Word::Name(name) => Some(name.clone()),
        Word::Sign(_) => None,
    });
    tables.map(|table| Statement { table, events: &["UPDATE"], columns: columns.clone() }).collect()
}

fn insert(rest: &[Word], replaces: bool) -> Option<Statement> {
    let skip = rest
        .iter()
        .take_while(|word| word.is_any(&["low_priority", "high_priority", "delayed", "ignore", "into"]));
    let table = last_name(&rest[skip.count()..])?;
    let updates = rest.windows(4).position(|words| {
        words[0].is("on") && words[1].is("duplicate") && words[2].is("key") && words[3].is("update")
    });
    Some(match (replaces, updates) {
        (true, _) => Statement { table, events: &["INSERT", "DELETE"], columns: vec![None] },
        (false, Some(at)) => {
            Statement { table, events: &["INSERT", "UPDATE"], columns: assigned(&rest[at + 4..]) }
        }
        (false, None) => Statement { table, events: &["INSERT"], columns: vec![] },
    })
}

/// A table's name without its schema.
fn last_name(words: &[Word]) -> Option<String> {
    match words {
        [Word::Name(_), Word::Sign('.'), Word::Name(name), ..] | [Word::Name(name), ..] => Some(name.clone()),
        _ => None,
    }
}

/// The columns that a list of assignments sets: names before `=` that begin the list or follow a comma.
fn assigned(words: &[Word]) -> Vec<Option<String>> {
    let (mut columns, mut depth, mut begins) = (Vec::new(), 0_usize, true);
    for pair in words.windows(2) {
        match &pair[0] {
            Word::Sign('(') => depth += 1,
            Word::Sign(')') => depth = depth.saturating_sub(1),
            Word::Sign(',') if depth == 0 => begins = true,
            Word::Sign('.') => {}
            Word::Name(name) if begins && depth == 0 => match &pair[1] {
                Word::Sign('=') => {
                    columns.push(Some(name.clone()));
                    begins = false;
                }
                Word::Sign('.') => {}
                _ => begins = false,
            },
            word if word.is("where") && depth == 0 => break,
            _ => {}
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(name: &str, table: &str, event: &str, body: &str) -> TriggerText {
        TriggerText { name: name.into(), table: table.into(), event: event.into(), body: body.into() }
    }

    type Written = Vec<(String, Option<String>)>;

    fn written(body: &str) -> Written {
        let triggers = [
            trigger("t", "people", "UPDATE", body),
            trigger("u", "audit", "INSERT", "UPDATE notes SET cell = NEW.x"),
        ];
        let routines = [Routine { name: "copy_it".into(), body: "REPLACE INTO notes VALUES (1)".into() }];
        let writes = writes_of("t", &triggers, &routines).into_iter();
        writes.map(|write| (write.table, write.column)).collect()
    }

    #[test]
    fn writes_are_found_in_the_text_of_a_trigger() {
        let cell = |table: &str| (table.to_owned(), Some("cell".to_owned()));
        let set = "SET n.cell = CONCAT(NEW.a, ','), n.at = NOW() WHERE n.cell = x";
        let cases: [(&str, Written); 8] = [
            ("SET NEW.a = UPPER(NEW.a)", vec![]),
            ("UPDATE `notes` SET cell = NEW.a WHERE id = NEW.id", vec![cell("notes")]),
            (
                "BEGIN update app.notes set other = (SELECT cell = 1 FROM x); END",
                vec![("app".into(), Some("other".into())), ("notes".into(), Some("other".into()))],
            ),
            (
                "INSERT INTO notes (cell) VALUES (1) ON DUPLICATE KEY UPDATE cell = VALUES(cell)",
                vec![cell("notes")],
            ),
            ("INSERT INTO audit VALUES ('UPDATE notes SET cell = 1')", vec![cell("notes")]),
            ("/* UPDATE notes SET cell = 1 */ SET @x = 'it\\'s'; -- UPDATE notes SET cell = 1", vec![]),
            ("CALL copy_it()", vec![("notes".into(), None)]),
            ("DELETE FROM audit", vec![]),
        ];
        for (body, expected) in cases {
            assert_eq!(written(body), expected, "{body}");
        }
        let joined = written(&format!("UPDATE people JOIN notes n ON n.id = people.id {set}"));
        assert!(joined.contains(&cell("notes")), "{joined:?}");
    }
}
