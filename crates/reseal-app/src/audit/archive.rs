//! `audit archive`: moving events before a time from the control database to a file.

use std::path::{Path, PathBuf};

use reseal_control::{ControlSession, NewCut, host};
use reseal_core::audit::{
    Checkpoint, Cut, CutPoint, Entry, Event, EventKind, KeptEvents, PublicKey, TrailHead, Verdict,
};
use reseal_store::{StoreError, Trouble};

use super::export::{behind, lines};
use super::kept::kept;
use super::trail_reader::{Against, Checkpoints, checkpoints, connect, entries, of_database, sound_cut};
use crate::caller::Caller;
use crate::{Failure, trail};

/// What is archived, and where.
#[derive(Clone, Debug)]
pub struct ArchiveRequest {
    /// Events before this time, in milliseconds since 1970.
    pub before: i64,
    /// The file, which must not exist.
    pub out: PathBuf,
    /// The file of an approver's key that signs the cut; none for the key that signs the trail.
    pub key: Option<PathBuf>,
}

/// What was archived.
#[derive(Clone, Debug)]
pub struct Archived {
    /// How many events the file has; 0 where there were none before that time, and no file.
    pub events: usize,
    /// How many of them the control database keeps too.
    pub kept: u64,
    /// Where the trail begins now.
    pub at: TrailHead,
    /// The key that signed.
    pub key: Option<PublicKey>,
}

/// Moves events before a time to a file. What is still read of them stays, and the trail begins at a signed head.
///
/// # Errors
/// When the trail is broken, nobody signs, the file cannot be written, or the control database refuses.
pub async fn archive(caller: &Caller, request: &ArchiveRequest) -> Result<Archived, Failure> {
    let mut session = connect().await?;
    let now = session.now_ms().await?;
    if request.before > now {
        let help = "pass a time in the past";
        return Err(Failure::usage("audit-range", "`--before` is in the future", help));
    }
    intact(&of_database(&mut session, &Against::default()).await?)?;
    let before = sound_cut(&mut session).await?;
    let all = entries(&mut session).await?;
    let events = first(behind(before.as_ref(), all.clone()), request.before);
    let Some(last) = events.last() else {
        let at = before.map_or(TrailHead::START, |cut| cut.point.at);
        return Ok(Archived { events: 0, kept: 0, at, key: None });
    };
    let at = TrailHead { sequence: last.sequence, head: last.head };
    let stays = stays(&all, at);
    let cut = signed(request, point(at, request.before, now, &stays))?;
    let checkpoints = checkpoints(&mut session).await?;
    write(request, before.as_ref(), &events, &checkpoints, &cut)?;
    let numbers: Vec<u64> = stays.iter().map(|entry| entry.sequence).collect();
    let event = event(caller, &mut session, &cut, events.len()).await?;
    let new = NewCut { cut: &cut, before: before.as_ref(), kept: &numbers, event: &event };
    finish(session.cut_trail(&new).await, &request.out)?;
    trail::sign().await;
    Ok(Archived { events: events.len(), kept: cut.point.kept, at, key: Some(cut.key) })
}

fn intact(verdict: &Verdict) -> Result<(), Failure> {
    match &verdict.fault {
        None => Ok(()),
        Some(fault) => {
            let message = format!("the trail is broken and was left unchanged: {}", fault.message);
            Err(Failure::refused("trail-broken", message, "run `reseal audit verify` for details"))
        }
    }
}

/// The events up to the first that is not before a time: clocks step, and only numbers order.
fn first(mut events: Vec<Entry>, before: i64) -> Vec<Entry> {
    let end = events.iter().position(|entry| entry.event.time_ms >= before);
    events.truncate(end.unwrap_or(events.len()));
    events
}

/// The events up to a cut that stay in the control database.
fn stays(all: &[Entry], at: TrailHead) -> Vec<Entry> {
    let through: Vec<Entry> = all.iter().filter(|entry| entry.sequence <= at.sequence).cloned().collect();
    let kept = kept(&through);
    through.into_iter().filter(|entry| kept.contains(&entry.sequence)).collect()
}

fn point(at: TrailHead, before_ms: i64, time_ms: i64, stays: &[Entry]) -> CutPoint {
    let kept = stays.iter().fold(KeptEvents::default(), KeptEvents::with);
    CutPoint { at, before_ms, time_ms, kept: kept.count(), kept_digest: kept.digest() }
}

fn signed(request: &ArchiveRequest, point: CutPoint) -> Result<Cut, Failure> {
    let Some(path) = &request.key else {
        let signer = trail::signer()?.ok_or_else(|| {
            let help = "pass `--key FILE` with an approver's key, or run `reseal audit keygen`";
            Failure::refused("no-signature", "no key to sign the cut", help)
        })?;
        return Ok(signer.sign_cut(point));
    };
    let (approver, signature) = reseal_custody::approvals::sign(path, &point.message())?;
    let key = PublicKey::from_bytes(&approver.public_key);
    let key = key.ok_or_else(|| Failure::failed("no-signature", "the public key is not 32 bytes long"))?;
    Ok(Cut::signed_by(point, key, &signature))
}

/// Writes the archive, and reads it back: what it does not hold is about to be lost.
fn write(
    request: &ArchiveRequest,
    before: Option<&Cut>,
    events: &[Entry],
    checkpoints: &Checkpoints,
    cut: &Cut,
) -> Result<(), Failure> {
    let through = |checkpoint: &&Checkpoint| checkpoint.sequence <= cut.point.at.sequence;
    let signed: Vec<Checkpoint> = checkpoints.sound.iter().filter(through).cloned().collect();
    let text = lines(before, events, &signed) + &cut.line() + "\n";
    reseal_custody::write_new(&request.out, text.as_bytes())?;
    let verdict = super::verify::verdict_of_file(&request.out)?;
    match (&verdict.fault, verdict.intact == cut.point.at) {
        (None, true) => Ok(()),
        _ => {
            let shown = request.out.display();
            Err(Failure::failed("file", format!("the archive written to {shown} could not be read back")))
        }
    }
}

async fn event(
    caller: &Caller,
    session: &mut ControlSession,
    cut: &Cut,
    events: usize,
) -> Result<Event, Failure> {
    let at = cut.point.at;
    let event = Event::new(EventKind::TrailArchived, session.now_ms().await?, &caller.operator, &host());
    let event = event.with("before_ms", cut.point.before_ms).with("through", at.sequence);
    let event = event.with("head", at.head.to_string()).with("events", events as u64);
    Ok(event.with("kept", cut.point.kept).with("signed_by", cut.key.to_string()))
}

/// A file whose events are all still in the trail is no archive, and goes. Where nobody knows, it stays.
fn finish(done: Result<bool, StoreError>, out: &Path) -> Result<(), Failure> {
    let failure: Failure = match done {
        Ok(true) => return Ok(()),
        Err(error) if error.trouble == Trouble::ConnectionLost => {
            let message = format!("{}: it is not known whether the trail was cut: {error}", out.display());
            return Err(Failure::stopped(
                "connection-lost",
                message,
                "run `reseal audit verify --archive FILE`; it fails if the trail was not cut",
            ));
        }
        Ok(false) => Failure::stopped("trail-moved", "another process changed the trail", "try again"),
        Err(error) => error.into(),
    };
    let _ = std::fs::remove_file(out);
    Err(failure)
}
