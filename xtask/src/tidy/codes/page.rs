//! The tables of the page.

/// What a table lists, which its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// `| Exit code | …`
    Exits,
    /// `| Code | Exit | …`: errors, findings and problems.
    Errors,
    /// `| Code | Format | …`: quarantine reasons of formats.
    Formats,
    /// `| Code | …`: quarantine reasons of the engine.
    Reasons,
}

impl Table {
    fn of(head: &[&str]) -> Option<Table> {
        match head {
            ["Exit code", ..] => Some(Table::Exits),
            ["Code", "Exit", ..] => Some(Table::Errors),
            ["Code", "Format", ..] => Some(Table::Formats),
            ["Code", ..] => Some(Table::Reasons),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Exits => "exit codes",
            Table::Errors => "errors",
            Table::Formats => "quarantine reasons of formats",
            Table::Reasons => "quarantine reasons of the engine",
        }
    }
}

/// A line of a table.
pub(super) struct Line {
    /// The line's number.
    pub(super) at: usize,
    table: Table,
    pub(super) code: String,
    /// The words of the second cell: exit codes or formats.
    pub(super) second: Vec<String>,
}

/// The page.
pub(super) struct Page {
    lines: Vec<Line>,
}

impl Page {
    pub(super) fn read(text: &str) -> Page {
        let mut lines = Vec::new();
        let mut table = None;
        let mut inside = false;
        for (at, line) in text.lines().enumerate() {
            let Some(row) = line.strip_prefix('|') else {
                inside = false;
                continue;
            };
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            if !inside {
                (inside, table) = (true, Table::of(&cells));
                continue;
            }
            let Some(table) = table.filter(|_| !cells[0].starts_with("---")) else { continue };
            let second = cells.get(1).map(|cell| words(cell)).unwrap_or_default();
            lines.push(Line { at: at + 1, table, code: cells[0].trim_matches('`').to_owned(), second });
        }
        Page { lines }
    }

    pub(super) fn lines_of(&self, table: Table) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.table == table)
    }

    /// Lines whose code has one above already, in a table of the same kind.
    pub(super) fn twice(&self) -> Vec<String> {
        let twice = self.lines.iter().enumerate().filter(|(at, line)| {
            self.lines[..*at].iter().any(|other| other.table == line.table && other.code == line.code)
        });
        twice.map(|(_, line)| format!("{}:{}: `{}` has two lines", super::PAGE, line.at, line.code)).collect()
    }
}

/// `3 or warning`, `2, 3 or 5` and `aes-gcm, fernet` as words.
fn words(cell: &str) -> Vec<String> {
    let words = cell.split([',', ' ']).filter(|word| !word.is_empty() && *word != "or");
    words.map(|word| word.trim_matches('`').to_owned()).collect()
}
