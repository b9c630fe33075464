//! `reseal approve`: agreeing to what a policy does not leave to one person.

use std::io::{IsTerminal, Write};
use std::path::Path;

use reseal_app::approvals::{self, ApproveRequest, PendingApproval};
use reseal_app::{Caller, Failure};
use reseal_control::ApprovalRequest;
use serde_json::{Value, json};

use crate::args::{ApproveArgs, ApproveCommand};
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::{harmless, time};

/// Carries out one of the family.
pub(crate) async fn approve(caller: &Caller, args: &ApproveArgs) -> Outcome {
    match (&args.command, &args.request, &args.key) {
        (Some(ApproveCommand::Keygen { name, file }), ..) => keygen(name, file),
        (Some(ApproveCommand::List { plan }), ..) => list(&plan.path()?).await,
        (None, Some(request), Some(key)) => {
            let (request, key, plan) = (request.clone(), key.clone(), args.plan.clone());
            sign(caller, &ApproveRequest { request, key, plan }).await
        }
        (None, Some(request), None) => show(request, args.plan.as_deref()).await,
        (None, None, _) => Err(Failure::usage(
            "usage",
            "the request ID is missing",
            "pass it: `reseal approve REQUEST --key FILE`",
        )),
    }
}

/// Shows a request, so that people know what they sign.
async fn show(id: &str, plan: Option<&Path>) -> Outcome {
    let request = approvals::show(id, plan).await?;
    let text = format!("{}\nnothing is signed yet: pass `--key FILE` to sign", heading(&request));
    Ok(Done::new(CLEAN, document(&request), text))
}

/// A request with all that somebody who is asked must know.
fn heading(request: &ApprovalRequest) -> String {
    format!(
        "request {}:\n  {}, requested by {}{}",
        request.id,
        kind(request),
        request.operator,
        particulars(request)
    )
}

/// What a request is for, as people say it.
fn kind(request: &ApprovalRequest) -> &str {
    match request.kind.as_str() {
        "approvers" => "change of approvers",
        kind => kind,
    }
}

/// Whether whoever sits at the terminal wants to sign; where nobody does, a script has decided.
fn agrees() -> bool {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return true;
    }
    let _ = write!(std::io::stderr(), "sign this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Shows a request, asks whoever sits at a terminal, and signs.
async fn sign(caller: &Caller, asked: &ApproveRequest) -> Outcome {
    // A request that cannot be shown is refused below, where the trail is told.
    if let Ok(request) = approvals::show(&asked.request, asked.plan.as_deref()).await {
        let _ = writeln!(std::io::stderr(), "{}", harmless(&heading(&request)));
        if !agrees() {
            return Err(Failure::refused(
                "not-signed",
                "nothing was signed",
                "run the command again and answer `y` to sign",
            ));
        }
    }
    let approved = approvals::approve(caller, asked).await?;
    let (approver, request) = (approved.approver, approved.request);
    let text = format!("{} signed request {} with key {}", approver.name, request.id, approver.key());
    let mut document = document(&request);
    document["approver_key"] = approver.key().into();
    document["approver"] = approver.name.into();
    Ok(Done::new(CLEAN, document, text))
}

/// What somebody who is asked must know, a line each: the plan, its scope, the database, the keys, the time.
fn particulars(request: &ApprovalRequest) -> String {
    format!(
        "\n  plan {} ({})\n    {}\n  database {}{}\n  until {}",
        request.plan,
        scope(request),
        request.digest,
        request
            .database()
            .map_or("not named: an earlier version of Reseal wrote the request".to_owned(), |database| {
                database.to_string()
            }),
        keys(request),
        time(request.expires_at)
    )
}

/// What a request is narrowed to; for a change of the approvers, the lines of the new file.
fn scope(request: &ApprovalRequest) -> String {
    match request.kind.as_str() {
        "approvers" => {
            format!("approvers after the change:\n      {}", request.scope.replace('\n', "\n      "))
        }
        _ => request.scope_for_people().to_owned(),
    }
}

/// The keys that a request is about, a line each.
fn keys(request: &ApprovalRequest) -> String {
    if request.kind == "approvers" {
        return String::new();
    }
    let keys = request.keys();
    if keys.is_empty() {
        return "\n  no key could be read yet: the plan's `before` steps provide the missing keys".to_owned();
    }
    keys.iter().map(|key| format!("\n  {}, {}\n    {}", key.name, key.role, key.fingerprint)).collect()
}

/// Makes the key pair of an approver.
fn keygen(name: &str, file: &Path) -> Outcome {
    let line = approvals::keygen(name, file)?;
    let text =
        format!("the secret key is in {}; add this line to the approvers file:\n{line}", file.display());
    Ok(Done::new(CLEAN, json!({ "file": file.display().to_string(), "line": line }), text))
}

/// Lists what waits for approval.
async fn list(plan: &Path) -> Outcome {
    let pending = approvals::list(plan).await?;
    let text = match pending.requests.is_empty() {
        true => format!("plan {} has no pending requests", pending.plan),
        false => pending.requests.iter().map(lines).collect::<Vec<_>>().join("\n"),
    };
    let documents: Vec<Value> = pending.requests.into_iter().map(pending_document).collect();
    Ok(Done::new(CLEAN, json!({ "requests": documents }), text))
}

fn lines(pending: &PendingApproval) -> String {
    let request = &pending.request;
    let mut text = format!(
        "{}  {}\n  requested by {}, {} of {} approvers have signed{}",
        request.id,
        kind(request),
        request.operator,
        pending.approvers.len(),
        request.needed,
        particulars(request)
    );
    text.extend(pending.not_counted.iter().map(|why| format!("\n  not counted: {why}")));
    text
}

fn pending_document(pending: PendingApproval) -> Value {
    let mut document = document(&pending.request);
    document["approvers"] = pending.approvers.into();
    document["not_counted"] = pending.not_counted.into();
    document
}

fn document(request: &ApprovalRequest) -> Value {
    json!({
        "request": request.id,
        "plan": request.plan,
        "kind": request.kind,
        "plan_digest": request.digest,
        "scope": request.scope,
        "keys": serde_json::from_str::<Value>(&request.fingerprints).unwrap_or_default(),
        "database": request.target.as_deref().and_then(|target| serde_json::from_str::<Value>(target).ok()),
        "operator": request.operator,
        "needed": request.needed,
        "expires": time(request.expires_at),
    })
}
