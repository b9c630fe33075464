//! Keys, and keysets with one primary.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use crate::{Kdf, Kek, SecretBytes, is_guessable};

/// How the bytes of a key were made of others.
pub struct Derivation {
    /// What they were derived from.
    pub from: SecretBytes,
    /// By what.
    pub kdf: Kdf,
}

/// One key: its id in the plan, its tag in the data, and its bytes; or a KEK, whose bytes stay where they are kept.
#[derive(Clone)]
pub struct Key {
    id: Arc<str>,
    tag: Arc<str>,
    material: SecretBytes,
    /// How a plan's `kdf` made the material.
    derivation: Option<Arc<Derivation>>,
    kek: Option<Arc<dyn Kek>>,
    prepared: Arc<OnceLock<Box<dyn Any + Send + Sync>>>,
}

impl Key {
    /// A key whose tag in the data is its id.
    #[must_use]
    pub fn new(id: &str, material: SecretBytes) -> Self {
        let (kek, derivation) = (None, None);
        Key { id: id.into(), tag: id.into(), material, derivation, kek, prepared: Arc::default() }
    }

    /// The same key as one whose bytes were derived.
    #[must_use]
    pub fn derived_by(mut self, derivation: Derivation) -> Self {
        self.derivation = Some(Arc::new(derivation));
        self
    }

    /// A KEK whose tag in the data is its id.
    #[must_use]
    pub fn of_kek(id: &str, kek: Arc<dyn Kek>) -> Self {
        Key { kek: Some(kek), ..Key::new(id, SecretBytes::new(Vec::new())) }
    }

    /// The same key under another tag.
    #[must_use]
    pub fn tagged(mut self, tag: &str) -> Self {
        self.tag = tag.into();
        self
    }

    /// The key that was derived from this one, or unwrapped under it: same id and tag, other bytes.
    #[must_use]
    pub fn derived(&self, material: SecretBytes) -> Self {
        Key { material, derivation: None, kek: None, prepared: Arc::default(), ..self.clone() }
    }

    /// The KEK; `None` for a key of bytes.
    #[must_use]
    pub fn kek(&self) -> Option<&Arc<dyn Kek>> {
        self.kek.as_ref()
    }

    /// What tells the key from others: its bytes, or what its KEK says of itself. As secret as the bytes.
    #[must_use]
    pub fn identity(&self) -> &[u8] {
        match &self.kek {
            Some(kek) => kek.identity().as_bytes(),
            None => self.material.expose(),
        }
    }

    /// How a plan's `kdf` made the key's bytes; `None` where they are as their source holds them.
    #[must_use]
    pub fn derivation(&self) -> Option<&Derivation> {
        self.derivation.as_deref()
    }

    /// The bytes that the source holds: the key's own, or those that they were derived from. As secret as the key.
    #[must_use]
    pub fn source_bytes(&self) -> &[u8] {
        self.derivation().map_or(self.expose(), |derivation| derivation.from.expose())
    }

    /// Whether guesses at the key could be tried, by whoever has something that tells a right one from a wrong one: a
    /// fingerprint must then be slow to make. A KEK counts as guessable where [`Kek::is_guessable`] says so.
    #[must_use]
    pub fn is_guessable(&self) -> bool {
        match &self.kek {
            Some(kek) => kek.is_guessable(),
            None => is_guessable(self.source_bytes()),
        }
    }

    /// The key's name in the plan.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How the key's id is written in the data.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The key's bytes; none for a KEK. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.material.expose()
    }

    /// All that nobody may see of the key: its bytes, and what they were derived from.
    pub fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.expose()).chain(self.derivation().map(|derivation| derivation.from.expose()))
    }

    /// Hands `with` what a format makes of the key's bytes before it uses them, such as a key schedule. It is made
    /// once and kept as long as the key, so `T` must wipe itself when dropped. For a key that something else was
    /// prepared from first, it is made for each call.
    pub fn with_prepared<T: Any + Send + Sync, R>(
        &self,
        make: impl Fn(&[u8]) -> T,
        with: impl FnOnce(&T) -> R,
    ) -> R {
        let kept = self.prepared.get_or_init(|| Box::new(make(self.expose())));
        match kept.downcast_ref::<T>() {
            Some(prepared) => with(prepared),
            None => with(&make(self.expose())),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("tag", &self.tag).finish_non_exhaustive()
    }
}

/// Keys with ids, at most one of which is the primary that seals new data.
#[derive(Clone, Debug)]
pub struct Keyset {
    name: String,
    keys: Vec<Key>,
    primary: Option<usize>,
}

/// Why keys do not form a keyset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeysetError {
    /// The primary's id names no key.
    #[error("keyset `{keyset}`: primary `{primary}` is not one of its keys")]
    NoSuchPrimary {
        /// The keyset's name.
        keyset: String,
        /// The id that was asked for.
        primary: String,
    },
    /// Two keys share an id or a tag.
    #[error("keyset `{keyset}`: two keys have the {what} `{name}`")]
    Twice {
        /// The keyset's name.
        keyset: String,
        /// `id` or `tag`.
        what: &'static str,
        /// The shared id or tag.
        name: String,
    },
    /// Two ids hold equal bytes.
    #[error("keyset `{keyset}`: `{first}` and `{second}` are the same key with two IDs")]
    SameBytes {
        /// The keyset's name.
        keyset: String,
        /// The id listed first.
        first: String,
        /// The id listed second.
        second: String,
    },
}

impl Keyset {
    /// A keyset; `primary` is `None` for one that only opens. Keys are tried in the order given.
    ///
    /// # Errors
    /// When the primary is no key of the set, or two keys share id, tag or bytes.
    pub fn new(name: &str, keys: Vec<Key>, primary: Option<&str>) -> Result<Self, KeysetError> {
        let keyset = || name.to_owned();
        for (at, key) in keys.iter().enumerate() {
            for other in &keys[..at] {
                if other.id() == key.id() {
                    return Err(KeysetError::Twice { keyset: keyset(), what: "id", name: key.id().into() });
                }
                if other.tag() == key.tag() {
                    return Err(KeysetError::Twice { keyset: keyset(), what: "tag", name: key.tag().into() });
                }
                if other.identity() == key.identity() {
                    let (first, second) = (other.id().into(), key.id().into());
                    return Err(KeysetError::SameBytes { keyset: keyset(), first, second });
                }
            }
        }
        let primary = match primary {
            None => None,
            Some(id) => match keys.iter().position(|key| key.id() == id) {
                Some(at) => Some(at),
                None => return Err(KeysetError::NoSuchPrimary { keyset: keyset(), primary: id.into() }),
            },
        };
        Ok(Keyset { name: keyset(), keys, primary })
    }

    /// The keyset's name in the plan.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All keys, in the order in which they are tried.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key that seals new data; `None` for a keyset that only opens.
    #[must_use]
    pub fn primary(&self) -> Option<&Key> {
        self.primary.map(|at| &self.keys[at])
    }

    /// The key whose tag the data names.
    #[must_use]
    pub fn by_tag(&self, tag: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.tag() == tag)
    }

    /// The key with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }
}
