//! `audit export`: the trail as JSON lines, for verifiers that are not Reseal.

use std::path::Path;

use reseal_control::ControlSession;
use reseal_core::audit::{Checkpoint, Cut, Entry, Fault, TrailHead};

use super::trail_reader::{Against, Checkpoints, checkpoints, connect, entries, of_database, sound_cut};
use crate::Failure;

/// A trail as JSON lines.
#[derive(Clone, Debug)]
pub struct Exported {
    /// How many events it has.
    pub events: usize,
    /// How many signed heads.
    pub checkpoints: usize,
    /// Where the trail ends, as its last line says; none where the trail's own word on that was damaged.
    pub end: Option<TrailHead>,
    /// A line for each event and each signed head, and one for the end.
    pub lines: String,
    /// The first event that is not as it was recorded. A broken trail is exported all the same: others must be able to see
    /// where it breaks.
    pub fault: Option<Fault>,
}

/// Exports the trail, into a file where one is named.
///
/// # Errors
/// When there is no trail, or the file cannot be written.
pub async fn export(out: Option<&Path>) -> Result<Exported, Failure> {
    let mut session = connect().await?;
    let verdict = of_database(&mut session, &Against::default()).await?;
    let cut = sound_cut(&mut session).await?;
    let mut entries = behind(cut.as_ref(), entries(&mut session).await?);
    let Checkpoints { sound: mut checkpoints, .. } = checkpoints(&mut session).await?;
    let through = cut.as_ref().map_or(0, |cut| cut.point.at.sequence);
    checkpoints.retain(|checkpoint| checkpoint.sequence > through || through == 0);
    let end = match verdict.fault {
        // Others may have appended since: this trail ends where it was verified.
        None => {
            let last = verdict.intact.sequence;
            entries.retain(|entry| entry.sequence <= last);
            checkpoints.retain(|checkpoint| checkpoint.sequence <= last);
            Some(verdict.intact)
        }
        Some(_) => own_end(&mut session).await,
    };
    let mut lines = lines(cut.as_ref(), &entries, &checkpoints);
    if let Some(end) = end {
        lines += &end.end_line();
        lines.push('\n');
    }
    if let Some(path) = out {
        let failed =
            |error: std::io::Error| Failure::failed("file", format!("{}: {}", path.display(), error.kind()));
        std::fs::write(path, &lines).map_err(failed)?;
    }
    let (events, checkpoints) = (entries.len(), checkpoints.len());
    Ok(Exported { events, checkpoints, end, lines, fault: verdict.fault })
}

/// Where a broken trail says itself that it ends, if that is legible: the export then tells what was cut off.
async fn own_end(session: &mut ControlSession) -> Option<TrailHead> {
    session.trail_head().await.ok()
}

/// The events that come after a cut, without those that it has kept.
pub(super) fn behind(cut: Option<&Cut>, mut entries: Vec<Entry>) -> Vec<Entry> {
    let through = cut.map_or(0, |cut| cut.point.at.sequence);
    entries.retain(|entry| entry.sequence > through);
    entries
}

/// The cut that the trail begins with, and each event with the checkpoints that stand at it. A checkpoint of an event that is
/// gone stands behind those that are there.
pub(super) fn lines(cut: Option<&Cut>, entries: &[Entry], checkpoints: &[Checkpoint]) -> String {
    let mut lines = String::new();
    let mut line = |text: &str| {
        lines += text;
        lines.push('\n');
    };
    cut.into_iter().for_each(|cut| line(&cut.line()));
    let mut checkpoints = checkpoints.iter().peekable();
    for entry in entries {
        line(&entry.line());
        while let Some(checkpoint) = checkpoints.next_if(|next| next.sequence <= entry.sequence) {
            line(&checkpoint.line());
        }
    }
    checkpoints.for_each(|checkpoint| line(&checkpoint.line()));
    lines
}
