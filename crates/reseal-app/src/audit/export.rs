//! `audit export`: the trail as JSON lines, for verifiers that are not Reseal.

use std::path::Path;

use super::trail_reader::{Checkpoints, checkpoints, connect, entries};
use crate::Failure;

/// A trail as JSON lines.
#[derive(Clone, Debug)]
pub struct Exported {
    /// How many events it has.
    pub events: usize,
    /// How many signed heads.
    pub checkpoints: usize,
    /// The head of its last event.
    pub head: Option<String>,
    /// A line for each event and each signed head.
    pub lines: String,
}

/// Exports the trail, into a file where one is named.
///
/// # Errors
/// When there is no trail, an event cannot be read, or the file cannot be written.
pub async fn export(out: Option<&Path>) -> Result<Exported, Failure> {
    let mut session = connect().await?;
    let Checkpoints { sound, .. } = checkpoints(&mut session).await?;
    let entries = entries(&mut session).await?;
    let mut lines = String::new();
    for entry in &entries {
        lines += &entry.line();
        lines.push('\n');
        for checkpoint in sound.iter().filter(|checkpoint| checkpoint.sequence == entry.sequence) {
            lines += &checkpoint.line();
            lines.push('\n');
        }
    }
    if let Some(path) = out {
        let failed =
            |error: std::io::Error| Failure::failed("file", format!("{}: {}", path.display(), error.kind()));
        std::fs::write(path, &lines).map_err(failed)?;
    }
    let head = entries.last().map(|entry| entry.head.to_string());
    Ok(Exported { events: entries.len(), checkpoints: sound.len(), head, lines })
}
