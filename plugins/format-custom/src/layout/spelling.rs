//! How bytes of a cell are written.

use std::borrow::Cow;

use base64_simd::{Base64, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// How bytes are written. Each is read in one spelling only, the one that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Text that stands for itself: graphic characters only.
    Text,
    /// Bytes as they are.
    Raw,
    /// Lower-case hexadecimal digits.
    Hex,
    /// Upper-case hexadecimal digits.
    HexUpper,
    /// Base64 (RFC 4648 §4), padded.
    Base64,
    /// Base64 without padding.
    Base64NoPad,
    /// URL-safe base64 (RFC 4648 §5), padded.
    Base64Url,
    /// URL-safe base64 without padding.
    Base64UrlNoPad,
    /// Padded base64 with a line break after each 60 digits and at the end, as Ruby's `pack("m")` writes.
    Base64Lines,
    /// The bytes that hexadecimal digits stand for: the part is the digits, the cell has the bytes.
    Unhex,
}

/// Digits of a line, where there are lines.
const LINE: usize = 60;

/// All spellings by their names in a layout.
const NAMED: [(&str, Spelling); 10] = [
    ("text", Spelling::Text),
    ("raw", Spelling::Raw),
    ("hex", Spelling::Hex),
    ("hex-upper", Spelling::HexUpper),
    ("base64", Spelling::Base64),
    ("base64-nopad", Spelling::Base64NoPad),
    ("base64url", Spelling::Base64Url),
    ("base64url-nopad", Spelling::Base64UrlNoPad),
    ("base64-lines", Spelling::Base64Lines),
    ("unhex", Spelling::Unhex),
];

impl Spelling {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, spelling)| spelling)
    }

    pub(crate) fn names() -> Vec<&'static str> {
        NAMED.iter().map(|(name, _)| *name).collect()
    }

    fn engine(self) -> Option<&'static Base64> {
        match self {
            Spelling::Base64 | Spelling::Base64Lines => Some(&STANDARD),
            Spelling::Base64NoPad => Some(&STANDARD_NO_PAD),
            Spelling::Base64Url => Some(&URL_SAFE),
            Spelling::Base64UrlNoPad => Some(&URL_SAFE_NO_PAD),
            Spelling::Text | Spelling::Raw | Spelling::Hex | Spelling::HexUpper | Spelling::Unhex => None,
        }
    }

    /// Whether what is written is text whatever the bytes are.
    pub(crate) fn is_text(self) -> bool {
        !matches!(self, Spelling::Raw | Spelling::Unhex)
    }

    /// Length of `width` bytes as they are written.
    pub(crate) fn written(self, width: usize) -> Option<usize> {
        match self {
            Spelling::Text | Spelling::Raw => Some(width),
            Spelling::Unhex => Some(width.div_ceil(2)),
            Spelling::Hex | Spelling::HexUpper => width.checked_mul(2),
            Spelling::Base64 | Spelling::Base64Url => width.div_ceil(3).checked_mul(4),
            Spelling::Base64NoPad | Spelling::Base64UrlNoPad => Some(width.checked_mul(4)?.div_ceil(3)),
            Spelling::Base64Lines => {
                let digits = width.div_ceil(3).checked_mul(4)?;
                digits.checked_add(digits.div_ceil(LINE))
            }
        }
    }

    /// Whether the byte can occur in what is written.
    pub(crate) fn may_hold(self, byte: u8) -> bool {
        let digit = byte.is_ascii_alphanumeric();
        match self {
            Spelling::Raw | Spelling::Unhex => true,
            // Ids may hold more than these; a tag that holds its own separator is refused when a cell is built.
            Spelling::Text => digit || matches!(byte, b'_' | b'-'),
            Spelling::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Spelling::HexUpper => matches!(byte, b'0'..=b'9' | b'A'..=b'F'),
            Spelling::Base64 => digit || matches!(byte, b'+' | b'/' | b'='),
            Spelling::Base64Lines => digit || matches!(byte, b'+' | b'/' | b'=' | b'\n'),
            Spelling::Base64NoPad => digit || matches!(byte, b'+' | b'/'),
            Spelling::Base64Url => digit || matches!(byte, b'-' | b'_' | b'='),
            Spelling::Base64UrlNoPad => digit || matches!(byte, b'-' | b'_'),
        }
    }

    /// Appends the bytes as they are written.
    pub(crate) fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        match (self, self.engine()) {
            (Spelling::Base64Lines, _) => write_lines(bytes, out),
            (_, Some(engine)) => engine.encode_append(bytes, out),
            (Spelling::Hex, None) => out.extend_from_slice(hex::encode(bytes).as_bytes()),
            (Spelling::HexUpper, None) => out.extend_from_slice(hex::encode_upper(bytes).as_bytes()),
            // Digits that are none leave nothing, whose length is then wrong.
            (Spelling::Unhex, None) => out.extend(hex::decode(bytes).unwrap_or_default()),
            (_, None) => out.extend_from_slice(bytes),
        }
    }

    /// Reads what [`Spelling::write`] wrote, and nothing else.
    pub(crate) fn read(self, written: &[u8]) -> Option<Cow<'_, [u8]>> {
        match (self, self.engine()) {
            (Spelling::Base64Lines, _) => read_lines(written).map(Cow::Owned),
            (_, Some(engine)) => engine.decode_to_vec(written).ok().map(Cow::Owned),
            (Spelling::Hex | Spelling::HexUpper, None) => {
                let all = written.iter().all(|byte| self.may_hold(*byte));
                hex::decode(written).ok().filter(|_| all).map(Cow::Owned)
            }
            (Spelling::Text, None) => is_word(written).then_some(Cow::Borrowed(written)),
            (Spelling::Unhex, None) => Some(Cow::Owned(hex::encode(written).into_bytes())),
            (_, None) => Some(Cow::Borrowed(written)),
        }
    }
}

fn write_lines(bytes: &[u8], out: &mut Vec<u8>) {
    for line in STANDARD.encode_to_string(bytes).as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

fn read_lines(written: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = written.iter().copied().filter(|byte| *byte != b'\n').collect();
    let bytes = STANDARD.decode_to_vec(&digits).ok()?;
    let mut again = Vec::with_capacity(written.len());
    write_lines(&bytes, &mut again);
    (again == written).then_some(bytes)
}

/// Some UTF-8 without white space or control characters.
pub(crate) fn is_word(bytes: &[u8]) -> bool {
    let word = std::str::from_utf8(bytes).unwrap_or_default();
    !word.is_empty() && !word.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_reads_what_it_writes_and_nothing_else() {
        for (name, spelling) in NAMED {
            for length in [1, 2, 3, 15, 16, 45, 46, 100] {
                let length = if spelling == Spelling::Unhex { length * 2 } else { length };
                let bytes: Vec<u8> = (0..length).map(|at| b'a' + (at % 6) as u8).collect();
                let mut written = Vec::new();
                spelling.write(&bytes, &mut written);
                assert_eq!(spelling.read(&written).as_deref(), Some(&bytes[..]), "{name}");
                assert_eq!(spelling.written(length), Some(written.len()), "{name} of {length}");
                assert!(written.iter().all(|byte| spelling.may_hold(*byte)), "{name}");
                if spelling.is_text() {
                    written.push(b' ');
                    assert_eq!(spelling.read(&written), None, "{name}");
                }
            }
        }
        assert_eq!(Spelling::Hex.read(b"AB"), None);
        assert_eq!(Spelling::HexUpper.read(b"ab"), None);
        // The last digit has bits that mean nothing.
        assert_eq!(Spelling::Base64.read(b"QR=="), None);
        assert_eq!(Spelling::Base64Lines.read(b"QUJD"), None);
    }
}
