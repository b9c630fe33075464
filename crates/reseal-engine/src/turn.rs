//! Jobs with other primaries: those that a run had, and the other way round, the old key in each keyset; and what has no
//! way back.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_core::{Key, Keyset};
use reseal_store::{Quarantined, Row, RunRow};

use crate::batch::quarantined;
use crate::cell::{Opening, Trust, open};
use crate::deks::Deks;
use crate::error::EngineError;
use crate::job::{FieldJob, Job, KeysetJob, TableJob};
use crate::target::Target;

/// The job with every keyset's primary turned back to the old key, so that what is under the new one counts as old.
pub(crate) fn turned_back(job: &Job, to_key: Option<&str>) -> Result<Job, EngineError> {
    let mut turned: HashMap<String, Arc<Keyset>> = HashMap::new();
    for keyset in &job.keysets {
        turned.insert(keyset.keyset.name().to_owned(), Arc::new(turn(&keyset.keyset, to_key)?));
    }
    let mut back = with_keysets(job, &turned);
    // Going back, nothing that is plaintext is sealed and nothing sealed becomes plaintext.
    back.tables.iter_mut().flat_map(|table| &mut table.fields).for_each(|field| field.from = Vec::new());
    (back.undo, back.guard) = (false, None);
    Ok(back)
}

/// The job with the primaries that a run had, wherever the plan's own point by now: an operator who goes back may have
/// put the old key first already.
pub(crate) fn of_run(job: &Job, run: &RunRow) -> Result<Job, EngineError> {
    let noted: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    let mut turned: HashMap<String, Arc<Keyset>> = HashMap::new();
    for keyset in job.keysets.iter().map(|keyset| &keyset.keyset) {
        let primary = noted[keyset.name()]["primary"].as_str();
        let of_run = Keyset::new(keyset.name(), keyset.keys().to_vec(), primary).map_err(|_| {
            let message = format!(
                "run {} sealed under key {} of keyset {}, which is not there",
                run.id,
                primary.unwrap_or_default(),
                keyset.name()
            );
            EngineError::refused("keys-changed", message, "put it back where the plan takes its keys from")
        })?;
        turned.insert(keyset.name().to_owned(), Arc::new(of_run));
    }
    Ok(with_keysets(job, &turned))
}

/// The job with other keysets under the same names.
fn with_keysets(job: &Job, turned: &HashMap<String, Arc<Keyset>>) -> Job {
    let with = |seal: &Arc<crate::Seal>| match turned.get(seal.keyset.name()) {
        Some(keyset) => Arc::new(seal.with_keyset(keyset.clone())),
        None => seal.clone(),
    };
    let field = |field: &FieldJob| FieldJob {
        name: field.name.clone(),
        to: with(&field.to),
        from: field.from.iter().map(with).collect(),
        columns: field.columns.clone(),
        mirrors: field.mirrors.clone(),
        last_error: field.last_error.clone(),
        encoding: field.encoding,
    };
    let table = |table: &TableJob| TableJob {
        name: table.name.clone(),
        row_key: table.row_key.clone(),
        tenant: table.tenant.clone(),
        domain: table.domain.clone(),
        filter: table.filter.clone(),
        key_column: table.key_column.clone(),
        fields: table.fields.iter().map(field).collect(),
    };
    Job {
        plan: job.plan.clone(),
        digest: job.digest.clone(),
        application: job.application,
        keysets: job
            .keysets
            .iter()
            .map(|keyset| KeysetJob { keyset: turned[keyset.keyset.name()].clone(), ..keyset.clone() })
            .collect(),
        tables: job.tables.iter().map(table).collect(),
        recognisers: job.recognisers.clone(),
        expiries: job.expiries.clone(),
        ignore: job.ignore.clone(),
        side_effects: job.side_effects.clone(),
        undo: job.undo,
        guard: job.guard,
        pace: job.pace.clone(),
        reread: None,
        deks: job.deks.clone(),
        hooks: job.hooks.clone(),
        keys_missing: None,
    }
}

/// A keyset whose primary is the old key. With one key there is none, and the set stays as it is.
fn turn(keyset: &Keyset, to_key: Option<&str>) -> Result<Keyset, EngineError> {
    let Some(primary) = keyset.primary() else { return Ok(keyset.clone()) };
    let others: Vec<&Key> = keyset.keys().iter().filter(|key| key.id() != primary.id()).collect();
    let old = match (to_key, others.as_slice()) {
        (_, []) => return Ok(keyset.clone()),
        (None, [one]) => one.id(),
        (None, several) => {
            let ids: Vec<&str> = several.iter().map(|key| key.id()).collect();
            let message = format!("keyset {} has several old keys: {}", keyset.name(), ids.join(", "));
            return Err(EngineError::usage("which-key", message, "say --to-key with one of them"));
        }
        (Some(asked), _) if asked == primary.id() => {
            let message = format!("keyset {}: {asked} is what the run sealed with", keyset.name());
            return Err(EngineError::usage("which-key", message, "say --to-key with one of its other keys"));
        }
        (Some(asked), _) => asked,
    };
    Keyset::new(keyset.name(), keyset.keys().to_vec(), Some(old)).map_err(|error| {
        EngineError::usage("which-key", error.to_string(), "say --to-key with one of the keyset's other keys")
    })
}

/// The fields whose keyset has no old key.
pub(crate) fn has_no_way_back(target: &Target, back: &Target) -> impl Iterator<Item = usize> {
    let primary = |target: &Target, at: usize| {
        target.table().fields[at].to.keyset.primary().map(|key| key.id().to_owned())
    };
    let same = move |at: &usize| primary(back, *at) == primary(target, *at);
    (0..target.table().fields.len()).filter(same)
}

/// The cells under the new primary whose keyset has no old key.
pub(crate) fn without_way_back(
    target: &Target,
    back: &Target,
    rows: &[Row],
    deks: Option<&Deks>,
) -> Vec<Quarantined> {
    let mut listed = Vec::new();
    for at in has_no_way_back(target, back) {
        let original = &target.table().fields[at];
        for row in rows {
            let cell = target.cell(at, &row.values);
            let opening = target.with_context(at, row, |context| {
                open((&target.job, original), cell.as_ref(), context, Trust::Marks, deks)
            });
            let current = match opening {
                Opening::Marked => true,
                Opening::Opened(opened) => opened.current,
                _ => false,
            };
            if current {
                listed.push(quarantined(target, at, &row.key, "no-key-to-roll-back-to"));
            }
        }
    }
    listed
}
