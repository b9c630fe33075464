//! The lines of one key of a plan, as an example of it.

/// The lines of the entry whose name begins at this byte, moved to the left, without comments.
pub(super) fn snippet(text: &str, name: usize) -> String {
    // A name in quotes begins with them.
    let start = if text[..name].ends_with(['"', '\'']) { name - 1 } else { name };
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..start];
    match before.trim_start_matches([' ', '-']).is_empty() {
        true => block(&text[start..], before.len()),
        false => flow(&text[start..]),
    }
}

/// An entry on lines of its own, which begins at this column.
fn block(text: &str, column: usize) -> String {
    let mut lines = text.lines();
    let first = without_comment(lines.next().unwrap_or_default());
    let is_list = first.ends_with(':');
    // The lines of a text in block style, below a line of this indentation, may hold anything.
    let mut verbatim = begins_text(first).then_some(column);
    let mut out = vec![first.to_owned()];
    for line in lines {
        let indent = indent(line);
        let belongs = indent > column || (is_list && indent == column && line[indent..].starts_with("- "));
        if !line.trim().is_empty() && !belongs {
            // A comment may stand anywhere.
            if line[indent..].starts_with('#') {
                continue;
            }
            break;
        }
        if verbatim.is_some_and(|above| indent <= above && !line.trim().is_empty()) {
            verbatim = None;
        }
        let kept = if verbatim.is_some() { line.trim_end() } else { without_comment(line) };
        if verbatim.is_none() && begins_text(kept) {
            verbatim = Some(indent);
        }
        if verbatim.is_some() || !kept.is_empty() {
            out.push(kept.get(column..).unwrap_or_default().to_owned());
        }
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out.join("\n")
}

/// An entry of a map in braces.
fn flow(text: &str) -> String {
    let (mut depth, mut quote) = (0, None);
    let mut out = String::new();
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') if depth > 0 => depth -= 1,
            (None, '}' | ']' | ',') if depth == 0 => break,
            (None, _) => {}
        }
        out.push(c);
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    if out.contains('\n') { words.join(" ") } else { out.trim_end().to_owned() }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether the lines below are a text in block style.
fn begins_text(line: &str) -> bool {
    [": |", ": |-", ": >", ": >-"].iter().any(|end| line.ends_with(end))
}

/// A line without its comment.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if before == ' ' => return line[..at].trim_end(),
            (None, _) => {}
        }
        before = c;
    }
    line.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, expect: &str) {
        assert_eq!(snippet(text, text.find(name).unwrap()), expect, "{text}");
    }

    #[test]
    fn an_entry_ends_where_the_next_begins() {
        check("a: 1\nb: 2\n", "a", "a: 1");
        check("x:\n  a:\n    b: 1\n\n    c: 2\n  d: 3\n", "a", "a:\n  b: 1\n  c: 2");
        check("x:\n  - a: 1\n    b: 2\n  - c: 3\n", "a", "a: 1");
        check("x:\n  - a: 1\n    b: 2\n  - c: 3\n", "b", "b: 2");
        check("a:\n- 1\n- 2\nb: 3\n", "a", "a:\n- 1\n- 2");
    }

    #[test]
    fn comments_are_left_out_and_texts_are_kept() {
        check("a: 1  # one\n# two\n", "a", "a: 1");
        check("x:\n  a:\n    # one\n    b: \"#2\" # two\n", "a", "a:\n  b: \"#2\"");
        check("a: |  # one\n  # two\n\n  three\nb: 1\n", "a", "a: |\n  # two\n\n  three");
    }

    #[test]
    fn an_entry_in_braces_ends_at_its_comma_or_brace() {
        check("x: { a: 1, b: [2, { c: \"}\" }], d: 3 }\n", "a", "a: 1");
        check("x: { a: 1, b: [2, { c: \"}\" }], d: 3 }\n", "b", "b: [2, { c: \"}\" }]");
        check("x: { a: 1, b: [2, { c: \"}\" }], d: 3 }\n", "d", "d: 3");
        check("x: { a: { b: 1,\n    c: 2 } }\n", "a", "a: { b: 1, c: 2 }");
        check("x: { \"{p}\": { b: 1 } }\n", "{p}", "\"{p}\": { b: 1 }");
    }
}
