//! Jobs with other primaries: those that a run had, and the other way round, the old key in each keyset.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_core::{Key, Keyset};
use reseal_store::RunRow;

use crate::error::{KeysError, RunError};
use crate::job::{Job, pins};

/// The job with every keyset's primary turned back to the old key, so that what is under the new one counts as old.
///
/// Of each keyset the old key and the new one are left: what is under a third was never the run's, and stays.
pub(crate) fn turned_back(job: &Job, to_keys: &[String]) -> Result<Job, RunError> {
    for asked in to_keys {
        if !job.keysets.iter().any(|keyset| keyset.keyset.by_id(asked).is_some()) {
            return Err(KeysError::NoSuchKey { key: asked.clone() }.into());
        }
    }
    let mut turned: HashMap<String, Arc<Keyset>> = HashMap::new();
    for keyset in &job.keysets {
        turned.insert(keyset.keyset.name().to_owned(), Arc::new(turn(&keyset.keyset, to_keys)?));
    }
    let mut back = with_keysets(job, &turned);
    // Going back, nothing that is plaintext is sealed and nothing sealed becomes plaintext.
    back.tables.iter_mut().flat_map(|table| &mut table.fields).for_each(|field| field.from = Vec::new());
    (back.undo, back.guard) = (false, None);
    Ok(back)
}

/// The job with the primaries that a run had, wherever the plan's own point by now: an operator who goes back may have
/// put the old key first already.
pub(crate) fn of_run(job: &Job, run: &RunRow) -> Result<Job, RunError> {
    let noted: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    let mut turned: HashMap<String, Arc<Keyset>> = HashMap::new();
    for keyset in &job.keysets {
        pins::still_there(keyset, run, &noted[keyset.keyset.name()])?;
        let keyset = &keyset.keyset;
        let primary = noted[keyset.name()]["primary"].as_str();
        let of_run = Keyset::new(keyset.name(), keyset.keys().to_vec(), primary).map_err(KeysError::OfRun)?;
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
    let mut other = Job { reread: None, keys_missing: None, ..job.clone() };
    for keyset in &mut other.keysets {
        keyset.keyset = turned[keyset.keyset.name()].clone();
    }
    for field in other.tables.iter_mut().flat_map(|table| &mut table.fields) {
        field.to = with(&field.to);
        field.from = field.from.iter().map(with).collect();
    }
    other
}

/// A keyset whose primary is the old key. With one key there is none, and the set stays as it is.
fn turn(keyset: &Keyset, to_keys: &[String]) -> Result<Keyset, RunError> {
    let Some(primary) = keyset.primary() else { return Ok(keyset.clone()) };
    let others: Vec<&Key> = keyset.keys().iter().filter(|key| key.id() != primary.id()).collect();
    let asked: Vec<&Key> =
        keyset.keys().iter().filter(|key| to_keys.iter().any(|asked| asked == key.id())).collect();
    let name = keyset.name().to_owned();
    let old = match (asked.as_slice(), others.as_slice()) {
        (_, []) => return Ok(keyset.clone()),
        ([one], _) if one.id() == primary.id() => {
            return Err(KeysError::SealedWith { keyset: name, key: one.id().to_owned() }.into());
        }
        ([one], _) | ([], [one]) => *one,
        (asked, others) => {
            let several = if asked.is_empty() { others } else { asked };
            let ids: Vec<&str> = several.iter().map(|key| key.id()).collect();
            return Err(KeysError::Several { keyset: name, keys: ids.join(", ") }.into());
        }
    };
    let keys = vec![old.clone(), primary.clone()];
    Keyset::new(keyset.name(), keys, Some(old.id())).map_err(|error| KeysError::Reversed(error).into())
}
