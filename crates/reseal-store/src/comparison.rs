//! How a swap's row is compared before it is written.

/// How it is known that a row still is what its swap was planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison<'c> {
    /// The server compares old values.
    ByValue,
    /// The server compares versions, where there are any.
    ByVersion,
    /// The rows of the swaps at these positions are locked, and were compared here: no others are written, and no old value is
    /// sent.
    Here(&'c [usize]),
}

impl<'c> Comparison<'c> {
    pub(crate) fn of(by_version: bool, standing: Option<&'c [usize]>) -> Comparison<'c> {
        match standing {
            Some(standing) => Comparison::Here(standing),
            None if by_version => Comparison::ByVersion,
            None => Comparison::ByValue,
        }
    }
}
