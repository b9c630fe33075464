//! Keys as their sources keep them, for copies; and keys that are yet to be made, as a plan wants them.

use std::sync::Arc;

use reseal_core::{Kdf, Key, KeyLength, Keyset, SecretBytes};
use reseal_plan::{Encoding, KeyIdSpec, KeyOfRow, KeysFromSpec, KeysPlace, KeysetSpec, Plan};

use super::ReadKeyError;
use super::bytes::{decode, derive};
use super::length::{length_of, right_length};
use crate::plugins::FORMATS;

/// A key as its source keeps it: decoded, and before any derivation.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub id: String,
    /// How the id is written in the data, where it differs.
    pub tag: Option<String>,
    /// Whether it is the keyset's primary.
    pub primary: bool,
    /// Which of `keys_from` lists it; `None` for a key that the plan names.
    pub from: Option<usize>,
    /// The bytes.
    pub bytes: SecretBytes,
}

/// A key as it was read, before any derivation.
pub(super) struct ReadKey {
    /// Which of `keys_from` lists it; `None` for a key that the plan names.
    pub(super) from: Option<usize>,
    /// The key's id.
    pub(super) id: String,
    /// The bytes.
    pub(super) bytes: SecretBytes,
}

/// What was read of the keys that a keyset came to have.
pub(super) fn of(keyset: &Keyset, read: Vec<ReadKey>) -> Vec<Kept> {
    let primary = keyset.primary().map(Key::id);
    let mut out: Vec<Kept> = Vec::new();
    for ReadKey { from, id, bytes } in read {
        // An id that a list names too stands for the key that was read first.
        let Some(key) = keyset.by_id(&id).filter(|_| out.iter().all(|kept| kept.id != id)) else { continue };
        let tag = (key.tag() != key.id()).then(|| key.tag().to_owned());
        let primary = primary == Some(key.id());
        out.push(Kept { keyset: keyset.name().to_owned(), id, tag, primary, from, bytes });
    }
    out
}

/// Keysets of keys that were kept elsewhere, derived as the plan says: what `kept` leaves out is not in them.
///
/// # Errors
/// When a key does not fit the plan.
pub fn restored(plan: &Plan, kept: Vec<Kept>) -> Result<Vec<Arc<Keyset>>, ReadKeyError> {
    let mut keysets = Vec::new();
    for (at, spec) in plan.keysets.iter().enumerate() {
        let (mut keys, mut primary) = (Vec::new(), None);
        for kept in kept.iter().filter(|kept| kept.keyset == spec.name) {
            let what = format!("key `{}` of keyset `{}`", kept.id, spec.name);
            let made = derive(kdf_of(spec, kept), kept.bytes.clone(), &kept.id, &what)?;
            let made = match &kept.tag {
                Some(tag) => made.tagged(tag),
                None => made,
            };
            right_length(plan, at, &made)?;
            primary = primary.or(kept.primary.then(|| kept.id.clone()));
            keys.push(made);
        }
        let keyset = Keyset::new(&spec.name, keys, primary.as_deref());
        let help = "check that this is a backup for this plan";
        keysets.push(Arc::new(keyset.map_err(|error| ReadKeyError::new(error.to_string(), help))?));
    }
    Ok(keysets)
}

fn kdf_of<'p>(spec: &'p KeysetSpec, kept: &Kept) -> Option<&'p Kdf> {
    if let Some(at) = kept.from {
        return spec.keys_from.get(at).and_then(|from| from.kdf.as_ref());
    }
    named(spec, &kept.id, kept.primary).and_then(|key| key.kdf.as_ref())
}

/// The key that a plan names by this id, or by the hole for the primary.
fn named<'p>(spec: &'p KeysetSpec, id: &str, primary: bool) -> Option<&'p reseal_plan::KeySpec> {
    spec.keys.iter().find(|key| match &key.id {
        KeyIdSpec::Literal(literal) => literal == id,
        KeyIdSpec::Primary => primary,
    })
}

/// How a plan wants a key that is yet to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which keyset of the plan.
    keyset: usize,
    /// The keyset's name.
    pub name: String,
    /// Bytes of randomness.
    pub bytes: usize,
    /// How it is to be written.
    pub encoding: Encoding,
    /// Whether the text itself is the key.
    pub passphrase: bool,
}

/// How a plan wants a new key of a keyset; the only one, where none is named.
///
/// # Errors
/// When the plan has no such keyset, or several and none is named.
pub fn wanted(plan: &Plan, keyset: Option<&str>, id: &str) -> Result<Wanted, ReadKeyError> {
    let names: Vec<&str> = plan.keysets.iter().map(|spec| spec.name.as_str()).collect();
    let at = match keyset {
        Some(name) => names.iter().position(|other| *other == name),
        None => (names.len() == 1).then_some(0),
    };
    let at = at.ok_or_else(|| {
        let help = format!("pass `--keyset` with one of {}", names.join(", "));
        ReadKeyError::new(format!("plan `{}`: cannot tell for which keyset the key is", plan.name), help)
    })?;
    let spec = &plan.keysets[at];
    let encoding = encoding_of(spec, id);
    let lengths = plan.seals.iter().filter(|seal| seal.keyset == Some(at) && seal.kdf.is_none());
    let lengths = lengths.filter_map(|seal| {
        let format = FORMATS.iter().find(|format| format.name == seal.format)?;
        length_of(plan, seal, format)
    });
    let (mut bytes, mut passphrase) = (32, encoding == Some(Encoding::Utf8));
    for length in lengths {
        match length {
            KeyLength::OneOf(lengths) if named(spec, id, true).is_none_or(|key| key.kdf.is_none()) => {
                bytes = lengths.iter().copied().max().unwrap_or(32);
            }
            KeyLength::Passphrase => passphrase = true,
            _ => {}
        }
    }
    Ok(Wanted {
        keyset: at,
        name: spec.name.clone(),
        bytes,
        encoding: encoding.unwrap_or_default(),
        passphrase,
    })
}

/// How a plan reads the key of an id. For one that it does not name yet: as it reads those that it is given a list of, else as
/// all those that it names, where it reads them alike.
fn encoding_of(spec: &KeysetSpec, id: &str) -> Option<Encoding> {
    let listed = |from: &KeysFromSpec| match &from.place {
        KeysPlace::Map(source) | KeysPlace::Query { key: KeyOfRow::Source(source), .. } => source.encoding,
        KeysPlace::Directory { encoding, .. }
        | KeysPlace::Query { key: KeyOfRow::Column { encoding, .. }, .. } => *encoding,
    };
    let alike = || {
        let first = spec.keys.first()?.source.encoding;
        spec.keys.iter().all(|key| key.source.encoding == first).then_some(first)
    };
    let named = named(spec, id, true).map(|key| key.source.encoding);
    named.or_else(|| spec.keys_from.first().map(listed)).or_else(alike)
}

/// The key that a plan will read where `written` is kept.
///
/// # Errors
/// When the plan could not read it.
pub fn will_be(plan: &Plan, wanted: &Wanted, id: &str, written: &[u8]) -> Result<Key, ReadKeyError> {
    let spec = &plan.keysets[wanted.keyset];
    let what = format!("key `{id}` of keyset `{}`", spec.name);
    let bytes = decode(SecretBytes::new(written.to_vec()), wanted.encoding, &what)?;
    let kdf = match named(spec, id, true) {
        Some(key) => key.kdf.as_ref(),
        None => spec.keys_from.first().and_then(|from| from.kdf.as_ref()),
    };
    let key = derive(kdf, bytes, id, &what)?;
    right_length(plan, wanted.keyset, &key)?;
    Ok(key)
}
