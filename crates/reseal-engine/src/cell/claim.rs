//! What a cell says of itself to a seal, before any key is tried.

use std::borrow::Cow;

use reseal_core::{Cell, Identified, Part, Value};

use crate::job::seal::Seal;
use crate::job::{FieldJob, Job};
use crate::reason::Reason;

/// What a cell says of itself to a seal.
pub(crate) enum Claim<'c> {
    /// It is not of this seal.
    No,
    /// It is, and damaged beyond opening.
    Broken(Reason),
    /// It is, and names this key, or none.
    Mark(Option<Cow<'c, str>>),
}

/// Whether a seal recognises a cell, and what the cell then says of its key: in the format itself, or in a column.
pub(crate) fn claim<'c>(seal: &Seal, cell: &'c Cell) -> Claim<'c> {
    match seal.format.format.identify(cell) {
        Identified::NotMine => Claim::No,
        Identified::Broken(broken) => Claim::Broken(broken.into()),
        Identified::Marked(mark) => Claim::Mark(Some(mark)),
        Identified::Unmarked => Claim::Mark(cell.get(Part::Key).and_then(Value::text)),
    }
}

/// Whether a seal takes a cell at all: an envelope where there is a wrapped DEK, any other where there is none.
pub(crate) fn takes(seal: &Seal, cell: &Cell) -> bool {
    match cell.get(Part::WrappedDek) {
        Some(wrapped) => seal.envelope.is_some() != wrapped.is_null(),
        None => seal.envelope.is_none(),
    }
}

/// Whether a cell holds nothing: SQL NULL.
pub(crate) fn is_null(cell: &Cell) -> bool {
    cell.get(Part::Ciphertext).is_none_or(Value::is_null)
}

/// The seal that takes a cell which no seal recognises as plaintext, by its position.
pub(crate) fn plaintext_seal(field: &FieldJob, cell: &Cell) -> Option<usize> {
    field.seals().position(|seal| seal.format.plaintext && takes(seal, cell))
}

/// Whether a cell begins with the tag of a key: one cut so short that no format knows it may still do.
pub(crate) fn begins_with_key_tag(field: &FieldJob, cell: &Cell) -> bool {
    let named = |seal: &Seal| seal.keyset.by_tag(seal.format.format.tag_hint(cell)?).map(drop);
    field.seals().any(|seal| named(seal).is_some())
}

/// Whether any format that the job knows recognises a cell.
pub(crate) fn looks_sealed(job: &Job, cell: &Cell) -> bool {
    job.recognisers.iter().any(|format| !matches!(format.identify(cell), Identified::NotMine))
}
