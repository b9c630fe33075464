//! `reseal check`: form and meaning, then keys, then preflight.

use std::path::{Path, PathBuf};

use reseal_engine::{Scope, Severity};
use reseal_plan::Problem;
use reseal_registry::Overrides;
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, Outcome, REFUSED, USAGE};
use reseal_app::Failure;
use reseal_app::open;

/// Checks plans; all problems of all plans are told.
pub(crate) async fn check(plans: &[PathBuf], keys: bool, connect: bool) -> Outcome {
    let (mut documents, mut lines, mut code) = (Vec::new(), Vec::new(), CLEAN);
    for path in plans {
        let before = documents.len();
        let found = one(path, keys || connect, connect, &mut documents, &mut lines).await;
        let of_plan = match found {
            Ok(code) => code,
            Err(failure) => {
                let begins = format!("{}: ", path.display());
                let message = failure.message.strip_prefix(&begins).unwrap_or(&failure.message);
                lines.push(format!("{begins}{message}"));
                lines.extend(failure.help.as_ref().map(|help| format!("  help: {help}")));
                documents.push(bare(path, &failure.code, &failure.message, failure.help.as_deref()));
                crate::exit::code(failure.class)
            }
        };
        if of_plan == CLEAN {
            let warned = if documents.len() > before { ", with warnings" } else { "" };
            lines.push(format!("{}: ok{warned}", path.display()));
        }
        // A mistake in a plan outranks a database that refuses.
        code = if code == USAGE || of_plan == CLEAN { code } else { of_plan };
    }
    Ok(Done::new(code, json!({ "ok": code == CLEAN, "problems": documents }), lines.join("\n")))
}

async fn one(
    path: &Path,
    keys: bool,
    connect: bool,
    documents: &mut Vec<Value>,
    lines: &mut Vec<String>,
) -> Result<u8, Failure> {
    let name = path.display().to_string();
    let plan = match reseal_plan::parse(&name, &open::text(path)?, &reseal_registry::vocabulary()) {
        Ok(plan) => plan,
        Err(problems) => {
            lines.push(problems.to_string());
            documents.extend(problems.0.iter().map(problem));
            return Ok(USAGE);
        }
    };
    if !plan.unsupported().is_empty() {
        lines.extend(plan.unsupported().iter().map(Problem::to_string));
        documents.extend(plan.unsupported().iter().map(problem));
        return Ok(REFUSED);
    }
    // The plan is right; it is this build that cannot carry it out.
    lines.extend(plan.missing().iter().map(Problem::to_string));
    documents.extend(plan.missing().iter().map(problem));
    if !keys {
        return Ok(CLEAN);
    }
    let opened = open::job(path, &Overrides::default()).await?;
    if !connect {
        return Ok(CLEAN);
    }
    let mut code = CLEAN;
    for finding in reseal_engine::preflight(&opened.job, &opened.database, &Scope::default()).await? {
        let refusal = finding.severity == Severity::Refusal;
        code = if refusal { REFUSED } else { code };
        let word = if refusal { "refused" } else { "warning" };
        lines.push(format!("{name}: {word}: {}\n  help: {}", finding.message, finding.help));
        documents.push(bare(path, finding.code, &finding.message, Some(&finding.help)));
    }
    Ok(code)
}

fn problem(problem: &Problem) -> Value {
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
