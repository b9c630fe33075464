//! What a KEK is asked about a cell, and where a wrapped DEK lies in its columns.

use std::borrow::Cow;

use reseal_core::digest::Parts;
use reseal_core::{Cell, Context, KekContext, Key, Part, Value};

use crate::job::dek_cache::DekId;
use crate::job::envelope::{Envelope, Move};
use crate::job::seal::Seal;
use crate::reason::Reason;

/// What KEKs are asked about a cell: which of them may have wrapped its DEK, and under which context.
pub(crate) struct Ask {
    pub(crate) id: DekId,
    /// The wrapped DEK, its nonce in front.
    pub(crate) wrapped: Vec<u8>,
    /// The KEKs that may have wrapped it, in the order in which they are tried.
    pub(crate) candidates: Vec<Candidate>,
    /// The context under the primary, where the DEK is to be wrapped under it.
    pub(crate) to: Option<KekContext>,
}

/// A KEK that may have wrapped a DEK.
pub(crate) struct Candidate {
    /// Its position in the keyset.
    pub(crate) at: usize,
    /// The context that the DEK would be wrapped under.
    pub(crate) context: KekContext,
}

/// A cell of an envelope seal, whose DEK is to be asked about.
pub(crate) struct Question<'q> {
    pub(crate) seal: &'q Seal,
    pub(crate) envelope: &'q Envelope,
    /// What the cell says of its KEK.
    pub(crate) mark: Option<&'q str>,
    /// Whether its DEK is to go to the primary.
    pub(crate) moves: bool,
}

impl<'q> Question<'q> {
    /// What to ask about a cell that this seal of its field recognises; `None` for a seal without envelope.
    pub(crate) fn of(seal: &'q Seal, at: usize, mark: Option<&'q str>) -> Option<Question<'q>> {
        let envelope = seal.envelope.as_ref()?;
        Some(Question { seal, envelope, mark, moves: at == 0 && envelope.r#move == Move::Rewrap })
    }

    pub(crate) fn ask(&self, cell: &Cell, context: &Context<'_>) -> Result<Ask, Reason> {
        let candidates = self.candidates(context)?;
        let to = match self.seal.keyset.primary().filter(|_| self.moves) {
            Some(primary) => Some(self.envelope.context(primary, context)?),
            None => None,
        };
        let wrapped = wrapped(cell).ok_or(Reason::WrappedDekMissing)?.into_owned();
        Ok(Ask { id: id(self.seal, &wrapped, &candidates, to.as_ref()), wrapped, candidates, to })
    }

    /// The KEK that the cell names; else all of them, the primary first.
    fn candidates(&self, context: &Context<'_>) -> Result<Vec<Candidate>, Reason> {
        let keys = self.seal.keyset.keys();
        let mut tried: Vec<usize> = match self.mark {
            Some(mark) => vec![keys.iter().position(|key| key.tag() == mark).ok_or(Reason::UnknownKey)?],
            None => (0..keys.len()).collect(),
        };
        tried.sort_by_key(|at| !self.seal.is_primary(&keys[*at]));
        let candidate = |at: usize| {
            let context = self.envelope.context(&keys[at], context)?;
            Ok(Candidate { at, context })
        };
        tried.into_iter().map(candidate).collect()
    }
}

/// The id of what is asked: the same question is asked once.
fn id(seal: &Seal, wrapped: &[u8], candidates: &[Candidate], to: Option<&KekContext>) -> DekId {
    let parts = Parts::default().with(seal.keyset.name()).with(wrapped);
    let of_candidate = |parts: Parts, candidate: &Candidate| {
        parts.with(candidate.at.to_be_bytes()).with(candidate.context.bytes())
    };
    let parts = candidates.iter().fold(parts, of_candidate);
    to.into_iter().fold(parts, |parts, context| parts.with(context.bytes())).finish()
}

/// The wrapped DEK of a cell, its nonce in front; `None` where there is none.
fn wrapped<'c>(cell: &'c Cell) -> Option<Cow<'c, [u8]>> {
    let wrapped = cell.bytes(Part::WrappedDek)?;
    Some(match cell.bytes(Part::DekNonce) {
        Some(nonce) => Cow::Owned([&nonce[..], &wrapped[..]].concat()),
        None => wrapped,
    })
}

/// A wrapped DEK as its columns hold it: with its nonce in a column of its own, where there is one.
pub(crate) fn in_columns(wrapped: &[u8], key: &Key, has_nonce_column: bool) -> (Value, Value) {
    let nonce_bytes = key.kek().map_or(0, |kek| kek.nonce_bytes());
    match wrapped.split_at_checked(nonce_bytes) {
        Some((nonce, rest)) if has_nonce_column && nonce_bytes > 0 => {
            (Value::Bytes(rest.to_vec()), Value::Bytes(nonce.to_vec()))
        }
        _ => (Value::Bytes(wrapped.to_vec()), Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(wrapped: Value, nonce: Option<Value>) -> Cell<'static> {
        let cell = Cell::whole(Value::Bytes(vec![1])).with(Part::WrappedDek, wrapped);
        match nonce {
            Some(nonce) => cell.with(Part::DekNonce, nonce),
            None => cell,
        }
    }

    #[test]
    fn a_nonce_in_a_column_of_its_own_stands_in_front_of_the_wrapped_dek() {
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        let of = |dek, nonce| wrapped(&cell(dek, nonce)).map(Cow::into_owned);
        assert_eq!(of(bytes(b"dek"), None).as_deref(), Some(&b"dek"[..]));
        assert_eq!(of(bytes(b"dek"), Some(Value::Null)).as_deref(), Some(&b"dek"[..]));
        assert_eq!(of(bytes(b"dek"), Some(bytes(b"nonce-"))).as_deref(), Some(&b"nonce-dek"[..]));
        assert_eq!(of(Value::Null, Some(bytes(b"nonce-"))), None);
    }

    #[test]
    fn a_wrapped_dek_goes_back_into_the_columns_that_there_are() {
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        let plain = Key::new("v1", reseal_core::SecretBytes::new(vec![]));
        // A key without a nonce in front: all of it is the wrapped DEK, and the column for a nonce stays empty.
        assert_eq!(in_columns(b"dek", &plain, true), (bytes(b"dek"), Value::Null));
        assert_eq!(in_columns(b"dek", &plain, false), (bytes(b"dek"), Value::Null));
    }
}
