//! Files of text that people write: plans, and formats that plans bring along.

use std::path::Path;

use reseal_files::{FileFault, OpenFile, Pipes};

use crate::Failure;

/// The largest plan that is read at all.
pub(crate) const PLAN_BYTES: u64 = 8 << 20;

/// Reads a plan, or a file that a plan names formats in.
///
/// # Errors
/// When there is no such text, or more than [`PLAN_BYTES`] of it.
pub(crate) fn read_file(path: &Path) -> Result<(OpenFile, String), Failure> {
    let shown = path.display();
    let failed = |why: &str| Failure::usage("plan-unreadable", format!("{shown}: {why}"), "check the path");
    let of_file = |error: reseal_files::FileError| match error.fault {
        FileFault::Directory => failed("it is a directory"),
        FileFault::NotRegular => failed("it is not a regular file"),
        FileFault::Missing => failed("it does not exist"),
        FileFault::Denied => failed("permission denied"),
        FileFault::TooLarge { .. } => failed("it is larger than 8 MiB, the limit for a plan"),
        fault => failed(&fault.to_string()),
    };
    let mut file = OpenFile::open(path, Pipes::Allowed).map_err(of_file)?;
    let bytes = file.content(PLAN_BYTES).map_err(of_file)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| {
        let message = format!("{shown}: it is not UTF-8 text");
        Failure::usage("plan-unreadable", message, "save it as UTF-8 text")
    })?;
    Ok((file, text))
}
