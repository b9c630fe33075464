//! How texts are laid out.

use minijinja::{Environment, Value};

/// Columns that a text part takes.
const WIDTH: usize = 76;

pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("words", |name: &str| name.replace(['-', '_'], " "));
    environment.add_filter("upfirst", |text: &str| {
        let mut chars = text.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    });
    environment.add_filter("first_line", first_line);
    environment.add_filter("pad", |text: &str, width: usize| format!("{text:width$}"));
    environment.add_filter("indented", |text: &str, by: usize| {
        text.replace('\n', &format!("\n  {}", " ".repeat(by)))
    });
    environment.add_filter("wrap", wrap);
    environment.add_filter("paragraphs", |html: &str| Value::from_safe_string(paragraphs(html)));
}

fn first_line(text: &str) -> String {
    const MOST: usize = 80;
    let line = text.lines().next().unwrap_or_default();
    match line.chars().count() > MOST {
        true => line.chars().take(MOST - 1).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

/// Paragraphs are apart by an empty line, as they stand in a template.
fn split(text: &str) -> impl Iterator<Item = String> {
    let paragraphs = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.filter(|paragraph| !paragraph.is_empty())
}

fn wrap(text: &str) -> String {
    let wrapped = split(text).map(|paragraph| {
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in unbroken(&paragraph) {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += &word;
        }
        lines.push(line);
        lines.join("\n")
    });
    wrapped.collect::<Vec<_>>().join("\n\n")
}

/// The words of a paragraph; a command between backticks is one, so that it can be copied.
fn unbroken(paragraph: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for word in paragraph.split(' ') {
        match words.last_mut() {
            Some(last) if open => *last = format!("{last} {word}"),
            _ => words.push(word.to_owned()),
        }
        open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// The text is escaped already. What stands between backticks is a command.
fn paragraphs(html: &str) -> String {
    let paragraphs = split(html).map(|paragraph| {
        let pieces = paragraph.split('`').enumerate().map(|(at, piece)| match at % 2 {
            0 => piece.to_owned(),
            _ => format!("<code style=\"{CODE}\">{piece}</code>"),
        });
        format!("<p style=\"margin:0 0 12px\">{}</p>", pieces.collect::<String>())
    });
    paragraphs.collect::<Vec<_>>().join("\n")
}

const CODE: &str = "font:13px Menlo,Consolas,monospace;background:#f1f3f5;border-radius:3px;padding:1px 4px";
