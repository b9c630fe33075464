//! What a notice says: templates, the plan's own or those that Reseal brings.
//!
//! A template of the plan that fails when it is filled in is left aside: a notice with our words is better than none.

mod filters;

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, Error, Value};
use reseal_core::{Notice, NoticeKind, Severity};
use reseal_plan::NotifySpec;

/// A notice in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line, with the plan's name before it.
    pub title: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
}

/// Puts a notice into words. `trail` is number and head of the audit trail, which every notice carries outside.
#[must_use]
pub fn render(notice: &Notice, notify: &NotifySpec, trail: Option<&str>) -> Rendered {
    let own = own_wording(notice, notify);
    let part = |part: Part| own.and_then(|own| part.of(own));
    let mut values = values(notice, trail);
    let title = render_part(Part::Subject, notice, part(Part::Subject), &values);
    let title = one_line(&format!("[{}] {title}", notice.plan));
    values.insert("title", Value::from(title.as_str()));
    let text = render_part(Part::Text, notice, part(Part::Text), &values);
    let html = render_part(Part::Html, notice, part(Part::Html), &values);
    Rendered { title, text, html }
}

/// The parts of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    fn of(self, own: &reseal_plan::WordingSpec) -> Option<&str> {
        match self {
            Part::Subject => own.subject.as_deref(),
            Part::Text => own.text.as_deref(),
            Part::Html => own.html.as_deref(),
        }
    }

    /// A template's name says how it is escaped.
    fn name(self) -> &'static str {
        match self {
            Part::Subject | Part::Text => "notice.txt",
            Part::Html => "notice.html",
        }
    }
}

/// The plan's wording for a notice: of a reminder by its own name first.
fn own_wording<'n>(notice: &Notice, notify: &'n NotifySpec) -> Option<&'n reseal_plan::WordingSpec> {
    let reminder = notice.field("template").filter(|_| notice.kind == NoticeKind::Remind);
    let own = reminder.and_then(|name| notify.wording(name));
    own.or_else(|| notify.wording(notice.kind.name())).filter(|_| !notice.resolved)
}

/// A part, from the plan's template where there is one that works.
fn render_part(
    part: Part,
    notice: &Notice,
    own: Option<&str>,
    values: &BTreeMap<&'static str, Value>,
) -> String {
    let filled = own.map(|own| render_template(part, own, false, values));
    match filled {
        Some(Ok(text)) => return text,
        Some(Err(error)) => {
            tracing::warn!(
                plan = notice.plan,
                kind = notice.kind.name(),
                "a template in the plan failed, so the default text is used: {error}"
            );
        }
        None => {}
    }
    let ours = if notice.resolved { RESOLVED } else { template(notice.kind) };
    // Our own templates are filled in by a test each; a mail that says little is better than none.
    render_template(part, ours, true, values)
        .unwrap_or_else(|_| format!("{}: {}", notice.kind, notice.subject))
}

fn render_template(
    part: Part,
    source: &str,
    ours: bool,
    values: &BTreeMap<&'static str, Value>,
) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| match name.ends_with(".html") {
        true => AutoEscape::Html,
        false => AutoEscape::None,
    });
    filters::add(&mut environment);
    environment.add_template("layout.txt", include_str!("../templates/layout.txt"))?;
    environment.add_template("layout.html", include_str!("../templates/layout.html"))?;
    environment.add_template(part.name(), source)?;
    let mut values = values.clone();
    let layout = if part == Part::Html { "layout.html" } else { "layout.txt" };
    values.insert("layout", Value::from(layout));
    let template = environment.get_template(part.name())?;
    Ok(match part {
        // The subject is a block of the shipped templates, and a template of the plan's by itself.
        Part::Subject if ours => one_line(
            &template
                .render_captured(Value::from(values))?
                .with_state_mut(|state| state.render_block("subject"))?,
        ),
        Part::Subject => one_line(&template.render(Value::from(values))?),
        Part::Text | Part::Html => template.render(Value::from(values))?.trim().to_owned() + "\n",
    })
}

/// What a template can name.
fn values(notice: &Notice, trail: Option<&str>) -> BTreeMap<&'static str, Value> {
    let row = |(name, text): &(String, String)| {
        let label = name.replace('_', " ");
        Value::from(BTreeMap::from([
            ("name", Value::from(name.as_str())),
            ("label", Value::from(label)),
            ("text", Value::from(text.as_str())),
        ]))
    };
    // These are part of a sentence, and say nothing in a table.
    let shown = |(name, _): &&(String, String)| !["template", "what", "verb"].contains(&name.as_str());
    let width =
        notice.fields.iter().filter(shown).map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let fields: BTreeMap<String, Value> =
        notice.fields.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect();
    let (label, colour) = severity_style(notice);
    BTreeMap::from([
        ("kind", Value::from(notice.kind.name())),
        ("plan", Value::from(notice.plan.as_str())),
        ("about", Value::from(notice.subject.as_str())),
        ("slot", Value::from(notice.slot.as_str())),
        ("resolved", Value::from(notice.resolved)),
        ("severity", Value::from(notice.kind.severity().name())),
        ("label", Value::from(label)),
        ("colour", Value::from(colour)),
        ("cause", Value::from(cause(notice))),
        ("fields", Value::from(fields)),
        ("rows", Value::from(notice.fields.iter().filter(shown).map(row).collect::<Vec<_>>())),
        ("width", Value::from(width)),
        ("trail", trail.map_or(Value::UNDEFINED, Value::from)),
    ])
}

/// How much a notice matters, as people see it.
fn severity_style(notice: &Notice) -> (&'static str, &'static str) {
    match notice.kind.severity() {
        _ if notice.resolved => ("resolved", "#2e7d4f"),
        Severity::Info => ("for your information", "#2563ab"),
        Severity::Warning => ("please check", "#a16207"),
        Severity::Critical => ("action required", "#b3261e"),
    }
}

/// What was wrong, for the notice that it is over.
fn cause(notice: &Notice) -> String {
    let what = match notice.kind {
        NoticeKind::Quarantined => "cells that could not be opened",
        NoticeKind::Slow => "a slow rotation",
        NoticeKind::AuditBroken => "a broken audit trail",
        NoticeKind::FailedOpens => "too many cells that could not be opened",
        NoticeKind::NoProgress => "a rotation without progress",
        NoticeKind::Throttled => "a throttled rotation",
        NoticeKind::ConnectionErrors => "an unreachable database",
        NoticeKind::Disk => "a nearly full disk",
        NoticeKind::TooManyKeys => "too many active keys",
        NoticeKind::Unauthorised => "an action without approval",
        NoticeKind::ApprovalNeeded => "a pending approval request",
        kind => kind.name(),
    };
    what.to_owned()
}

/// On one line, and no longer than a mail program shows.
fn one_line(text: &str) -> String {
    const MOST: usize = 180;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() > MOST {
        true => line.chars().take(MOST - 1).chain(['…']).collect(),
        false => line,
    }
}

const RESOLVED: &str = include_str!("../templates/resolved.jinja");

macro_rules! templates {
    ($($kind:ident $file:literal),* $(,)?) => {
        fn template(kind: NoticeKind) -> &'static str {
            match kind {
                $(NoticeKind::$kind => include_str!(concat!("../templates/", $file, ".jinja")),)*
            }
        }
    };
}

templates! {
    Remind "remind",
    KeyExpiring "key-expiring",
    KeyExpired "key-expired",
    Announced "announced",
    Started "started",
    Finished "finished",
    Failed "failed",
    Quarantined "quarantined",
    NotClean "not-clean",
    Deadline "deadline",
    RestoreTestDue "restore-test-due",
    RestoreTestFailed "restore-test-failed",
    DeadMan "dead-man",
    TooManyKeys "too-many-keys",
    Slow "slow",
    AuditBroken "audit-broken",
    Unauthorised "unauthorised",
    ApprovalNeeded "approval-needed",
    FailedOpens "failed-opens",
    NoProgress "no-progress",
    Throttled "throttled",
    ConnectionErrors "connection-errors",
    Disk "disk",
    PlanChanged "plan-changed",
}

#[cfg(test)]
mod tests;
