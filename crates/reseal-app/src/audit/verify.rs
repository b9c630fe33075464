//! `audit verify`: finding the first event that is not as it was recorded.

use std::path::{Path, PathBuf};

use reseal_core::audit::{Head, PublicKey, Verdict, read_export};
use reseal_files::{OpenFile, Pipes};
use zeroize::Zeroizing;

use super::trail_reader::{Against, Archive, connect, of_database};
use crate::Failure;

/// The largest export that is read.
const EXPORT_BYTES: u64 = 1 << 30;

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
    /// Archives of what was cut off the control database's trail, in their order.
    pub archives: Vec<PathBuf>,
}

/// Finds the first event that is not as it was recorded.
///
/// # Errors
/// When there is no trail, or it cannot be read.
pub async fn verify(request: &VerifyRequest) -> Result<Verdict, Failure> {
    let known = request.head.iter().map(|head| (request.sequence, *head)).collect();
    let archives = archives(&request.archives)?;
    let against = Against { known, trusted: request.keys.clone(), archives };
    let Some(path) = &request.file else {
        return of_database(&mut connect().await?, &against).await;
    };
    Ok(Verdict::of_export(&export(path)?, &against.trusted, &against.known))
}

/// What an export comes to, held against nothing but itself.
pub(crate) fn verdict_of_file(path: &Path) -> Result<Verdict, Failure> {
    Ok(Verdict::of_export(&export(path)?, &[], &[]))
}

/// Reads archives, in their order.
pub(super) fn archives(paths: &[PathBuf]) -> Result<Vec<Archive>, Failure> {
    paths.iter().map(|path| Ok(read_export(&export(path)?).collect())).collect()
}

fn export(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = OpenFile::open(path, Pipes::Allowed).and_then(|mut file| file.content(EXPORT_BYTES));
    bytes.map_err(|error| {
        let message = format!("{}: {}", path.display(), error.fault.kind());
        Failure::usage("export-unreadable", message, "check the path")
    })
}
