//! `keys list`: what the catalogue knows of a plan's keys.

use std::path::PathBuf;

use reseal_control::{CensusRow, ControlSession, KeyCopy, KeyMove, KeyRow, KeySource};
use reseal_custody::catalogue::CatalogueEntry;
use reseal_custody::{KeyAge, age};
use reseal_plan::{KeyIdSpec, Plan};
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
    /// Which keys have which label now, where labels are roles; none where the plan has no such keyset.
    pub labels: Option<Labels>,
}

/// What is known of the labels of keys, where they are roles.
#[derive(Clone, Debug)]
pub enum Labels {
    /// The keys were read, but for those with these labels, as `keyset/label`: nobody knows which they are.
    Known(Vec<String>),
    /// Why they could not be read.
    Unknown(String),
}

/// A key of a plan.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// The keyset.
    pub keyset: String,
    /// The key's id. Where ids are roles, its label now, or the first that it had where it has none.
    pub key_id: String,
    /// Whether the id is the one that the plan has for it now.
    pub is_label: bool,
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
    /// Cells under it by field, as the last census counted them; none without a census, and where that does not say which key
    /// had the label.
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
    /// Its fingerprint in the catalogue.
    pub fingerprint: Option<String>,
}

/// Lists the keys of a plan. No key is read, unless they are to be entered first, or labels are roles: a key is then known by
/// its bytes alone.
///
/// # Errors
/// When the plan cannot be read, or the control database refuses.
pub async fn list(request: &KeyListRequest) -> Result<KeyList, Failure> {
    let plan = open::plan(&request.plan)?;
    let mut session = control::session().await?;
    let has_roles = plan.keysets.iter().any(|keyset| keyset.roles);
    let entries = match request.read || has_roles {
        true => Some(read(request, &mut session).await),
        false => None,
    };
    let now = session.now_ms().await?;
    let census = session.last_census(&plan.name).await?;
    let names = Names { plan: &plan, entries: entries.as_ref().and_then(|entries| entries.as_ref().ok()) };
    let mut keys = Vec::new();
    for row in session.catalogued(&plan.name).await? {
        keys.push(listed(&mut session, &names, row, census.as_ref(), now).await?);
    }
    keys.extend(names.unknown(&keys));
    if request.due {
        keys.retain(|key| key.known.as_ref().is_some_and(|known| known.destroyable));
    }
    let labels = entries.as_ref().filter(|_| has_roles).map(|entries| match entries {
        Ok(_) => Labels::Known(names.unread()),
        Err(why) => Labels::Unknown(why.clone()),
    });
    let read = entries.filter(|_| request.read).map(|entries| entries.map(primaries));
    Ok(KeyList { plan: plan.name, census_at: census.map(|census| census.at), keys, read, labels })
}

/// Reads the plan's keys, and enters those that the catalogue does not know if that is asked for; or says why it could not.
async fn read(request: &KeyListRequest, session: &mut ControlSession) -> Result<Vec<CatalogueEntry>, String> {
    let opened = open::job_to_look(&request.plan).await.map_err(|failure| failure.message)?;
    let entries = match request.read {
        true => reseal_custody::catalogue::enter(session, &opened.job).await,
        false => reseal_custody::catalogue::find(session, &opened.job).await,
    };
    entries.map_err(|error| Failure::from(error).message)
}

fn primaries(entries: Vec<CatalogueEntry>) -> Vec<PrimaryKey> {
    let primaries = entries.into_iter().filter(|entry| entry.primary);
    let primary = |entry: CatalogueEntry| PrimaryKey {
        keyset: entry.keyset,
        key_id: entry.key_id,
        fingerprint: entry.row.map(|row| row.fingerprint),
    };
    primaries.map(primary).collect()
}

async fn listed(
    session: &mut ControlSession,
    names: &Names<'_>,
    row: KeyRow,
    census: Option<&CensusRow>,
    now: i64,
) -> Result<ListedKey, Failure> {
    let plan = names.plan;
    let moves = session.key_moves(&row.id).await?;
    let copies = session.copies(&row.id).await?;
    let sources = session.key_sources().await?;
    let age = age(&plan.policy, &row, &sources, now);
    let source = sources.into_iter().find(|source| source.entry == row.id);
    let known = CataloguedKey {
        in_use_ms: age.since.map(|since| now - since),
        destroyable: age.destroyable_at.is_some_and(|at| at <= now),
        cells: census.and_then(|census| held(plan, census, &row)),
        moves,
        copies,
        age,
        source,
        row,
    };
    let keyset = known.row.keyset.clone();
    let (key_id, is_label) = match names.label(&known.row) {
        Some(label) => (label, true),
        None => (known.row.key_id.clone(), !names.has_roles(&keyset)),
    };
    Ok(ListedKey { keyset, key_id, is_label, known: Some(known) })
}

/// Cells under a key by field, from the last census of the whole plan; `None` where that was kept without the fingerprints
/// of keys, and their labels are roles.
fn held(plan: &Plan, census: &CensusRow, row: &KeyRow) -> Option<Vec<HeldCells>> {
    let document: Value = serde_json::from_str(&census.document).unwrap_or_default();
    let roles = plan.keysets.iter().any(|keyset| keyset.roles && keyset.name == row.keyset);
    if roles && document["keys"].is_null() {
        return None;
    }
    let its_seal = |seal: &Value| {
        let named = plan.seals.iter().find(|other| Some(other.name.as_str()) == seal.as_str());
        named.and_then(|seal| plan.keyset_of(seal)).is_some_and(|keyset| keyset.name == row.keyset)
    };
    let is_it = |line: &Value| {
        let Some(key) = line["key"].as_str().filter(|_| its_seal(&line["seal"])) else { return false };
        match reseal_custody::counted_key(&document, &row.keyset, key) {
            Some(fingerprint) => fingerprint == row.fingerprint,
            // Its catalogue did not know the key yet; an id that is no role is pinned to its bytes.
            None => !roles && key == row.key_id,
        }
    };
    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = Vec::new();
    for field in document["fields"].as_array().into_iter().flatten() {
        let lines = field["counts"].as_array().into_iter().flatten();
        let cells: u64 = lines.filter(|line| is_it(line)).filter_map(|line| line["cells"].as_u64()).sum();
        if cells > 0 {
            out.push(HeldCells { table: name(&field["table"]), field: name(&field["field"]), cells });
        }
    }
    Some(out)
}

/// What the plan calls its keys, and which keys those are where they were read.
struct Names<'p> {
    plan: &'p Plan,
    entries: Option<&'p Vec<CatalogueEntry>>,
}

impl Names<'_> {
    fn has_roles(&self, keyset: &str) -> bool {
        self.plan.keysets.iter().any(|other| other.roles && other.name == keyset)
    }

    /// The label that a key has now, if its keyset has roles and it was read.
    fn label(&self, row: &KeyRow) -> Option<String> {
        let mut entries = self.entries?.iter().filter(|_| self.has_roles(&row.keyset));
        let is_it = |entry: &&CatalogueEntry| entry.row.as_ref().is_some_and(|other| other.id == row.id);
        entries.find(is_it).map(|entry| entry.key_id.clone())
    }

    /// Whether a key of this id was read.
    fn is_read(&self, keyset: &str, id: &str) -> bool {
        let mut entries = self.entries.into_iter().flatten();
        entries.any(|entry| entry.keyset == keyset && entry.key_id == id)
    }

    /// The keys that the plan names, as keyset and id.
    fn named(&self) -> impl Iterator<Item = Id<'_>> {
        self.plan.keysets.iter().flat_map(|keyset| {
            let ids = keyset.keys.iter().filter_map(|key| match &key.id {
                KeyIdSpec::Literal(id) => Some(id.as_str()),
                KeyIdSpec::Primary => None,
            });
            ids.map(move |id| Id { keyset: &keyset.name, id })
        })
    }

    /// The labels of the keys that could not be read, where labels are roles.
    fn unread(&self) -> Vec<String> {
        let roles = self.named().filter(|key| self.has_roles(key.keyset));
        let unread = roles.filter(|key| !self.is_read(key.keyset, key.id));
        unread.map(|key| format!("{}/{}", key.keyset, key.id)).collect()
    }

    /// Keys that the plan names and the catalogue does not know. A label whose key could not be read is no key.
    fn unknown(&self, known: &[ListedKey]) -> Vec<ListedKey> {
        let is_known = |key: &Id<'_>| {
            known.iter().any(|other| other.is_label && other.keyset == key.keyset && other.key_id == key.id)
        };
        let is_a_key = |key: &Id<'_>| match self.entries {
            Some(_) => !self.has_roles(key.keyset) || self.is_read(key.keyset, key.id),
            None => !known.iter().any(|other| other.keyset == key.keyset && other.key_id == key.id),
        };
        let unknown = self.named().filter(|key| !is_known(key) && is_a_key(key));
        let listed = |key: Id<'_>| ListedKey {
            keyset: key.keyset.to_owned(),
            key_id: key.id.to_owned(),
            is_label: true,
            known: None,
        };
        unknown.map(listed).collect()
    }
}

/// A key as the plan names it.
struct Id<'p> {
    keyset: &'p str,
    id: &'p str,
}
