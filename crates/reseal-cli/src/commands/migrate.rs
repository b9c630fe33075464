//! `reseal migrate`: the SQL of the ledger, or of the control database, applied or printed.

use std::path::Path;

use reseal_core::audit::{Event, EventKind};
use reseal_store::{Book, Database};
use serde_json::json;
use zeroize::Zeroizing;

use crate::exit::{CLEAN, Done, Failure, Outcome};
use crate::{control, open, trail};

/// Applies the SQL of a book to a database, or prints it.
pub(crate) async fn migrate(target: Option<&str>, control: bool, print: bool) -> Outcome {
    let database = match target {
        Some(target) => database(target).await?,
        None => control::database()?,
    };
    let (book, name) = match control {
        true => (Book::Control, "the control database"),
        false => (Book::Ledger, "the ledger"),
    };
    if print {
        let sql = book.sql(database.dialect());
        return Ok(Done::new(CLEAN, json!({ "sql": sql }), sql));
    }
    let mut session = database.connect().await?;
    session.migrate(book).await?;
    let version = session.version(book).await?;
    let about = |event: Event| event.with("book", name).with("version", version.unwrap_or_default());
    trail::note(EventKind::Migrated, about).await;
    Ok(Done::new(CLEAN, json!({ "version": version }), format!("{name} is there")))
}

/// A plan's database, one named by a variable, or a URL that holds no password: an argument list is seen by all.
async fn database(target: &str) -> Result<Database, Failure> {
    if let Some(name) = target.strip_prefix("env:") {
        let url = std::env::var(name).map(Zeroizing::new).map_err(|_| {
            Failure::refused("variable-unset", format!("the variable {name} is not set"), "export it first")
        })?;
        return Ok(Database::parse(&url)?);
    }
    let Some((_, rest)) = target.split_once("://") else {
        return open::database(&open::plan(Path::new(target))?).await;
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
    Ok(Database::parse(target)?)
}
