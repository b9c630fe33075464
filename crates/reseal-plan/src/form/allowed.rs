//! What a schema allows, and how a message says so.

use serde_json::Value;

use crate::names::listed;
use crate::schema::LATER;

/// Whether the schema is of this type.
pub(super) fn is(schema: &Value, kind: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(kind)
}

/// Whether the schema says nothing of a value.
pub(super) fn accepts_anything(schema: &Value) -> bool {
    schema.as_object().is_some_and(|map| !map.contains_key("type") && !map.contains_key("const"))
}

/// The forms of a map that are worth naming: those that this version acts on.
pub(super) fn suggested<'s>(forms: &[&'s Value]) -> Vec<&'s Value> {
    let later = |form: &Value| {
        let properties = form.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties.into_iter().any(|(_, schema)| schema.get(LATER).is_some())
    };
    forms.iter().copied().filter(|form| !later(form)).collect()
}

/// The names that a map must have.
pub(super) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The words that a text may be; none where it is free.
pub(super) fn allowed_words(schema: &Value) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// The names that any of the forms of a map knows, each once.
pub(super) fn names<'s>(forms: &[&'s Value]) -> Vec<&'s str> {
    let mut names = Vec::new();
    for name in forms.iter().filter_map(|form| form.get("properties")?.as_object()).flat_map(|p| p.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name.as_str());
        }
    }
    names
}

/// What the branches allow, in words.
pub(super) fn expected(branches: &[&Value]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut push = |word: String| {
        if !words.contains(&word) {
            words.push(word)
        }
    };
    branches.iter().flat_map(|branch| allowed_words(branch)).for_each(|word| push(format!("`{word}`")));
    for branch in branches.iter().filter(|branch| allowed_words(branch).is_empty()) {
        let bound = |name: &str| branch.get(name).and_then(Value::as_i64);
        match branch.get("type").and_then(Value::as_str) {
            Some("string") => push("a string".to_owned()),
            Some("boolean") => push("true or false".to_owned()),
            Some("array") => push("a list".to_owned()),
            Some("integer") => push(match (bound("minimum"), bound("maximum")) {
                (Some(least), Some(most)) if least == most => format!("the number {least}"),
                (Some(least), Some(most)) => format!("an integer from {least} to {most}"),
                (Some(least), None) => format!("an integer of at least {least}"),
                _ => "an integer".to_owned(),
            }),
            _ => {}
        }
    }
    let maps: Vec<&Value> = branches.iter().filter(|branch| is(branch, "object")).copied().collect();
    let maps = suggested(&maps);
    let keys: Vec<&str> = maps.iter().flat_map(|map| required(map)).collect();
    match maps.as_slice() {
        [] => {}
        [_] if keys.is_empty() => push("a map".to_owned()),
        [_] => push(format!("a map with {}", listed(&keys, "and"))),
        _ => push(format!("a map with {}", listed(&keys, "or"))),
    }
    match words.as_slice() {
        [] => "a different value".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A description on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
