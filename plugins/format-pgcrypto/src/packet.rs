//! OpenPGP packets: a tag, a length or a chain of lengths, and a body (RFC 4880 §4.2).

use reseal_core::Broken;

/// Session key, encrypted under a public key.
pub(crate) const PUBLIC_SESSION_KEY: u8 = 1;
/// Session key, encrypted under a passphrase (SKESK).
pub(crate) const SESSION_KEY: u8 = 3;
/// Compressed packets.
pub(crate) const COMPRESSED: u8 = 8;
/// Encrypted data without authentication.
pub(crate) const ENCRYPTED: u8 = 9;
/// Literal data.
pub(crate) const LITERAL: u8 = 11;
/// Encrypted data with a modification detection code (SEIPD).
pub(crate) const ENCRYPTED_WITH_MDC: u8 = 18;

/// pgcrypto writes bodies in pieces of this size (2^14), and what is left with an ordinary length.
const PIECE: usize = 1 << PIECE_SHIFT;
const PIECE_SHIFT: u8 = 14;

/// A packet whose body may lie in several pieces.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) tag: u8,
    /// True where the packet names no length and ends with its surroundings.
    pub(crate) open_ended: bool,
    pieces: Vec<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// Reads the first packet; what follows it is returned with it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Broken> {
        let (&header, rest) = bytes.split_first().ok_or(TRUNCATED)?;
        if header & 0x80 == 0 {
            return Err(Broken("no-packet"));
        }
        if header & 0x40 != 0 {
            let (pieces, rest) = read_pieces(rest)?;
            return Ok((Packet { tag: header & 0x3f, open_ended: false, pieces }, rest));
        }
        let tag = (header >> 2) & 0x0f;
        let width = match header & 3 {
            3 => return Ok((Packet { tag, open_ended: true, pieces: vec![rest] }, &[])),
            exponent => 1 << exponent,
        };
        let (body, rest) = take(rest, width)?;
        Ok((Packet { tag, open_ended: false, pieces: vec![body] }, rest))
    }

    /// The body in one piece. Allocates once, so that no copy of a plaintext stays behind.
    pub(crate) fn join(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// The tag of the first packet and where its body begins, even where the packet is cut short.
pub(crate) fn peek(bytes: &[u8]) -> Option<(u8, usize)> {
    let &header = bytes.first()?;
    if header & 0x80 == 0 {
        return None;
    }
    if header & 0x40 == 0 {
        return Some(((header >> 2) & 0x0f, [2, 3, 5, 1][usize::from(header & 3)]));
    }
    let length = match bytes.get(1)? {
        192..224 => 2,
        255 => 5,
        _ => 1,
    };
    Some((header & 0x3f, 1 + length))
}

const TRUNCATED: Broken = Broken("truncated");

/// The pieces of a body with lengths of the new form (RFC 4880 §4.2.2).
fn read_pieces(mut bytes: &[u8]) -> Result<(Vec<&[u8]>, &[u8]), Broken> {
    let mut pieces = Vec::new();
    loop {
        let (&first, rest) = bytes.split_first().ok_or(TRUNCATED)?;
        let (length, rest) = match first {
            0..192 => (usize::from(first), rest),
            192..224 => {
                let (&second, rest) = rest.split_first().ok_or(TRUNCATED)?;
                (((usize::from(first) - 192) << 8) + usize::from(second) + 192, rest)
            }
            224..255 => (1 << (first & 0x1f), rest),
            255 => {
                let (body, rest) = take(rest, 4)?;
                pieces.push(body);
                return Ok((pieces, rest));
            }
        };
        pieces.push(rest.get(..length).ok_or(TRUNCATED)?);
        bytes = &rest[length..];
        if !(224..255).contains(&first) {
            return Ok((pieces, bytes));
        }
    }
}

/// Takes a body whose length is written before it, in `width` bytes.
fn take(bytes: &[u8], width: usize) -> Result<(&[u8], &[u8]), Broken> {
    let (length, rest) = bytes.split_at_checked(width).ok_or(TRUNCATED)?;
    let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(length).ok_or(TRUNCATED)
}

/// The size that [`write_streamed`] makes of a body, at most.
pub(crate) fn streamed_length(body: usize) -> usize {
    1 + body + body / PIECE + 5
}

/// Writes a packet as pgcrypto streams it: full pieces, then the rest, even an empty one.
pub(crate) fn write_streamed(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(0xc0 | tag);
    let pieces = body.chunks_exact(PIECE);
    let rest = pieces.remainder();
    for piece in pieces {
        out.push(0xe0 | PIECE_SHIFT);
        out.extend_from_slice(piece);
    }
    write_length(rest.len(), out);
    out.extend_from_slice(rest);
}

/// Writes a packet with one ordinary length.
pub(crate) fn write_whole(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(0xc0 | tag);
    write_length(body.len(), out);
    out.extend_from_slice(body);
}

/// Writes a length below [`PIECE`] in the new form's shortest way.
fn write_length(length: usize, out: &mut Vec<u8>) {
    debug_assert!(length < PIECE);
    match length {
        0..192 => out.push(length as u8),
        192..8384 => out.extend([192 + ((length - 192) >> 8) as u8, (length - 192) as u8]),
        _ => {
            out.push(255);
            out.extend((length as u32).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_all_lengths_read_back() {
        for length in [0, 1, 191, 192, 193, 8383, 8384, 16383, 16384, 16385, 32768, 100_000] {
            let body = vec![7; length];
            let mut bytes = Vec::new();
            write_streamed(LITERAL, &body, &mut bytes);
            assert!(bytes.len() <= streamed_length(length), "{length}");
            bytes.push(0xff);
            let (packet, rest) = Packet::read(&bytes).unwrap();
            assert_eq!((packet.tag, rest), (LITERAL, &[0xff][..]));
            assert_eq!(packet.join(), body);
        }
    }

    #[test]
    fn old_lengths_are_read() {
        for (bytes, length) in
            [(&[0x8c, 1, 9][..], 1), (&[0x8d, 0, 2, 9, 9], 2), (&[0x8e, 0, 0, 0, 1, 9], 1), (&[0x8f, 9], 1)]
        {
            let (packet, rest) = Packet::read(bytes).unwrap();
            assert_eq!((packet.tag, packet.join(), rest), (SESSION_KEY, vec![9; length], &[][..]));
            assert_eq!(packet.open_ended, bytes[0] == 0x8f);
        }
    }

    #[test]
    fn a_missing_byte_is_noticed() {
        for bytes in [&[][..], &[0xcb], &[0xcb, 2, 1], &[0xcb, 192], &[0xcb, 255, 0, 0], &[0xcb, 0xe0, 1]] {
            assert_eq!(Packet::read(bytes).unwrap_err(), TRUNCATED);
        }
    }
}
