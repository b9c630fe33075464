//! `reseal keys backup`, `restore-test`, `archive`: copies of keys, and the proof that one is of use.

use std::path::{Path, PathBuf};

use reseal_core::audit::EventKind;
use reseal_custody::{Copied, Named, Trial, Trials};
use reseal_plan::{Action, Plan, Recipients, SLOT};
use reseal_registry::Overrides;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::catalogue::custodian;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::{number, table};
use reseal_app::operator;
use reseal_app::{Failure, FailureClass};
use reseal_app::{control, open, trail};

/// Writes an age file with the plan's keys, or those that are named, for recipients or those that a job names.
pub(crate) async fn backup(
    path: &Path,
    keys: &[String],
    (to, job): (&[String], Option<&str>),
    file: &Path,
) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let to = match job {
        Some(job) => recipients(&opened.plan, job).await?,
        None => to.to_vec(),
    };
    let copied = custodian(&opened, &control, &operator).backup(keys, &to, file).await?;
    trail::sign().await;
    Ok(told(&copied, file, "try it: `reseal keys restore-test`"))
}

/// Writes an age file with one retired key.
pub(crate) async fn archive(path: &Path, named: &Named, to: &[String], file: &Path) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let copied = custodian(&opened, &control, &operator).archive(named, to, file).await?;
    trail::sign().await;
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

/// Who can read the backups of a job of the schedule.
async fn recipients(plan: &Plan, name: &str) -> Result<Vec<String>, Failure> {
    let to = job_of(plan, name, |action| match action {
        Action::KeysBackup { to, .. } => Some(to),
        _ => None,
    })?;
    let source = match to {
        Recipients::Listed(to) => return Ok(to.clone()),
        Recipients::Source(source) => source,
    };
    let kept = reseal_registry::secret(source, &format!("who can read the backups of {name}")).await?;
    let text = String::from_utf8_lossy(kept.expose()).into_owned();
    // As age's own files of recipients: empty lines and comments do not count.
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// What a job of the schedule does, if it is of the kind that `pick` knows.
fn job_of<'p, T>(plan: &'p Plan, name: &str, pick: impl Fn(&'p Action) -> Option<T>) -> Result<T, Failure> {
    let jobs = plan.schedule.iter().flat_map(|schedule| &schedule.jobs);
    let (names, mut found): (Vec<&str>, Vec<T>) =
        jobs.filter_map(|job| Some((job.name.as_str(), pick(&job.action)?))).unzip();
    match names.iter().position(|known| *known == name) {
        Some(at) => Ok(found.swap_remove(at)),
        None => {
            let message = format!("plan {} schedules no such job that is called {name}", plan.name);
            let help = if names.is_empty() { "see its `schedule:`".to_owned() } else { names.join(", ") };
            Err(Failure::usage("no-job", message, help))
        }
    }
}

/// Which backup is tried, and what decrypts it.
pub(crate) enum Backup<'a> {
    /// Files.
    Files(&'a Path, &'a Path),
    /// What a job of the plan's schedule says.
    Job(&'a str),
}

impl<'a> Backup<'a> {
    /// The command line asks for one or the other.
    pub(crate) fn of(file: Option<&'a Path>, identity: Option<&'a Path>, job: Option<&'a str>) -> Backup<'a> {
        match (file, identity) {
            (Some(file), Some(identity)) => Backup::Files(file, identity),
            _ => Backup::Job(job.unwrap_or_default()),
        }
    }

    async fn read(&self, plan: &Plan) -> Result<(PathBuf, Zeroizing<Vec<u8>>), Failure> {
        let name = match self {
            Backup::Files(file, identity) => {
                return Ok(((*file).to_owned(), reseal_custody::identity(identity)?));
            }
            Backup::Job(name) => *name,
        };
        let (file, source) = job_of(plan, name, |action| match action {
            Action::RestoreTest { file, identity } => Some((file, identity)),
            _ => None,
        })?;
        let identity = reseal_registry::secret(source, &format!("the identity of {name}")).await;
        let identity = identity.map_err(|error| Failure::refused("identity", error.message, error.help))?;
        Ok((newest(file)?, Zeroizing::new(identity.expose().to_vec())))
    }
}

/// A file, or the newest of those that the schedule names by their slots.
fn newest(file: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(file);
    let template = path.file_name().and_then(|name| name.to_str()).filter(|name| name.contains(SLOT));
    let Some(template) = template else { return Ok(path.to_owned()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).map_err(|error| {
        Failure::refused("file", format!("{}: {}", folder.display(), error.kind()), "make a backup first")
    })?;
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    reseal_schedule::newest(template, names)
        .map(|name| folder.join(name))
        .ok_or_else(|| Failure::refused("file", format!("there is no {file} yet"), "make a backup first"))
}

/// Tries whether the keys of a backup open what they have to. A trial that came to nothing is in the trail too.
pub(crate) async fn restore_test(path: &Path, backup: &Backup<'_>, rows: usize) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let tested = test(&opened, backup, rows).await;
    if let Err(failure) = &tested
        && matches!(failure.class, FailureClass::Usage | FailureClass::Refused)
    {
        let plan = &opened.plan;
        let result = format!("failed: {}: {}", failure.code, failure.message);
        let about = |event: reseal_core::audit::Event| {
            event.of_plan(&plan.name, &plan.digest).with("copy", "restore-test").with("result", result)
        };
        trail::note(EventKind::RestoreTested, about).await;
    }
    tested
}

async fn test(opened: &open::Opened, backup: &Backup<'_>, rows: usize) -> Outcome {
    let (operator, control) = (operator(), control::database()?);
    let (file, identity) = backup.read(&opened.plan).await?;
    let trials = custodian(opened, &control, &operator).restore_test(&file, &identity, rows).await?;
    trail::sign().await;
    let passed = trials.keys.iter().all(Trial::passed);
    let keks = trials.keks.iter().map(|(kek, cells)| json!({ "kek": kek, "cells": cells }));
    let not_covered = trials
        .not_covered
        .iter()
        .map(|(field, cells, why)| json!({ "field": field, "cells": cells, "why": why }));
    let document = json!({
        "passed": passed,
        "file": file.display().to_string(),
        "keys": trials.keys.iter().map(of_key).collect::<Vec<_>>(),
        "keks": keks.collect::<Vec<_>>(),
        "not_covered": not_covered.collect::<Vec<_>>(),
    });
    let code = if passed { CLEAN } else { REMAIN };
    Ok(Done::new(code, document, tell(&trials, &file, passed)))
}

fn of_key(trial: &Trial) -> Value {
    json!({
        "keyset": trial.keyset, "key": trial.key_id, "same": trial.same,
        "cells": trial.cells, "opened": trial.opened, "passed": trial.passed(),
    })
}

fn tell(trials: &Trials, file: &Path, passed: bool) -> String {
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
    let verdict = match passed {
        true => "the backup is of use",
        false => "the backup is of no use for every key: make a new one with `reseal keys backup`",
    };
    format!("{text}\n{}: {verdict}", file.display())
}
