//! `reseal approve`: agreeing to what a policy does not leave to one person.

use std::path::Path;

use reseal_control::ApprovalRequest;
use reseal_core::audit::{Event, EventKind};
use reseal_custody::approvals::{self, lapses};
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, Outcome};
use reseal_app::Failure;
use reseal_app::{control, open, trail};

/// Signs a request.
pub(crate) async fn approve(id: &str, key: &Path, plan: Option<&Path>) -> Outcome {
    let mut session = control::database()?.connect().await?;
    session.migrate().await?;
    let plan = plan.map(open::plan).transpose()?;
    if let Some(plan) = &plan {
        let asked = session.approval_request(id).await?;
        if let Some(asked) = asked.filter(|asked| (&asked.plan, &asked.digest) != (&plan.name, &plan.digest))
        {
            let message =
                format!("request {id} is of plan {} as it was when asked, not of this file", asked.plan);
            return Err(Failure::refused(
                "plan-changed",
                message,
                "compare the plan with what was asked for",
            ));
        }
    }
    let (request, name) = match approvals::approve(&mut session, id, key, plan.as_ref()).await {
        Ok(given) => given,
        Err(error) => {
            let about = |event: Event| {
                event.with("request", id).with("code", error.code).with("message", error.message.as_str())
            };
            trail::note(EventKind::ApprovalRefused, about).await;
            return Err(error.into());
        }
    };
    let about = |event: Event| {
        let event = event.of_plan(&request.plan, &request.digest).with("approver", name.as_str());
        event.with("to", request.kind.as_str()).with("request", id).with("scope", request.scope.as_str())
    };
    trail::note(EventKind::ApprovalGiven, about).await;
    let text = format!(
        "{name} agrees to request {id}:\n  {} of plan {} ({}), asked for by {}{}\n  until {}",
        request.kind,
        request.plan,
        if request.scope == "{}" { "the whole of it" } else { &request.scope },
        request.operator,
        keys(&request),
        lapses(&request)
    );
    let mut document = document(&request);
    document["approver"] = name.into();
    Ok(Done::new(CLEAN, document, text))
}

/// The keys that a request is about, a line each.
fn keys(request: &ApprovalRequest) -> String {
    let keysets: serde_json::Map<String, Value> =
        serde_json::from_str(&request.fingerprints).unwrap_or_default();
    let mut lines = String::new();
    for (keyset, keys) in &keysets {
        for (id, key) in keys.as_object().into_iter().flatten() {
            let text = |name: &str| key[name].as_str().unwrap_or_default();
            lines += &format!("\n  {keyset}/{id}, {}\n    {}", text("role"), text("fingerprint"));
        }
    }
    match lines.is_empty() {
        true => "\n  no key could be read yet: the plan's steps of `before` bring what is missing".to_owned(),
        false => lines,
    }
}

/// Makes the key pair of an approver.
pub(crate) fn keygen(name: &str, file: &Path) -> Outcome {
    let line = approvals::generate(name, file)?;
    let text =
        format!("{} holds the secret key; the line for the file of approvers:\n{line}", file.display());
    Ok(Done::new(CLEAN, json!({ "file": file.display().to_string(), "line": line }), text))
}

/// Lists what waits for approval.
pub(crate) async fn list(path: &Path) -> Outcome {
    let plan = open::plan(path)?;
    let mut session = control::database()?.connect().await?;
    session.migrate().await?;
    let now = session.now_ms().await?;
    let mut requests = session.approval_requests(&plan.name).await?;
    requests.retain(|request| request.expires_at > now);
    let (mut lines, mut documents) = (Vec::new(), Vec::new());
    for request in &requests {
        let (names, not_counted) = approvals::standing(&mut session, &plan, request).await?;
        lines.push(format!(
            "{}  {}\n  asked for by {}, {} of {} signed, until {}",
            request.id,
            request.kind,
            request.operator,
            names.len(),
            request.needed,
            lapses(request)
        ));
        lines.extend(not_counted.iter().map(|why| format!("  not counted: {why}")));
        let mut document = document(request);
        document["approvers"] = names.into();
        document["not_counted"] = not_counted.into();
        documents.push(document);
    }
    let text = match lines.is_empty() {
        true => format!("nothing of plan {} waits for approval", plan.name),
        false => lines.join("\n"),
    };
    Ok(Done::new(CLEAN, json!({ "requests": documents }), text))
}

fn document(request: &ApprovalRequest) -> Value {
    json!({
        "request": request.id,
        "plan": request.plan,
        "kind": request.kind,
        "plan_digest": request.digest,
        "scope": request.scope,
        "keys": serde_json::from_str::<Value>(&request.fingerprints).unwrap_or_default(),
        "operator": request.operator,
        "needed": request.needed,
        "expires": lapses(request),
    })
}
