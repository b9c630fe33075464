//! Pins: other bytes under a known key id, or known bytes under another id, are refused.

use argon2::Argon2;
use reseal_core::Key;
use reseal_store::{Pin, RunRow, Session};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{KeysError, RunError};
use crate::job::{Job, KeysetJob};

const SHA256: &str = "sha256";
const ARGON2ID: &str = "argon2id";

/// A fingerprint that gives no key back: salted SHA-256 for keys, Argon2id (RFC 9106) for passphrases, which can be
/// guessed. `method` is the one that a pin or a catalogue noted.
///
/// # Errors
/// When none can be made with this salt.
pub fn fingerprint(method: &str, salt: &[u8], key: &Key) -> Result<String, RunError> {
    if method == SHA256 {
        return Ok(hex::encode(Sha256::new().chain_update(salt).chain_update(key.identity()).finalize()));
    }
    let mut out = [0; 32];
    Argon2::default()
        .hash_password_into(key.identity(), salt, &mut out)
        .map_err(|_| KeysError::Fingerprint { key: key.id().to_owned() })?;
    Ok(hex::encode(out))
}

fn method(passphrases: bool) -> &'static str {
    if passphrases { ARGON2ID } else { SHA256 }
}

/// Holds the job's keys against the plan's pins and gives the pins that are new. Writes nothing.
pub(crate) async fn check(session: &mut Session, job: &Job) -> Result<Vec<Pin>, RunError> {
    let pins = session.pins(&job.plan).await?;
    let mut fresh = Vec::new();
    for keyset in job.keysets.iter().filter(|keyset| !keyset.roles) {
        let name = keyset.keyset.name();
        let known: Vec<&Pin> = pins.iter().filter(|pin| pin.keyset == name).collect();
        for key in keyset.keyset.keys() {
            if !is_known(key, name, &known)? {
                fresh.push(new_pin(name, keyset.passphrases, key)?);
            }
        }
    }
    Ok(fresh)
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
pub fn new_pin(keyset: &str, passphrases: bool, key: &Key) -> Result<Pin, RunError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| RunError::Random)?;
    let method = method(passphrases);
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
            keys.insert(
                key.id().to_owned(),
                fingerprint(method(keyset.passphrases), run_id.as_bytes(), key)?.into(),
            );
        }
        let primary = keyset.keyset.primary().map(Key::id);
        out.insert(keyset.keyset.name().to_owned(), json!({ "primary": primary, "keys": keys }));
    }
    Ok(Value::Object(out))
}

/// Refuses where a key that a run noted is gone, or holds other bytes by now: cells may be under any of them.
pub(crate) fn still_there(keyset: &KeysetJob, run: &RunRow, noted: &Value) -> Result<(), RunError> {
    for (id, fingerprint) in noted["keys"].as_object().into_iter().flatten() {
        let names = || (keyset.keyset.name().to_owned(), id.clone(), run.id.clone());
        match keyset.keyset.by_id(id) {
            Some(key) if is_noted(keyset, run, key, fingerprint)? => {}
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
pub fn moved_away_from(keyset: &KeysetJob, key: &Key, run: &RunRow) -> Result<bool, RunError> {
    Ok(was_primary(keyset, key, run)?.contains(&false))
}

/// Whether a run moved cells to the keyset's primary, whatever the key, its keyset and the plan were called then.
pub(crate) fn moved_to_primary(keyset: &KeysetJob, run: &RunRow) -> Result<bool, RunError> {
    match keyset.keyset.primary() {
        Some(primary) => Ok(was_primary(keyset, primary, run)?.contains(&true)),
        None => Ok(false),
    }
}

/// For each place in which a run noted these very bytes: whether the key was the primary there.
fn was_primary(keyset: &KeysetJob, key: &Key, run: &RunRow) -> Result<Vec<bool>, RunError> {
    let now = fingerprint(method(keyset.passphrases), run.id.as_bytes(), key)?;
    let noted: Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    let of_keysets = noted.as_object().into_iter().flatten().map(|(_, of_run)| of_run);
    let places = of_keysets.flat_map(|of_run| {
        let keys = of_run["keys"].as_object().into_iter().flatten();
        let same = keys.filter(|(_, noted)| noted.as_str() == Some(&now));
        same.map(|(id, _)| of_run["primary"].as_str() == Some(id))
    });
    Ok(places.collect())
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
            Some(primary) if keyset.roles => is_noted(keyset, run, primary, fingerprint)?,
            primary => of_run["primary"].as_str() == primary.map(Key::id),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_noted(keyset: &KeysetJob, run: &RunRow, key: &Key, noted: &Value) -> Result<bool, RunError> {
    let now = fingerprint(method(keyset.passphrases), run.id.as_bytes(), key)?;
    Ok(noted.as_str() == Some(now.as_str()))
}
