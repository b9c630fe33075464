//! What a KEK is asked about a cell, and where a wrapped DEK lies in its columns.

use std::borrow::Cow;

use reseal_core::digest::Parts;
use reseal_core::{Cell, Context, KekContext, Key, Part, Value};

use crate::job::dek_cache::DekId;
use crate::job::envelope::Envelope;
use crate::job::seal::Seal;

/// What KEKs are asked about a cell: which of them may have wrapped its DEK, and under which context.
pub(crate) struct Ask {
    pub(crate) id: DekId,
    /// The wrapped DEK, its nonce in front.
    pub(crate) wrapped: Vec<u8>,
    /// Positions in the keyset, in the order in which they are tried, each with its context.
    pub(crate) candidates: Vec<(usize, KekContext)>,
    /// The context under the primary, where the DEK is to be wrapped under it.
    pub(crate) to: Option<KekContext>,
}

impl Ask {
    /// What to ask about a cell of an envelope seal. `mark` is what the cell says of its KEK; `moves` whether its DEK
    /// is to go to the primary.
    pub(crate) fn of(
        (seal, envelope): (&Seal, &Envelope),
        cell: &Cell,
        mark: Option<&str>,
        moves: bool,
        context: &Context<'_>,
    ) -> Result<Ask, &'static str> {
        let keys = seal.keyset.keys();
        let primary = seal.keyset.primary();
        let is_primary = |key: &Key| primary.is_some_and(|primary| primary.id() == key.id());
        let mut tried: Vec<usize> = match mark {
            Some(mark) => vec![keys.iter().position(|key| key.tag() == mark).ok_or("unknown-key")?],
            None => (0..keys.len()).collect(),
        };
        tried.sort_by_key(|at| !is_primary(&keys[*at]));
        let with_context = |at: usize| envelope.context(&keys[at], context).map(|context| (at, context));
        let candidates = tried.into_iter().map(with_context).collect::<Result<Vec<_>, _>>()?;
        let to = match primary.filter(|_| moves) {
            Some(primary) => Some(envelope.context(primary, context)?),
            None => None,
        };
        let wrapped = wrapped(cell).ok_or("wrapped-dek-missing")?.into_owned();
        let parts = Parts::default().with(seal.keyset.name()).with(&wrapped);
        let parts = candidates
            .iter()
            .fold(parts, |parts, (at, context)| parts.with(at.to_be_bytes()).with(context.bytes()));
        let parts = to.iter().fold(parts, |parts, context| parts.with(context.bytes()));
        Ok(Ask { id: parts.finish(), wrapped, candidates, to })
    }
}

/// The wrapped DEK of a cell, its nonce in front; `None` where there is none.
fn wrapped<'c>(cell: &'c Cell) -> Option<Cow<'c, [u8]>> {
    let wrapped = cell.bytes(Part::WrappedDek)?;
    Some(match cell.bytes(Part::DekNonce) {
        Some(nonce) => Cow::Owned([&nonce[..], &wrapped[..]].concat()),
        None => wrapped,
    })
}

/// Whether a seal takes a cell at all: an envelope where there is a wrapped DEK, any other where there is none.
pub(crate) fn takes(seal: &Seal, cell: &Cell) -> bool {
    match cell.get(Part::WrappedDek) {
        Some(wrapped) => seal.envelope.is_some() != wrapped.is_null(),
        None => seal.envelope.is_none(),
    }
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
