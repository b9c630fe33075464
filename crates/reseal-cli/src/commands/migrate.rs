//! `reseal migrate`: the SQL of the ledger, or of the control database, applied or printed.

use std::path::Path;

use reseal_control::ControlDatabase;
use reseal_core::audit::{Event, EventKind};
use reseal_store::Database;
use serde_json::json;
use zeroize::Zeroizing;

use crate::exit::{CLEAN, Done, Outcome};
use reseal_app::Failure;
use reseal_app::{control, open, trail};

/// Applies the SQL of the ledger or of the control database, or prints it.
pub(crate) async fn migrate(target: Option<&str>, control: bool, print: bool) -> Outcome {
    match (target, control) {
        (Some(target), false) => ledger(&Database::parse(&url(target).await?)?, print).await,
        (Some(target), true) => control_tables(&ControlDatabase::parse(&url(target).await?)?, print).await,
        (None, _) => control_tables(&control::database()?, print).await,
    }
}

async fn ledger(database: &Database, print: bool) -> Outcome {
    if print {
        return printed(database.ledger_sql());
    }
    let mut session = database.connect().await?;
    session.migrate().await?;
    applied("the ledger", session.version().await?).await
}

async fn control_tables(database: &ControlDatabase, print: bool) -> Outcome {
    if print {
        return printed(database.sql());
    }
    let mut session = database.connect().await?;
    session.migrate().await?;
    applied("the control database", session.version().await?).await
}

fn printed(sql: String) -> Outcome {
    Ok(Done::new(CLEAN, json!({ "sql": sql }), sql))
}

async fn applied(name: &str, version: Option<i64>) -> Outcome {
    let about = |event: Event| event.with("book", name).with("version", version.unwrap_or_default());
    trail::note(EventKind::Migrated, about).await;
    Ok(Done::new(CLEAN, json!({ "version": version }), format!("{name} is there")))
}

/// The URL of a plan's database, one named by a variable, or one that holds no password: an argument list is seen by all.
async fn url(target: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(name) = target.strip_prefix("env:") {
        return std::env::var(name).map(Zeroizing::new).map_err(|_| {
            Failure::refused("variable-unset", format!("the variable {name} is not set"), "export it first")
        });
    }
    let Some((_, rest)) = target.split_once("://") else {
        return Ok(reseal_registry::database(&open::plan(Path::new(target))?).await?);
    };
    let login = rest.split_once('@').map(|(login, _)| login);
    if login.is_some_and(|login| login.contains(':')) || rest.contains("password=") {
        let message = "the URL holds a password, and arguments are seen by every user of this machine";
        return Err(Failure::usage(
            "password-in-arguments",
            message,
            "put the URL into a variable and say env:NAME",
        ));
    }
    Ok(Zeroizing::new(target.to_owned()))
}
