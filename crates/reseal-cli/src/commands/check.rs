//! `reseal check`: form and meaning, then keys, then preflight.

use std::path::{Path, PathBuf};

use reseal_app::check::{CheckFinding, CheckRequest, CheckedPlan};
use reseal_engine::{CellStanding, Finding, SampledField, SampledLine, SampledTable, Severity};
use reseal_plan::Problem;
use serde_json::{Value, json};

use crate::exit::{self, CLEAN, Done, Outcome, USAGE};
use crate::output::number;
use crate::table::table;

/// Checks plans; all problems of all plans are shown.
pub(crate) async fn check(plans: Vec<PathBuf>, keys: bool, connect: bool) -> Outcome {
    let request = CheckRequest { plans, keys, connect };
    let (mut documents, mut samples, mut lines, mut code) = (Vec::new(), Vec::new(), Vec::new(), CLEAN);
    for plan in reseal_app::check::check(&request).await {
        documents.extend(plan.findings.iter().map(|finding| document(&plan.path, finding)));
        samples.extend(plan.samples.iter().map(|sample| sampled(&plan.path, sample)));
        lines.extend(plan.samples.iter().map(sample_text));
        lines.extend(text(&plan));
        // A mistake in a plan outranks a database that refuses.
        code = match plan.fault.map(exit::code) {
            Some(fault) if code != USAGE => fault,
            _ => code,
        };
    }
    let document = json!({ "ok": code == CLEAN, "problems": documents, "samples": samples });
    Ok(Done::new(code, document, lines.join("\n")))
}

/// What was seen of a table's cells.
fn sampled(path: &Path, sample: &SampledTable) -> Value {
    let line = |line: &SampledLine| {
        let SampledLine { seal, key, standing, cells } = line;
        let why = match standing {
            CellStanding::Broken(reason) => Some(reason.explain()),
            _ => None,
        };
        json!({ "seal": seal, "key": key, "state": standing.name(), "cells": cells, "why": why })
    };
    let field = |field: &SampledField| {
        let counts: Vec<Value> = field.lines.iter().map(line).collect();
        json!({ "field": field.field, "cells": field.cells(), "failed": field.failed(), "counts": counts })
    };
    let fields: Vec<Value> = sample.fields.iter().map(field).collect();
    json!({
        "file": path.display().to_string(), "table": sample.table, "rows": sample.rows,
        "sampled": sample.sampled, "fields": fields,
    })
}

/// The same as people read it.
fn sample_text(sample: &SampledTable) -> String {
    let SampledTable { table: name, rows, sampled, fields } = sample;
    let looked_at = match rows == sampled {
        true => "all sampled".to_owned(),
        false => format!("the first {} sampled", number(*sampled)),
    };
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let mut lines = Vec::new();
    for field in fields {
        let mut name = field.field.clone();
        for SampledLine { seal, key, standing, cells } in &field.lines {
            let state = standing.name().to_owned();
            lines.push(vec![std::mem::take(&mut name), or_dash(seal), or_dash(key), state, number(*cells)]);
        }
    }
    let head = format!("{name}: {} rows, {looked_at}", number(*rows));
    match lines.is_empty() {
        true => head,
        false => format!("{head}\n{}", table(&["field", "seal", "key", "state", "cells"], &[4], lines)),
    }
}

fn document(path: &Path, finding: &CheckFinding) -> Value {
    match finding {
        CheckFinding::Problem(problem) => of_line(problem),
        CheckFinding::Preflight(finding) => bare(path, finding.code, &finding.message, Some(&finding.help)),
        CheckFinding::Failure(failure) => {
            bare(path, &failure.code, &failure.message, failure.help.as_deref())
        }
    }
}

fn of_line(problem: &Problem) -> Value {
    json!({
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
    })
}

/// A problem that no line of the plan is at fault for.
fn bare(path: &Path, code: &str, message: &str, help: Option<&str>) -> Value {
    json!({
        "file": path.display().to_string(), "line": null, "column": null,
        "code": code, "message": message, "help": help,
    })
}

fn text(plan: &CheckedPlan) -> Vec<String> {
    let name = plan.path.display();
    let mut lines = Vec::new();
    for finding in &plan.findings {
        match finding {
            CheckFinding::Problem(problem) => lines.push(of_plan(problem)),
            CheckFinding::Preflight(finding) => lines.push(format!("{name}: {}", of_database(finding))),
            CheckFinding::Failure(failure) => {
                let begins = format!("{name}: ");
                let message = failure.message.strip_prefix(&begins).unwrap_or(&failure.message);
                lines.push(format!("{begins}error[{}]: {message}", failure.code));
                lines.extend(failure.help.as_ref().map(|help| format!("   help: {help}")));
            }
        }
    }
    if plan.fault.is_none() {
        let warned = if plan.findings.is_empty() { "" } else { ", with warnings" };
        lines.push(format!("{name}: ok{warned}"));
    }
    lines
}

/// A problem with its code behind the place.
fn of_plan(problem: &Problem) -> String {
    let text = problem.to_string();
    let (place, rest) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{place} error[{}]\n{rest}", problem.code)
}

fn of_database(finding: &Finding) -> String {
    let word = if finding.severity == Severity::Refusal { "refused" } else { "warning" };
    let help = finding.help.replace('\n', "\n         ");
    format!("{word}[{}]: {}\n   help: {help}", finding.code, finding.message)
}
