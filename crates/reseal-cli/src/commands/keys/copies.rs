//! `reseal keys backup`, `restore-test`, `archive`: copies of keys, and the proof that one is of use.

use std::path::Path;

use reseal_app::Caller;
use reseal_app::keys::{
    ArchiveRequest, BackupRecipients, BackupRequest, BackupSource, RestoreTestRequest, RestoreTested,
};
use reseal_custody::{Copied, Trial, Trials};
use serde_json::{Value, json};

use crate::args::{BackupArgs, KeyArgs, RestoreTestArgs};
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::number;
use crate::table::table;

/// Writes an age file with the plan's keys, or those that are named, for recipients or those that a job names.
pub(super) async fn backup(caller: &Caller, args: &BackupArgs) -> Outcome {
    let to = match &args.job {
        Some(job) => BackupRecipients::OfJob(job.clone()),
        None => BackupRecipients::Listed(args.to.clone()),
    };
    let (plan, keys, file) = (args.plan.path()?, args.keys.clone(), args.file.clone());
    let copied = reseal_app::keys::backup(caller, &BackupRequest { plan, keys, to, file }).await?;
    Ok(done(&copied, &args.file, "next: test it with `reseal keys restore-test`"))
}

/// Writes an age file with one retired key.
pub(super) async fn archive(caller: &Caller, key: &KeyArgs, to: &[String], file: &Path) -> Outcome {
    let request =
        ArchiveRequest { plan: key.plan.clone(), key: key.named(), to: to.to_vec(), file: file.to_owned() };
    let copied = reseal_app::keys::archive(caller, &request).await?;
    Ok(done(&copied, file, "next: store it with the oldest backup of the data"))
}

fn done(copied: &Copied, file: &Path, next: &str) -> Done {
    let shown = file.display();
    let mut text = format!("{shown} holds {}\n  SHA-256 {}", copied.keys.join(", "), copied.digest);
    if !copied.not_contained.is_empty() {
        text += &format!(
            "\n  not included, because a KEK cannot be exported: {}",
            copied.not_contained.join(", ")
        );
    }
    text += &format!("\n  {next}");
    let document = json!({
        "file": shown.to_string(), "keys": copied.keys, "not_contained": copied.not_contained,
        "sha256": copied.digest,
    });
    Done::new(CLEAN, document, text)
}

/// Tries whether the keys of a backup open what they have to.
pub(super) async fn restore_test(caller: &Caller, args: &RestoreTestArgs) -> Outcome {
    // The command line asks for one or the other.
    let backup = match (&args.file, &args.identity) {
        (Some(file), Some(identity)) => BackupSource::File { file: file.clone(), identity: identity.clone() },
        _ => BackupSource::OfJob(args.job.clone().unwrap_or_default()),
    };
    let request = RestoreTestRequest { plan: args.plan.path()?, backup, rows: args.rows as usize };
    let tested = reseal_app::keys::restore_test(caller, &request).await?;
    let passed = tested.passed();
    let code = if passed { CLEAN } else { REMAIN };
    Ok(Done::new(code, document(&tested), text(&tested.trials, &tested.file, passed)))
}

fn document(tested: &RestoreTested) -> Value {
    let trials = &tested.trials;
    let keks = trials.keks.iter().map(|(kek, cells)| json!({ "kek": kek, "cells": cells }));
    let not_covered = trials
        .not_covered
        .iter()
        .map(|(field, cells, why)| json!({ "field": field, "cells": cells, "why": why }));
    json!({
        "passed": tested.passed(),
        "file": tested.file.display().to_string(),
        "keys": trials.keys.iter().map(of_key).collect::<Vec<_>>(),
        "keks": keks.collect::<Vec<_>>(),
        "not_covered": not_covered.collect::<Vec<_>>(),
    })
}

fn of_key(trial: &Trial) -> Value {
    json!({
        "keyset": trial.keyset, "key": trial.key_id, "contained": trial.contained, "same": trial.same,
        "cells": trial.cells, "opened": trial.opened, "passed": trial.passed(),
    })
}

/// What the backup has of a key.
fn bytes(trial: &Trial) -> &'static str {
    match (trial.contained, trial.same) {
        (false, _) => "missing",
        (true, true) => "same",
        (true, false) => "different",
    }
}

fn text(trials: &Trials, file: &Path, passed: bool) -> String {
    let rows = trials.keys.iter().map(|trial| {
        vec![
            format!("{}/{}", trial.keyset, trial.key_id),
            bytes(trial).to_owned(),
            number(trial.cells),
            number(trial.opened),
            if trial.passed() { "passed" } else { "failed" }.to_owned(),
        ]
    });
    let mut text = table(&["key", "bytes", "cells", "opened", "result"], &[2, 3], rows.collect());
    for (kek, cells) in &trials.keks {
        text += &format!(
            "\n{kek} is a KEK and cannot be backed up; its KMS or token opened {} cells",
            number(*cells)
        );
    }
    if !trials.not_covered.is_empty() {
        text += &format!("\nfields not covered by this test: {}", trials.not_covered.len());
    }
    for (field, cells, why) in &trials.not_covered {
        text += &format!("\n  {field}, {} cells with a wrapped DEK: {why}", number(*cells));
    }
    let verdict = match passed {
        true => "the backup can be restored",
        false => "the backup cannot restore every key: make a new one with `reseal keys backup`",
    };
    format!("{text}\n{}: {verdict}", file.display())
}
