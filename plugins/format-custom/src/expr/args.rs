//! The values of arguments.

use zeroize::Zeroizing;

/// Bytes that are wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// The value of an argument.
pub(super) enum Argument {
    Bytes(Secret),
    Number(u64),
}

/// The values of a function's arguments, which were checked against its kinds.
pub(super) struct Args(pub(super) Vec<Argument>);

impl Args {
    pub(super) fn bytes(&self, at: usize) -> &[u8] {
        match self.0.get(at) {
            Some(Argument::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    pub(super) fn number(&self, at: usize) -> usize {
        match self.0.get(at) {
            Some(Argument::Number(number)) => usize::try_from(*number).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.0.len()).map(|at| self.bytes(at))
    }
}
