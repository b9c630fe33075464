//! Finding the holes in the text of a step.

use reseal_core::{StepHole, StepPiece};

/// A hole that cannot be filled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HoleError {
    /// No run fills a hole of this name.
    Unknown(String),
    /// It stands in a quoted text of SQL, where nothing can be bound.
    Quoted(String),
}

/// The pieces of an SQL statement. What is quoted or a comment is left as it is: braces belong to JSON, arrays and
/// patterns there, and a parameter cannot be bound in it.
pub(crate) fn sql(text: &str) -> Result<Vec<StepPiece>, HoleError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((quoted, is_comment)) = quoted(rest) {
            if let Some(name) = holes(quoted).filter(|_| !is_comment).find(|name| is_ours(name)) {
                return Err(HoleError::Quoted(name.to_owned()));
            }
            plain.push_str(quoted);
            rest = &rest[quoted.len()..];
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let hole = StepHole::parse(name).ok_or_else(|| HoleError::Unknown(name.to_owned()))?;
            push(&mut pieces, &mut plain, hole);
            rest = after;
        } else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        pieces.push(StepPiece::Text(plain));
    }
    Ok(pieces)
}

/// The pieces of one argument of a program. Braces that hold no name belong to the program.
pub(crate) fn word(text: &str) -> Result<Vec<StepPiece>, HoleError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once('{') {
        plain.push_str(before);
        match inside.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                let hole = StepHole::parse(name).ok_or_else(|| HoleError::Unknown(name.to_owned()))?;
                push(&mut pieces, &mut plain, hole);
                rest = after;
            }
            None => {
                plain.push('{');
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(StepPiece::Text(plain));
    }
    Ok(pieces)
}

fn push(pieces: &mut Vec<StepPiece>, plain: &mut String, hole: StepHole) {
    if !plain.is_empty() {
        pieces.push(StepPiece::Text(std::mem::take(plain)));
    }
    pieces.push(StepPiece::Hole(hole));
}

/// Words with dots between them.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|word| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        })
}

fn is_ours(name: &str) -> bool {
    name.starts_with("run.") || name.starts_with("vars.")
}

fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// The quoted text or comment that the text begins with, and whether it is a comment. One that does not end goes to the
/// end of the text; the server will say so.
fn quoted(text: &str) -> Option<(&str, bool)> {
    let until =
        |end: &str, from: usize| text[from..].find(end).map_or(text, |at| &text[..from + at + end.len()]);
    if text.starts_with("--") {
        return Some((until("\n", 2), true));
    }
    if text.starts_with("/*") {
        return Some((until("*/", 2), true));
    }
    match text.as_bytes().first()? {
        b'\'' => Some((until("'", 1), false)),
        b'"' => Some((until("\"", 1), false)),
        b'`' => Some((until("`", 1), false)),
        b'$' => {
            let tag = &text[..text[1..].find('$')? + 2];
            let word = &tag[1..tag.len() - 1];
            let fits = word.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !word.starts_with(|c: char| c.is_ascii_digit());
            fits.then(|| (until(tag, tag.len()), false))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: Result<Vec<StepPiece>, HoleError>) -> String {
        match pieces {
            Err(error) => format!("{error:?}"),
            Ok(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    StepPiece::Text(text) => text.clone(),
                    StepPiece::Hole(hole) => format!("<{hole}>"),
                })
                .collect(),
        }
    }

    #[test]
    fn sql_has_holes_outside_of_what_is_quoted() {
        for (text, expect) in [
            ("ANALYZE users", "ANALYZE users"),
            ("SELECT {run.id}::uuid, {vars.a}", "SELECT <run.id>::uuid, <vars.a>"),
            ("SELECT '{}'::jsonb, '{a,b}', {run.kind}", "SELECT '{}'::jsonb, '{a,b}', <run.kind>"),
            ("SELECT 'it''s {}', \"a{b}\"", "SELECT 'it''s {}', \"a{b}\""),
            ("DO $$ BEGIN RAISE '{x}'; END $$", "DO $$ BEGIN RAISE '{x}'; END $$"),
            ("DO $a$ {x} $$ $a$ {run.id}", "DO $a$ {x} $$ $a$ <run.id>"),
            ("SELECT $1 -- {run.id}\n{run.id}", "SELECT $1 -- {run.id}\n<run.id>"),
            ("/* {vars.a} */ {vars.a}", "/* {vars.a} */ <vars.a>"),
            ("SELECT '{run.id}'", "Quoted(\"run.id\")"),
            ("DO $$ {vars.a} $$", "Quoted(\"vars.a\")"),
            ("SELECT {run.key}", "Unknown(\"run.key\")"),
            ("SELECT {id}", "Unknown(\"id\")"),
            ("SELECT 'ü' {run.id", "SELECT 'ü' {run.id"),
        ] {
            assert_eq!(shown(sql(text)), expect, "{text}");
        }
    }

    #[test]
    fn arguments_keep_braces_of_their_own() {
        for (text, expect) in [
            ("", ""),
            ("--run={run.id}!", "--run=<run.id>!"),
            ("{vars.a}{run.state}", "<vars.a><run.state>"),
            ("{print $1}", "{print $1}"),
            ("{{.State.Running}}", "{{.State.Running}}"),
            ("{\"id\": \"{run.id}\"}", "{\"id\": \"<run.id>\"}"),
            ("{}", "{}"),
            ("{run.key}", "Unknown(\"run.key\")"),
            ("{id}", "Unknown(\"id\")"),
        ] {
            assert_eq!(shown(word(text)), expect, "{text}");
        }
    }
}
