//! What a message encrypts: a random prefix, literal data, maybe compressed, and a modification detection code.

use reseal_core::{Broken, OpenError};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::algorithm::Cipher;
use crate::compression::{Compression, Inflated};
use crate::packet::{self, Packet};

/// Header of the packet that holds the modification detection code (RFC 4880 §5.14).
const MDC_HEADER: [u8; 2] = [0xd3, 20];
/// Length of that packet: header and SHA-1.
const MDC_PACKET: usize = 22;
/// Length of a literal packet's head without a file name: type, length of the name, date.
const LITERAL_HEAD: usize = 6;
/// The initialisation vector of every first block: OpenPGP's random prefix stands in for it.
pub(crate) const ZERO_IV: [u8; 16] = [0; 16];

/// Literal data (RFC 4880 §5.9) and how it is packed.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) compression: Compression,
    /// Type, file name and date, as they lie in the packet.
    pub(crate) head: Vec<u8>,
    pub(crate) data: Zeroizing<Vec<u8>>,
}

impl Payload {
    /// Reads what [`decrypt`] gave: prefix, packets, and the code where there is one.
    ///
    /// Once the code is right so is the key, and what goes wrong then is broken. Without it, only a strict reading
    /// tells a right key from a wrong one.
    pub(crate) fn read(cipher: Cipher, text: &[u8], mdc: bool) -> Result<Self, OpenError> {
        if !prefix_repeats(cipher, text) {
            return Err(OpenError::NotThisKey);
        }
        let prefix = cipher.block_length() + 2;
        if !mdc {
            return Payload::unpack(&text[prefix..]).map_err(|_| OpenError::NotThisKey);
        }
        let hashed = text.len().checked_sub(MDC_PACKET).filter(|end| *end >= prefix);
        let (packets, code) = text.split_at(hashed.ok_or(OpenError::NotThisKey)?);
        if !bool::from(mdc_packet(packets).ct_eq(code)) {
            return Err(OpenError::NotThisKey);
        }
        Payload::unpack(&packets[prefix..]).map_err(OpenError::Broken)
    }

    fn unpack(packets: &[u8]) -> Result<Self, Broken> {
        let outer = only_packet(packets)?;
        if outer.tag != packet::COMPRESSED {
            return Payload::from_literal(&outer, Compression::None);
        }
        let body = Zeroizing::new(outer.join());
        let Inflated { compression, packets } = Compression::inflate(&body)?;
        Payload::from_literal(&only_packet(&packets)?, compression)
    }

    fn from_literal(packet: &Packet<'_>, compression: Compression) -> Result<Self, Broken> {
        if packet.tag != packet::LITERAL {
            return Err(Broken("unexpected-packet"));
        }
        let body = Zeroizing::new(packet.join());
        let (Some(b't' | b'u' | b'b'), Some(name)) = (body.first(), body.get(1)) else {
            return Err(Broken("literal-type"));
        };
        let head = LITERAL_HEAD + usize::from(*name);
        let (head, data) = body.split_at_checked(head).ok_or(Broken("truncated"))?;
        Ok(Payload { compression, head: head.to_vec(), data: Zeroizing::new(data.to_vec()) })
    }

    /// Writes prefix, packets and, if asked to, the code.
    pub(crate) fn write(&self, prefix: &[u8], mdc: bool) -> Zeroizing<Vec<u8>> {
        let body = Zeroizing::new([self.head.as_slice(), self.data.as_slice()].concat());
        let mut literal = Zeroizing::new(Vec::with_capacity(packet::streamed_length(body.len())));
        packet::write_streamed(packet::LITERAL, &body, &mut literal);
        let compressed = self.compression.deflate(&literal);
        let packets = compressed.as_ref().unwrap_or(&literal);
        let length = prefix.len() + 2 + packet::streamed_length(packets.len()) + MDC_PACKET;
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        text.extend_from_slice(prefix);
        text.extend_from_slice(&prefix[prefix.len() - 2..]);
        match &compressed {
            Some(body) => packet::write_streamed(packet::COMPRESSED, body, &mut text),
            None => text.extend_from_slice(&literal),
        }
        if mdc {
            let code = mdc_packet(&text);
            text.extend_from_slice(&code);
        }
        text
    }
}

/// The one packet that fills the bytes.
fn only_packet(bytes: &[u8]) -> Result<Packet<'_>, Broken> {
    let (packet, rest) = Packet::read(bytes)?;
    if rest.is_empty() { Ok(packet) } else { Err(Broken("trailing-bytes")) }
}

/// The modification detection code's packet; its own header is hashed too.
fn mdc_packet(text: &[u8]) -> [u8; MDC_PACKET] {
    let hash = Sha1::new().chain_update(text).chain_update(MDC_HEADER).finalize();
    let mut packet = [0; MDC_PACKET];
    packet[..2].copy_from_slice(&MDC_HEADER);
    packet[2..].copy_from_slice(&hash);
    packet
}

/// Whether the last two bytes of the first block come twice, as they must.
pub(crate) fn prefix_repeats(cipher: Cipher, text: &[u8]) -> bool {
    let block = cipher.block_length();
    text.get(block - 2..block + 2).is_some_and(|bytes| bytes[..2] == bytes[2..])
}

/// Decrypts a message's body under the data's key; `None` where the prefix shows that this is not the key.
pub(crate) fn decrypt(cipher: Cipher, key: &[u8], body: &[u8], mdc: bool) -> Option<Zeroizing<Vec<u8>>> {
    let block = cipher.block_length();
    let iv = &ZERO_IV[..block];
    let mut text = Zeroizing::new(body.to_vec());
    // Nearly every wrong key shows in the prefix, so that a long body is not decrypted in vain.
    let (prefix, rest) = text.split_at_mut_checked(block + 2)?;
    cipher.decrypt(key, iv, prefix);
    if !prefix_repeats(cipher, prefix) {
        return None;
    }
    if mdc {
        text.copy_from_slice(body);
        cipher.decrypt(key, iv, &mut text);
    } else {
        // Without MDC, OpenPGP starts anew after the prefix (RFC 4880 §13.9).
        cipher.decrypt(key, &body[2..block + 2], rest);
    }
    Some(text)
}

/// Encrypts what [`Payload::write`] gave.
pub(crate) fn encrypt(cipher: Cipher, key: &[u8], text: &mut [u8], mdc: bool) {
    let block = cipher.block_length();
    let iv = &ZERO_IV[..block];
    if mdc {
        return cipher.encrypt(key, iv, text);
    }
    let (prefix, rest) = text.split_at_mut(block + 2);
    cipher.encrypt(key, iv, prefix);
    cipher.encrypt(key, &prefix[2..], rest);
}
