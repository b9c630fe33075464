//! `reseal check`: form and meaning, then keys, then preflight.

use std::path::{Path, PathBuf};

use reseal_app::check::{CheckFinding, CheckRequest, CheckedPlan};
use reseal_engine::{Finding, Severity};
use reseal_plan::Problem;
use serde_json::{Value, json};

use crate::exit::{self, CLEAN, Done, Outcome, USAGE};

/// Checks plans; all problems of all plans are shown.
pub(crate) async fn check(plans: &[PathBuf], keys: bool, connect: bool) -> Outcome {
    let request = CheckRequest { plans: plans.to_vec(), keys, connect };
    let (mut documents, mut lines, mut code) = (Vec::new(), Vec::new(), CLEAN);
    for plan in reseal_app::check::check(&request).await {
        documents.extend(plan.findings.iter().map(|finding| document(&plan.path, finding)));
        lines.extend(text(&plan));
        // A mistake in a plan outranks a database that refuses.
        code = match plan.fault.map(exit::code) {
            Some(fault) if code != USAGE => fault,
            _ => code,
        };
    }
    Ok(Done::new(code, json!({ "ok": code == CLEAN, "problems": documents }), lines.join("\n")))
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
            CheckFinding::Problem(problem) => lines.push(problem.to_string()),
            CheckFinding::Preflight(finding) => lines.push(format!("{name}: {}", of_database(finding))),
            CheckFinding::Failure(failure) => {
                let begins = format!("{name}: ");
                let message = failure.message.strip_prefix(&begins).unwrap_or(&failure.message);
                lines.push(format!("{begins}{message}"));
                lines.extend(failure.help.as_ref().map(|help| format!("  help: {help}")));
            }
        }
    }
    if plan.fault.is_none() {
        let warned = if plan.findings.is_empty() { "" } else { ", with warnings" };
        lines.push(format!("{name}: ok{warned}"));
    }
    lines
}

fn of_database(finding: &Finding) -> String {
    let word = if finding.severity == Severity::Refusal { "refused" } else { "warning" };
    format!("{word}: {}\n  help: {}", finding.message, finding.help)
}
