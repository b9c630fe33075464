//! Mistakes of form: the tree against the schema, all of them at once.

mod allowed;

use std::collections::{BTreeSet, HashSet};

use reseal_core::nearest;
use serde_json::Value;

use allowed::{accepts_anything, allowed_words, expected, is, names, one_line, required, suggested};

use crate::document::{Finding, MOST_PROBLEMS, position};
use crate::names::{did_you_mean, listed};
use crate::secret::{self, shown};
use crate::yaml::{Content, MapEntry, Node, Span};

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
pub(crate) fn check<'s>(text: &'s str, root: &Node, schema: &'s Value) -> Form {
    let mut walk = Walk { text, root: schema, path: Vec::new(), form: Form::default() };
    walk.node(root, None, schema);
    walk.form
}

/// The step from a list to one of its items.
const ITEM: &str = "[]";

struct Walk<'s> {
    text: &'s str,
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

    fn map(&mut self, entries: &[MapEntry], node: &Node, name: Option<Span>, schema: &'s Value) {
        let properties = schema.get("properties");
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut seen = HashSet::new();
        let mut meant = Vec::new();
        for entry in entries {
            if !seen.insert(entry.name.as_str()) {
                self.duplicate(entry, entries);
                continue;
            }
            match properties.and_then(|p| p.get(&entry.name)).or(others) {
                Some(schema) => {
                    self.path.push(entry.name.clone());
                    self.node(&entry.node, Some(entry.name_span), schema);
                    self.path.pop();
                }
                None => meant.extend(self.unknown(entry, &names(&[schema]))),
            }
        }
        // What was meant and misspelt is not missing too.
        for missing in required(schema).filter(|name| !seen.contains(name) && !meant.contains(name)) {
            self.missing(missing, properties.and_then(|p| p.get(missing)), name.unwrap_or(node.span));
        }
        if entries.is_empty() && schema.get("minProperties").is_some() {
            self.report("empty", name.unwrap_or(node.span), format!("{} must not be empty", self.here()));
        }
    }

    fn duplicate(&mut self, entry: &MapEntry, entries: &[MapEntry]) {
        // Beyond what is shown, where a name began is not worth looking for.
        let few = self.form.findings.len() < MOST_PROBLEMS;
        let first = few.then(|| entries.iter().find(|other| other.name == entry.name)).flatten();
        let line = first.map(|first| position(self.text, first.name_span.start).0);
        let message = format!("`{}` is specified twice", shown(&entry.name));
        let help = line.map(|line| format!("it is first specified on line {line}"));
        self.form.findings.push(Finding::new("duplicate-name", entry.name_span, message).maybe_help(help));
    }

    fn missing(&mut self, missing: &str, schema: Option<&Value>, place: Span) {
        let what = schema.and_then(|schema| schema.get("description")?.as_str());
        let help = what.map(|what| format!("{missing}: {}", one_line(what)));
        let (span, message) = match self.path.is_empty() {
            true => (None, format!("`{missing}` is missing")),
            false => (Some(place), format!("`{missing}` is missing from {}", self.here())),
        };
        self.broken_with(Finding { code: "missing", span, message, help });
    }

    /// A map that has several forms, told apart by a name that each of them requires.
    fn choice(&mut self, entries: &[MapEntry], node: &Node, name: Option<Span>, forms: &[&'s Value]) {
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        let mut found: Vec<&str> =
            forms.iter().flat_map(|form| required(form)).filter(|key| has(key)).collect();
        found.dedup();
        // `env` as a list beside `command` names variables: a form that knows the others' names so wins over theirs.
        let knows = |form: &Value, key: &str| {
            let known = form.get("properties").and_then(|properties| properties.get(key));
            let entry = entries.iter().find(|entry| entry.name == key);
            known
                .is_some_and(|known| is(known, "array") == entry.is_some_and(|entry| !entry.node.is_scalar()))
        };
        let fitting = forms.iter().find(|form| {
            let mine = |key: &str| required(form).any(|mine| mine == key);
            required(form).all(has) && found.iter().all(|key| mine(key) || knows(form, key))
        });
        let place = name.unwrap_or(node.span);
        match fitting {
            Some(form) => self.map(entries, node, name, form),
            None if found.is_empty() => self.no_choice(entries, place, forms),
            None => {
                let message = format!(
                    "{} specifies {}, but only one of them is allowed",
                    self.here(),
                    listed(&found, "and")
                );
                self.report("several", place, message);
            }
        }
    }

    /// A map with none of the names that tell its forms apart.
    fn no_choice(&mut self, entries: &[MapEntry], place: Span, forms: &[&'s Value]) {
        let known = names(forms);
        let keys: Vec<&str> = suggested(forms).into_iter().flat_map(required).collect();
        let mut unknown = entries.iter().filter(|entry| !known.contains(&entry.name.as_str())).peekable();
        if unknown.peek().is_none() {
            let message = format!("{} requires one of {}", self.here(), listed(&keys, "or"));
            return self.report("missing", place, message);
        }
        for entry in unknown {
            if self.in_key() && nearest(&entry.name, &known).is_none() {
                secret::everything(&entry.node, &mut self.form.secrets);
                self.inline_secret(entry.name_span);
            } else {
                // What is most likely meant is a name that tells the forms apart.
                self.unknown(entry, if nearest(&entry.name, &known).is_some() { &known } else { &keys });
            }
        }
    }

    fn list(&mut self, items: &[Node], node: &Node, name: Option<Span>, schema: &'s Value) {
        if items.is_empty() && schema.get("minItems").is_some() {
            self.report("empty", name.unwrap_or(node.span), format!("{} must not be empty", self.here()));
        }
        let Some(of) = schema.get("items") else { return };
        self.path.push(ITEM.to_owned());
        for item in items {
            self.node(item, None, of);
        }
        self.path.pop();
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
                let message = format!("{} must be {}", self.here(), expected(branches));
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
            let message = format!("{} must be {}", self.here(), expected(fitting));
            self.report("out-of-range", node.span, message);
        }
    }

    /// Reports a name that is not known, and gives the one that was likely meant.
    fn unknown<'k>(&mut self, entry: &MapEntry, known: &[&'k str]) -> Option<&'k str> {
        // Beyond what is shown, what was meant is not worth looking for.
        let known = if self.form.findings.len() < MOST_PROBLEMS { known } else { &[] };
        let meant = nearest(&entry.name, known);
        // Under a name that is nowhere near any other, anything may stand; so it may where secrets are at home.
        if meant.is_none() || self.near_secrets() {
            secret::everything(&entry.node, &mut self.form.secrets);
        }
        let message = format!("unknown name `{}`", shown(&entry.name));
        let help = did_you_mean(&entry.name, known)
            .or_else(|| (!known.is_empty()).then(|| format!("valid names: {}", listed(known, "and"))));
        let finding = Finding::new("unknown-name", entry.name_span, message).maybe_help(help);
        // An unknown section leaves the known ones as they are.
        if self.path.is_empty() {
            self.form.findings.push(finding)
        } else {
            self.broken_with(finding)
        }
        meant
    }

    fn wrong_kind(&mut self, node: &Node, name: Option<Span>, branches: &[&'s Value]) {
        let nothing = matches!(node.content, Content::Null);
        // An entry without a value has no place of its own.
        let span = if nothing { name.unwrap_or(node.span) } else { node.span };
        if nothing && self.path.is_empty() {
            let message = "this file does not contain a plan".to_owned();
            return self.form.findings.push(Finding { code: "empty", span: None, message, help: None });
        }
        let wants_text = branches.iter().any(|branch| is(branch, "string"));
        if !(wants_text && node.is_scalar()) && self.near_secrets() {
            secret::everything(node, &mut self.form.secrets);
        }
        if self.in_key() && node.is_scalar() && !nothing {
            return self.inline_secret(span);
        }
        let message = format!("{} must be {}, not {}", self.here(), expected(branches), node.kind());
        let help = match &node.content {
            Content::Integer(n) if wants_text && self.unit().is_some() => {
                let unit = self.unit().unwrap_or_default();
                Some(format!("a duration needs a unit (ms, s, m, h or d), for example {n}{unit}"))
            }
            Content::Integer(_) | Content::Bool(_) | Content::Float(_) if wants_text => {
                Some("quote the value to make it a string".to_owned())
            }
            Content::Text(text) if branches.iter().any(|branch| required(branch).any(|key| key == text)) => {
                Some(format!("write {{ {text}: {{}} }}"))
            }
            Content::Null => Some("add a value or remove the entry".to_owned()),
            _ => None,
        };
        self.broken_with(Finding::new("wrong-kind", span, message).maybe_help(help));
    }

    /// The unit that is likely meant here, where a length of time stands.
    fn unit(&self) -> Option<&'static str> {
        let name = self.path.iter().rev().find(|name| *name != ITEM)?;
        Some(match name.as_str() {
            "every" | "max_key_age" | "min_key_age" | "or_expires_within" => "d",
            "keep_retired" | "keep_undo" | "warn" | "period" => "d",
            "max_age" | "deadline" => "h",
            "jitter" => "m",
            "timeout" | "max_lag" => "s",
            "target" => "ms",
            _ => return None,
        })
    }

    fn inline_secret(&mut self, span: Span) {
        let message =
            format!("a plan must not contain a key: {} must say where the key is stored", self.here());
        let help = "for example { env: VARIABLE, encoding: base64 }; replace a key that was stored in a plan";
        self.broken_with(Finding::new("inline-secret", span, message).help(help));
    }

    /// Whether the node is a key of a keyset.
    fn in_key(&self) -> bool {
        matches!(self.path.as_slice(), [keysets, _, keys, _] if keysets == "keysets" && keys == "keys")
    }

    /// Whether secrets are at home here, so that one may have been put in the place of its source.
    fn near_secrets(&self) -> bool {
        let sections = ["keysets", "database", "vars", "hooks", "notify"];
        self.path.first().is_some_and(|section| sections.contains(&section.as_str()))
    }

    fn report(&mut self, code: &'static str, span: Span, message: String) {
        self.broken_with(Finding::new(code, span, message));
    }

    fn broken_with(&mut self, finding: Finding) {
        self.form.findings.push(finding);
        if let Some(section) = self.path.first() {
            self.form.broken.insert((section.clone(), self.path.get(1).cloned()));
        }
    }

    /// The place in words: the last name on the way to it.
    fn here(&self) -> String {
        match self.path.as_slice() {
            [] => "a plan".to_owned(),
            [.., list, item] if item == ITEM => format!("an item of `{}`", shown(list)),
            [.., name] => format!("`{}`", shown(name)),
        }
    }
}
