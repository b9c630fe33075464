//! A cell: one stored encrypted value.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use crate::Value;

/// The role that one column plays in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The ciphertext, or the whole cell where it lies in one column.
    Ciphertext,
    /// The nonce or initialisation vector.
    Nonce,
    /// The authentication tag, where it is kept apart from the ciphertext.
    Tag,
    /// A DEK wrapped under a KEK.
    WrappedDek,
    /// The nonce of the wrapped DEK.
    DekNonce,
    /// The mark: which key the cell says it is sealed under.
    Key,
}

impl Part {
    /// The part's name in a plan.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Ciphertext => "ciphertext",
            Part::Nonce => "nonce",
            Part::Tag => "tag",
            Part::WrappedDek => "wrapped_dek",
            Part::DekNonce => "dek_nonce",
            Part::Key => "key",
        }
    }

    /// All parts, in the order in which a plan lists them.
    pub const ALL: [Part; 6] =
        [Part::Ciphertext, Part::Nonce, Part::Tag, Part::WrappedDek, Part::DekNonce, Part::Key];
}

/// One stored encrypted value: what one column holds, or the parts in several columns of one row.
///
/// The parts are lent by the row (`'v`) or the cell's own: a cell that is only opened is never copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell<'v> {
    /// Nearly every cell lies in one column.
    parts: SmallVec<[(Part, Cow<'v, Value>); 1]>,
}

impl<'v> Cell<'v> {
    /// A cell that lies in one column.
    #[must_use]
    pub fn whole(value: Value) -> Self {
        Cell { parts: smallvec![(Part::Ciphertext, Cow::Owned(value))] }
    }

    /// A cell of the given parts; each part at most once.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = (Part, Value)>) -> Self {
        Cell::lent(parts.into_iter().map(|(part, value)| (part, Cow::Owned(value))))
    }

    /// A cell of parts that may be the row's own; each part at most once.
    #[must_use]
    pub fn lent(parts: impl IntoIterator<Item = (Part, Cow<'v, Value>)>) -> Self {
        Cell { parts: parts.into_iter().collect() }
    }

    /// A cell of one part, which may be the row's own.
    #[must_use]
    pub fn lent_whole(part: Part, value: Cow<'v, Value>) -> Self {
        Cell { parts: smallvec![(part, value)] }
    }

    /// The value of a part; `None` where the cell has no such part.
    #[must_use]
    pub fn get(&self, part: Part) -> Option<&Value> {
        self.parts().find(|(p, _)| *p == part).map(|(_, value)| value)
    }

    /// The bytes of a part; `None` where the part is missing or NULL.
    #[must_use]
    pub fn bytes(&self, part: Part) -> Option<Cow<'_, [u8]>> {
        self.get(part).and_then(Value::bytes)
    }

    /// Adds or replaces a part.
    #[must_use]
    pub fn with(mut self, part: Part, value: Value) -> Self {
        match self.parts.iter_mut().find(|(p, _)| *p == part) {
            Some((_, slot)) => *slot = Cow::Owned(value),
            None => self.parts.push((part, Cow::Owned(value))),
        }
        self
    }

    /// The parts, in the order in which they were given.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &Value)> {
        self.parts.iter().map(|(part, value)| (*part, value.as_ref()))
    }

    /// Takes a part out; `None` where the cell has no such part.
    pub fn take(&mut self, part: Part) -> Option<Value> {
        let at = self.parts.iter().position(|(p, _)| *p == part)?;
        Some(self.parts.swap_remove(at).1.into_owned())
    }

    /// Size of all parts in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.parts().map(|(_, value)| value.size()).sum()
    }
}
