//! What the audit trail shows of a time, for those who audit: JSON, and a page that prints.
//!
//! Pure: the same events, range and time of writing give the same bytes. Everything in a report comes from the trail;
//! what the trail does not say, the report does not claim.

mod chart;
mod exceptions;
mod fields;
mod findings;
mod history;
mod people;
mod standard;
#[cfg(test)]
mod tests;
mod text;

use minijinja::{AutoEscape, Environment};
use reseal_core::audit::{Entry, Verdict};
use reseal_plan::Standard;
use serde::Serialize;
use serde_json::{Value, json};

use exceptions::Exception;
use findings::{Incident, Proof};
use history::{History, Key, Run};
use text::{date, instant, minute, thousands, took};

pub(super) const DAY_MS: i64 = 86_400_000;

/// What a report is about.
pub(super) struct Subject {
    /// The plans, with the most that each lets a key age, in days.
    pub(super) plans: Vec<(String, Option<u64>)>,
    /// The standard that it is written for.
    pub(super) standard: Standard,
    /// What the ledgers of those plans say of runs.
    pub(super) ledgers: Vec<Ledger>,
    /// The first millisecond of the time, and the first behind it.
    pub(super) range: (i64, i64),
    /// When it is written.
    pub(super) now: i64,
    /// Events before this time are in an archive that was not read, but those of keys and runs.
    pub(super) archived_before: Option<i64>,
}

/// What the ledger beside a plan's data says of its runs.
pub(super) struct Ledger {
    /// The plan.
    pub(super) plan: String,
    /// Id of each run that did something, and when it began; or why the ledger could not be read.
    pub(super) runs: Result<Vec<(String, i64)>, String>,
}

/// How old a key was when it was replaced, or is.
#[derive(Serialize)]
struct Age<'a> {
    #[serde(flatten)]
    key: &'a Key,
    age_days: Option<i64>,
    limit_days: Option<u64>,
    /// `within`, `over`, `no limit`, or `unknown`: the key is older than the trail.
    verdict: &'static str,
}

/// A run, with how old the keys were that it replaced.
#[derive(Serialize)]
struct Rotation<'a> {
    #[serde(flatten)]
    run: &'a Run,
    replaced: Vec<Value>,
}

/// The report as a document.
pub(super) fn report(entries: &[Entry], verdict: &Verdict, subject: &Subject) -> Value {
    let history = History::read(entries);
    let of_plan = |plan: &str| subject.plans.iter().any(|(name, _)| name == plan);
    let limit =
        |plan: &str| subject.plans.iter().find(|(name, _)| name == plan).and_then(|(_, limit)| *limit);
    let inside = |at: i64| at >= subject.range.0 && at < subject.range.1;
    let keys: Vec<&Key> = history
        .keys
        .iter()
        .filter(|key| of_plan(&key.plan) && key.seen < subject.range.1)
        .filter(|key| key.replaced.is_none_or(|at| at >= subject.range.0))
        .collect();
    let runs: Vec<&Run> = history
        .runs
        .iter()
        .filter(|run| of_plan(&run.plan) && run.began < subject.range.1)
        .filter(|run| run.ended.is_none_or(|at| at >= subject.range.0))
        .collect();
    let end = subject.range.1.min(subject.now);
    let ages: Vec<Age> =
        keys.iter().map(|key| age(key, end, key.limit.unwrap_or_else(|| limit(&key.plan)))).collect();
    let rotations: Vec<Rotation> = runs
        .iter()
        .map(|run| rotation(run, &history, run.limit.unwrap_or_else(|| limit(&run.plan))))
        .collect();
    let events: Vec<&Entry> = entries
        .iter()
        .filter(|entry| inside(entry.event.time_ms))
        .filter(|entry| of_plan(&entry.event.plan) || entry.event.plan.is_empty())
        .collect();
    let mut exceptions: Vec<Exception> = exceptions::exceptions(&events, &runs, subject);
    exceptions.extend(ages.iter().filter(|age| age.verdict == "over").map(over_limit));
    exceptions.extend(exceptions::unknown_runs(&history.runs, subject));
    exceptions.extend(exceptions::not_read(subject));
    let proofs: Vec<Proof> = findings::proofs(&events);
    let incidents: Vec<Incident> = findings::incidents(&runs);
    let strictest = subject.plans.iter().filter_map(|(_, limit)| *limit).min();
    json!({
        "standard": standard::document(subject.standard),
        "plans": subject.plans.iter().map(|(name, limit)| json!({ "name": name, "max_key_age_days": limit })).collect::<Vec<_>>(),
        "from": instant(subject.range.0),
        "to": instant(subject.range.1),
        "written": instant(subject.now),
        "trail": trail(verdict, subject),
        "keys": ages,
        "rotations": rotations,
        "fields": findings::covered(&runs),
        "proofs": proofs,
        "exceptions": exceptions::grouped(exceptions),
        "incidents": incidents,
        "approvers": people::approvers(&events, &runs),
        "custodians": people::custodians(&events),
        "actions": findings::actions(&events),
        "charts": {
            "key_ages": chart::key_ages(&keys, subject.range.0..end, strictest),
            "cells": chart::cells(&runs),
        },
    })
}

fn trail(verdict: &Verdict, subject: &Subject) -> Value {
    let fault = verdict.fault.as_ref();
    let mut trail = json!({
        "intact": fault.is_none(),
        "events": verdict.intact.sequence,
        "head": verdict.intact.head.to_string(),
        "signed_through": verdict.signed_through,
        "signed_by": verdict.signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "first_bad": fault.map(|fault| json!({ "sequence": fault.sequence, "message": fault.message })),
    });
    if let Some(before) = subject.archived_before {
        trail["archived_through"] = verdict.archived_through.into();
        trail["archived_before"] = instant(before).into();
    }
    trail
}

fn over_limit(age: &Age) -> Exception {
    let (days, limit) = (age.age_days.unwrap_or_default(), age.limit_days.unwrap_or_default());
    let key = age.key;
    let what = format!(
        "key {} of keyset {} reached an age of {days} days; the limit is {limit} days",
        key.key, key.keyset
    );
    let at = key.since.unwrap_or_default() + i64::try_from(limit).unwrap_or_default() * DAY_MS;
    Exception::over_limit(at, what)
}

fn age<'a>(key: &'a Key, end: i64, limit_days: Option<u64>) -> Age<'a> {
    let age_days = key.since.map(|since| (key.replaced.unwrap_or(end).min(end) - since).max(0) / DAY_MS);
    let verdict = match (age_days, limit_days) {
        (None, _) => "unknown",
        (_, None) => "no limit",
        (Some(age), Some(limit)) if age > i64::try_from(limit).unwrap_or(i64::MAX) => "over",
        _ => "within",
    };
    Age { key, age_days, limit_days, verdict }
}

fn rotation<'a>(run: &'a Run, history: &History, limit: Option<u64>) -> Rotation<'a> {
    let replaced = run.sealed_before.iter().filter_map(|at| {
        let key = history.keys.get(*at)?;
        let age = age(key, run.ended.unwrap_or(run.began), limit);
        let (keyset, id) = (&key.keyset, &key.key);
        Some(json!({ "keyset": keyset, "key": id, "age_days": age.age_days, "limit_days": limit, "verdict": age.verdict }))
    });
    Rotation { run, replaced: replaced.collect() }
}

/// The report as a page that prints: one file, no script, nothing from elsewhere.
pub(super) fn page(report: &Value) -> Result<String, minijinja::Error> {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    pages.add_filter("time", |ms: i64| minute(ms));
    pages.add_filter("day", |ms: i64| date(ms));
    pages.add_filter("thousands", |n: i64| thousands(n.unsigned_abs()));
    pages.add_filter("until", |from: i64, to: i64| took(from, to));
    pages.add_template("report", include_str!("page.html"))?;
    let shown = |name: &str| {
        let text = report[name].as_str().unwrap_or_default().replace('T', " ");
        text.get(..16).unwrap_or_default().to_owned()
    };
    let mut filled = report.clone();
    filled["shown"] = json!({ "from": shown("from"), "to": shown("to"), "written": shown("written") });
    pages.get_template("report")?.render(for_template(&filled))
}

fn for_template(json: &Value) -> minijinja::Value {
    match json {
        Value::Null => ().into(),
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or_default().into(), Into::into),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(for_template).collect(),
        Value::Object(map) => {
            minijinja::Value::from_pairs(map.iter().map(|(name, value)| (name.as_str(), for_template(value))))
        }
    }
}
