//! The key catalogue, as runs move it: the new primary is active and the old keys are rotating from before the first
//! write; `restored.rs` turns that back. Nothing here retires a key or destroys one.

use reseal_control::{ControlSession, KeyRow, KeySource, NewKey, NewMove, Since};
use reseal_core::{Key, KeyState};
use reseal_engine::{Job, RollbackBegins, RunError, SourceFacts, fingerprint, new_pin};

use crate::error::RecordsError;

/// A key of a job, and the catalogue's entry for it.
#[derive(Clone, Debug)]
pub struct CatalogueEntry {
    /// The keyset.
    pub keyset: String,
    /// The key's id in the plan.
    pub key_id: String,
    /// Whether it is the one that seals.
    pub primary: bool,
    /// The catalogue's entry; `None` where it does not know the key.
    pub row: Option<KeyRow>,
}

/// How often moving a key is tried where other processes move it too.
const ATTEMPTS: usize = 5;

/// Finds the keys of a job in the catalogue, by their fingerprints. Writes nothing.
///
/// # Errors
/// When the control database refuses.
pub async fn find(control: &mut ControlSession, job: &Job) -> Result<Vec<CatalogueEntry>, RunError> {
    let rows = control.catalogued(&job.plan).await?;
    let mut entries = Vec::new();
    for keyset in &job.keysets {
        let primary = keyset.keyset.primary().map(Key::id);
        for key in keyset.keyset.keys() {
            entries.push(CatalogueEntry {
                keyset: keyset.keyset.name().to_owned(),
                key_id: key.id().to_owned(),
                primary: primary == Some(key.id()),
                row: row_of(&rows, keyset.keyset.name(), key)?.cloned(),
            });
        }
    }
    Ok(entries)
}

/// The entry whose fingerprint a key has. Entries of its own id are tried first, since fingerprints of guessable keys are
/// slow to make.
fn row_of<'r>(rows: &'r [KeyRow], keyset: &str, key: &Key) -> Result<Option<&'r KeyRow>, RunError> {
    let (own, other): (Vec<&KeyRow>, Vec<&KeyRow>) =
        rows.iter().filter(|row| row.keyset == keyset).partition(|row| row.key_id == key.id());
    for row in own.into_iter().chain(other) {
        let salt = hex::decode(&row.salt).unwrap_or_default();
        if fingerprint(&row.method, &salt, key)? == row.fingerprint {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Finds the keys of a job in the catalogue, and enters those that it does not know.
///
/// # Errors
/// When the control database refuses.
pub async fn enter(control: &mut ControlSession, job: &Job) -> Result<Vec<CatalogueEntry>, RunError> {
    control.migrate().await?;
    for _ in 0..ATTEMPTS {
        let entries = find(control, job).await?;
        if entries.iter().all(|entry| entry.row.is_some()) {
            return note_facts(control, job, entries).await;
        }
        let rows = control.catalogued(&job.plan).await?;
        for entry in entries.iter().filter(|entry| entry.row.is_none()) {
            let keyset = job.keysets.iter().find(|keyset| keyset.keyset.name() == entry.keyset);
            let Some(key) = keyset.and_then(|keyset| keyset.keyset.by_id(&entry.key_id)) else { continue };
            let new = entry_for(&job.plan, &entry.keyset, key, &rows, false)?;
            // Where another process enters the key at this moment, it is found in the next round.
            let _ = control.catalogue(&new).await?;
        }
    }
    Err(raced())
}

/// Notes what the sources of keys say of them: when they were made and expire, and their states by the application's own
/// table. What the catalogue has already is left.
async fn note_facts(
    control: &mut ControlSession,
    job: &Job,
    mut entries: Vec<CatalogueEntry>,
) -> Result<Vec<CatalogueEntry>, RunError> {
    if job.key_facts.is_empty() {
        return Ok(entries);
    }
    let known = control.key_sources().await?;
    for entry in &mut entries {
        let facts = facts_of(job, &entry.keyset, &entry.key_id);
        let (Some(row), Some(facts)) = (&mut entry.row, facts) else { continue };
        if let Some(at) = facts.expires_at.filter(|at| row.expires_at != Some(*at)) {
            control.note_expiry(&row.id, at).await?;
            row.expires_at = Some(at);
        }
        let (state, created_at) = (facts.state.clone(), facts.created_at);
        let source = KeySource { entry: row.id.clone(), state, created_at };
        if !known.contains(&source) && (source.state.is_some() || source.created_at.is_some()) {
            control.note_source(&source).await?;
        }
    }
    Ok(entries)
}

/// Enters a key that was made just now.
///
/// # Errors
/// When the control database refuses, or the catalogue has the key.
pub async fn enter_generated(
    control: &mut ControlSession,
    plan: &str,
    keyset: &str,
    key: &Key,
) -> Result<(), RunError> {
    control.migrate().await?;
    for _ in 0..ATTEMPTS {
        let rows = control.catalogued(plan).await?;
        let new = entry_for(plan, keyset, key, &rows, true)?;
        if control.catalogue(&new).await? {
            return Ok(());
        }
    }
    Err(raced())
}

fn entry_for(
    plan: &str,
    keyset: &str,
    key: &Key,
    rows: &[KeyRow],
    generated: bool,
) -> Result<NewKey, RunError> {
    let pin = new_pin(keyset, key)?;
    let known = rows.iter().filter(|row| row.keyset == keyset && row.key_id == key.id()).count();
    Ok(NewKey {
        id: uuid::Uuid::now_v7().to_string(),
        plan: plan.to_owned(),
        keyset: keyset.to_owned(),
        key_id: key.id().to_owned(),
        generation: i64::try_from(known).unwrap_or(i64::MAX),
        method: pin.method,
        salt: pin.salt,
        fingerprint: pin.fingerprint,
        generated,
    })
}

fn raced() -> RunError {
    RecordsError::CatalogueBusy.into()
}

/// Why a key may not seal: it was given up.
///
/// # Errors
/// When a primary is retired or destroyed.
pub fn may_seal(entries: &[CatalogueEntry]) -> Result<(), RunError> {
    for entry in entries.iter().filter(|entry| entry.primary) {
        let state = entry.row.as_ref().map(|row| row.state);
        if let Some(state @ (KeyState::Retired | KeyState::Destroyed)) = state {
            let (keyset, key) = (entry.keyset.clone(), entry.key_id.clone());
            return Err(RecordsError::PrimaryGivenUp { keyset, key, state }.into());
        }
    }
    Ok(())
}

/// What the source of a key says of it.
fn facts_of<'j>(job: &'j Job, keyset: &str, key: &str) -> Option<&'j SourceFacts> {
    job.key_facts.iter().find(|facts| (facts.keyset.as_str(), facts.key.as_str()) == (keyset, key))
}

/// The state of a key by its source, where that says that the application seals with it no more.
fn given_up<'j>(job: &'j Job, keyset: &str, key: &str) -> Option<&'j str> {
    facts_of(job, keyset, key)?.state.as_deref().filter(|state| SourceFacts::gives_up(state))
}

/// Why a key may not seal: the application has given it up, by its own table.
///
/// # Errors
/// When a primary is such a key.
pub(crate) fn may_seal_by_source(job: &Job) -> Result<(), RunError> {
    for keyset in job.keysets.iter().map(|keyset| &keyset.keyset) {
        let Some(primary) = keyset.primary() else { continue };
        if let Some(state) = given_up(job, keyset.name(), primary.id()) {
            let (keyset, key) = (keyset.name().to_owned(), primary.id().to_owned());
            return Err(RecordsError::PrimaryRetiredOutside { keyset, key, state: state.to_owned() }.into());
        }
    }
    Ok(())
}

/// Why a run moves a key. What a rollback takes back, it finds by this.
pub(crate) fn reason_of_run(run_id: &str) -> String {
    format!("run {run_id}")
}

/// A run begins or resumes: its primaries are active, the keys that it moves cells away from are rotating.
pub(crate) async fn run_starts(
    control: &mut ControlSession,
    job: &Job,
    run_id: &str,
    operator: &str,
) -> Result<(), RunError> {
    let reason = reason_of_run(run_id);
    for _ in 0..ATTEMPTS {
        let entries = enter(control, job).await?;
        may_seal(&entries)?;
        may_seal_by_source(job)?;
        let mut moved = true;
        for entry in &entries {
            let Some(row) = &entry.row else { continue };
            let state = facts_of(job, &entry.keyset, &entry.key_id).and_then(|facts| facts.state.as_deref());
            if let Some(state) = state {
                control.note_state_of_run(run_id, &row.id, state).await?;
            }
            let sealing = entries.iter().any(|other| other.primary && other.keyset == entry.keyset);
            for ((from, to), since) in starting(entry, row, sealing) {
                let step = NewMove { from, to, operator, reason: &reason, since };
                moved &= control.move_key(&row.id, &step).await?;
            }
        }
        if moved {
            return Ok(());
        }
    }
    Err(raced())
}

/// The moves of a key when a run begins. `sealing`: whether its keyset has a primary.
fn starting(entry: &CatalogueEntry, row: &KeyRow, sealing: bool) -> Vec<((KeyState, KeyState), Since)> {
    use KeyState::{Active, Created, Rotating};
    match (entry.primary, row.state) {
        (true, state @ (Created | Rotating)) => vec![((state, Active), Since::Now)],
        (false, Active) if sealing => vec![((Active, Rotating), Since::Now)],
        // Found in the plan beside a primary, it has been in use before the catalogue knew of it; since when, nobody
        // knows. One that Reseal made and nobody used yet waits for its turn.
        (false, Created) if sealing && !row.generated => {
            vec![((Created, Active), Since::Unknown), ((Active, Rotating), Since::Now)]
        }
        _ => Vec::new(),
    }
}

/// What two approvals were needed for once is not done twice.
#[must_use]
pub fn used_already(request: &str) -> RunError {
    RecordsError::ApprovalUsed { request: request.to_owned() }.into()
}

/// Why a rollback may not seal under an old key: it was given up, and can never be active again.
pub(crate) fn may_seal_again(entries: &[CatalogueEntry], back: &Job) -> Result<(), RunError> {
    for keyset in back.keysets.iter().map(|keyset| &keyset.keyset) {
        let seals = |entry: &&CatalogueEntry| {
            entry.keyset == keyset.name() && keyset.primary().is_some_and(|key| key.id() == entry.key_id)
        };
        let state = entries.iter().find(seals).and_then(|entry| Some((entry, entry.row.as_ref()?.state)));
        if let Some((entry, state @ (KeyState::Retired | KeyState::Destroyed))) = state {
            let (keyset, key) = (entry.keyset.clone(), entry.key_id.clone());
            return Err(RecordsError::OldKeyGivenUp { keyset, key, state }.into());
        }
    }
    Ok(())
}

/// Why a rollback may not seal under an old key: the application has given it up, by its own table. What the run's own
/// steps of `after` have said there, its steps of `on_failure` take back.
pub(crate) async fn may_seal_again_by_source(
    control: &mut ControlSession,
    entries: &[CatalogueEntry],
    rollback: &RollbackBegins<'_>,
) -> Result<(), RunError> {
    let RollbackBegins { job, reversed, run, .. } = rollback;
    for keyset in reversed.keysets.iter().map(|keyset| &keyset.keyset) {
        let Some(old) = keyset.primary() else { continue };
        let new = job.keysets.iter().find(|other| other.keyset.name() == keyset.name());
        if new.and_then(|new| new.keyset.primary()).is_some_and(|new| new.id() == old.id()) {
            continue;
        }
        let Some(state) = given_up(job, keyset.name(), old.id()) else { continue };
        let same = |entry: &&CatalogueEntry| {
            (entry.keyset.as_str(), entry.key_id.as_str()) == (keyset.name(), old.id())
        };
        let row = entries.iter().find(same).and_then(|entry| entry.row.as_ref());
        let then = match row {
            Some(row) => control.state_of_run(&run.id, &row.id).await?,
            None => None,
        };
        let was_given_up = then.is_some_and(|then| SourceFacts::gives_up(&then));
        if was_given_up || !rollback.takes_back_after {
            let (keyset, key) = (keyset.name().to_owned(), old.id().to_owned());
            return Err(RecordsError::OldKeyRetiredOutside { keyset, key, state: state.to_owned() }.into());
        }
    }
    Ok(())
}
