//! How the bytes of a piece are written in a cell.

use base64_simd::{AsOut, Base64, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::piece::{MOST_SHORT_BYTES, MOST_SHORT_DIGITS, Piece};

/// How a piece is written. Decoding takes exactly what encoding gives: one spelling per value, so that no two cells
/// mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8 without white space or control characters: key ids and tokens.
    Text,
    /// The bytes themselves.
    Raw,
    /// Lower-case hexadecimal.
    Hex,
    /// RFC 4648 §4, padded.
    Base64,
    /// RFC 4648 §4 without padding.
    Base64NoPad,
    /// RFC 4648 §5, padded.
    Base64Url,
    /// RFC 4648 §5 without padding.
    Base64UrlNoPad,
}

impl Encoding {
    pub(super) const NAMES: [&'static str; 7] =
        ["text", "raw", "hex", "base64", "base64-nopad", "base64url", "base64url-nopad"];

    pub(super) fn parse(name: &str) -> Option<Self> {
        use Encoding::*;
        let all = [Text, Raw, Hex, Base64, Base64NoPad, Base64Url, Base64UrlNoPad];
        Self::NAMES.iter().position(|known| *known == name).map(|at| all[at])
    }

    fn engine(self) -> Option<&'static Base64> {
        match self {
            Encoding::Base64 => Some(&STANDARD),
            Encoding::Base64NoPad => Some(&STANDARD_NO_PAD),
            Encoding::Base64Url => Some(&URL_SAFE),
            Encoding::Base64UrlNoPad => Some(&URL_SAFE_NO_PAD),
            Encoding::Text | Encoding::Raw | Encoding::Hex => None,
        }
    }

    /// Length of `width` bytes as they are written.
    pub(super) fn written(self, width: usize) -> Option<usize> {
        match self {
            Encoding::Text | Encoding::Raw => Some(width),
            Encoding::Hex => width.checked_mul(2),
            Encoding::Base64 | Encoding::Base64Url => width.div_ceil(3).checked_mul(4),
            Encoding::Base64NoPad | Encoding::Base64UrlNoPad => Some(width.checked_mul(4)?.div_ceil(3)),
        }
    }

    /// Whether the byte can occur in what is written.
    pub(super) fn may_hold(self, byte: u8) -> bool {
        match self {
            Encoding::Raw => true,
            // Ids may hold more than these; a tag that holds its own separator is refused when a cell is built.
            Encoding::Text => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Encoding::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Encoding::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Encoding::Base64NoPad => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Encoding::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='),
            Encoding::Base64UrlNoPad => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    }

    /// Appends the bytes as they are written.
    pub(super) fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.engine() {
            Some(engine) => engine.encode_append(bytes, out),
            None if self == Encoding::Hex => out.extend_from_slice(hex::encode(bytes).as_bytes()),
            None => out.extend_from_slice(bytes),
        }
    }

    /// Reads what [`Encoding::write`] wrote, and nothing else.
    pub(super) fn read(self, written: &[u8]) -> Option<Piece<'_>> {
        match self.engine() {
            Some(engine) if written.len() <= MOST_SHORT_DIGITS => {
                let mut bytes = [0; MOST_SHORT_BYTES];
                let length = engine.decode(written, bytes.as_mut_slice().as_out()).ok()?.len();
                Some(Piece::Short(bytes, length))
            }
            Some(engine) => engine.decode_to_vec(written).ok().map(Piece::Owned),
            None => match self {
                Encoding::Hex if written.iter().all(|byte| self.may_hold(*byte)) => {
                    hex::decode(written).ok().map(Piece::Owned)
                }
                Encoding::Hex => None,
                Encoding::Text => is_word(written).then_some(Piece::Lent(written)),
                _ => Some(Piece::Lent(written)),
            },
        }
    }
}

/// Some UTF-8 without white space or control characters.
pub(super) fn is_word(bytes: &[u8]) -> bool {
    // Without a branch per byte: tokens can be a megabyte long.
    if bytes.iter().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
        return !bytes.is_empty();
    }
    let word = std::str::from_utf8(bytes).unwrap_or_default();
    !word.is_empty() && !word.chars().any(|c| c.is_whitespace() || c.is_control())
}
