//! `audit verify`: finding the first event that is not as it was recorded.

use std::path::PathBuf;

use reseal_core::audit::{Checkpoint, Head, Line, PublicKey, Trail, Verdict, read_export};

use super::trail_reader::{Against, connect, of_database};
use crate::Failure;

/// The trail that is verified, and what it is held against.
#[derive(Clone, Debug, Default)]
pub struct VerifyRequest {
    /// An export, instead of the control database.
    pub file: Option<PathBuf>,
    /// A head that the trail must have.
    pub head: Option<Head>,
    /// The number of the event that has this head.
    pub sequence: Option<u64>,
    /// The keys that may have signed the trail; none where any will do.
    pub keys: Vec<PublicKey>,
}

/// Finds the first event that is not as it was recorded.
///
/// # Errors
/// When there is no trail, or it cannot be read.
pub async fn verify(request: &VerifyRequest) -> Result<Verdict, Failure> {
    let known = request.head.iter().map(|head| (request.sequence, *head)).collect();
    let against = Against { known, trusted: request.keys.clone() };
    let Some(path) = &request.file else {
        return of_database(&mut connect().await?, &against).await;
    };
    let failed = |error: std::io::Error| {
        let message = format!("{}: {}", path.display(), error.kind());
        Failure::usage("export-unreadable", message, "check the path")
    };
    Ok(of_export(&std::fs::read(path).map_err(failed)?, &against))
}

/// Holds an export against itself and what else is known.
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
