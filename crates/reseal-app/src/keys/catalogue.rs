//! `keys list`: what the catalogue knows of a plan's keys.

use std::path::{Path, PathBuf};

use reseal_control::{CensusRow, ControlSession, KeyCopy, KeyMove, KeyRow, KeySource};
use reseal_custody::{KeyAge, age};
use reseal_plan::{KeyIdSpec, Plan};
use reseal_registry::Overrides;
use serde_json::Value;

use crate::{Failure, control, open};

/// Which keys are listed.
#[derive(Clone, Debug)]
pub struct KeyListRequest {
    /// The plan.
    pub plan: PathBuf,
    /// Only retired keys that were kept for as long as the policy says.
    pub due: bool,
    /// Whether the plan's keys are read first, and those entered that the catalogue does not know.
    pub read: bool,
}

/// The keys of a plan.
#[derive(Clone, Debug)]
pub struct KeyList {
    /// The plan's name.
    pub plan: String,
    /// When the last census of the whole plan was taken, in milliseconds since 1970.
    pub census_at: Option<i64>,
    /// The keys.
    pub keys: Vec<ListedKey>,
    /// The plan's primaries, where its keys were to be read; or why they could not.
    pub read: Option<Result<Vec<PrimaryKey>, String>>,
}

/// A key of a plan.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub key_id: String,
    /// What the catalogue knows of it; none of a key that was not used yet.
    pub known: Option<CataloguedKey>,
}

/// What the catalogue knows of a key.
#[derive(Clone, Debug)]
pub struct CataloguedKey {
    /// Its entry.
    pub row: KeyRow,
    /// How it stands to the policy.
    pub age: KeyAge,
    /// What its source says of it: the application's own table, where it has one.
    pub source: Option<KeySource>,
    /// For how long it seals, in milliseconds.
    pub in_use_ms: Option<i64>,
    /// Whether it may be destroyed by now.
    pub destroyable: bool,
    /// Cells under it by field, as the last census counted them; none without a census.
    pub cells: Option<Vec<HeldCells>>,
    /// The changes of its state.
    pub moves: Vec<KeyMove>,
    /// Its copies, and the trials of them.
    pub copies: Vec<KeyCopy>,
}

/// Cells of a field that are under a key.
#[derive(Clone, Debug)]
pub struct HeldCells {
    /// The table.
    pub table: String,
    /// The field.
    pub field: String,
    /// How many.
    pub cells: u64,
}

/// The primary of a keyset.
#[derive(Clone, Debug)]
pub struct PrimaryKey {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub key_id: String,
}

/// Lists the keys of a plan. No key is read, unless they are to be entered first.
///
/// # Errors
/// When the plan cannot be read, or the control database refuses.
pub async fn list(request: &KeyListRequest) -> Result<KeyList, Failure> {
    let plan = open::plan(&request.plan)?;
    let mut session = control::session().await?;
    let read = match request.read {
        true => Some(enter(&request.plan, &mut session).await),
        false => None,
    };
    let now = session.now_ms().await?;
    let census = session.last_census(&plan.name).await?;
    let mut keys = Vec::new();
    for row in session.catalogued(&plan.name).await? {
        keys.push(listed(&mut session, &plan, row, census.as_ref(), now).await?);
    }
    keys.extend(unknown(&plan, &keys));
    if request.due {
        keys.retain(|key| key.known.as_ref().is_some_and(|known| known.destroyable));
    }
    Ok(KeyList { plan: plan.name, census_at: census.map(|census| census.at), keys, read })
}

/// Reads the plan's keys and enters those that the catalogue does not know; gives its primaries, or why it could not.
async fn enter(path: &Path, session: &mut ControlSession) -> Result<Vec<PrimaryKey>, String> {
    let opened = open::job(path, &Overrides::default()).await.map_err(|failure| failure.message)?;
    let entries = reseal_custody::catalogue::enter(session, &opened.job).await;
    let entries = entries.map_err(|error| Failure::from(error).message)?;
    let primaries = entries.into_iter().filter(|entry| entry.primary);
    Ok(primaries.map(|entry| PrimaryKey { keyset: entry.keyset, key_id: entry.key_id }).collect())
}

async fn listed(
    session: &mut ControlSession,
    plan: &Plan,
    row: KeyRow,
    census: Option<&CensusRow>,
    now: i64,
) -> Result<ListedKey, Failure> {
    let moves = session.key_moves(&row.id).await?;
    let copies = session.copies(&row.id).await?;
    let sources = session.key_sources().await?;
    let age = age(&plan.policy, &row, &sources, now);
    let source = sources.into_iter().find(|source| source.entry == row.id);
    let known = CataloguedKey {
        in_use_ms: age.since.map(|since| now - since),
        destroyable: age.destroyable_at.is_some_and(|at| at <= now),
        cells: census.map(|census| held(plan, census, &row)),
        moves,
        copies,
        age,
        source,
        row,
    };
    let (keyset, key_id) = (known.row.keyset.clone(), known.row.key_id.clone());
    Ok(ListedKey { keyset, key_id, known: Some(known) })
}

/// Cells under a key by field, from the last census of the whole plan.
fn held(plan: &Plan, census: &CensusRow, row: &KeyRow) -> Vec<HeldCells> {
    let document: Value = serde_json::from_str(&census.document).unwrap_or_default();
    let its_seal = |seal: &Value| {
        let named = plan.seals.iter().find(|other| Some(other.name.as_str()) == seal.as_str());
        named.and_then(|seal| plan.keyset_of(seal)).is_some_and(|keyset| keyset.name == row.keyset)
    };
    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = Vec::new();
    for field in document["fields"].as_array().into_iter().flatten() {
        let lines = field["counts"].as_array().into_iter().flatten();
        let cells: u64 = lines
            .filter(|line| line["key"] == row.key_id.as_str() && its_seal(&line["seal"]))
            .filter_map(|line| line["cells"].as_u64())
            .sum();
        if cells > 0 {
            out.push(HeldCells { table: name(&field["table"]), field: name(&field["field"]), cells });
        }
    }
    out
}

/// Keys that the plan names and the catalogue does not know.
fn unknown(plan: &Plan, known: &[ListedKey]) -> Vec<ListedKey> {
    let mut out = Vec::new();
    for keyset in &plan.keysets {
        for key in &keyset.keys {
            let KeyIdSpec::Literal(id) = &key.id else { continue };
            if !known.iter().any(|other| other.keyset == keyset.name && other.key_id == *id) {
                out.push(ListedKey { keyset: keyset.name.clone(), key_id: id.clone(), known: None });
            }
        }
    }
    out
}
