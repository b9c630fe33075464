//! Values of Reseal's own tables on their way out.

use reseal_core::Value;

/// Takes the values of a row one by one, in the order in which the query names them. A value of another type counts as
/// none.
pub struct Taker(std::vec::IntoIter<Value>);

impl Taker {
    /// Takes from a row as [`Connection::fetch`](super::Connection::fetch) gives it.
    #[must_use]
    pub fn new(values: Vec<Value>) -> Self {
        Taker(values.into_iter())
    }

    /// The next value, as text; empty for NULL.
    pub fn text(&mut self) -> String {
        self.optional_text().unwrap_or_default()
    }

    /// The next value, as text; `None` for NULL.
    pub fn optional_text(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The next value, as a number; 0 for NULL.
    pub fn int(&mut self) -> i64 {
        self.optional_int().unwrap_or_default()
    }

    /// The next value, as a number; `None` for NULL.
    pub fn optional_int(&mut self) -> Option<i64> {
        match self.0.next() {
            Some(Value::Int(n)) => Some(n),
            _ => None,
        }
    }

    /// The next value, as a count; 0 for NULL.
    pub fn count(&mut self) -> u64 {
        u64::try_from(self.int()).unwrap_or_default()
    }

    /// The next value, as bytes; empty for NULL.
    pub fn bytes(&mut self) -> Vec<u8> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => bytes,
            _ => Vec::new(),
        }
    }
}

/// A count as tables store it.
#[must_use]
pub fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
