//! Reading keys: source → JSON entry → encoding → derivation → key of the right length.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use reseal_core::{
    Context, Kdf, Key, KeyLength, KeySource, Keyset, KeysetError, Material, SecretBytes, SourceArgs,
};
use reseal_plan::{
    Database, Encoding, JsonPick, KeyIdSpec, KeysPlace, KeysetSpec, Plan, PrimarySpec, SourceSpec,
};
use zeroize::Zeroizing;

use crate::keks;
use crate::plugins::{FORMATS, KEY_SOURCES};

/// A plan's keysets with their bytes.
pub struct Keys {
    /// One for each keyset of the plan, in its order.
    pub keysets: Vec<Arc<Keyset>>,
    /// What an operator should know, such as a key file that others can read.
    pub warnings: Vec<String>,
}

/// Why keys could not be read. Never shows a key.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReadKeyError {
    /// Which key, and what is wrong.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl ReadKeyError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        ReadKeyError { message: message.into(), help: help.into() }
    }
}

/// Reads the database URL.
///
/// # Errors
/// When its source cannot be read.
pub async fn database(plan: &Plan) -> Result<Zeroizing<String>, ReadKeyError> {
    match &plan.database {
        Database::Url(url) => Ok(Zeroizing::new(url.clone())),
        Database::Source(source) => {
            let material = read(source, &source.args, "the database URL").await?;
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

/// Reads all keys of a plan; `asked` (`--primary`) is the primary of every keyset that has such a key.
///
/// # Errors
/// When a source cannot be read, a key does not decode, has the wrong length, or stands under two ids.
pub async fn keys(plan: &Plan, asked: Option<&str>) -> Result<Keys, ReadKeyError> {
    let mut out = Keys { keysets: Vec::new(), warnings: Vec::new() };
    for (at, spec) in plan.keysets.iter().enumerate() {
        let keyset = read_keyset(plan, at, spec, asked, &mut out.warnings).await?;
        out.keysets.push(Arc::new(keyset));
    }
    let is_primary = |asked: &str| {
        out.keysets.iter().any(|keyset| keyset.primary().is_some_and(|primary| primary.id() == asked))
    };
    match asked {
        Some(asked) if !is_primary(asked) => Err(ReadKeyError::new(
            format!("--primary {asked}: no keyset of the plan has this key"),
            "name a key that the plan or its sources list",
        )),
        _ => Ok(out),
    }
}

async fn read_keyset(
    plan: &Plan,
    at: usize,
    spec: &KeysetSpec,
    asked: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Keyset, ReadKeyError> {
    let planned = match &spec.primary {
        PrimarySpec::None => None,
        PrimarySpec::Id(id) => Some(id.clone()),
        PrimarySpec::Source(source) => {
            let what = format!("the primary of keyset {}", spec.name);
            let material = read(source, &source.args, &what).await?;
            Some(text(&material, &what)?.trim().to_owned())
        }
    };
    let mut keys = Vec::new();
    for key in &spec.keys {
        let id = match (&key.id, &planned) {
            (KeyIdSpec::Literal(id), _) => id.clone(),
            (KeyIdSpec::Primary, Some(id)) => id.clone(),
            (KeyIdSpec::Primary, None) => continue,
        };
        let what = format!("key {id} of keyset {}", spec.name);
        let args = key.source.args_for(&id);
        let made = match keks::plugin(&key.source.kind) {
            Some(plugin) => Key::of_kek(&id, keks::open(plugin, &key.source, &args, &what, warnings).await?),
            None => {
                let material = read(&key.source, &args, &what).await?;
                warnings.extend(material.warnings.iter().map(|warning| format!("{what}: {warning}")));
                let bytes = decode(material.bytes, key.source.encoding, &what)?;
                Key::new(&id, derive(key.kdf.as_ref(), bytes, &id, &what)?)
            }
        };
        keys.push(match &key.tag {
            Some(tag) => made.tagged(tag),
            None => made,
        });
    }
    for from in &spec.keys_from {
        for (id, bytes) in many(&from.place, &spec.name, warnings).await? {
            let what = format!("key {id} of keyset {}", spec.name);
            // An id that the plan names stands for the key that the plan names.
            if keys.iter().any(|key: &Key| key.id() == id) {
                continue;
            }
            keys.push(Key::new(&id, derive(from.kdf.as_ref(), bytes, &id, &what)?));
        }
    }
    for key in keys.iter().filter(|key| key.kek().is_none()) {
        right_length(plan, at, spec, key)?;
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

/// Reads a source and picks the JSON entry that the plan names.
pub(crate) async fn read(spec: &SourceSpec, args: &SourceArgs, what: &str) -> Result<Material, ReadKeyError> {
    let material = read_whole(spec, args, what).await?;
    let Some(JsonPick::Entry(name)) = &spec.json else { return Ok(material) };
    let mut map = json_map(&material.bytes, what)?;
    let value = map.remove(name).ok_or_else(|| {
        ReadKeyError::new(
            format!("{what}: the JSON document has no entry {name}"),
            "compare the entry's name with the plan",
        )
    })?;
    Ok(Material { bytes: value, warnings: material.warnings })
}

async fn read_whole(spec: &SourceSpec, args: &SourceArgs, what: &str) -> Result<Material, ReadKeyError> {
    let plugin = KEY_SOURCES.iter().find(|plugin| plugin.name == spec.kind).ok_or_else(|| {
        ReadKeyError::new(
            format!("{what}: this build has no key source {}", spec.kind),
            "see `reseal --version`",
        )
    })?;
    let source: Box<dyn KeySource> = (plugin.build)(args).map_err(|error| {
        ReadKeyError::new(format!("{what}: {error}"), error.help.clone().unwrap_or_default())
    })?;
    source.read().await.map_err(|error| ReadKeyError::new(format!("{what}: {}", error.message), error.help))
}

/// The entries of a JSON object whose values are texts.
fn json_map(bytes: &SecretBytes, what: &str) -> Result<BTreeMap<String, SecretBytes>, ReadKeyError> {
    let map: BTreeMap<String, Zeroizing<String>> =
        serde_json::from_slice::<BTreeMap<String, String>>(bytes.expose())
            .map(|map| map.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect())
            // The parser's own message could quote the document.
            .map_err(|_| {
                ReadKeyError::new(
                    format!("{what}: not a JSON object of texts"),
                    "expected {\"ID\": \"KEY\", …}",
                )
            })?;
    Ok(map.into_iter().map(|(name, value)| (name, SecretBytes::new(value.as_bytes().to_vec()))).collect())
}

async fn many(
    place: &KeysPlace,
    keyset: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, SecretBytes)>, ReadKeyError> {
    let what = format!("the keys of keyset {keyset}");
    match place {
        KeysPlace::Map(source) => {
            let material = read_whole(source, &source.args, &what).await?;
            warnings.extend(material.warnings.iter().map(|warning| format!("{what}: {warning}")));
            let map = json_map(&material.bytes, &what)?;
            let decoded = map.into_iter().map(|(id, bytes)| {
                let what = format!("key {id} of keyset {keyset}");
                decode(bytes, source.encoding, &what).map(|bytes| (id, bytes))
            });
            // Newer ids mostly sort behind older ones, and newer keys are tried first.
            decoded.rev().collect()
        }
        KeysPlace::Directory { path, encoding } => directory(path, *encoding, keyset, warnings).await,
        KeysPlace::Query { .. } => {
            Err(ReadKeyError::new(format!("{what}: keys from a query"), "not in this version"))
        }
    }
}

/// One file a key; the file's name is the key's id. Hidden files are no keys.
async fn directory(
    path: &str,
    encoding: Encoding,
    keyset: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, SecretBytes)>, ReadKeyError> {
    let what = format!("the keys of keyset {keyset}");
    let failed = |error: std::io::Error| {
        ReadKeyError::new(
            format!("{what}: the directory {path} cannot be read: {}", error.kind()),
            "check the path",
        )
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    let mut keys = Vec::new();
    for id in names.into_iter().rev() {
        let what = format!("key {id} of keyset {keyset}");
        let spec = SourceSpec {
            kind: "file".into(),
            args: SourceArgs { words: vec![format!("{path}/{id}")], pass_env: vec![] },
            secret: None,
            json: None,
            encoding,
        };
        let material = read(&spec, &spec.args, &what).await?;
        warnings.extend(material.warnings.iter().map(|warning| format!("{what}: {warning}")));
        keys.push((id, decode(material.bytes, encoding, &what)?));
    }
    Ok(keys)
}

fn text(material: &Material, what: &str) -> Result<Zeroizing<String>, ReadKeyError> {
    let text = std::str::from_utf8(material.bytes.expose())
        .map_err(|_| ReadKeyError::new(format!("{what} is no text"), "expected UTF-8"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Decodes what a source holds. A trailing line break belongs to the file, not to a text-encoded key.
pub(crate) fn decode(
    bytes: SecretBytes,
    encoding: Encoding,
    what: &str,
) -> Result<SecretBytes, ReadKeyError> {
    if encoding == Encoding::Raw {
        return Ok(bytes);
    }
    let bad = |form: &str| {
        ReadKeyError::new(format!("{what}: not valid {form}"), "compare `encoding` with how the key is kept")
    };
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| bad("text"))?.trim_end_matches(['\r', '\n']);
    let decoded = match encoding {
        Encoding::Raw | Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Hex => hex::decode(text).map_err(|_| bad("hexadecimal"))?,
        Encoding::Base64 => {
            STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| bad("base64"))?
        }
        Encoding::Base64Url => URL_SAFE
            .decode(text)
            .or_else(|_| URL_SAFE_NO_PAD.decode(text))
            .map_err(|_| bad("URL-safe base64"))?,
    };
    Ok(SecretBytes::new(decoded))
}

fn derive(kdf: Option<&Kdf>, bytes: SecretBytes, id: &str, what: &str) -> Result<SecretBytes, ReadKeyError> {
    let Some(kdf) = kdf else { return Ok(bytes) };
    let context = Context { tenant: None, table: "", field: "", key: id, row: &|_| None };
    let filling =
        kdf.filling(&context).map_err(|error| ReadKeyError::new(format!("{what}: {error}"), "see `kdf`"))?;
    Ok(kdf.derive(bytes.expose(), &filling))
}

/// Whether a key has a length that every format that uses it takes; a derivation of the seal has a say before that.
fn right_length(plan: &Plan, at: usize, spec: &KeysetSpec, key: &Key) -> Result<(), ReadKeyError> {
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
