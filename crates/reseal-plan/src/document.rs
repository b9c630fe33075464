//! A file with its tree: where findings become problems.

use crate::problem::{MarkedLine, Problem};
use crate::secret;
use crate::yaml::{Content, Node, Span};

/// A mistake whose place is known by span; [`Document::problem`] makes it a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    /// `None` for the file as a whole.
    pub(crate) span: Option<Span>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Finding {
    pub(crate) fn new(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Finding { code, span: Some(span), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// So many mistakes are shown: who has more is not helped by more, and the work for each goes through the file.
pub(crate) const MOST_PROBLEMS: usize = 100;

/// Lines beyond this length are not shown.
const LONGEST_LINE: usize = 4096;

/// A file's text with what may be shown of it.
pub(crate) struct Document<'t> {
    file: &'t str,
    text: &'t str,
    /// Spans that are starred out, in the order of the file.
    secrets: Vec<Span>,
    /// Spans of names and scalars, in the order of the file: what is outside them is layout or comment.
    scalars: Vec<Span>,
}

impl<'t> Document<'t> {
    /// `secrets` are spans to star out beside those that look like secrets by themselves.
    pub(crate) fn new(file: &'t str, text: &'t str, root: &Node, mut secrets: Vec<Span>) -> Self {
        secret::spans(root, &mut secrets);
        secrets.sort_unstable();
        let mut scalars = Vec::new();
        collect_scalars(root, &mut scalars);
        scalars.sort_unstable();
        Document { file, text, secrets, scalars }
    }

    /// The problems, in the order of the file, each once: an alias can bring one mistake to several places.
    pub(crate) fn problems(&self, mut findings: Vec<Finding>) -> Vec<Problem> {
        findings.sort_by_key(|finding| finding.span.unwrap_or_default());
        let mut problems: Vec<Problem> = Vec::new();
        for (at, finding) in findings.iter().enumerate() {
            let problem = self.problem(finding);
            if problems.contains(&problem) {
                continue;
            }
            if problems.len() == MOST_PROBLEMS {
                let message = format!("{} more problems are not shown", findings.len() - at);
                problems.push(Problem { code: "more", message, help: None, marked_line: None, ..problem });
                break;
            }
            problems.push(problem);
        }
        problems
    }

    fn problem(&self, finding: &Finding) -> Problem {
        let (line, column) = finding.span.map_or((1, 1), |span| position(self.text, span.start));
        Problem {
            code: finding.code,
            file: self.file.to_owned(),
            line,
            column,
            // A message may quote a word of the plan that holds a control character, such as a tab within a layout.
            message: finding.message.chars().map(visible).collect(),
            help: finding.help.as_ref().map(|help| help.chars().map(visible).collect()),
            marked_line: finding.span.and_then(|span| self.marked(span)),
        }
    }

    fn marked(&self, span: Span) -> Option<MarkedLine> {
        let start = self.text[..floor(self.text, span.start)].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[start..].split(['\n', '\r']).next().filter(|line| line.len() <= LONGEST_LINE)?;
        let line = &line[..self.comment(line, start).unwrap_or(line.len())];
        let secrets: Vec<&Span> =
            self.secrets.iter().filter(|s| s.start < start + line.len() && s.end > start).collect();
        let (mut text, mut mark) = (String::new(), None);
        let (mut length, mut at) = (0, 0);
        for (offset, c) in line.char_indices() {
            let here = start + offset;
            if here < at {
                continue;
            }
            let secret = secrets.iter().find(|secret| secret.start <= here && here < secret.end);
            let marked = span.start <= here && here < span.end.max(span.start + 1)
                || secret.is_some_and(|secret| secret.start <= span.start && span.start < secret.end);
            let shown = if secret.is_some() { "***".to_owned() } else { visible(c).to_string() };
            at = secret.map_or(here, |secret| secret.end);
            if marked {
                mark.get_or_insert(text.chars().count());
                length += shown.chars().count();
            }
            text.push_str(&shown);
        }
        let text = text.trim_end().to_owned();
        let end = text.chars().count();
        let column = mark.unwrap_or(end).min(end.saturating_sub(1));
        Some(MarkedLine { length: length.clamp(1, (end - column).max(1)), text, column })
            .filter(|line| !line.text.is_empty())
    }

    /// Where a comment begins on a line that begins at `start`. A comment is nobody's mistake, and may hold anything.
    fn comment(&self, line: &str, start: usize) -> Option<usize> {
        let here: Vec<&Span> = self
            .scalars
            .iter()
            .filter(|scalar| scalar.start < start + line.len() && scalar.end > start)
            .collect();
        line.match_indices('#').map(|(at, _)| at).find(|at| {
            let after_space = line[..*at].chars().next_back().is_none_or(char::is_whitespace);
            let at = start + at;
            after_space && !here.iter().any(|scalar| scalar.start <= at && at < scalar.end)
        })
    }
}

/// A character as a terminal may show it: nothing that moves the cursor.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '?',
        c => c,
    }
}

fn collect_scalars(node: &Node, out: &mut Vec<Span>) {
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| collect_scalars(item, out)),
        Content::Map(entries) => {
            for entry in entries {
                out.push(entry.name_span);
                collect_scalars(&entry.node, out);
            }
        }
        _ => out.push(node.span),
    }
}

/// Line and column, from 1, of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..floor(text, offset)];
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

/// The nearest character boundary at or below an offset.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A problem of a text that is no YAML. Nothing is known of what is a secret in it, so no value of the line is shown.
pub(crate) fn unreadable(file: &str, text: &str, error: &crate::yaml::YamlError) -> Problem {
    let (line, column) = error.place.unwrap_or((1, 1));
    let (line, column) =
        (usize::try_from(line).unwrap_or(1).max(1), usize::try_from(column).unwrap_or(1).max(1));
    let marked_line = error.place.and_then(|_| text.lines().nth(line - 1)).map(|source| {
        let name = source.split_inclusive([':', '{', '[', '"', '\'', '#']).next().unwrap_or_default();
        let name: String = name.chars().map(visible).collect();
        let name = if secret::looks_secret(&name) { String::new() } else { name };
        let hidden = source.chars().count() > name.chars().count();
        let shown = if hidden { format!("{name} …") } else { name };
        let column = (column - 1).min(shown.chars().count().saturating_sub(1));
        MarkedLine { text: shown, column, length: 1 }
    });
    Problem {
        code: error.code,
        file: file.to_owned(),
        line,
        column,
        message: error.message.clone(),
        help: None,
        marked_line: marked_line.filter(|line| !line.text.trim().is_empty()),
    }
}
