//! `reseal audit`: proving the trail.

mod archive;
mod certificate;
mod report;

use std::path::Path;

use reseal_app::audit::VerifyRequest;
use reseal_app::{Caller, Failure};
use reseal_core::audit::{Fault, Head, PublicKey, Verdict};
use serde_json::json;

use crate::args::{AuditCommand, VerifyArgs};
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::number;

/// Carries out what was asked for.
pub(crate) async fn audit(caller: &Caller, command: &AuditCommand) -> Outcome {
    match command {
        AuditCommand::Verify(args) => verify(args).await,
        AuditCommand::Export { out } => export(out.as_deref()).await,
        AuditCommand::Archive(args) => archive::archive(caller, args).await,
        AuditCommand::Report(args) => report::report(args).await,
        AuditCommand::Certificate(args) => certificate::certificate(caller, args).await,
        AuditCommand::Keygen { file } => keygen(file.as_deref()),
    }
}

/// Finds the first event that is not as it was recorded.
async fn verify(args: &VerifyArgs) -> Outcome {
    let verdict = reseal_app::audit::verify(&request(args)?).await?;
    let code = if verdict.fault.is_some() { REMAIN } else { CLEAN };
    Ok(Done::new(code, document(&verdict), text(&verdict)))
}

fn request(args: &VerifyArgs) -> Result<VerifyRequest, Failure> {
    let bad = |what: &str, text: &str| {
        let message = format!("`{text}` is not {what}");
        Failure::usage("audit-arguments", message, "pass 64 lower-case hexadecimal digits")
    };
    let head = |text: &String| Head::parse(text).ok_or_else(|| bad("a head", text));
    let key = |text: &String| PublicKey::parse(text).ok_or_else(|| bad("a public key", text));
    Ok(VerifyRequest {
        head: args.head.as_ref().map(head).transpose()?,
        sequence: args.sequence,
        keys: args.keys.iter().map(key).collect::<Result<_, Failure>>()?,
        file: args.file.clone(),
        archives: args.archives.clone(),
    })
}

fn document(verdict: &Verdict) -> serde_json::Value {
    let keys: Vec<String> = verdict.signers.iter().map(PublicKey::to_string).collect();
    let fault = verdict.fault.as_ref();
    json!({
        "intact": fault.is_none(),
        "events": verdict.intact.sequence,
        "archived_through": verdict.archived_through,
        "head": verdict.intact.head.to_string(),
        "signed_through": verdict.signed_through,
        "signed_by": keys,
        "first_bad": first_bad(fault),
    })
}

fn text(verdict: &Verdict) -> String {
    let (events, head) = (number(verdict.intact.sequence), verdict.intact.head);
    if let Some(fault) = &verdict.fault {
        return format!("broken: {}\n  intact up to event {events}, with head\n  {head}", fault.message);
    }
    let signed = match verdict.signed_through {
        0 => "unsigned: check it with `--head` against a head recorded elsewhere".to_owned(),
        through => {
            let keys: Vec<String> = verdict.signers.iter().map(PublicKey::to_string).collect();
            format!("signed up to event {} by {}", number(through), keys.join(", "))
        }
    };
    let archived = match verdict.archived_through {
        0 => String::new(),
        through => {
            let through = number(through);
            format!("\n  events up to {through} are archived: pass `--archive FILE` to verify them too")
        }
    };
    format!("intact: {events} events, each linked to the previous one\n  {signed}\n  head {head}{archived}")
}

/// The trail as JSON lines, for verifiers that are not Reseal.
async fn export(out: Option<&Path>) -> Outcome {
    let exported = reseal_app::audit::export(out).await?;
    let code = if exported.fault.is_some() { REMAIN } else { CLEAN };
    let mut document = json!({
        "intact": exported.fault.is_none(),
        "events": exported.events,
        "checkpoints": exported.checkpoints,
        "sequence": exported.end.map(|end| end.sequence),
        "head": exported.end.map(|end| end.head.to_string()),
        "first_bad": first_bad(exported.fault.as_ref()),
    });
    if let Some(fault) = &exported.fault {
        tracing::warn!(
            help = "run `reseal audit verify` for details",
            "the trail is broken: {}",
            fault.message
        );
    }
    let Some(path) = out else {
        document["lines"] = exported.lines.lines().collect();
        return Ok(Done::json_lines(code, document, exported.lines));
    };
    document["file"] = path.display().to_string().into();
    let end = exported.end.map(|end| format!("; its last head is\n{}", end.head));
    let events = number(exported.events as u64);
    let text = format!("{} holds {events} events{}", path.display(), end.unwrap_or_default());
    Ok(Done::new(code, document, text))
}

fn first_bad(fault: Option<&Fault>) -> Option<serde_json::Value> {
    fault.map(|fault| json!({ "sequence": fault.sequence, "message": fault.message }))
}

/// Makes the key that signs checkpoints.
fn keygen(file: Option<&Path>) -> Outcome {
    let key = reseal_app::audit::keygen(file)?;
    let (shown, public) = (key.file.display().to_string(), key.public.to_string());
    let text = format!(
        "{shown} holds a new key for signing the audit trail; store its public key on another machine:\n{public}"
    );
    Ok(Done::new(CLEAN, json!({ "file": shown, "public_key": public }), text))
}
