//! `reseal audit`: proving the trail.

mod report;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use reseal_control::ControlSession;
use reseal_core::SecretBytes;
use reseal_core::audit::{
    Checkpoint, Entry, Head, Line, PublicKey, Signer, Trail, TrailHead, Verdict, read_export,
};
use reseal_store::Trouble;
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{AuditCommand, VerifyArgs};
use crate::exit::{CLEAN, Done, Failure, Outcome, REMAIN};
use crate::output::number;
use crate::{control, trail};

/// Events that are read at once.
const PAGE: u64 = 1000;

/// Carries out what was asked for.
pub(crate) async fn audit(command: &AuditCommand) -> Outcome {
    match command {
        AuditCommand::Verify(args) => verify(args).await,
        AuditCommand::Export { out } => export(out.as_deref()).await,
        AuditCommand::Report(args) => report::report(args).await,
        AuditCommand::Keygen { file } => keygen(file.as_deref()),
    }
}

/// What a trail is held against.
struct Against {
    known: Vec<(Option<u64>, Head)>,
    trusted: Vec<PublicKey>,
}

impl Against {
    /// Nothing but the trail itself.
    fn nothing() -> Against {
        Against { known: Vec::new(), trusted: Vec::new() }
    }

    fn read(args: &VerifyArgs) -> Result<Against, Failure> {
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
}

/// Finds the first event that is not as it was recorded.
async fn verify(args: &VerifyArgs) -> Outcome {
    let against = Against::read(args)?;
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

fn of_export(bytes: &[u8], against: &Against) -> Verdict {
    let lines: Vec<_> = read_export(bytes).collect();
    let checkpoints: Vec<Checkpoint> = lines
        .iter()
        .filter_map(|line| match line {
            Ok(Line::Checkpoint(checkpoint)) => Some(checkpoint.clone()),
            _ => None,
        })
        .collect();
    let mut trail = Trail::new(&checkpoints, &against.trusted, &against.known);
    for line in lines {
        match line {
            Ok(Line::Event(entry)) => {
                trail.take_entry(entry);
            }
            Ok(Line::Checkpoint(_)) => {}
            Err(why) => trail.unreadable(&why),
        }
    }
    trail.end(None)
}

/// Holds the trail of a control database against itself and what else is known.
async fn of_database(session: &mut ControlSession, against: &Against) -> Result<Verdict, Failure> {
    let (checkpoints, damaged) = checkpoints(session).await?;
    let mut trail = Trail::new(&checkpoints, &against.trusted, &against.known);
    let tail = read(session, &mut trail).await?;
    let verdict = trail.end(tail);
    let verdict = match tail {
        Some(_) => verdict,
        None => verdict.or(0, "what the trail says of its own end was changed"),
    };
    Ok(damaged.into_iter().fold(verdict, |verdict, sequence| {
        verdict.or(sequence, &format!("the checkpoint at event {sequence} was changed"))
    }))
}

/// The number of the first event that is not as it was recorded, and what is wrong with it; `None` for a sound trail.
pub(crate) async fn trail_fault(session: &mut ControlSession) -> Result<Option<(u64, String)>, Failure> {
    let verdict = of_database(session, &Against::nothing()).await?;
    Ok(verdict.fault.map(|fault| (fault.sequence, fault.message)))
}

/// Reads the trail event by event, up to the first fault; gives where it says itself that it ends, if that is legible.
async fn read(session: &mut ControlSession, trail: &mut Trail<'_>) -> Result<Option<TrailHead>, Failure> {
    let (mut last, mut empty_at) = (i64::MIN, None);
    loop {
        let page = session.trail_after(last, PAGE).await?;
        for recorded in page {
            last = recorded.sequence;
            trail.take(recorded.sequence, recorded.entry);
        }
        let tail = match session.trail_head().await {
            Ok(tail) => tail,
            Err(error) if error.trouble == Trouble::Other => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Others append while this reads: only where nothing more comes was the end cut off.
        let at = trail.at();
        if trail.is_broken() || tail.sequence <= at.sequence || empty_at == Some(at) {
            return Ok(Some(tail));
        }
        empty_at = Some(at);
    }
}

async fn checkpoints(session: &mut ControlSession) -> Result<(Vec<Checkpoint>, Vec<u64>), Failure> {
    let (mut sound, mut damaged) = (Vec::new(), Vec::new());
    for found in session.checkpoints().await? {
        match found {
            Ok(checkpoint) => sound.push(checkpoint),
            Err(sequence) => damaged.push(u64::try_from(sequence).unwrap_or_default()),
        }
    }
    Ok((sound, damaged))
}

/// The control database, where there is a trail.
async fn connect() -> Result<ControlSession, Failure> {
    let mut session = control::database()?.connect().await?;
    if session.version().await?.is_none() {
        let message = "the control database holds no audit trail";
        let help = "RESEAL_DATABASE_URL names the control database; the first run makes its tables";
        return Err(Failure::refused("no-trail", message, help));
    }
    session.migrate().await?;
    Ok(session)
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

/// All events; one that cannot be read ends the export, since nothing behind it could be verified.
async fn entries(session: &mut ControlSession) -> Result<Vec<Entry>, Failure> {
    let (mut entries, mut last) = (Vec::new(), i64::MIN);
    loop {
        let page = session.trail_after(last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(entries) };
        last = end.sequence;
        for recorded in page {
            entries.push(recorded.entry.map_err(|why| {
                let message = format!("event {} was changed: {why}", recorded.sequence);
                Failure::refused("trail-broken", message, "see `reseal audit verify`")
            })?);
        }
    }
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
