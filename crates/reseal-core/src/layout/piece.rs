//! One decoded piece of a cell.

use std::borrow::Cow;
use std::ops::Deref;

/// Bytes that a piece holds without an allocation: those of any nonce and any tag.
pub(super) const MOST_SHORT_BYTES: usize = 18;
/// Base64 digits of so many bytes.
pub(super) const MOST_SHORT_DIGITS: usize = MOST_SHORT_BYTES / 3 * 4;

/// The bytes of a piece, wherever they are.
#[derive(Clone)]
pub(super) enum Piece<'c> {
    /// In the cell.
    Lent(&'c [u8]),
    /// Here; the second is how many.
    Short([u8; MOST_SHORT_BYTES], usize),
    /// In memory of their own.
    Owned(Vec<u8>),
}

impl<'c> Piece<'c> {
    pub(super) fn into_cow(self) -> Cow<'c, [u8]> {
        match self {
            Piece::Lent(bytes) => Cow::Borrowed(bytes),
            Piece::Short(bytes, length) => Cow::Owned(bytes[..length].to_vec()),
            Piece::Owned(bytes) => Cow::Owned(bytes),
        }
    }
}

impl<'c> From<Cow<'c, [u8]>> for Piece<'c> {
    fn from(bytes: Cow<'c, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => Piece::Lent(bytes),
            Cow::Owned(bytes) => Piece::Owned(bytes),
        }
    }
}

impl Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Piece::Lent(bytes) => bytes,
            Piece::Short(bytes, length) => &bytes[..*length],
            Piece::Owned(bytes) => bytes,
        }
    }
}
