//! Tables: whole in a pipe, whole on a terminal that is wide enough, else one block for each row.
//!
//! What people copy (a row key, a run, a reason) is never broken over lines.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table};
use unicode_width::UnicodeWidthStr as _;

use crate::wrap::{Layout, wrapped};

/// Rows below a header. The columns in `numbers` are aligned to the right.
pub(crate) fn table(header: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) -> String {
    let width = Table::new().width().map(usize::from);
    in_width(width, header, numbers, &rows)
}

/// The same for so many columns of a terminal; `None`: as wide as it needs to be.
fn in_width(width: Option<usize>, header: &[&str], numbers: &[usize], rows: &[Vec<String>]) -> String {
    let whole = drawn(header, numbers, rows);
    match width {
        Some(width) if whole.lines().any(|line| line.width() > width) => blocks(width, header, rows),
        _ => whole,
    }
}

fn drawn(header: &[&str], numbers: &[usize], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for at in numbers {
        if let Some(column) = table.column_mut(*at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // Lines between rows tell apart rows of several lines, and are in the way of all others.
    if rows.iter().flatten().all(|cell| !cell.contains('\n')) {
        table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    }
    table.to_string()
}

/// One block for each row: its first cell, and below it the others with their headings.
fn blocks(width: usize, header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in rows {
        let Some((first, others)) = row.split_first() else { continue };
        // A row that continues the one above has no name of its own.
        if !first.is_empty() {
            text += &format!("{}\n", first.replace('\n', " "));
        }
        let named = header.iter().skip(1).zip(others).filter(|(_, cell)| !cell.is_empty());
        text += &pairs(width, named.map(|(name, cell)| format!("{name}: {}", cell.replace('\n', ", "))));
    }
    text
}

/// `name: value` pairs, as many on a line as fit; a longer one is wrapped between words.
fn pairs(width: usize, pairs: impl Iterator<Item = String>) -> String {
    const INDENT: &str = "  ";
    let (mut text, mut line) = (String::new(), String::new());
    for pair in pairs {
        if !line.is_empty() && INDENT.len() + line.width() + INDENT.len() + pair.width() > width {
            text += &format!("{INDENT}{line}\n");
            line.clear();
        }
        if INDENT.len() + pair.width() > width {
            let begin = pair.find(": ").map_or(0, |at| at + 2);
            let (name, value) = pair.split_at(begin);
            let first = format!("{INDENT}{name}");
            // Writing to a string does not fail.
            let _ = wrapped(&mut text, &first, value, Layout { indent: first.width(), width });
            continue;
        }
        line += if line.is_empty() { "" } else { INDENT };
        line += &pair;
    }
    if !line.is_empty() {
        text += &format!("{INDENT}{line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 4] = ["run", "state", "cells", "why"];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        vec![
            row(["01982c4e-7d3a-7c11-9f58-2f6a1c0b9d10", "complete", "1,204,311", ""]),
            row([
                "01982c4e-7d3a-7c11-9f58-2f6a1c0b9d11",
                "paused",
                "7",
                "the KMS of `eu-central-1` did not answer",
            ]),
            row([
                "",
                "überfällig",
                "0",
                "größer als 80 Zeichen, mit langen Namen: kundenverwaltung.ansprechpartner",
            ]),
        ]
    }

    #[test]
    fn a_pipe_gets_a_table_of_any_width() {
        let text = in_width(None, &HEADER, &[2], &rows());
        // Three lines around the header, and one below the last row.
        assert_eq!(text.lines().count(), 3 + 3 + 1, "{text}");
        assert!(text.lines().any(|line| line.width() > 100), "{text}");
    }

    #[test]
    fn a_wide_terminal_gets_the_same_table() {
        let whole = in_width(None, &HEADER, &[2], &rows());
        assert_eq!(in_width(Some(200), &HEADER, &[2], &rows()), whole);
    }

    #[test]
    fn a_narrow_terminal_gets_a_block_for_each_row() {
        let text = in_width(Some(60), &HEADER, &[2], &rows());
        let expected = "\
01982c4e-7d3a-7c11-9f58-2f6a1c0b9d10
  state: complete  cells: 1,204,311
01982c4e-7d3a-7c11-9f58-2f6a1c0b9d11
  state: paused  cells: 7
  why: the KMS of `eu-central-1` did not answer
  state: überfällig  cells: 0
  why: größer als 80 Zeichen, mit langen Namen:
       kundenverwaltung.ansprechpartner
";
        assert_eq!(text, expected);
    }

    #[test]
    fn nothing_that_is_copied_is_broken() {
        for width in [10, 30, 40, 80] {
            let text = in_width(Some(width), &HEADER, &[2], &rows());
            for whole in ["01982c4e-7d3a-7c11-9f58-2f6a1c0b9d11", "kundenverwaltung.ansprechpartner"] {
                assert!(text.contains(whole), "{width}: {text}");
            }
        }
    }
}
