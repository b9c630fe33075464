//! Reading the trail, and holding it against what is known of it.

use reseal_control::ControlSession;
use reseal_core::audit::{Checkpoint, Entry, Head, Line, PublicKey, Trail, TrailHead, Verdict, read_export};
use reseal_store::Trouble;

use crate::{Failure, control};

/// Events that are read at once.
pub const PAGE: u64 = 1000;

/// What a trail is held against.
pub struct Against {
    /// Heads that must be in it, with their numbers where known.
    pub known: Vec<(Option<u64>, Head)>,
    /// Keys of which one must have signed it; none where any will do.
    pub trusted: Vec<PublicKey>,
}

impl Against {
    /// Nothing but the trail itself.
    pub fn nothing() -> Against {
        Against { known: Vec::new(), trusted: Vec::new() }
    }
}

/// Holds an export against itself and what else is known.
pub fn of_export(bytes: &[u8], against: &Against) -> Verdict {
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
pub async fn of_database(session: &mut ControlSession, against: &Against) -> Result<Verdict, Failure> {
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
pub async fn trail_fault(session: &mut ControlSession) -> Result<Option<(u64, String)>, Failure> {
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

pub async fn checkpoints(session: &mut ControlSession) -> Result<(Vec<Checkpoint>, Vec<u64>), Failure> {
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
pub async fn connect() -> Result<ControlSession, Failure> {
    let mut session = control::database()?.connect().await?;
    if session.version().await?.is_none() {
        let message = "the control database holds no audit trail";
        let help = "RESEAL_DATABASE_URL names the control database; the first run makes its tables";
        return Err(Failure::refused("no-trail", message, help));
    }
    session.migrate().await?;
    Ok(session)
}

/// All events; one that cannot be read ends the export, since nothing behind it could be verified.
pub async fn entries(session: &mut ControlSession) -> Result<Vec<Entry>, Failure> {
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
