//! The control database: what belongs to no single run.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use reseal_store::Database;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// The variable that names the control database.
const VARIABLE: &str = "RESEAL_DATABASE_URL";

/// The control database that `RESEAL_DATABASE_URL` names, else an SQLite file of this user's.
pub(crate) fn database() -> Result<Database, Failure> {
    if let Some(url) = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()) {
        return Ok(Database::parse(&Zeroizing::new(url))?);
    }
    let folder = state_folder()?;
    let path = folder.join("control.db");
    let failed = |error: std::io::Error| {
        let message = format!("the control database {} cannot be made: {}", path.display(), error.kind());
        Failure::refused("control-database", message, format!("set {VARIABLE} to another database"))
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    // Made here, since a file that SQLite makes can be read by all.
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
    Ok(Database::parse(&format!("sqlite://{}", path.display()))?)
}

/// Where a user's programs keep what is worth keeping (XDG Base Directory Specification).
pub(crate) fn state_folder() -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    state.map(|folder| folder.join("reseal")).ok_or_else(|| {
        let message =
            format!("neither {VARIABLE} nor HOME is set: there is no place for the control database");
        Failure::refused("control-database", message, format!("set {VARIABLE}"))
    })
}
