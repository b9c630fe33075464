//! KEKs: keys that encrypt DEKs and do not leave the place where they are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{KeySourceError, OptionError, OptionSpec, SecretBytes, SourceArgs};

/// A KEK plugin: what a plan may say of it, and how it is reached.
#[derive(Clone, Copy)]
pub struct KekPlugin {
    /// The plugin's name in a plan: `{ aws-kms: … }`.
    pub name: &'static str,
    /// One sentence for documentation and editors.
    pub summary: &'static str,
    /// The options that a plan may set. At most one of them is a source: what it holds is handed to
    /// [`KekSource::open`].
    pub options: &'static [OptionSpec],
    /// The cargo feature that brings the plugin; `None` where every build has it.
    pub feature: Option<&'static str>,
    /// Whether this build has it.
    pub available: bool,
    /// Checks what the plan says. The words are `OPTION=VALUE`, in no particular order.
    pub build: fn(&SourceArgs) -> Result<Box<dyn KekSource>, OptionError>,
}

/// A KEK as the plan names it, not reached yet.
#[async_trait]
pub trait KekSource: Send + Sync {
    /// Reaches the KEK. `secret` is what the plan's source option holds, such as a PIN.
    ///
    /// # Errors
    /// When it is not there, or may not be used.
    async fn open(&self, secret: Option<SecretBytes>) -> Result<Arc<dyn Kek>, KeySourceError>;
}

/// A key that encrypts DEKs.
///
/// A wrapped DEK is one run of bytes; where wrapping takes a nonce, it stands in front.
#[async_trait]
pub trait Kek: Send + Sync {
    /// What tells this KEK from every other, for pins and caches. Not for messages.
    fn identity(&self) -> &str;

    /// Whether guesses at the KEK could be tried with what [`Kek::identity`] gives: only where that is made of its bytes, and
    /// somebody may have typed these.
    fn is_guessable(&self) -> bool {
        false
    }

    /// KEKs of one realm can hand a DEK to each other without giving it out: see [`Kek::rewrap`].
    fn realm(&self) -> Option<&str> {
        None
    }

    /// Length of the nonce in front of a wrapped DEK; 0 where there is none.
    fn nonce_bytes(&self) -> usize {
        0
    }

    /// Whether an encryption context is bound to what is wrapped.
    fn binds_context(&self) -> bool {
        true
    }

    /// A fresh DEK of the KEK's own making, and the same wrapped; `None` where the caller is to make one.
    ///
    /// # Errors
    /// When the KEK could not be asked.
    async fn generate(
        &self,
        bytes: usize,
        context: &KekContext,
    ) -> Result<Option<(SecretBytes, Vec<u8>)>, KekError> {
        let _ = (bytes, context);
        Ok(None)
    }

    /// Wraps a DEK.
    ///
    /// # Errors
    /// When the KEK could not be asked.
    async fn wrap(&self, dek: &SecretBytes, context: &KekContext) -> Result<Vec<u8>, KekError>;

    /// Unwraps a DEK.
    ///
    /// # Errors
    /// [`KekFault::Invalid`] where it was not wrapped under this KEK and context; else the KEK could not be asked.
    async fn unwrap(&self, wrapped: &[u8], context: &KekContext) -> Result<SecretBytes, KekError>;

    /// Wraps a DEK that is wrapped under a KEK of the same realm again, under this one and `context`.
    ///
    /// # Errors
    /// As [`Kek::unwrap`].
    async fn rewrap(&self, old: &WrappedDek<'_>, context: &KekContext) -> Result<Vec<u8>, KekError> {
        let _ = (old, context);
        Err(KekError::new(KekFault::Refused, "this kind of KEK does not support rewrapping"))
    }
}

/// A wrapped DEK, and what it is wrapped under.
#[derive(Clone, Copy, Debug)]
pub struct WrappedDek<'a> {
    /// The wrapped DEK.
    pub bytes: &'a [u8],
    /// The identity of its KEK.
    pub kek: &'a str,
    /// What is bound to it.
    pub context: &'a KekContext,
}

/// The encryption context: names and texts that are bound to a wrapped DEK and that unwrapping has to repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KekContext(pub BTreeMap<String, String>);

impl KekContext {
    /// The context as bytes, for KEKs that bind bytes: nothing where it is empty; else for each entry, in the order of
    /// names, the name and the text, each behind its length as 4 bytes, big-endian.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for text in self.0.iter().flat_map(|(name, text)| [name, text]) {
            crate::digest::put(&mut out, text);
        }
        out
    }
}

/// What kind of trouble a KEK has. Only [`KekFault::Invalid`] says anything about a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KekFault {
    /// The wrapped DEK is damaged, or was wrapped under another KEK or context.
    Invalid,
    /// Too many requests: later ones may be answered.
    Throttled,
    /// The KEK cannot be reached, or fails.
    Unavailable,
    /// The KEK may not be used: disabled, deleted, or without permission.
    Refused,
}

/// Why a KEK did not do what it was asked. The message names no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct KekError {
    /// What kind of trouble it is.
    pub fault: KekFault,
    /// What happened.
    pub message: String,
}

impl KekError {
    /// An error of this kind.
    #[must_use]
    pub fn new(fault: KekFault, message: impl Into<String>) -> Self {
        KekError { fault, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(entries: &[(&str, &str)]) -> Vec<u8> {
        let entries = entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        KekContext(entries.collect()).bytes()
    }

    #[test]
    fn contexts_that_differ_have_different_bytes() {
        assert_eq!(context(&[]), b"");
        assert_eq!(context(&[("a", "1")]), b"\0\0\0\x01a\0\0\0\x011");
        assert_ne!(context(&[("a", "1b2")]), context(&[("a", "1"), ("b", "2")]));
        assert_ne!(context(&[("ab", "c")]), context(&[("a", "bc")]));
    }
}
