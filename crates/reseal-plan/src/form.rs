//! Mistakes of form: the tree against the schema, all of them at once.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::document::Finding;
use crate::nearest::{did_you_mean, listed};
use crate::secret::{self, shown};
use crate::yaml::{Content, Entry, Node, Span};

/// What the form check leaves behind.
#[derive(Default)]
pub(crate) struct Form {
    pub(crate) findings: Vec<Finding>,
    /// Spans that no message may show.
    pub(crate) secrets: Vec<Span>,
    /// Sections, and entries of sections, with a mistake in them: what they mean cannot be told.
    pub(crate) broken: BTreeSet<(String, Option<String>)>,
}

/// Checks a tree.
pub(crate) fn check(root: &Node, schema: &Value) -> Form {
    let mut walk = Walk { root: schema, path: Vec::new(), form: Form::default() };
    walk.node(root, None, schema);
    walk.form
}

struct Walk<'s> {
    root: &'s Value,
    path: Vec<String>,
    form: Form,
}

impl<'s> Walk<'s> {
    /// Checks a node against what the schema allows in its place. `name` is where the node is named, if it is.
    fn node(&mut self, node: &Node, name: Option<Span>, schema: &'s Value) {
        let mut branches = Vec::new();
        self.branches(schema, &mut branches);
        match &node.content {
            Content::Map(entries) => {
                let maps: Vec<_> = branches.iter().copied().filter(|b| is(b, "object")).collect();
                match maps.as_slice() {
                    _ if branches.iter().any(|b| accepts_anything(b)) => {}
                    [] => self.wrong_kind(node, name, &branches),
                    [only] => self.map(entries, node, name, only),
                    several => self.choice(entries, node, name, several),
                }
            }
            Content::List(items) => match branches.iter().find(|b| is(b, "array")) {
                Some(list) => self.list(items, node, name, list),
                None if branches.iter().any(|b| accepts_anything(b)) => {}
                None => self.wrong_kind(node, name, &branches),
            },
            _ => self.scalar(node, name, &branches),
        }
    }

    /// What a schema allows, with references followed and alternatives side by side.
    fn branches(&self, schema: &'s Value, out: &mut Vec<&'s Value>) {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
        if let Some(target) = reference.and_then(|name| self.root.get("$defs")?.get(name)) {
            return self.branches(target, out);
        }
        match schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            Some(alternatives) => alternatives.iter().for_each(|branch| self.branches(branch, out)),
            None => out.push(schema),
        }
    }

    fn map(&mut self, entries: &[Entry], node: &Node, name: Option<Span>, schema: &'s Value) {
        let properties = schema.get("properties");
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut seen = HashSet::new();
        for entry in entries {
            if !seen.insert(entry.name.as_str()) {
                let message = format!("`{}` is here twice", shown(&entry.name));
                self.form.findings.push(Finding::new("duplicate-name", entry.name_span, message));
                continue;
            }
            match properties.and_then(|p| p.get(&entry.name)).or(others) {
                Some(schema) => {
                    self.path.push(entry.name.clone());
                    self.node(&entry.node, Some(entry.name_span), schema);
                    self.path.pop();
                }
                None => self.unknown(entry, &names(&[schema])),
            }
        }
        for missing in required(schema).filter(|missing| !seen.contains(missing)) {
            let what = properties.and_then(|p| p.get(missing)).and_then(|p| p.get("description")?.as_str());
            let message = match self.path.last() {
                Some(place) => format!("`{missing}` is missing from `{}`", shown(place)),
                None => format!("`{missing}` is missing"),
            };
            let span = name.or((!self.path.is_empty()).then_some(node.span));
            let help = what.map(|what| format!("{missing}: {}", one_line(what)));
            self.form.findings.push(Finding { code: "missing", span, message, help });
            self.mark_broken();
        }
        if entries.is_empty() && schema.get("minProperties").is_some() {
            self.report("empty", name.unwrap_or(node.span), format!("{} must not be empty", self.here()));
        }
    }

    /// A map that has several forms, told apart by a name that each of them requires.
    fn choice(&mut self, entries: &[Entry], node: &Node, name: Option<Span>, forms: &[&'s Value]) {
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        let present: Vec<_> = forms.iter().filter(|form| required(form).all(has)).copied().collect();
        let keys: Vec<&str> = forms.iter().flat_map(|form| required(form)).collect();
        // `env` beside `command` is a list of variables: a form that knows the other forms' names wins over them.
        let knows_all = |form: &&&Value| {
            let known = form.get("properties");
            keys.iter().filter(|key| has(key)).all(|key| known.is_some_and(|known| known.get(key).is_some()))
        };
        if let Some(form) = present.iter().find(knows_all) {
            return self.map(entries, node, name, form);
        }
        let place = name.unwrap_or(node.span);
        if !present.is_empty() {
            let found: Vec<&str> = keys.iter().copied().filter(|key| has(key)).collect();
            let message =
                format!("{} names {}, and only one can be meant", self.here(), listed(&found, "and"));
            return self.report("several", place, message);
        }
        let known = names(forms);
        let unknown: Vec<&Entry> =
            entries.iter().filter(|entry| !known.contains(&entry.name.as_str())).collect();
        for entry in &unknown {
            // What is most likely meant is the name that tells the forms apart.
            let candidates = if did_you_mean(&entry.name, &keys).is_some() { &keys } else { &known };
            self.unknown(entry, candidates);
        }
        if unknown.is_empty() {
            let message = format!("{} wants one of {}", self.here(), listed(&keys, "or"));
            self.report("missing", place, message);
        }
    }

    fn list(&mut self, items: &[Node], node: &Node, name: Option<Span>, schema: &'s Value) {
        if items.is_empty() && schema.get("minItems").is_some() {
            self.report("empty", name.unwrap_or(node.span), format!("{} must not be empty", self.here()));
        }
        let Some(of) = schema.get("items") else { return };
        for item in items {
            self.node(item, None, of);
        }
    }

    fn scalar(&mut self, node: &Node, name: Option<Span>, branches: &[&'s Value]) {
        if branches.iter().any(|branch| accepts_anything(branch)) {
            return;
        }
        let kind = match &node.content {
            Content::Bool(_) => "boolean",
            Content::Integer(_) => "integer",
            Content::Text(_) => "string",
            _ => return self.wrong_kind(node, name, branches),
        };
        let fitting: Vec<&Value> = branches.iter().filter(|branch| is(branch, kind)).copied().collect();
        match &node.content {
            _ if fitting.is_empty() => self.wrong_kind(node, name, branches),
            Content::Text(text) => self.text(text, node, branches, &fitting),
            Content::Integer(n) => self.number(*n, node, &fitting),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, node: &Node, branches: &[&'s Value], fitting: &[&'s Value]) {
        let words: Vec<&str> = fitting.iter().flat_map(|branch| allowed_words(branch)).collect();
        let free = fitting.iter().find(|branch| allowed_words(branch).is_empty());
        match free {
            Some(branch) if text.is_empty() && branch.get("minLength").is_some() => {
                self.report("empty", node.span, format!("{} must not be empty", self.here()));
            }
            Some(_) => {}
            None if words.contains(&text) => {}
            None => {
                let message = format!("{} wants {}", self.here(), expected(branches));
                let keys: Vec<&str> = branches.iter().flat_map(|branch| required(branch)).collect();
                let help = match did_you_mean(text, &words) {
                    _ if keys.contains(&text) => Some(format!("write {{ {text}: … }}")),
                    help => help,
                };
                self.broken_with(Finding::new("not-allowed", node.span, message).maybe_help(help));
            }
        }
    }

    fn number(&mut self, n: i64, node: &Node, fitting: &[&'s Value]) {
        let bound = |branch: &Value, name: &str| branch.get(name).and_then(Value::as_f64);
        let fits = |branch: &&Value| {
            bound(branch, "minimum").is_none_or(|least| n as f64 >= least)
                && bound(branch, "maximum").is_none_or(|most| n as f64 <= most)
        };
        if !fitting.iter().any(fits) {
            let message = format!("{} wants {}", self.here(), expected(fitting));
            self.report("out-of-range", node.span, message);
        }
    }

    fn unknown(&mut self, entry: &Entry, known: &[&str]) {
        secret::everything(&entry.node, &mut self.form.secrets);
        let message = format!("unknown name `{}`", shown(&entry.name));
        let help = did_you_mean(&entry.name, known)
            .or_else(|| (!known.is_empty()).then(|| format!("names here are {}", listed(known, "and"))));
        let finding = Finding::new("unknown-name", entry.name_span, message).maybe_help(help);
        // An unknown section leaves the known ones as they are.
        if self.path.is_empty() { self.form.findings.push(finding) } else { self.broken_with(finding) }
    }

    fn wrong_kind(&mut self, node: &Node, name: Option<Span>, branches: &[&'s Value]) {
        let secret_place = ["keysets", "database", "vars", "hooks", "notify"];
        let in_secret_place = self.path.first().is_some_and(|top| secret_place.contains(&top.as_str()));
        if node.is_scalar() && in_secret_place {
            self.form.secrets.push(node.span);
        }
        // An entry without a value has no place of its own.
        let span = if matches!(node.content, Content::Null) { name.unwrap_or(node.span) } else { node.span };
        if let [keysets, _, keys, _] = self.path.as_slice()
            && (keysets, keys) == (&"keysets".to_owned(), &"keys".to_owned())
            && node.is_scalar()
            && !matches!(node.content, Content::Null)
        {
            let message =
                format!("a plan holds no key: {} must name the place where it is kept", self.here());
            let finding = Finding::new("inline-secret", span, message).help(
                "such as { env: VARIABLE, encoding: base64 }; and change this key, for it lies in a file",
            );
            return self.broken_with(finding);
        }
        let message = format!("{} wants {}, not {}", self.here(), expected(branches), node.kind());
        let wants_text = branches.iter().any(|branch| is(branch, "string"));
        let quoted = match node.content {
            Content::Integer(_) | Content::Bool(_) | Content::Float(_) if wants_text => {
                Some("put it in quotes if it is meant as text".to_owned())
            }
            Content::Null => Some("give it a value or take it out".to_owned()),
            _ => None,
        };
        self.broken_with(Finding::new("wrong-kind", span, message).maybe_help(quoted));
    }

    fn report(&mut self, code: &'static str, span: Span, message: String) {
        self.broken_with(Finding::new(code, span, message));
    }

    fn broken_with(&mut self, finding: Finding) {
        self.form.findings.push(finding);
        self.mark_broken();
    }

    fn mark_broken(&mut self) {
        if let Some(section) = self.path.first() {
            self.form.broken.insert((section.clone(), self.path.get(1).cloned()));
        }
    }

    /// The place in words: the last name on the way to it.
    fn here(&self) -> String {
        self.path.last().map_or_else(|| "a plan".to_owned(), |name| format!("`{}`", shown(name)))
    }
}

fn is(schema: &Value, kind: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(kind)
}

fn accepts_anything(schema: &Value) -> bool {
    schema.as_object().is_some_and(|map| !map.contains_key("type") && !map.contains_key("const"))
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn allowed_words(schema: &Value) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// The names that any of the forms of a map knows, each once.
fn names<'s>(forms: &[&'s Value]) -> Vec<&'s str> {
    let mut names = Vec::new();
    for name in forms.iter().filter_map(|form| form.get("properties")?.as_object()).flat_map(|p| p.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name.as_str());
        }
    }
    names
}

/// What the branches allow, in words.
fn expected(branches: &[&Value]) -> String {
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
            Some("string") => push("a text".to_owned()),
            Some("boolean") => push("true or false".to_owned()),
            Some("array") => push("a list".to_owned()),
            Some("integer") => push(match (bound("minimum"), bound("maximum")) {
                (Some(least), Some(most)) if least == most => format!("the number {least}"),
                (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
                (Some(least), None) => format!("a whole number from {least}"),
                _ => "a whole number".to_owned(),
            }),
            _ => {}
        }
    }
    let maps: Vec<&Value> = branches.iter().filter(|branch| is(branch, "object")).copied().collect();
    let keys: Vec<&str> = maps.iter().flat_map(|map| required(map)).collect();
    match maps.as_slice() {
        [] => {}
        [_] if keys.is_empty() => push("a map".to_owned()),
        [_] => push(format!("a map with {}", listed(&keys, "and"))),
        _ => push(format!("a map with {}", listed(&keys, "or"))),
    }
    match words.as_slice() {
        [] => "something else".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
