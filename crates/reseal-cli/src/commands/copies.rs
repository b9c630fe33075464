//! `reseal keys backup`, `restore-test`, `archive`: copies of keys, and the proof that one is of use.

use std::path::Path;

use reseal_custody::{Copied, Named};
use reseal_registry::Overrides;
use serde_json::{Value, json};

use super::catalogue::custodian;
use super::run::operator;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::{number, table};
use crate::{control, open};

/// Writes an age file with the plan's keys, or those that are named.
pub(crate) async fn backup(path: &Path, keys: &[String], to: &[String], file: &Path) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let copied = custodian(&opened, &control, &operator).backup(keys, to, file).await?;
    Ok(told(&copied, file, "try it: `reseal keys restore-test`"))
}

/// Writes an age file with one retired key.
pub(crate) async fn archive(path: &Path, named: &Named, to: &[String], file: &Path) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let copied = custodian(&opened, &control, &operator).archive(named, to, file).await?;
    Ok(told(&copied, file, "keep it where the oldest backup of the data is kept"))
}

fn told(copied: &Copied, file: &Path, next: &str) -> Done {
    let shown = file.display();
    let text = format!("{shown} holds {}\n  SHA-256 {}\n  {next}", copied.keys.join(", "), copied.digest);
    let document = json!({ "file": shown.to_string(), "keys": copied.keys, "sha256": copied.digest });
    Done::new(CLEAN, document, text)
}

/// Tries whether the keys of a backup open what they have to.
pub(crate) async fn restore_test(path: &Path, file: &Path, identity: &Path, rows: usize) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let identity = reseal_custody::identity(identity)?;
    let trials = custodian(&opened, &control, &operator).restore_test(file, &identity, rows).await?;
    let passed = trials.iter().all(reseal_custody::Trial::passed);
    let documents: Vec<Value> = trials
        .iter()
        .map(|trial| {
            json!({
                "keyset": trial.keyset, "key": trial.key_id, "same": trial.same,
                "cells": trial.cells, "opened": trial.opened, "passed": trial.passed(),
            })
        })
        .collect();
    let rows = trials.iter().map(|trial| {
        vec![
            format!("{}/{}", trial.keyset, trial.key_id),
            if trial.same { "the same" } else { "another" }.to_owned(),
            number(trial.cells),
            number(trial.opened),
            if trial.passed() { "passed" } else { "failed" }.to_owned(),
        ]
    });
    let verdict = match passed {
        true => "the backup is of use",
        false => "the backup is of no use for every key: make a new one with `reseal keys backup`",
    };
    let text = table(&["key", "bytes", "cells", "opened", "result"], &[2, 3], rows.collect());
    let code = if passed { CLEAN } else { REMAIN };
    Ok(Done::new(code, json!({ "passed": passed, "keys": documents }), format!("{text}\n{verdict}")))
}
