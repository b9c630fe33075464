//! Under which seal and key a cell is: by what it says, or by opening it.

use reseal_core::Key;
use reseal_store::Row;

use crate::cell::claim::{Claim, claim, is_null, takes, unsealed};
use crate::cell::deks::Deks;
use crate::cell::field::FieldTarget;
use crate::cell::open::{Fault, Opening, Trust};
use crate::cell::standing::Standing;
use crate::reason::Reason;

/// How cells are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By what they say.
    Mark,
    /// By opening each.
    Opened,
}

/// A cell's seal and key.
#[derive(Clone, Copy)]
pub(super) struct Line<'j> {
    /// The seal by its position among the field's; `None` for what no seal recognises.
    pub(super) seal: Option<usize>,
    /// The key; `None` where none is named or none opens the cell.
    pub(super) key: Option<&'j Key>,
    /// Whether it opened and nothing authenticates it, although cells of its format can be.
    pub(super) unauthenticated: bool,
}

impl Line<'_> {
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key.map(Key::id)
    }

    /// Whether a run has to move the cell.
    pub(super) fn is_old(&self, field: &FieldTarget) -> bool {
        Standing::of(field.job(), self.seal, self.key_id()) == Standing::Old
    }
}

/// The seal and key that open a cell; `None` for NULL.
pub(super) fn opened<'j>(
    field: &'j FieldTarget,
    row: &Row,
    deks: Option<&Deks>,
) -> Result<Option<Line<'j>>, Fault> {
    match field.open_with_mirrors(row, Trust::Nothing, deks) {
        Opening::Null => Ok(None),
        Opening::Opened(opened) => {
            let unauthenticated = opened.lacks_authentication(field.job());
            Ok(Some(Line { seal: Some(opened.seal), key: opened.key, unauthenticated }))
        }
        Opening::Broken(fault) => Err(fault),
        // With trust in nothing no cell is left unopened.
        Opening::Marked | Opening::Shut(_) => Err(Fault { reason: Reason::NotOpened, seal: None }),
    }
}

/// What a cell says of itself, no key asked; `None` for NULL. A cell that says nothing of its key is counted under no key.
pub(super) fn marked<'j>(field: &'j FieldTarget, row: &Row) -> Option<Line<'j>> {
    let job = field.job();
    let Some(cell) = field.cell(&row.values) else {
        return Some(Line { seal: None, key: None, unauthenticated: false });
    };
    if is_null(&cell) {
        return None;
    }
    let sealing = job.seals().enumerate().filter(|(_, seal)| !seal.format.plaintext && takes(seal, &cell));
    for (at, seal) in sealing {
        let tag = match claim(seal, &cell) {
            Claim::No => continue,
            Claim::Broken(_) => None,
            Claim::Mark(mark) => mark,
        };
        let key = tag.and_then(|tag| seal.keyset.by_tag(&tag));
        return Some(Line { seal: Some(at), key, unauthenticated: false });
    }
    Some(Line { seal: unsealed(field.whole_job(), job, &cell).ok(), key: None, unauthenticated: false })
}
