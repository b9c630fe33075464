//! `reseal keys backup`, `restore-test`, `archive`: copies of keys, and the proof that one is of use.

use std::path::Path;

use reseal_custody::{Copied, Named, Trial, Trials};
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
    let mut text = format!("{shown} holds {}\n  SHA-256 {}", copied.keys.join(", "), copied.digest);
    if !copied.not_contained.is_empty() {
        text +=
            &format!("\n  not in it, since a KEK hands out no bytes: {}", copied.not_contained.join(", "));
    }
    text += &format!("\n  {next}");
    let document = json!({
        "file": shown.to_string(), "keys": copied.keys, "not_contained": copied.not_contained,
        "sha256": copied.digest,
    });
    Done::new(CLEAN, document, text)
}

/// Tries whether the keys of a backup open what they have to.
pub(crate) async fn restore_test(path: &Path, file: &Path, identity: &Path, rows: usize) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let identity = reseal_custody::identity(identity)?;
    let trials = custodian(&opened, &control, &operator).restore_test(file, &identity, rows).await?;
    let passed = trials.keys.iter().all(Trial::passed);
    let keks = trials.keks.iter().map(|(kek, cells)| json!({ "kek": kek, "cells": cells }));
    let not_covered = trials
        .not_covered
        .iter()
        .map(|(field, cells, why)| json!({ "field": field, "cells": cells, "why": why }));
    let document = json!({
        "passed": passed,
        "keys": trials.keys.iter().map(of_key).collect::<Vec<_>>(),
        "keks": keks.collect::<Vec<_>>(),
        "not_covered": not_covered.collect::<Vec<_>>(),
    });
    let code = if passed { CLEAN } else { REMAIN };
    Ok(Done::new(code, document, tell(&trials, passed)))
}

fn of_key(trial: &Trial) -> Value {
    json!({
        "keyset": trial.keyset, "key": trial.key_id, "same": trial.same,
        "cells": trial.cells, "opened": trial.opened, "passed": trial.passed(),
    })
}

fn tell(trials: &Trials, passed: bool) -> String {
    let rows = trials.keys.iter().map(|trial| {
        vec![
            format!("{}/{}", trial.keyset, trial.key_id),
            if trial.same { "the same" } else { "another" }.to_owned(),
            number(trial.cells),
            number(trial.opened),
            if trial.passed() { "passed" } else { "failed" }.to_owned(),
        ]
    });
    let mut text = table(&["key", "bytes", "cells", "opened", "result"], &[2, 3], rows.collect());
    for (kek, cells) in &trials.keks {
        text +=
            &format!("\n{kek}, a KEK, is in no backup; where it is kept, it opened {} cells", number(*cells));
    }
    if !trials.not_covered.is_empty() {
        text += &format!("\nfields that this did not cover: {}", trials.not_covered.len());
    }
    for (field, cells, why) in &trials.not_covered {
        text += &format!("\n  {field}, {} cells that carry a DEK: {why}", number(*cells));
    }
    text + match passed {
        true => "\nthe backup is of use",
        false => "\nthe backup is of no use for every key: make a new one with `reseal keys backup`",
    }
}
