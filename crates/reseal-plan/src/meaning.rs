//! Mistakes of meaning: raw types to a typed plan, all mistakes at once.
//!
//! What the form check found broken is known by name only: it can be referred to, and nothing is said of its content.

mod conditions;
mod envelopes;
mod hooks;
mod keys;
mod notify;
mod pace;
mod paths;
mod policy;
mod schedule;
mod seals;
mod shared;
mod tables;
mod together;
mod upkeep;
mod written_out;

use reseal_core::Template;
use serde_json::{Map, Value};

use crate::document::{Finding, position};
use crate::form::Form;
use crate::plan::{Application, Guard, NamedFile, Plan, Undo};
use crate::schema::{SQL_SOURCE, Vocabulary};
use crate::secret::{has_password, shown};
use crate::yaml::{Node, Span};
use crate::{digest, raw};

/// What the check of meaning leaves behind.
pub(crate) struct Checked {
    /// The plan, where nothing was wrong.
    pub(crate) plan: Option<Plan>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) unsupported: Vec<Finding>,
    /// What this build does not have.
    pub(crate) missing: Vec<Finding>,
    /// Spans that no message may show.
    pub(crate) secrets: Vec<Span>,
}

/// Checks what a plan means.
pub(crate) fn check(
    folder: &str,
    text: &str,
    root: &Node,
    form: &Form,
    vocabulary: &Vocabulary<'_>,
) -> Checked {
    let mut meaning = Meaning {
        vocabulary,
        folder,
        text,
        root,
        files: Vec::new(),
        presets: Map::new(),
        programs: false,
        findings: Vec::new(),
        unsupported: Vec::new(),
        missing: Vec::new(),
        secrets: Vec::new(),
    };
    let plan = match serde_json::from_value(sound(root, form)) {
        Ok(raw) => meaning.plan(raw),
        // The form check let something through that the types refuse: a mistake of ours, told without its content.
        Err(_) if form.findings.is_empty() => {
            let message = "cannot read the plan; please report this as a bug";
            meaning.findings.push(Finding { code: "form", span: None, message: message.into(), help: None });
            None
        }
        Err(_) => None,
    };
    let Meaning { findings, unsupported, missing, secrets, .. } = meaning;
    Checked { plan: plan.filter(|_| findings.is_empty()), findings, unsupported, missing, secrets }
}

/// The tree as JSON without what the form check found broken: entries of sections become null, other sections are left
/// out, and what every plan must have is stood in for.
fn sound(root: &Node, form: &Form) -> Value {
    let mut plan = match root.to_json() {
        Value::Object(plan) => plan,
        _ => Map::new(),
    };
    for (section, entry) in &form.broken {
        match (section.as_str(), entry) {
            ("schedule", Some(entry)) if entry == "zone" || entry == "enabled" => {
                drop(plan.shift_remove(section));
            }
            ("keysets" | "seals" | "tables" | "schedule" | "vars", Some(entry)) => {
                if let Some(slot) = plan.get_mut(section).and_then(|section| section.get_mut(entry)) {
                    *slot = Value::Null;
                }
            }
            _ => drop(plan.shift_remove(section)),
        }
    }
    plan.retain(|name, _| SECTIONS.contains(&name.as_str()));
    let stand_ins = serde_json::json!({
        "reseal": 1, "name": "x", "database": "sqlite://", "application": "paused",
        "keysets": {}, "seals": {}, "tables": {},
    });
    if let Value::Object(stand_ins) = stand_ins {
        stand_ins.into_iter().for_each(|(name, value)| {
            plan.entry(name).or_insert(value);
        });
    }
    Value::Object(plan)
}

const SECTIONS: [&str; 23] = [
    "reseal",
    "name",
    "description",
    "owner",
    "database",
    "application",
    "keysets",
    "seals",
    "tables",
    "ignore",
    "batch",
    "throttle",
    "windows",
    "workers",
    "emergency",
    "undo",
    "side_effects",
    "guard",
    "hooks",
    "vars",
    "schedule",
    "notify",
    "policy",
];

/// The check in progress.
struct Meaning<'a> {
    vocabulary: &'a Vocabulary<'a>,
    /// The plan's folder.
    folder: &'a str,
    text: &'a str,
    root: &'a Node,
    files: Vec<NamedFile>,
    /// What seals that name a preset stand for, by their names.
    presets: Map<String, Value>,
    /// Whether a program has been named.
    programs: bool,
    findings: Vec<Finding>,
    unsupported: Vec<Finding>,
    missing: Vec<Finding>,
    secrets: Vec<Span>,
}

/// Entries of a section by name; `None` for one whose form is broken.
type Entries<T> = Vec<(String, Option<T>)>;

impl Meaning<'_> {
    fn plan(&mut self, raw: raw::Plan) -> Option<Plan> {
        self.name(&raw.name);
        let allows_plaintext = matches!(&raw.database, raw::Database::Source(source) if source.tls.is_some());
        let database = self.database(raw.database);
        let keysets = self.keysets(raw.keysets);
        let mut seals = self.seals(raw.seals, &keysets);
        let tables = self.tables(raw.tables, &mut seals);
        self.together(&keysets, &seals, &tables);
        let ignore = self.ignored(&raw.ignore);
        let pace = self.pace(&raw.batch, &raw.throttle, &raw.windows, raw.workers, &[]);
        let emergency = raw.emergency.map(|over| self.emergency(over, &pace));
        let policy = self.policy(raw.policy);
        let schedule = raw.schedule.map(|schedule| self.schedule(schedule, &policy));
        let vars = self.vars(raw.vars);
        let hooks = self.hooks(raw.hooks, &vars);
        let notify = raw.notify.map(|notify| self.notify(notify));
        Some(Plan {
            name: raw.name,
            description: raw.description,
            owner: raw.owner,
            database: database?,
            allows_plaintext,
            application: match raw.application {
                raw::Application::BothKeys => Application::BothKeys,
                raw::Application::Paused => Application::Paused,
                raw::Application::OneKey => Application::OneKey,
            },
            keysets: all(keysets)?,
            seals: all(seals)?,
            tables: all(tables)?,
            ignore,
            pace,
            emergency,
            undo: match raw.undo {
                raw::Undo::Keep => Undo::Keep,
                raw::Undo::None => Undo::None,
            },
            side_effects: raw.side_effects,
            guard: match raw.guard {
                raw::Guard::Constraint => Guard::Constraint,
                raw::Guard::Trigger => Guard::Trigger,
                raw::Guard::None => Guard::None,
            },
            policy,
            schedule: match schedule {
                Some(schedule) => Some(schedule?),
                None => None,
            },
            hooks,
            vars: all(vars)?,
            notify: flat(notify)?,
            digest: digest::without_pace(self.root, &self.presets),
            full_digest: digest::of_plan(self.root, &self.presets),
            folder: self.folder.to_owned(),
            programs: self.programs,
            files: std::mem::take(&mut self.files),
            unsupported: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// A plan's name stands on command lines and in the ledger.
    fn name(&mut self, name: &str) {
        let fits = name.len() <= 63
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !fits {
            self.find(
                "bad-name",
                &["name"],
                "a plan name must have 1 to 63 letters, digits, dots, hyphens or underscores and start with \
                 a letter or digit",
            );
        }
    }

    /// Reports what this version does not do.
    fn not_yet(&mut self, path: &[&str], what: &str) {
        let message = format!("{what} is not supported yet by this version of Reseal");
        self.unsupported.push(Finding::new("unsupported", self.named(path), message));
    }

    /// Reports a mistake at the value that a path leads to.
    fn find(&mut self, code: &'static str, path: &[&str], message: impl Into<String>) {
        self.findings.push(Finding::new(code, self.value(path), message));
    }

    /// The same, with help.
    fn find_help(
        &mut self,
        code: &'static str,
        path: &[&str],
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.findings.push(Finding::new(code, self.value(path), message).maybe_help(help));
    }

    /// Where the value at a path stands; for a list or a map, where it is named. Paths that end nowhere lead to the
    /// last place on the way.
    fn value(&self, path: &[&str]) -> Span {
        self.walk(path, false)
    }

    /// Where the entry at a path is named.
    fn named(&self, path: &[&str]) -> Span {
        self.walk(path, true)
    }

    fn walk(&self, path: &[&str], name: bool) -> Span {
        let (mut node, mut span) = (self.root, Span::default());
        for step in path {
            if let Some(entry) = node.entry(step) {
                span = if entry.node.is_scalar() && !name { entry.node.span } else { entry.name_span };
                node = &entry.node;
            } else if let Some(item) = step.parse().ok().and_then(|at: usize| node.items().get(at)) {
                span = item.span;
                node = item;
            } else {
                break;
            }
        }
        span
    }

    fn line(&self, path: &[&str]) -> usize {
        position(self.text, self.named(path).start).0
    }

    /// A template, with a mistake in it reported.
    fn template(&mut self, text: &str, path: &[&str]) -> Option<Template> {
        Template::parse(text).map_err(|error| self.find("bad-template", path, error.to_string())).ok()
    }

    fn database(&mut self, raw: raw::Database) -> Option<crate::Database> {
        let url = match raw {
            raw::Database::Source(source) => {
                let source = self.source(source.source, &["database"])?;
                if source.kind == SQL_SOURCE {
                    let message = "the database URL cannot be read from the database itself";
                    self.find("database-url", &["database", SQL_SOURCE], message);
                }
                return Some(crate::Database::Source(source));
            }
            raw::Database::Url(url) => url,
        };
        if has_password(&url) {
            let help = "read the URL from a variable or a file, for example { env: DATABASE_URL }";
            self.find_help(
                "password",
                &["database"],
                "a plan must not contain a password, but this URL does",
                Some(help.into()),
            );
            return None;
        }
        let scheme = url.split(':').next().unwrap_or_default();
        if !["postgres", "postgresql", "mysql", "mariadb", "sqlite"].contains(&scheme) {
            let message = "a database URL must start with postgres://, mysql:// or sqlite://";
            self.find("database-url", &["database"], message);
        }
        Some(crate::Database::Url(url))
    }
}

/// "`name`", as a message shows it.
fn quoted(name: &str) -> String {
    format!("`{}`", shown(name))
}

/// All entries, where none is broken.
fn all<T>(entries: Entries<T>) -> Option<Vec<T>> {
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// Something that may be left out, and was either left out or sound.
fn flat<T>(option: Option<Option<T>>) -> Option<Option<T>> {
    match option {
        None => Some(None),
        Some(None) => None,
        Some(value) => Some(value),
    }
}

/// The place of a name among entries.
fn index_of<T>(entries: &Entries<T>, name: &str) -> Option<usize> {
    entries.iter().position(|(other, _)| other == name)
}

/// The names of entries.
fn names_of<T>(entries: &Entries<T>) -> Vec<&str> {
    entries.iter().map(|(name, _)| name.as_str()).collect()
}
