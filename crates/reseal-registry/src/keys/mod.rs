//! Reading keys: source → JSON entry → encoding → derivation → key of the right length.

mod bytes;
mod kept;
mod many;
mod reader;

use std::sync::Arc;

use jiff::Timestamp;
use reseal_core::{Key, KeyLength, Keyset, KeysetError, Material, SourceArgs};
use reseal_plan::{KeyIdSpec, KeysetSpec, Plan, PrimarySpec, SourceSpec};
use reseal_store::Database;
use zeroize::Zeroizing;

use crate::plugins::FORMATS;
pub(crate) use bytes::decode;
use bytes::text;
pub use kept::{Kept, Wanted, restored, wanted, will_be};
pub(crate) use reader::Reader;

/// A plan's keysets with their bytes.
pub struct Keys {
    /// One for each keyset of the plan, in its order.
    pub keysets: Vec<Arc<Keyset>>,
    /// What the sources say of keys beside their bytes.
    pub facts: Vec<KeyFacts>,
    /// The keys of bytes as their sources keep them.
    pub kept: Vec<Kept>,
    /// What an operator should know, such as a key file that others can read.
    pub warnings: Vec<String>,
}

/// What a source of many keys says of one of them, beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub id: String,
    /// The state that the application keeps for it, in its own words.
    pub state: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it is to be replaced.
    pub expires_at: Option<Timestamp>,
}

/// Why keys could not be read. Never shows a key.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReadKeyError {
    /// Which key, and what is wrong.
    pub message: String,
    /// What to do next.
    pub help: String,
    /// Whether nothing but the command line is wrong: it asks for a key that there is not.
    pub asked: bool,
}

impl ReadKeyError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        ReadKeyError { message: message.into(), help: help.into(), asked: false }
    }
}

/// Reads the database URL.
///
/// # Errors
/// When its source cannot be read.
pub async fn database(plan: &Plan) -> Result<Zeroizing<String>, ReadKeyError> {
    match &plan.database {
        reseal_plan::Database::Url(url) => Ok(Zeroizing::new(url.clone())),
        reseal_plan::Database::Source(source) => {
            let material = Reader::of_files().read(source, &source.args, "the database URL").await?;
            text(&material, "the database URL")
        }
    }
}

/// What a program prints as text, run as a source of keys runs it: no shell, an environment of its own, a time limit.
///
/// # Errors
/// Why it printed nothing that can be read; never what it printed.
pub async fn printed(words: &[String]) -> Result<String, String> {
    let args = SourceArgs { words: words.to_vec(), pass_env: Vec::new() };
    let program = (keys_command::PLUGIN.build)(&args).map_err(|error| error.message)?;
    let material = program.read().await.map_err(|error| error.message)?;
    String::from_utf8(material.bytes.expose().to_vec())
        .map_err(|_| format!("the command {} printed no text", words[0]))
}

/// Reads a source that holds a text, such as a variable of the environment of a program.
pub(crate) async fn word(
    reader: &mut Reader<'_>,
    source: &SourceSpec,
    what: &str,
) -> Result<Zeroizing<String>, ReadKeyError> {
    let material = reader.read(source, &source.args, what).await?;
    text(&Material { bytes: decode(material.bytes, source.encoding, what)?, warnings: vec![] }, what)
}

/// The keysets of a plan without their keys, for a run whose first steps bring them.
pub(crate) fn none(plan: &Plan) -> Keys {
    let empty = |spec: &KeysetSpec| {
        let keyset = Keyset::new(&spec.name, Vec::new(), None);
        Arc::new(keyset.unwrap_or_else(|_| unreachable!("no keys cannot clash")))
    };
    let keysets = plan.keysets.iter().map(empty).collect();
    Keys { keysets, facts: Vec::new(), kept: Vec::new(), warnings: Vec::new() }
}

/// Reads all keys of a plan, those that lie in its database in one snapshot of it; `asked` (`--primary`) is the primary
/// of every keyset that has such a key.
///
/// # Errors
/// When a source cannot be read, a key does not decode, has the wrong length, or stands under two ids.
pub async fn keys(plan: &Plan, asked: Option<&str>, database: &Database) -> Result<Keys, ReadKeyError> {
    let mut out = Keys { keysets: Vec::new(), facts: Vec::new(), kept: Vec::new(), warnings: Vec::new() };
    let mut reader = Reader::with(database);
    for (at, spec) in plan.keysets.iter().enumerate() {
        let keyset = read_keyset(plan, at, spec, asked, &mut reader, &mut out).await?;
        out.kept.extend(kept::of(&keyset, std::mem::take(&mut reader.kept)));
        out.keysets.push(Arc::new(keyset));
    }
    let is_primary = |asked: &str| {
        out.keysets.iter().any(|keyset| keyset.primary().is_some_and(|primary| primary.id() == asked))
    };
    match asked {
        Some(key) if !is_primary(key) => Err(ReadKeyError {
            message: format!("--primary {key}: no keyset of the plan has this key"),
            help: "name a key that the plan or its sources list".into(),
            asked: true,
        }),
        _ => Ok(out),
    }
}

async fn read_keyset(
    plan: &Plan,
    at: usize,
    spec: &KeysetSpec,
    asked: Option<&str>,
    reader: &mut Reader<'_>,
    out: &mut Keys,
) -> Result<Keyset, ReadKeyError> {
    let planned = match &spec.primary {
        PrimarySpec::None => None,
        PrimarySpec::Id(id) => Some(id.clone()),
        PrimarySpec::Source(source) => {
            let what = format!("the primary of keyset {}", spec.name);
            let material = reader.read(source, &source.args, &what).await?;
            Some(text(&material, &what)?.trim().to_owned())
        }
    };
    let mut keys = Vec::new();
    reader.from = None;
    for key in &spec.keys {
        let id = match (&key.id, &planned) {
            (KeyIdSpec::Literal(id), _) => id.clone(),
            (KeyIdSpec::Primary, Some(id)) => id.clone(),
            (KeyIdSpec::Primary, None) => continue,
        };
        let what = format!("key {id} of keyset {}", spec.name);
        let args = key.source.args_for(&id);
        let made = reader.key(&id, &key.source, &args, key.kdf.as_ref(), &what, &mut out.warnings).await?;
        let made = match &key.tag {
            Some(tag) => made.tagged(tag),
            None => made,
        };
        right_length(plan, at, spec, &made)?;
        keys.push(made);
    }
    for (number, from) in spec.keys_from.iter().enumerate() {
        reader.from = Some(number);
        for listed in reader.many(from, &spec.name, &mut out.warnings).await? {
            out.facts.extend(listed.facts.clone());
            // What is named twice has to be one key: under two, cells of one tag would open under this or that.
            if let Some(known) = keys.iter().find(|key: &&Key| key.id() == listed.id) {
                if listed.key.is_ok_and(|key| key.identity() != known.identity()) {
                    return Err(two_keys(&spec.name, &listed.id));
                }
                continue;
            }
            let idle = listed.is_idle() && asked.or(planned.as_deref()) != Some(listed.id.as_str());
            let made = listed.key.and_then(|key| right_length(plan, at, spec, &key).map(|()| key));
            match made {
                Ok(key) => keys.push(key),
                // A key that no cell is under any more, or none yet: whether that is so, the sample and the sweep tell.
                Err(error) if idle => out.warnings.push(format!("left out: {}", error.message)),
                Err(error) => return Err(error),
            }
        }
    }
    let asked = asked.filter(|asked| planned.is_some() && keys.iter().any(|key| key.id() == *asked));
    Keyset::new(&spec.name, keys, asked.or(planned.as_deref())).map_err(|error| {
        let help = match &error {
            KeysetError::NoSuchPrimary { .. } => {
                "check what the primary's source gives, or what --primary asks for"
            }
            KeysetError::Twice { .. } => "give each key an id and a tag of its own",
            KeysetError::SameBytes { .. } => {
                "a rotation needs a new key: generate one with `reseal keys generate`"
            }
        };
        ReadKeyError::new(error.to_string(), help)
    })
}

fn two_keys(keyset: &str, id: &str) -> ReadKeyError {
    let message = format!("keyset {keyset}: the plan and a list of keys give other bytes as {id}");
    ReadKeyError::new(message, "give the new key an id of its own; cells that name the old one still need it")
}

/// Whether a key has a length that every format that uses it takes; a derivation of the seal has a say before that.
fn right_length(plan: &Plan, at: usize, spec: &KeysetSpec, key: &Key) -> Result<(), ReadKeyError> {
    if key.kek().is_some() {
        return Ok(());
    }
    let what = format!("key {} of keyset {}", key.id(), spec.name);
    if key.expose().is_empty() {
        return Err(ReadKeyError::new(format!("{what} is empty"), "check where the key is kept"));
    }
    for seal in plan.seals.iter().filter(|seal| seal.keyset == Some(at) && seal.kdf.is_none()) {
        let Some(format) = FORMATS.iter().find(|format| format.name == seal.format) else { continue };
        let Some(KeyLength::OneOf(lengths)) = crate::job::length_of(plan, seal, format) else { continue };
        if !lengths.contains(&key.expose().len()) {
            let wanted: Vec<String> = lengths.iter().map(usize::to_string).collect();
            return Err(ReadKeyError::new(
                format!(
                    "{what} has {} bytes; {} takes {}",
                    key.expose().len(),
                    seal.format,
                    wanted.join(" or ")
                ),
                "check `encoding`, or name the application's own `kdf`",
            ));
        }
    }
    Ok(())
}
