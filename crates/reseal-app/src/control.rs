//! The control database: what belongs to no single run.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use reseal_control::{ControlDatabase, ControlSession};
use reseal_files::{Owner, Readers, Rule};
use zeroize::Zeroizing;

use crate::Failure;

/// The variable that names the control database.
const VARIABLE: &str = "RESEAL_DATABASE_URL";

/// The variable whose value `off` allows a connection without TLS to a control database on another machine.
const TLS: &str = "RESEAL_DATABASE_TLS";

/// Whether that is allowed.
pub(crate) fn allows_plaintext() -> bool {
    std::env::var(TLS).is_ok_and(|value| value == "off")
}

/// The control database that `RESEAL_DATABASE_URL` names, else an SQLite file of this user's. A file that is not there
/// is made.
pub(crate) fn database() -> Result<ControlDatabase, Failure> {
    if let Some(url) = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()) {
        let database = ControlDatabase::parse(&Zeroizing::new(url))?.allowing_plaintext(allows_plaintext());
        if let Some(file) = database.file() {
            make(&file)?;
            check(&file)?;
        }
        return Ok(database);
    }
    let folder = state_folder()?;
    let path = folder.join("control.db");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| cannot_be_made(&path, &error))?;
    make(&path)?;
    check(&path)?;
    Ok(ControlDatabase::parse(&format!("sqlite://{}", path.display()))?)
}

/// A session of the control database, with its tables made.
pub(crate) async fn session() -> Result<ControlSession, Failure> {
    let mut session = database()?.connect().await?;
    session.migrate().await?;
    Ok(session)
}

/// Makes a file where there is none, since one that SQLite makes can be read by all.
fn make(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| cannot_be_made(path, &error))
}

/// Whoever can write the file, or swap it, writes the audit trail, approvals and the states of keys.
fn check(path: &Path) -> Result<(), Failure> {
    let rule = Rule { most: 0, readers: Readers::Anyone, owner: Owner::Own };
    reseal_files::check(path, &rule).map_err(|error| {
        let help = error.help();
        Failure::refused("control-database", format!("the control database: {error}"), help)
    })
}

fn cannot_be_made(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot create the control database {}: {}", path.display(), error.kind());
    Failure::refused("control-database", message, format!("set {VARIABLE} to another database"))
}

/// Where a user's programs keep what is worth keeping (XDG Base Directory Specification).
pub(crate) fn state_folder() -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    state.map(|folder| folder.join("reseal")).ok_or_else(|| {
        let message = format!("cannot place the control database: neither {VARIABLE} nor HOME is set");
        Failure::refused("control-database", message, format!("set {VARIABLE} or HOME"))
    })
}
