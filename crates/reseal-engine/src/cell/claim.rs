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

/// Whether a cell begins with the tag of a key: one cut so short that no format knows it may still do.
fn begins_with_key_tag(field: &FieldJob, cell: &Cell) -> bool {
    let named = |seal: &Seal| seal.keyset.by_tag(seal.format.format.tag_hint(cell)?).map(drop);
    field.seals().any(|seal| named(seal).is_some())
}

/// What a cell is that no seal of its field recognises: plaintext, by the position of the seal that takes it, or broken. It
/// counts as plaintext only where the plan expects plaintext and it looks like no ciphertext at all: else a wrong plan would
/// seal a ciphertext once more.
pub(crate) fn unsealed(job: &Job, field: &FieldJob, cell: &Cell) -> Result<usize, Reason> {
    if begins_with_key_tag(field, cell) {
        return Err(Reason::NamesAKeyAndIsNoCell);
    }
    let takes = |seal: &Seal| seal.format.plaintext && takes(seal, cell);
    let mut plain = field.seals().enumerate().filter(|(_, seal)| takes(seal)).peekable();
    plain.peek().ok_or(Reason::NotRecognised)?;
    let bytes = cell.bytes(Part::Ciphertext).ok_or(Reason::SealedByAStranger)?;
    let accepts = |seal: &Seal| seal.validator.as_ref().map(|validator| validator(&bytes));
    let (at, seal) = plain.find(|(_, seal)| accepts(seal) != Some(false)).ok_or(Reason::NotRecognised)?;
    let is_valid = accepts(seal).or_else(|| accepts(&field.to)) == Some(true);
    not_sealed(job, cell, &bytes, is_valid).map(|()| at)
}

/// Whether a value may be sealed. What only looks like a ciphertext may be where a validator proves it right.
fn not_sealed(job: &Job, cell: &Cell, bytes: &[u8], is_valid: bool) -> Result<(), Reason> {
    let mut is_whole = false;
    for format in &job.recognisers {
        match format.identify(cell) {
            Identified::NotMine => {}
            Identified::Broken(_) => return Err(Reason::SealedByAStranger),
            Identified::Marked(_) | Identified::Unmarked => is_whole = true,
        }
    }
    match is_valid || !(is_whole || reseal_core::looks_sealed(bytes)) {
        true => Ok(()),
        false => Err(Reason::LooksSealed),
    }
}

/// Whether any format that the job knows recognises a cell.
pub(crate) fn looks_sealed(job: &Job, cell: &Cell) -> bool {
    job.recognisers.iter().any(|format| !matches!(format.identify(cell), Identified::NotMine))
}
