//! Pins: other bytes under a known key id, or known bytes under another id, are refused.

use reseal_core::{Key, Keyset};
use reseal_store::{Pin, RunRow, Session};
use serde_json::{Value, json};

use super::fingerprint::{Compared, fingerprint, method, note};
use crate::error::{KeysError, RunError};
use crate::job::{Job, KeysetJob};

/// The pins of a plan, and those that its keys would add. Keysets whose labels are roles have none.
#[derive(Default)]
pub(crate) struct Pins {
    /// What earlier runs have written.
    pub(crate) known: Vec<Pin>,
    /// What this run is the first to write, for keys that no run has used yet.
    pub(crate) fresh: Vec<Pin>,
}

impl Pins {
    /// All of them, as they stand once the run has written.
    pub(crate) fn all(&self) -> Vec<Pin> {
        self.known.iter().chain(&self.fresh).cloned().collect()
    }
}

/// Holds the job's keys against the plan's pins. Writes nothing.
pub(crate) async fn check(session: &mut Session, job: &Job) -> Result<Pins, RunError> {
    let pins = match session.version().await? {
        Some(_) => session.pins(&job.plan).await?,
        None => Vec::new(),
    };
    let mut fresh = Vec::new();
    for keyset in job.keysets.iter().filter(|keyset| !keyset.roles) {
        let name = keyset.keyset.name();
        let known: Vec<&Pin> = pins.iter().filter(|pin| pin.keyset == name).collect();
        for key in keyset.keyset.keys() {
            if !is_known(key, name, &known)? {
                fresh.push(new_pin(name, key)?);
            }
        }
    }
    Ok(Pins { known: pins, fresh })
}

fn is_known(key: &Key, keyset: &str, known: &[&Pin]) -> Result<bool, RunError> {
    let mut found = false;
    for pin in known {
        let salt = hex::decode(&pin.salt).unwrap_or_default();
        let same = fingerprint(&pin.method, &salt, key)? == pin.fingerprint;
        if pin.key_id == key.id() && !same {
            return Err(KeysError::Changed { keyset: keyset.to_owned(), key: key.id().to_owned() }.into());
        }
        if pin.key_id != key.id() && same {
            let (keyset, key, first) = (keyset.to_owned(), key.id().to_owned(), pin.key_id.clone());
            return Err(KeysError::Renamed { keyset, key, first }.into());
        }
        found |= pin.key_id == key.id();
    }
    Ok(found)
}

/// The pin of a key that nobody has seen before.
///
/// # Errors
/// When there are no random bytes for its salt.
pub fn new_pin(keyset: &str, key: &Key) -> Result<Pin, RunError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| RunError::Random)?;
    let method = method(key);
    Ok(Pin {
        keyset: keyset.to_owned(),
        key_id: key.id().to_owned(),
        method: method.to_owned(),
        salt: hex::encode(salt),
        fingerprint: fingerprint(method, &salt, key)?,
    })
}

/// What a run notes of its keys, so that a resume that finds others is refused.
pub(crate) fn keys_of_run(job: &Job, run_id: &str) -> Result<Value, RunError> {
    let mut out = serde_json::Map::new();
    for keyset in &job.keysets {
        let mut keys = serde_json::Map::new();
        for key in keyset.keyset.keys() {
            keys.insert(key.id().to_owned(), note(run_id, key)?.into());
        }
        let primary = keyset.keyset.primary().map(Key::id);
        out.insert(keyset.keyset.name().to_owned(), json!({ "primary": primary, "keys": keys }));
    }
    Ok(Value::Object(out))
}

/// Whether the job has the keys that a run noted, each with the same bytes, and the same primaries. Old keys may have come
/// since: cells that opened under none may be theirs. Where labels are roles, none may.
pub(crate) fn has_those_of(job: &Job, run: &RunRow) -> Result<bool, RunError> {
    let noted: Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    if noted.as_object().is_none_or(|keysets| keysets.len() != job.keysets.len()) {
        return Ok(false);
    }
    for KeysetJob { keyset, roles, .. } in &job.keysets {
        let of_run = &noted[keyset.name()];
        let Some(keys) = of_run["keys"].as_object() else { return Ok(false) };
        let is_other = *roles && keys.len() != keyset.keys().len();
        if is_other || of_run["primary"].as_str() != keyset.primary().map(Key::id) {
            return Ok(false);
        }
        for (id, fingerprint) in keys {
            match keyset.by_id(id) {
                Some(key) if is_noted(run, key, fingerprint)? => {}
                _ => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// Whether the job has keys that a run has not noted, or not yet.
pub(crate) fn has_unnoted(job: &Job, run: &RunRow) -> bool {
    let noted: Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    let is_unnoted = |keyset: &Keyset, key: &Key| noted[keyset.name()]["keys"].get(key.id()).is_none();
    let mut keysets = job.keysets.iter().map(|keyset| &keyset.keyset);
    keysets.any(|keyset| keyset.keys().iter().any(|key| is_unnoted(keyset, key)))
}

/// Refuses where a key that a run noted is gone, or holds other bytes by now: cells may be under any of them.
pub(crate) fn still_there(keyset: &KeysetJob, run: &RunRow, noted: &Value) -> Result<(), RunError> {
    for (id, fingerprint) in noted["keys"].as_object().into_iter().flatten() {
        let names = || (keyset.keyset.name().to_owned(), id.clone(), run.id.clone());
        match keyset.keyset.by_id(id) {
            Some(key) if is_noted(run, key, fingerprint)? => {}
            Some(_) => {
                let (keyset, key, run) = names();
                return Err(KeysError::NotOfRun { keyset, key, run }.into());
            }
            None => {
                let (keyset, key, run) = names();
                return Err(KeysError::Gone { keyset, key, run }.into());
            }
        }
    }
    Ok(())
}

/// Whether a run moved cells away from a key, whatever the key, its keyset and the plan were called then.
///
/// # Errors
/// When no fingerprint can be made.
pub fn moved_away_from(key: &Key, run: &RunRow) -> Result<bool, RunError> {
    Ok(was_primary(key, run)?.contains(&false))
}

/// Whether a run moved cells to the keyset's primary, whatever the key, its keyset and the plan were called then.
pub(crate) fn moved_to_primary(keyset: &KeysetJob, run: &RunRow) -> Result<bool, RunError> {
    match keyset.keyset.primary() {
        Some(primary) => Ok(was_primary(primary, run)?.contains(&true)),
        None => Ok(false),
    }
}

/// For each place in which a run noted these very bytes: whether the key was the primary there.
fn was_primary(key: &Key, run: &RunRow) -> Result<Vec<bool>, RunError> {
    let noted: Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    let mut compared = Compared::new(key, &run.id);
    let mut places = Vec::new();
    for of_run in noted.as_object().into_iter().flatten().map(|(_, of_run)| of_run) {
        for (id, noted) in of_run["keys"].as_object().into_iter().flatten() {
            if compared.is(noted.as_str().unwrap_or_default())? {
                places.push(of_run["primary"].as_str() == Some(id));
            }
        }
    }
    Ok(places)
}

/// Whether a run moved cells to the very keys that are the job's primaries.
///
/// # Errors
/// When no fingerprint can be made.
pub fn same_primaries(job: &Job, run: &RunRow) -> Result<bool, RunError> {
    let noted: Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    for keyset in &job.keysets {
        let of_run = &noted[keyset.keyset.name()];
        let fingerprint = &of_run["keys"][of_run["primary"].as_str().unwrap_or_default()];
        let same = match keyset.keyset.primary() {
            // A label that is a role names another key after each rotation; any other id is pinned to its bytes.
            Some(primary) if keyset.roles => is_noted(run, primary, fingerprint)?,
            primary => of_run["primary"].as_str() == primary.map(Key::id),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_noted(run: &RunRow, key: &Key, noted: &Value) -> Result<bool, RunError> {
    match noted.as_str() {
        Some(noted) => Compared::new(key, &run.id).is(noted),
        None => Ok(false),
    }
}
