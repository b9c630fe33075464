//! `migrate`: the SQL of the ledger, or of the control database, and dropping what it made.

mod remove;

use std::path::Path;

use reseal_control::ControlDatabase;
use reseal_core::audit::{Event, EventKind};
use reseal_store::Database;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::{Failure, control, open, trail};

pub use remove::{Fate, RemoveRequest, Removed, TrailCopy, remove};

/// Whose tables are meant, and where.
#[derive(Clone, Debug)]
pub struct MigrateRequest {
    /// A plan, a database URL without password, or `env:NAME`; none for the control database that the environment names.
    pub database: Option<String>,
    /// The control database's tables instead of the ledger's.
    pub control: bool,
}

/// Tables that are of this version now.
#[derive(Clone, Copy, Debug)]
pub struct Migrated {
    /// What they make up.
    pub book: &'static str,
    /// Their version.
    pub version: Option<i64>,
}

/// A database, with the tables that are meant in it.
enum Tables {
    Ledger(Database),
    Control(ControlDatabase),
}

/// The SQL that makes the tables.
///
/// # Errors
/// When no database is named so.
pub async fn sql(request: &MigrateRequest) -> Result<String, Failure> {
    Ok(match tables(request.database.as_deref(), request.control).await?.tables {
        Tables::Ledger(database) => database.ledger_sql(),
        Tables::Control(database) => database.sql(),
    })
}

/// Makes the tables, or brings them to this version.
///
/// # Errors
/// When no database is named so, or it refuses.
pub async fn migrate(caller: &Caller, request: &MigrateRequest) -> Result<Migrated, Failure> {
    let migrated = match tables(request.database.as_deref(), request.control).await?.tables {
        Tables::Ledger(database) => {
            let mut session = database.connect().await?;
            session.migrate().await?;
            Migrated { book: "the ledger", version: session.version().await? }
        }
        Tables::Control(database) => {
            let mut session = database.connect().await?;
            session.migrate().await?;
            Migrated { book: "the control database", version: session.version().await? }
        }
    };
    let version = migrated.version.unwrap_or_default();
    let about = |event: Event| event.with("book", migrated.book).with("version", version);
    trail::note(&caller.operator, EventKind::Migrated, about).await;
    Ok(migrated)
}

/// Tables, and the plan that names their database.
struct Found {
    tables: Tables,
    /// The plan's name; none where a URL was given.
    plan: Option<String>,
}

async fn tables(database: Option<&str>, control: bool) -> Result<Found, Failure> {
    let Some(named) = database else {
        return Ok(Found { tables: Tables::Control(control::database()?), plan: None });
    };
    let Named { url, allows_plaintext, plan } = find(named).await?;
    let tables = match control {
        true => Tables::Control(ControlDatabase::parse(&url)?.allowing_plaintext(allows_plaintext)),
        false => Tables::Ledger(Database::parse(&url)?.allowing_plaintext(allows_plaintext)),
    };
    Ok(Found { tables, plan })
}

/// A database that an argument names.
struct Named {
    url: Zeroizing<String>,
    allows_plaintext: bool,
    plan: Option<String>,
}

async fn find(named: &str) -> Result<Named, Failure> {
    if named.starts_with("env:") || named.contains("://") {
        let allows_plaintext = control::allows_plaintext();
        return Ok(Named { url: url(named).await?, allows_plaintext, plan: None });
    }
    let plan = open::plan(Path::new(named))?;
    let url = reseal_registry::database(&plan).await?;
    Ok(Named { url, allows_plaintext: plan.allows_plaintext, plan: Some(plan.name) })
}

/// A URL named by a variable, or one that holds no password: an argument list is seen by all.
async fn url(named: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(name) = named.strip_prefix("env:") {
        let read = reseal_registry::url_in(name).await;
        return read.map_err(|error| Failure::refused("variable-unset", error.message, error.help));
    }
    let (_, rest) = named.split_once("://").unwrap_or_default();
    let login = rest.split_once('@').map(|(login, _)| login);
    if login.is_some_and(|login| login.contains(':')) || rest.to_ascii_lowercase().contains("password=") {
        let message =
            "the URL contains a password, and every user of this machine can see the arguments of a process";
        let help = "put the URL in an environment variable and pass `env:NAME`";
        return Err(Failure::usage("password-in-arguments", message, help));
    }
    Ok(Zeroizing::new(named.to_owned()))
}
