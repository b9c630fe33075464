//! A seal: format, keyset, AAD and key derivation under one name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use reseal_core::{
    BuiltFormat, Cell, Context, Kdf, Key, KeyLength, Keyset, OpenError, Plaintext, SealError, Template,
    TemplateError,
};

use super::envelope::{Envelope, Move};
use crate::reason::Reason;

/// How many derived keys a seal keeps at hand; past that it starts with an empty cache.
const DERIVED_KEYS: usize = 4096;

type Derived = HashMap<(usize, Vec<Vec<u8>>), Key>;

/// A named way to seal.
pub struct Seal {
    /// Its name in the plan.
    pub name: String,
    /// The format's name in a plan.
    pub format_name: &'static str,
    /// The format.
    pub format: BuiltFormat,
    /// The keys; a format without keys has an empty set.
    pub keyset: Arc<Keyset>,
    /// Additional authenticated data.
    pub aad: Option<Template>,
    /// How the key of a row comes from the key of the set.
    pub kdf: Option<Kdf>,
    /// What a plaintext must look like, where the format does not authenticate.
    pub validator: Option<Validator>,
    /// How cells carry their own key; the keys of the keyset are then KEKs.
    pub envelope: Option<Envelope>,
    derived: RwLock<Derived>,
}

/// The cells that a new one takes something from.
#[derive(Clone, Copy, Default)]
pub(crate) struct Old<'o, 'c> {
    /// The one that it replaces.
    pub(crate) like: Option<&'o Cell<'c>>,
    /// One of its row, already sealed, whose nonce it shares.
    pub(crate) beside: Option<&'o Cell<'static>>,
}

/// A format with its name in a plan.
pub struct NamedFormat {
    /// The name.
    pub name: &'static str,
    /// The format.
    pub built: BuiltFormat,
}

/// Whether a plaintext looks as it must to count as opened.
pub type Validator = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Why a cell did not open under one key of a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Not this key, or damaged.
    NotThisKey,
    /// No key will do.
    Broken(Reason),
}

impl Seal {
    /// A seal of these parts.
    #[must_use]
    pub fn new(
        name: &str,
        format: NamedFormat,
        keyset: Arc<Keyset>,
        aad: Option<Template>,
        kdf: Option<Kdf>,
        validator: Option<Validator>,
    ) -> Self {
        Seal {
            name: name.to_owned(),
            format_name: format.name,
            format: format.built,
            keyset,
            aad,
            kdf,
            validator,
            envelope: None,
            derived: RwLock::default(),
        }
    }

    /// The same seal with cells that carry their own key.
    #[must_use]
    pub fn enveloped(self, envelope: Option<Envelope>) -> Self {
        Seal { envelope, ..self }
    }

    /// The same seal with another key as the one that seals.
    #[must_use]
    pub fn with_keyset(&self, keyset: Arc<Keyset>) -> Seal {
        let (aad, kdf) = (self.aad.clone(), self.kdf.clone());
        Seal::new(
            &self.name,
            NamedFormat { name: self.format_name, built: self.format.clone() },
            keyset,
            aad,
            kdf,
            self.validator.clone(),
        )
        .enveloped(self.envelope.clone())
    }

    /// The algorithm that seals its cells, as auditors know it.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.format.format.algorithm(self.key_bits()).unwrap_or(self.format_name)
    }

    /// How many bits the key has that a cell is sealed under: the DEK's in an envelope, the derived key's where there is a
    /// derivation. `None` for a passphrase, a format without keys, and a keyset without a primary.
    #[must_use]
    pub fn key_bits(&self) -> Option<usize> {
        if !matches!(self.format.key_length, KeyLength::OneOf(_)) {
            return None;
        }
        let bytes = match (&self.envelope, &self.kdf) {
            (Some(envelope), _) => envelope.dek_bytes,
            (None, Some(kdf)) => kdf.length(),
            (None, None) => self.keyset.primary()?.expose().len(),
        };
        Some(bytes * 8)
    }

    /// Whether a key of the seal is the one that seals.
    pub(crate) fn is_primary(&self, key: &Key) -> bool {
        self.keyset.primary().is_some_and(|primary| primary.id() == key.id())
    }

    /// Whether what a cell says of its key names the one that seals.
    pub(crate) fn is_primary_tag(&self, tag: &str) -> bool {
        self.keyset.primary().is_some_and(|primary| primary.tag() == tag)
    }

    /// Whether cells of this seal keep payload and DEK when they go from one of its keys to another.
    pub(crate) fn is_rewrapped(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| envelope.r#move == Move::Rewrap)
    }

    /// All templates that are filled for a cell.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let kdf = self.kdf.iter().flat_map(Kdf::templates);
        let context = self.envelope.iter().flat_map(|envelope| &envelope.context);
        self.aad.iter().chain(kdf).chain(context.map(|(_, template)| template))
    }

    /// The columns of the row that AAD, derivation and encryption context read.
    pub(crate) fn row_columns(&self) -> Vec<&str> {
        self.templates().flat_map(Template::columns).collect()
    }

    /// Whether AAD, derivation or encryption context read the row's tenant.
    pub(crate) fn reads_tenant(&self) -> bool {
        self.templates().any(Template::reads_tenant)
    }

    pub(crate) fn open(&self, cell: &Cell, key: &Key, context: &Context<'_>) -> Result<Plaintext, Closed> {
        let context = &Context { key: key.tag(), ..*context };
        let aad = self.aad(context).map_err(|_| Closed::Broken(Reason::AadMissing))?;
        let key = self.key_of_row(key, context).map_err(|_| Closed::Broken(Reason::DerivationMissing))?;
        let text = self.format.format.open(cell, &key, &aad).map_err(|error| match error {
            OpenError::NotThisKey => Closed::NotThisKey,
            OpenError::Broken(broken) => Closed::Broken(broken.into()),
        })?;
        match &self.validator {
            Some(validator) if !validator(text.expose()) => Err(Closed::NotThisKey),
            _ => Ok(text),
        }
    }

    /// Seals a plaintext; under the nonce of `beside`, where there is such a cell.
    pub(crate) fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        context: &Context<'_>,
        old: Old<'_, '_>,
    ) -> Result<Cell<'static>, SealError> {
        let context = &Context { key: key.tag(), ..*context };
        let aad = self.aad(context).map_err(|_| SealError::Unfit("a column that the AAD names is NULL"))?;
        let key = self
            .key_of_row(key, context)
            .map_err(|_| SealError::Unfit("a column that the key derivation names is NULL"))?;
        match old.beside {
            Some(beside) => self.format.format.seal_beside(text, &key, &aad, old.like, beside),
            None => self.format.format.seal(text, &key, &aad, old.like),
        }
    }

    fn aad(&self, context: &Context<'_>) -> Result<Vec<u8>, TemplateError> {
        self.aad.as_ref().map_or(Ok(Vec::new()), |template| template.fill(context))
    }

    /// The key itself, or the one derived from it for this row. Derivations can be slow on purpose (PBKDF2), so each
    /// is made once.
    fn key_of_row<'k>(&self, key: &'k Key, context: &Context<'_>) -> Result<Cow<'k, Key>, TemplateError> {
        let Some(kdf) = &self.kdf else { return Ok(Cow::Borrowed(key)) };
        let at = self.keyset.keys().iter().position(|other| other.id() == key.id()).unwrap_or(usize::MAX);
        let filling = (at, kdf.filling(context)?);
        if let Ok(derived) = self.derived.read()
            && let Some(found) = derived.get(&filling)
        {
            return Ok(Cow::Owned(found.clone()));
        }
        let made = key.derived(kdf.derive(key.expose(), &filling.1));
        if let Ok(mut derived) = self.derived.write() {
            if derived.len() >= DERIVED_KEYS {
                derived.clear();
            }
            derived.insert(filling, made.clone());
        }
        Ok(Cow::Owned(made))
    }
}
