//! Reading keys: source → JSON entry → encoding → derivation → key of the right length.

mod bytes;
mod kek;
mod kept;
mod keyset;
mod length;
mod many;
mod reader;

use std::sync::Arc;

use jiff::Timestamp;
use reseal_core::{Keyset, Material, SourceArgs};
use reseal_plan::{KeysetSpec, Plan, SourceSpec};
use reseal_store::Database;
use zeroize::Zeroizing;

pub(crate) use bytes::decode;
use bytes::text;
pub use kept::{Kept, Wanted, restored, wanted, will_be};
use keyset::Reading;
pub(crate) use reader::Reader;

/// A plan's keysets with their bytes.
pub struct Keys {
    /// One for each keyset of the plan, in its order.
    pub keysets: Vec<Arc<Keyset>>,
    /// What the sources say of keys beside their bytes.
    pub facts: Vec<KeyFacts>,
    /// The keys of bytes as their sources keep them.
    pub kept: Vec<Kept>,
    /// Options of formats whose values are stored elsewhere.
    pub options: Vec<FormatOption>,
    /// What an operator should know, such as a key file that others can read.
    pub warnings: Vec<String>,
}

/// An option of a seal's format, as the place says where it is stored.
pub struct FormatOption {
    /// The seal.
    pub seal: String,
    /// The option.
    pub name: String,
    /// Its value.
    pub value: Zeroizing<String>,
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

/// The URL of a database that a variable holds.
///
/// # Errors
/// When there is no such variable; its name is shown only where it cannot be the URL itself.
pub async fn url_in(variable: &str) -> Result<Zeroizing<String>, ReadKeyError> {
    let args = SourceArgs { words: vec![variable.to_owned()], ..SourceArgs::default() };
    let source = SourceSpec { kind: keys_env::PLUGIN.name.to_owned(), args, ..SourceSpec::default() };
    let material = Reader::of_files().read(&source, &source.args, "the database URL").await?;
    text(&material, "the database URL")
}

/// What a program prints as text, run as a source of keys runs it: no shell, an environment of its own, a time limit;
/// in `folder`.
///
/// # Errors
/// Why it printed nothing that can be read; never what it printed.
pub async fn printed(words: &[String], folder: &str) -> Result<String, String> {
    let args = SourceArgs { words: words.to_vec(), folder: folder.to_owned(), ..SourceArgs::default() };
    let program = (keys_command::PLUGIN.build)(&args).map_err(|error| error.message)?;
    let material = program.read().await.map_err(|error| error.message)?;
    String::from_utf8(material.bytes.expose().to_vec())
        .map_err(|_| format!("command `{}` did not print text", words[0]))
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
///
/// # Errors
/// When an option of a format cannot be read.
pub(crate) async fn none(plan: &Plan) -> Result<Keys, ReadKeyError> {
    let empty = |spec: &KeysetSpec| {
        let keyset = Keyset::new(&spec.name, Vec::new(), None);
        Arc::new(keyset.unwrap_or_else(|_| unreachable!("no keys cannot clash")))
    };
    let keysets = plan.keysets.iter().map(empty).collect();
    let options = format_options(plan, &mut Reader::of_files()).await?;
    Ok(Keys { keysets, options, facts: Vec::new(), kept: Vec::new(), warnings: Vec::new() })
}

/// Reads the options of formats whose values are stored elsewhere.
async fn format_options(plan: &Plan, reader: &mut Reader<'_>) -> Result<Vec<FormatOption>, ReadKeyError> {
    let mut options = Vec::new();
    for seal in &plan.seals {
        for (name, source) in &seal.sources {
            let what = format!("`{name}` of seal `{}`", seal.name);
            let value = word(reader, source, &what).await?;
            options.push(FormatOption { seal: seal.name.clone(), name: name.clone(), value });
        }
    }
    Ok(options)
}

/// What keys are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To write cells: every key is needed.
    Rotate,
    /// To look at cells. Where the keys of a keyset are roles, one that cannot be read is left out, and the only other one is
    /// its primary: so it is between two rotations, when the application has one key.
    Look,
}

/// Reads all keys of a plan, those that lie in its database in one snapshot of it; `asked` (`--primary`) is the primary
/// of every keyset that has such a key.
///
/// # Errors
/// When a source cannot be read, a key does not decode, has the wrong length, or stands under two ids.
pub async fn keys(
    plan: &Plan,
    asked: Option<&str>,
    database: &Database,
    purpose: Purpose,
) -> Result<Keys, ReadKeyError> {
    let mut reader = Reader::with(database);
    let options = format_options(plan, &mut reader).await?;
    let mut out =
        Keys { keysets: Vec::new(), facts: Vec::new(), kept: Vec::new(), options, warnings: Vec::new() };
    for at in 0..plan.keysets.len() {
        let mut reading = Reading::begin(plan, at, asked, purpose, &mut reader).await?;
        reading.named(&mut reader).await?;
        reading.listed(&mut reader).await?;
        let (keyset, facts) = reading.end()?;
        out.facts.extend(facts);
        out.kept.extend(kept::of(&keyset, std::mem::take(&mut reader.kept)));
        out.keysets.push(Arc::new(keyset));
    }
    out.warnings = reader.warnings;
    let is_primary = |asked: &str| {
        out.keysets.iter().any(|keyset| keyset.primary().is_some_and(|primary| primary.id() == asked))
    };
    match asked {
        Some(key) if !is_primary(key) => Err(ReadKeyError {
            message: format!("no keyset of the plan has the key `{key}` of `--primary`"),
            help: "pass a key that the plan or its sources list".into(),
            asked: true,
        }),
        _ => Ok(out),
    }
}
