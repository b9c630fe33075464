//! `migrate`: the SQL of the ledger, or of the control database.

use std::path::Path;

use reseal_control::ControlDatabase;
use reseal_core::audit::{Event, EventKind};
use reseal_store::Database;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::{Failure, control, open, trail};

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
    Ok(match tables(request).await? {
        Tables::Ledger(database) => database.ledger_sql(),
        Tables::Control(database) => database.sql(),
    })
}

/// Makes the tables, or brings them to this version.
///
/// # Errors
/// When no database is named so, or it refuses.
pub async fn migrate(caller: &Caller, request: &MigrateRequest) -> Result<Migrated, Failure> {
    let migrated = match tables(request).await? {
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

async fn tables(request: &MigrateRequest) -> Result<Tables, Failure> {
    Ok(match &request.database {
        None => Tables::Control(control::database()?),
        Some(named) => {
            let Named { url, allows_plaintext } = find(named).await?;
            match request.control {
                true => Tables::Control(ControlDatabase::parse(&url)?.allowing_plaintext(allows_plaintext)),
                false => Tables::Ledger(Database::parse(&url)?.allowing_plaintext(allows_plaintext)),
            }
        }
    })
}

/// A database that an argument names.
struct Named {
    url: Zeroizing<String>,
    allows_plaintext: bool,
}

async fn find(named: &str) -> Result<Named, Failure> {
    if named.starts_with("env:") || named.contains("://") {
        return Ok(Named { url: url(named)?, allows_plaintext: control::allows_plaintext() });
    }
    let plan = open::plan(Path::new(named))?;
    let url = reseal_registry::database(&plan).await?;
    Ok(Named { url, allows_plaintext: plan.allows_plaintext })
}

/// A URL named by a variable, or one that holds no password: an argument list is seen by all.
fn url(named: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(name) = named.strip_prefix("env:") {
        return std::env::var(name).map(Zeroizing::new).map_err(|_| {
            Failure::refused("variable-unset", format!("the variable {name} is not set"), "export it first")
        });
    }
    let (_, rest) = named.split_once("://").unwrap_or_default();
    let login = rest.split_once('@').map(|(login, _)| login);
    if login.is_some_and(|login| login.contains(':')) || rest.contains("password=") {
        let message = "the URL holds a password, and arguments are seen by every user of this machine";
        let help = "put the URL into a variable and say env:NAME";
        return Err(Failure::usage("password-in-arguments", message, help));
    }
    Ok(Zeroizing::new(named.to_owned()))
}
