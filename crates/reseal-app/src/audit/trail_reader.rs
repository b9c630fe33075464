//! Reading the trail, and holding it against what is known of it.

use reseal_control::{ControlSession, DamagedCut};
use reseal_core::audit::{
    Checkpoint, Cut, Entry, Head, Line, PublicKey, Trail, TrailHead, Unreadable, Verdict, checkpoints_of,
};
use reseal_store::Trouble;

use crate::{Failure, control};

/// Events that are read at once.
pub(super) const PAGE: u64 = 1000;

/// What a trail is held against.
#[derive(Clone, Debug, Default)]
pub(super) struct Against {
    pub(super) known: Vec<(Option<u64>, Head)>,
    pub(super) trusted: Vec<PublicKey>,
    /// Archives of what was cut off, in their order.
    pub(super) archives: Vec<Archive>,
}

/// The lines of an archive.
pub(super) type Archive = Vec<Result<Line, Unreadable>>;

/// Holds the trail of a control database against itself and what else is known.
pub(super) async fn of_database(session: &mut ControlSession, against: &Against) -> Result<Verdict, Failure> {
    let Checkpoints { sound, damaged } = checkpoints(session).await?;
    let mut all: Vec<Checkpoint> = against.archives.iter().flat_map(|lines| checkpoints_of(lines)).collect();
    all.extend(sound);
    let mut trail = Trail::new(&all, &against.trusted, &against.known);
    for lines in &against.archives {
        trail.take_archive(lines.clone());
    }
    let cut = begin(session, &mut trail).await?;
    let tail = read(session, &mut trail).await?;
    let verdict = trail.end(tail);
    let verdict = match cut {
        Some(Err(DamagedCut)) => verdict.or(0, "the record of the trail's cut was modified"),
        Some(Ok(_)) | None => verdict,
    };
    let verdict = match tail {
        Some(_) => verdict,
        None => verdict.or(0, "the record of the trail's end was modified"),
    };
    Ok(damaged.into_iter().fold(verdict, |verdict, sequence| {
        verdict.or(sequence, &format!("the checkpoint at event {sequence} was modified"))
    }))
}

/// Has a trail begin where that of the control database does.
pub(super) async fn begin(
    session: &mut ControlSession,
    trail: &mut Trail<'_>,
) -> Result<Option<Result<Cut, DamagedCut>>, Failure> {
    let cut = session.cut().await?;
    if let Some(Ok(cut)) = &cut {
        trail.take_cut(cut);
        trail.expect_kept(cut);
    }
    Ok(cut)
}

/// Where the trail is cut; one that cannot be read ends what is done with it.
pub(super) async fn sound_cut(session: &mut ControlSession) -> Result<Option<Cut>, Failure> {
    session.cut().await?.transpose().map_err(|DamagedCut| {
        Failure::refused(
            "trail-broken",
            "the record of the trail's cut was modified",
            "run `reseal audit verify` for details",
        )
    })
}

/// The number of the first event that is not as it was recorded, and what is wrong with it; `None` for a sound trail.
pub(crate) async fn trail_fault(session: &mut ControlSession) -> Result<Option<(u64, String)>, Failure> {
    let verdict = of_database(session, &Against::default()).await?;
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

/// The signed heads of a trail.
#[derive(Default)]
pub(super) struct Checkpoints {
    pub(super) sound: Vec<Checkpoint>,
    /// The events whose checkpoints cannot be read.
    pub(super) damaged: Vec<u64>,
}

pub(super) async fn checkpoints(session: &mut ControlSession) -> Result<Checkpoints, Failure> {
    let mut checkpoints = Checkpoints::default();
    for found in session.checkpoints().await? {
        match found {
            Ok(checkpoint) => checkpoints.sound.push(checkpoint),
            Err(sequence) => checkpoints.damaged.push(u64::try_from(sequence).unwrap_or_default()),
        }
    }
    Ok(checkpoints)
}

/// The control database, where there is a trail.
pub(super) async fn connect() -> Result<ControlSession, Failure> {
    let mut session = control::database()?.connect().await?;
    if session.version().await?.is_none() {
        let message = "the control database has no audit trail";
        let help = "check RESEAL_DATABASE_URL; the first run creates the tables of the control database";
        return Err(Failure::refused("no-trail", message, help));
    }
    session.migrate().await?;
    Ok(session)
}

/// All events, but those that cannot be read.
pub(super) async fn entries(session: &mut ControlSession) -> Result<Vec<Entry>, Failure> {
    let (mut entries, mut last) = (Vec::new(), i64::MIN);
    loop {
        let page = session.trail_after(last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(entries) };
        last = end.sequence;
        entries.extend(page.into_iter().filter_map(|recorded| recorded.entry.ok()));
    }
}
