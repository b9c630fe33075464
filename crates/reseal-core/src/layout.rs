//! Layouts: what a cell looks like from outside, as a template that parses and builds cells.

mod encoding;
mod marks;
mod parse;
mod piece;
mod tag_place;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::{Broken, Key, SealError, Value};
use encoding::{Encoding, is_word};
use piece::Piece;

pub use parse::LayoutError;
pub use tag_place::{TagPlace, find_bytes};

/// A template with typed holes that parses and builds cells.
///
/// Holes: `{key}` `{nonce}` `{tag}` `{ciphertext}` `{token}`. A hole says how its bytes are written: `{nonce|base64}`,
/// with `text` (the default of `key` and `token`), `raw`, `hex`, `base64`, `base64url`, and the latter two with
/// `-nopad`. A width in bytes makes a separator needless: `{nonce|12}` is 12 raw bytes, `{nonce|hex|12}` is 24 digits.
/// `{=0180}` are literal bytes; `{{` and `}}` are braces. Everything else stands for itself.
///
/// Cells are read in one way only, and only as they would have been built: [`Layout::split`] of a cell gives the
/// pieces from which [`Layout::build`] makes that cell again, byte for byte. A damaged cell can therefore never pass
/// for the one it was, except where `{key}` itself was hit.
///
/// ```
/// use reseal_core::{Hole, Layout};
///
/// let layout = Layout::parse("{key}:{nonce|base64}:{ciphertext|base64}")?;
/// let pieces = layout.split(b"v1:AAECAwQFBgcICQoL:c2VhbGVk").unwrap();
/// assert_eq!(pieces.get(Hole::Key), Some(&b"v1"[..]));
/// assert_eq!(pieces.get(Hole::Ciphertext), Some(&b"sealed"[..]));
/// # Ok::<(), reseal_core::LayoutError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    items: Vec<Item>,
    binary: bool,
}

/// What a hole of a layout holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hole {
    /// The tag of the key.
    Key,
    /// The nonce.
    Nonce,
    /// The authentication tag, where it does not follow the ciphertext.
    Tag,
    /// The ciphertext, its authentication tag included unless the layout names `{tag}`.
    Ciphertext,
    /// A whole token of a format that has a text form of its own, such as Fernet.
    Token,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(Vec<u8>),
    Slot(Slot),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    hole: Hole,
    encoding: Encoding,
    /// Bytes of the piece, where the layout fixes them.
    width: Option<usize>,
}

/// Why a value is no cell of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Nothing says that the value ever was a cell of this layout.
    NotMine,
    /// The value begins as a cell of this layout and is damaged.
    Broken(Broken),
}

/// Why no cell was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{{{}}}: {why}", .hole.name())]
pub struct UnfitPiece {
    /// The hole whose piece is at fault.
    pub hole: Hole,
    /// What is wrong with it; shows nothing of it.
    pub why: &'static str,
}

impl UnfitPiece {
    /// The same as a format's error: a tag that does not fit is the key's fault, anything else the value's.
    #[must_use]
    pub fn under(self, key: &Key) -> SealError {
        match self.hole {
            Hole::Key => SealError::Key { id: key.id().to_owned(), why: self.why },
            _ => SealError::Unfit(self.why),
        }
    }
}

/// The decoded pieces of a cell, by hole. `Debug` shows which, not what.
#[derive(Clone, Default)]
pub struct Pieces<'c>([Option<Piece<'c>>; 5]);

/// From this many decoded bytes on, a piece is no accident: a random text seldom holds 16 base64 digits between two
/// separators. It is the length of a GCM nonce.
const TELLING_BYTES: usize = 12;

impl Layout {
    /// Parses a layout.
    ///
    /// # Errors
    /// On a mistake of form, and where a cell could be read in two ways or would hold no payload.
    pub fn parse(text: &str) -> Result<Self, LayoutError> {
        let (items, has_bytes) = parse::items(text)?;
        parse::check(&items)?;
        let is_raw = |slot: &Slot| slot.encoding == Encoding::Raw;
        let binary = has_bytes || items.iter().filter_map(Item::slot).any(is_raw);
        Ok(Layout { items, binary })
    }

    /// Whether cells hold bytes that are not text, so that they can only lie in a binary column.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// Whether cells begin with a literal, so that they can be told from anything else at sight.
    #[must_use]
    pub fn begins_with_literal(&self) -> bool {
        matches!(self.items.first(), Some(Item::Literal(_)))
    }

    /// Whether the layout has the hole.
    #[must_use]
    pub fn has(&self, hole: Hole) -> bool {
        self.slots().any(|slot| slot.hole == hole)
    }

    /// The width in bytes that the layout gives a hole.
    #[must_use]
    pub fn width(&self, hole: Hole) -> Option<usize> {
        self.slots().find(|slot| slot.hole == hole).and_then(|slot| slot.width)
    }

    /// The same layout with a width for a hole that has none: a format knows how long its nonce is.
    #[must_use]
    pub fn with_width(mut self, hole: Hole, bytes: usize) -> Self {
        for item in &mut self.items {
            match item {
                Item::Slot(slot) if slot.hole == hole => slot.width = slot.width.or(Some(bytes)),
                _ => {}
            }
        }
        self
    }

    /// Takes a cell apart.
    ///
    /// # Errors
    /// [`Mismatch::NotMine`] for a value that does not begin as a cell of this layout does. Beginning so means: with
    /// the literal that the layout begins with; where it begins with a hole, with pieces that decode, 12 bytes of them
    /// or more; where that first hole is raw, any value does. What begins so and does not go on so is
    /// [`Mismatch::Broken`], so that a damaged cell is never mistaken for something that was not sealed yet.
    pub fn split<'c>(&self, cell: &'c [u8]) -> Result<Pieces<'c>, Mismatch> {
        let mut pieces = Pieces::default();
        let mut rest = cell;
        let mut mine = matches!(self.items.first(), Some(Item::Slot(slot)) if slot.encoding == Encoding::Raw);
        for (at, item) in self.items.iter().enumerate() {
            let fail = |reason| if mine { Mismatch::Broken(Broken(reason)) } else { Mismatch::NotMine };
            match item {
                Item::Literal(literal) => {
                    rest = rest.strip_prefix(literal.as_slice()).ok_or_else(|| fail("no-separator"))?;
                    mine |= at == 0;
                }
                Item::Slot(slot) => {
                    let length =
                        slot.length_in(rest, &self.items[at + 1..]).ok_or_else(|| fail("wrong-length"))?;
                    let (written, after) =
                        rest.split_at_checked(length).ok_or_else(|| fail("wrong-length"))?;
                    let piece = slot.encoding.read(written).ok_or_else(|| fail("bad-encoding"))?;
                    if slot.width.is_some_and(|width| piece.len() != width) {
                        return Err(fail("wrong-length"));
                    }
                    if slot.hole == Hole::Key && !is_word(&piece) {
                        return Err(fail("bad-key-tag"));
                    }
                    let encoded = !matches!(slot.encoding, Encoding::Text | Encoding::Raw);
                    mine |= encoded && piece.len() >= TELLING_BYTES;
                    pieces.0[slot.hole as usize] = Some(piece);
                    rest = after;
                }
            }
        }
        match rest {
            [] => Ok(pieces),
            _ if mine => Err(Mismatch::Broken(Broken("wrong-length"))),
            _ => Err(Mismatch::NotMine),
        }
    }

    /// The tag that a cell of this layout would name, nothing else of it looked at; `None` where the layout does not
    /// begin with the key and a separator, or with a literal and these.
    #[must_use]
    pub fn tag_hint<'c>(&self, cell: &'c [u8]) -> Option<&'c str> {
        self.tag_place()?.tag_of(cell)
    }

    /// What every cell under a key begins with, in such a layout.
    #[must_use]
    pub fn prefix(&self, tag: &str) -> Option<Vec<u8>> {
        Some(self.tag_place()?.prefix(tag))
    }

    /// The literals before and behind the key, where cells begin with these and the key's end is searched, not counted.
    fn tag_place(&self) -> Option<TagPlace<'_>> {
        let (before, items) = match self.items.as_slice() {
            [Item::Literal(literal), items @ ..] => (literal.as_slice(), items),
            items => (&[][..], items),
        };
        match items {
            [
                Item::Slot(Slot { hole: Hole::Key, encoding: Encoding::Text, width: None }),
                Item::Literal(behind),
                rest @ ..,
            ] if fixed_length(rest).is_none() => Some(TagPlace { before, behind }),
            _ => None,
        }
    }

    /// Puts a cell together: text, or bytes where the layout is binary.
    ///
    /// # Errors
    /// When a piece is missing, has not the width of its hole, or could not be told from what follows it.
    pub fn build(&self, pieces: &Pieces<'_>) -> Result<Value, UnfitPiece> {
        let mut cell = Vec::with_capacity(self.items.iter().map(|item| item.room(pieces)).sum());
        for (at, item) in self.items.iter().enumerate() {
            let slot = match item {
                Item::Literal(literal) => {
                    cell.extend_from_slice(literal);
                    continue;
                }
                Item::Slot(slot) => slot,
            };
            let unfit = |why| UnfitPiece { hole: slot.hole, why };
            let piece = pieces.get(slot.hole).ok_or_else(|| unfit("it is missing"))?;
            if slot.width.is_some_and(|width| piece.len() != width) {
                return Err(unfit("its width differs from the layout"));
            }
            if matches!(slot.hole, Hole::Key | Hole::Token) && !is_word(piece) {
                return Err(unfit("it is empty or contains white space or control characters"));
            }
            slot.encoding.write(piece, &mut cell);
            if slot.hole == Hole::Key && self.is_cut_short(at, piece) {
                return Err(unfit("its tag contains the separator that follows it in the layout"));
            }
        }
        if self.binary {
            return Ok(Value::Bytes(cell));
        }
        // Literals, words and encodings of a layout that is not binary are all text.
        String::from_utf8(cell)
            .map(Value::Text)
            .map_err(|_| UnfitPiece { hole: Hole::Key, why: "it is not text" })
    }

    /// Whether a tag holds the separator after it, so that less than the tag would be read back.
    fn is_cut_short(&self, at: usize, tag: &[u8]) -> bool {
        match (&self.items[at], self.items.get(at + 1)) {
            _ if fixed_length(&self.items[at + 1..]).is_some() => false,
            (
                Item::Slot(Slot { encoding: Encoding::Text, width: None, .. }),
                Some(Item::Literal(separator)),
            ) => match separator.as_slice() {
                [byte] => tag.contains(byte),
                _ => find_bytes(&[tag, separator].concat(), separator) != Some(tag.len()),
            },
            _ => false,
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.items.iter().filter_map(Item::slot)
    }
}

impl Slot {
    /// Length of the piece as it is written at the start of `rest`, where it can be told.
    fn length_in(&self, rest: &[u8], after: &[Item]) -> Option<usize> {
        if let Some(width) = self.width {
            return self.encoding.written(width);
        }
        match fixed_length(after) {
            Some(fixed) => rest.len().checked_sub(fixed),
            None => match after.first() {
                Some(Item::Literal(separator)) => find_bytes(rest, separator),
                _ => None,
            },
        }
    }
}

impl Item {
    fn slot(&self) -> Option<&Slot> {
        match self {
            Item::Literal(_) => None,
            Item::Slot(slot) => Some(slot),
        }
    }

    /// Length as it is written, where the layout fixes it.
    fn written(&self) -> Option<usize> {
        match self {
            Item::Literal(literal) => Some(literal.len()),
            Item::Slot(slot) => slot.encoding.written(slot.width?),
        }
    }

    fn room(&self, pieces: &Pieces<'_>) -> usize {
        match self {
            Item::Literal(literal) => literal.len(),
            Item::Slot(slot) => {
                pieces.get(slot.hole).and_then(|piece| slot.encoding.written(piece.len())).unwrap_or_default()
            }
        }
    }
}

impl Hole {
    const NAMES: [&'static str; 5] = ["key", "nonce", "tag", "ciphertext", "token"];

    /// The hole's name in a layout.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    fn parse(name: &str) -> Option<Self> {
        use Hole::*;
        [Key, Nonce, Tag, Ciphertext, Token].into_iter().find(|hole| hole.name() == name)
    }
}

impl<'c> Pieces<'c> {
    /// The bytes of a piece.
    #[must_use]
    pub fn get(&self, hole: Hole) -> Option<&[u8]> {
        self.0[hole as usize].as_deref()
    }

    /// Takes a piece out.
    pub fn take(&mut self, hole: Hole) -> Option<Cow<'c, [u8]>> {
        self.0[hole as usize].take().map(Piece::into_cow)
    }

    /// Adds or replaces a piece.
    #[must_use]
    pub fn with(mut self, hole: Hole, bytes: impl Into<Cow<'c, [u8]>>) -> Self {
        self.0[hole as usize] = Some(Piece::from(bytes.into()));
        self
    }

    /// The tag of the key, where the layout has one.
    pub fn take_key(&mut self) -> Option<Cow<'c, str>> {
        match self.take(Hole::Key)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }
}

impl fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = Hole::NAMES.iter().zip(&self.0).filter(|(_, piece)| piece.is_some());
        f.debug_set().entries(present.map(|(name, _)| name)).finish()
    }
}

/// Length of these items as they are written, where the layout fixes it.
fn fixed_length(items: &[Item]) -> Option<usize> {
    items.iter().map(Item::written).sum()
}
