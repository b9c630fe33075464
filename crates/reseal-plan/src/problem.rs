//! Mistakes, and how a terminal shows them.

use std::fmt;

/// One mistake in a plan: where it is, what was expected, what to write instead.
///
/// No text in it holds a secret: values that could be one are starred out of the marked line, and messages quote
/// names only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of mistake: kebab-case, stable.
    pub code: &'static str,
    /// The file as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line itself, where it helps to see it.
    pub marked_line: Option<MarkedLine>,
}

/// A line of the plan with the place of a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedLine {
    /// The line without its comment; what could be a secret is `***`.
    pub text: String,
    /// Where the mark begins in `text`, in characters, from 0.
    pub column: usize,
    /// How many characters are marked; at least one.
    pub length: usize,
}

/// All mistakes of a file, in its order. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// Width of the terminal that messages are laid out for.
const WIDTH: usize = 80;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len().max(2);
        let indent = " ".repeat(gutter + 3);
        writeln!(f, "{}:{}:{}:", self.file, self.line, self.column)?;
        for line in wrap(&self.message, WIDTH - 2) {
            writeln!(f, "  {line}")?;
        }
        if let Some(marked) = &self.marked_line {
            let (text, column, length) = marked.cropped(WIDTH - indent.len());
            writeln!(f, "{:>gutter$} | {text}", self.line)?;
            writeln!(f, "{:gutter$} | {}{}", "", " ".repeat(column), "^".repeat(length))?;
        }
        if let Some(help) = &self.help {
            for (at, line) in wrap(help, WIDTH - indent.len()).iter().enumerate() {
                let lead = if at == 0 { format!("{:gutter$} = ", "") } else { indent.clone() };
                writeln!(f, "{lead}{line}")?;
            }
        }
        Ok(())
    }
}

impl MarkedLine {
    /// The stretch of the line around the mark that fits the width, with the mark's place in it.
    fn cropped(&self, width: usize) -> (String, usize, usize) {
        let chars: Vec<char> = self.text.chars().collect();
        if chars.len() <= width {
            return (
                self.text.clone(),
                self.column,
                self.length.min(width.saturating_sub(self.column)).max(1),
            );
        }
        // A third of the width before the mark, as far as the line reaches.
        let start = self.column.saturating_sub(width / 3).min(chars.len() - width);
        let end = start + width;
        let mut text: Vec<char> = chars[start..end].to_vec();
        if let Some(first) = text.first_mut().filter(|_| start > 0) {
            *first = '…';
        }
        if let Some(last) = text.last_mut().filter(|_| end < chars.len()) {
            *last = '…';
        }
        let column = self.column.saturating_sub(start).min(width - 1);
        (text.into_iter().collect(), column, self.length.clamp(1, width - column))
    }
}

/// Breaks a text between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let fits = line.chars().count() + 1 + word.chars().count() <= width;
        if !line.is_empty() && !fits {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
