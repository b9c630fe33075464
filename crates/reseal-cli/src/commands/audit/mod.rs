//! `reseal audit`: proving the trail.

mod report;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use reseal_app::audit::{Against, checkpoints, connect, entries, of_database, of_export};
use reseal_core::SecretBytes;
use reseal_core::audit::{Head, PublicKey, Signer, Verdict};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{AuditCommand, VerifyArgs};
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::number;
use reseal_app::Failure;
use reseal_app::trail;

/// Carries out what was asked for.
pub(crate) async fn audit(command: &AuditCommand) -> Outcome {
    match command {
        AuditCommand::Verify(args) => verify(args).await,
        AuditCommand::Export { out } => export(out.as_deref()).await,
        AuditCommand::Report(args) => report::report(args).await,
        AuditCommand::Keygen { file } => keygen(file.as_deref()),
    }
}

fn against(args: &VerifyArgs) -> Result<Against, Failure> {
    let bad = |what: &str, text: &str| {
        Failure::usage(
            "audit-arguments",
            format!("{text}: not {what}"),
            "give 64 lower-case hexadecimal digits",
        )
    };
    let head = |text: &String| Head::parse(text).ok_or_else(|| bad("a head", text));
    let key = |text: &String| PublicKey::parse(text).ok_or_else(|| bad("a public key", text));
    let known = args.head.iter().map(|text| Ok((args.sequence, head(text)?)));
    Ok(Against {
        known: known.collect::<Result<_, Failure>>()?,
        trusted: args.keys.iter().map(key).collect::<Result<_, Failure>>()?,
    })
}

/// Finds the first event that is not as it was recorded.
async fn verify(args: &VerifyArgs) -> Outcome {
    let against = against(args)?;
    let verdict = match &args.file {
        Some(path) => {
            let failed = |error: std::io::Error| {
                Failure::usage(
                    "export-unreadable",
                    format!("{}: {}", path.display(), error.kind()),
                    "check the path",
                )
            };
            of_export(&std::fs::read(path).map_err(failed)?, &against)
        }
        None => of_database(&mut connect().await?, &against).await?,
    };
    let code = if verdict.fault.is_some() { REMAIN } else { CLEAN };
    Ok(Done::new(code, document(&verdict), tell(&verdict)))
}

fn document(verdict: &Verdict) -> serde_json::Value {
    let keys: Vec<String> = verdict.signers.iter().map(PublicKey::to_string).collect();
    let fault = verdict.fault.as_ref();
    json!({
        "intact": fault.is_none(),
        "events": verdict.intact.sequence,
        "head": verdict.intact.head.to_string(),
        "signed_through": verdict.signed_through,
        "signed_by": keys,
        "first_bad": fault.map(|fault| json!({ "sequence": fault.sequence, "message": fault.message })),
    })
}

fn tell(verdict: &Verdict) -> String {
    let (events, head) = (number(verdict.intact.sequence), verdict.intact.head);
    if let Some(fault) = &verdict.fault {
        return format!("broken: {}\n  intact up to event {events}, whose head is\n  {head}", fault.message);
    }
    let signed = match verdict.signed_through {
        0 => "unsigned: heads that left the house are all that it can be held against".to_owned(),
        through => {
            let keys: Vec<String> = verdict.signers.iter().map(PublicKey::to_string).collect();
            format!("signed through event {} by {}", number(through), keys.join(", "))
        }
    };
    format!("intact: {events} events, each follows from the one before\n  {signed}\n  head {head}")
}

/// The trail as JSON lines, for verifiers that are not Reseal.
async fn export(out: Option<&Path>) -> Outcome {
    let mut session = connect().await?;
    let (checkpoints, _) = checkpoints(&mut session).await?;
    let entries = entries(&mut session).await?;
    let mut text = String::new();
    for entry in &entries {
        text += &entry.line();
        text.push('\n');
        for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.sequence == entry.sequence) {
            text += &checkpoint.line();
            text.push('\n');
        }
    }
    let head = entries.last().map(|entry| entry.head.to_string());
    let mut document = json!({ "events": entries.len(), "checkpoints": checkpoints.len(), "head": head });
    let Some(path) = out else {
        document["lines"] = text.lines().collect();
        return Ok(Done::new(CLEAN, document, text));
    };
    let failed =
        |error: std::io::Error| Failure::failed("file", format!("{}: {}", path.display(), error.kind()));
    std::fs::write(path, &text).map_err(failed)?;
    document["file"] = path.display().to_string().into();
    let told = format!("{} holds {} events", path.display(), number(entries.len() as u64));
    Ok(Done::new(CLEAN, document, told))
}

/// Makes the key that signs checkpoints.
fn keygen(file: Option<&Path>) -> Outcome {
    let path = match file {
        Some(path) => path.to_owned(),
        None => trail::key_file()?,
    };
    let shown = path.display().to_string();
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut seed[..])
        .map_err(|_| Failure::failed("random", "the operating system gave no random bytes"))?;
    let text = SecretBytes::new(hex::encode(&seed[..]).into_bytes());
    let public =
        Signer::parse(&text).map_err(|error| Failure::failed("audit-key", error.to_string()))?.public();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::refused(
            "file-exists",
            format!("{shown} is there already"),
            "a key is never overwritten: move it away, and keep its public key for `audit verify --key`",
        ),
        kind => Failure::failed("file", format!("{shown}: {kind}")),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut out =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    out.write_all(text.expose()).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
    out.sync_all().map_err(failed)?;
    let told = format!(
        "{shown} holds a new key that signs the audit trail; keep its public key elsewhere:\n{public}"
    );
    Ok(Done::new(CLEAN, json!({ "file": shown, "public_key": public.to_string() }), told))
}
