//! A database value, as far as Reseal has to tell values apart.

use std::borrow::Cow;
use std::fmt;

/// What one column of one row holds.
///
/// `Debug` shows kind and size only: a value may be a plaintext that is about to be sealed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// Any integer column, up to 64 bits, signed.
    Int(i64),
    /// A character column; always valid UTF-8 on this side of the connection.
    Text(String),
    /// A binary column.
    Bytes(Vec<u8>),
    /// A UUID, in network byte order (RFC 9562 §4).
    Uuid([u8; 16]),
}

impl Value {
    /// True for SQL NULL, and only for it: an empty string is a value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value's bytes: UTF-8 of a text, the bytes of a binary value, the decimal text of an integer, the
    /// hyphenated lower-case text of a UUID. `None` for NULL.
    #[must_use]
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Value::Null => None,
            Value::Int(n) => Some(Cow::Owned(n.to_string().into_bytes())),
            Value::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Value::Uuid(bytes) => Some(Cow::Owned(hyphenated(bytes).into_bytes())),
        }
    }

    /// The bytes of a text or a binary value, which are the kinds that hold cells; `None` for all others.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self {
            Value::Text(text) => Some(text.as_bytes()),
            Value::Bytes(bytes) => Some(bytes),
            Value::Null | Value::Int(_) | Value::Uuid(_) => None,
        }
    }

    /// The value as text, where it is one: texts, integers and UUIDs, and binary values that are valid UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Null => None,
            Value::Int(n) => Some(Cow::Owned(n.to_string())),
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Value::Uuid(bytes) => Some(Cow::Owned(hyphenated(bytes))),
        }
    }

    /// Size in bytes as it counts against a batch's byte bound.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Value::Null => 0,
            Value::Int(_) => 8,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Uuid(_) => 16,
        }
    }
}

fn hyphenated(bytes: &[u8; 16]) -> String {
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("Null"),
            Value::Int(_) => f.write_str("Int"),
            Value::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Value::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Value::Uuid(_) => f.write_str("Uuid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_string_is_not_null() {
        assert!(!Value::Text(String::new()).is_null());
        assert_eq!(Value::Text(String::new()).bytes().unwrap().len(), 0);
        assert!(Value::Null.bytes().is_none());
    }

    #[test]
    fn a_uuid_reads_as_its_hyphenated_text() {
        let uuid = Value::Uuid([
            0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00,
        ]);
        assert_eq!(uuid.text().unwrap(), "123e4567-e89b-12d3-a456-426614174000");
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Value::Text("secret".into())), "Text(6 bytes)");
    }
}
