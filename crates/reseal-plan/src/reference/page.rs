//! The page as Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use super::examples::Examples;
use super::kinds::{Alternative, OTHER, reference};
use super::sections::{Need, Row, Section, Sections};

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask schema` from the types of the plan language and the plans in docs/plan/ and rotation-plans/. -->

# Plan reference

After this page you can write and read every part of a plan.

A plan is one YAML document. `reseal check PLAN` reports all its mistakes at once, with their lines. An editor that supports JSON
Schema completes and checks a plan as you type: point it at `rotation-plans/plan.schema.json`.

In paths, `NAME` stands for a name that you choose, and `[]` for each entry of a list. Every example is part of a plan that
`reseal check` accepts.
";

/// The page.
pub(super) fn page(sections: &Sections<'_>, examples: &Examples) -> String {
    let mut out = INTRODUCTION.to_owned();
    let mut in_shared = false;
    for section in sections.iter() {
        if section.shared && !in_shared {
            out += "\n## Parts that occur in several places\n";
            in_shared = true;
        }
        one(&mut out, sections, section, examples);
    }
    out
}

fn one(out: &mut String, sections: &Sections<'_>, section: &Section<'_>, examples: &Examples) {
    let _ = writeln!(out, "\n{} {}", "#".repeat(level(section)), heading(section));
    let _ = writeln!(out, "\n{}", sentence(section.description));
    let others = section
        .places
        .iter()
        .filter(|place| section.shared || (**place != section.title && !place.is_empty()));
    let others: Vec<String> = others.map(|place| format!("`{place}`")).collect();
    match (section.shared, others.is_empty()) {
        (_, true) => {}
        (true, _) => drop(writeln!(out, "\nIt occurs in {}.", others.join(", "))),
        (false, _) => drop(writeln!(out, "\nIt also occurs in {}.", others.join(", "))),
    }
    out.push_str("\n| Key | Type | Required | Default | Description |\n| --- | --- | --- | --- | --- |\n");
    for row in &section.rows {
        line(out, sections, row, &format!("{}/{}", section.id, row.name));
    }
    let _ = writeln!(out, "\n```yaml\n{}\n```", examples.blocks(section).join("\n\n# or\n"));
}

/// Sections of the first level are what the plan itself holds.
fn level(section: &Section<'_>) -> usize {
    let depth = section.title.matches(['.', '[']).count();
    let is_first = depth == 0 || section.title.ends_with(".NAME") && depth == 1;
    if is_first && !section.shared { 2 } else { 3 }
}

fn heading(section: &Section<'_>) -> String {
    match section.shared || section.title.contains(' ') {
        true => section.title.clone(),
        false => format!("`{}`", section.title),
    }
}

/// The anchor that mdBook gives to a heading.
fn anchor(section: &Section<'_>) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    section.title.chars().filter_map(kept).collect()
}

fn line(out: &mut String, sections: &Sections<'_>, row: &Row<'_>, id: &str) {
    let name = match row.name {
        OTHER => "any other name".to_owned(),
        name => format!("`{name}`"),
    };
    let kind = kind(sections, row.schema, id);
    let need = match &row.need {
        Need::Required => "yes".to_owned(),
        Need::OneOf => "one of these".to_owned(),
        Need::Optional => "no".to_owned(),
        Need::Beside(keys) => {
            format!("no; only beside {}", listed(keys.iter().map(|key| format!("`{key}`")).collect()))
        }
    };
    let default = match (&row.need, sections.schema.default(row.schema)) {
        (Need::Optional | Need::Beside(_), Some(default)) => format!("`{default}`"),
        _ => "–".to_owned(),
    };
    let mut description = sentence(row.description);
    for word in sections.schema.words(row.schema).iter().filter(|word| !word.meaning.is_empty()) {
        let _ = write!(description, "<br>`{}`: {}", word.word, sentence(word.meaning));
    }
    let cells = [name, kind, need, default, description].map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// A description on one line, which ends as a sentence does.
fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a place allows, in words.
fn kind(sections: &Sections<'_>, schema: &Value, id: &str) -> String {
    let (schema, root) = (schema, sections.schema);
    let mut kinds: Vec<String> = Vec::new();
    let words: Vec<String> = root.words(schema).iter().map(|word| format!("`{}`", word.word)).collect();
    for alternative in root.alternatives(schema, id) {
        let kind = of_alternative(sections, &alternative);
        if !kind.is_empty() && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    listed(words.into_iter().chain(kinds).collect())
}

/// One of the things that a place allows; nothing of a word.
fn of_alternative(sections: &Sections<'_>, alternative: &Alternative<'_>) -> String {
    let schema = alternative.schema;
    if schema.get("const").is_some() || schema.get("enum").is_some() {
        return String::new();
    }
    if alternative.is("array") {
        return format!("list of {}", kind(sections, &schema["items"], &alternative.id));
    }
    if let Some(section) = sections.by_id(&alternative.id).filter(|_| alternative.has_keys()) {
        let name = if section.shared { section.title.clone() } else { "map".to_owned() };
        return format!("[{name}](#{})", anchor(section));
    }
    if alternative.is_free_map() {
        return format!(
            "map of names to {}",
            kind(sections, &schema["additionalProperties"], &alternative.id)
        );
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => number(schema),
        Some("object") => "empty map `{}`".to_owned(),
        _ => reference(schema).unwrap_or("anything").to_owned(),
    }
}

fn number(schema: &Value) -> String {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) if least == most => format!("`{least}`"),
        (Some(least), Some(most)) => format!("number from {least} to {most}"),
        (Some(least), None) => format!("number from {least}"),
        _ => "number".to_owned(),
    }
}

fn listed(mut words: Vec<String>) -> String {
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}
