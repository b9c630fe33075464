//! Lines for a terminal of some width: broken between words, and never within a command that people copy.

use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr as _;

/// How lines are broken: below the first they are indented.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) indent: usize,
    pub(crate) width: usize,
}

/// Writes words behind a first one.
pub(crate) fn wrapped(
    out: &mut impl Write,
    first: &str,
    text: &str,
    Layout { indent, width }: Layout,
) -> fmt::Result {
    let mut at = first.width();
    let mut begins = true;
    out.write_str(first)?;
    for line in text.lines() {
        if !begins {
            write!(out, "\n{:indent$}", "")?;
            (at, begins) = (indent, true);
        }
        for word in words(line) {
            let length = word.width();
            if !begins && at + 1 + length > width {
                write!(out, "\n{:indent$}", "")?;
                at = indent;
            } else if !begins {
                out.write_char(' ')?;
                at += 1;
            }
            out.write_str(word)?;
            at += length;
            begins = false;
        }
    }
    out.write_char('\n')
}

/// A text whose long lines are broken; what is indented stays so, and what follows `next: ` stands below it. Lines of tables
/// are left as they are.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    let mut fitted = String::new();
    for line in text.lines() {
        if line.width() <= width || line.contains(['─', '═']) || is_table_row(line) {
            fitted += line;
            fitted.push('\n');
            continue;
        }
        let words = line.trim_start();
        let (indent, words) = line.split_at(line.len() - words.len());
        let (first, words) = if words.starts_with("next: ") { words.split_at(6) } else { ("", words) };
        let first = format!("{indent}{first}");
        // Writing to a string does not fail.
        let _ = wrapped(&mut fitted, &first, words, Layout { indent: first.width(), width });
    }
    fitted
}

/// Columns are apart by three blanks.
fn is_table_row(line: &str) -> bool {
    line.trim().contains("   ")
}

/// The words of a line; what stands between backticks is one, with what touches it.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut begin, mut is_code) = (None, false);
    for (at, c) in line.char_indices() {
        is_code ^= c == '`';
        match (begin, c.is_whitespace() && !is_code) {
            (None, false) => begin = Some(at),
            (Some(first), true) => {
                words.push(&line[first..at]);
                begin = None;
            }
            _ => {}
        }
    }
    words.extend(begin.map(|first| &line[first..]));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_never_broken() {
        let text =
            "done\nnext: delete the old cells with `reseal undo drop plan.yaml --confirm crm`, then retire";
        assert_eq!(
            fitted(text, 60),
            "done\n\
             next: delete the old cells with\n\
             \x20     `reseal undo drop plan.yaml --confirm crm`, then\n\
             \x20     retire\n"
        );
        // A backtick that is never closed joins the rest, and ends nothing.
        assert_eq!(words("a `b c  d"), ["a", "`b c  d"]);
    }

    #[test]
    fn what_is_indented_stays_so_and_tables_are_left() {
        let row = " people.name   main   v1   old   and a long text that goes on";
        assert_eq!(fitted(row, 30), format!("{row}\n"));
        assert_eq!(
            fitted("  größere Zahlen passen hier nicht hin", 20),
            "  größere Zahlen\n  passen hier nicht\n  hin\n"
        );
    }
}
