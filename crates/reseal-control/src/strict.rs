//! Columns of a row, read strictly: a value of another type is none.

use reseal_core::Value;

/// A row as it was found.
#[derive(Clone, Copy)]
pub(crate) struct Strict<'r>(pub(crate) &'r [Value]);

impl<'r> Strict<'r> {
    /// The text in a column.
    pub(crate) fn text(self, at: usize) -> Option<&'r str> {
        match self.0.get(at) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The number in a column.
    pub(crate) fn int(self, at: usize) -> Option<i64> {
        match self.0.get(at) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }
}
