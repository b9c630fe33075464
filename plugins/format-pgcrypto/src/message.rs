//! What can be read of a message without a key: how its key is derived, and where its ciphertext lies.

use reseal_core::Broken;

use crate::algorithm::Cipher;
use crate::packet::{self, Packet};
use crate::s2k::S2k;

/// A symmetric OpenPGP message: a session-key packet (RFC 4880 §5.3) and one packet of encrypted data (§5.7, §5.13).
#[derive(Debug)]
pub(crate) struct Message {
    /// The cipher of the derived key; the data's cipher too, unless a session key says otherwise.
    pub(crate) cipher: Cipher,
    /// How the passphrase becomes the derived key.
    pub(crate) s2k: S2k,
    /// The data's cipher and key, encrypted under the derived key. Without it the derived key encrypts the data.
    pub(crate) session: Option<Vec<u8>>,
    /// Whether a modification detection code authenticates the data.
    pub(crate) mdc: bool,
    /// The encrypted data.
    pub(crate) body: Vec<u8>,
}

/// The only version of a session-key packet that pgcrypto writes and reads.
const SESSION_KEY_VERSION: u8 = 4;
/// The version of a public-key session-key packet that pgcrypto writes.
const PUBLIC_SESSION_KEY_VERSION: u8 = 3;
/// The only version of encrypted data with MDC.
const MDC_VERSION: u8 = 1;

impl Message {
    /// Reads a message; `None` where the bytes are none.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Broken> {
        match kind(bytes) {
            Kind::Foreign => return Ok(None),
            Kind::PublicKey => return Err(Broken("public-key-message")),
            Kind::Symmetric => {}
        }
        let (key_packet, rest) = Packet::read(bytes)?;
        let (data, rest) = Packet::read(rest)?;
        if key_packet.open_ended || data.open_ended {
            return Err(Broken("packet-without-length"));
        }
        if !rest.is_empty() {
            return Err(Broken("trailing-bytes"));
        }
        let (cipher, s2k, session) = read_session_key(&key_packet.join())?;
        let mut body = data.join();
        let mdc = match data.tag {
            packet::ENCRYPTED => false,
            packet::ENCRYPTED_WITH_MDC => {
                if body.first() != Some(&MDC_VERSION) {
                    return Err(Broken("unknown-mdc-version"));
                }
                body.remove(0);
                true
            }
            _ => return Err(Broken("unexpected-packet")),
        };
        Ok(Some(Message { cipher, s2k, session, mdc, body }))
    }

    /// Writes the message as pgcrypto does.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut head = vec![SESSION_KEY_VERSION, self.cipher.id()];
        self.s2k.write(&mut head);
        head.extend_from_slice(self.session.as_deref().unwrap_or_default());
        let mut out = Vec::with_capacity(2 + head.len() + packet::streamed_length(self.body.len() + 1));
        packet::write_whole(packet::SESSION_KEY, &head, &mut out);
        if self.mdc {
            let body = [&[MDC_VERSION], self.body.as_slice()].concat();
            packet::write_streamed(packet::ENCRYPTED_WITH_MDC, &body, &mut out);
        } else {
            packet::write_streamed(packet::ENCRYPTED, &self.body, &mut out);
        }
        out
    }
}

enum Kind {
    Symmetric,
    PublicKey,
    Foreign,
}

/// What the first packet's header and version say. Anything that starts so and goes wrong later is broken, not
/// foreign: nobody may take it for a plaintext and encrypt it again.
fn kind(bytes: &[u8]) -> Kind {
    let start = packet::peek(bytes).map(|(tag, body)| (tag, bytes.get(body)));
    match start {
        Some((packet::SESSION_KEY, Some(&SESSION_KEY_VERSION))) => Kind::Symmetric,
        Some((packet::PUBLIC_SESSION_KEY, Some(&PUBLIC_SESSION_KEY_VERSION))) => Kind::PublicKey,
        _ => Kind::Foreign,
    }
}

type SessionKey = (Cipher, S2k, Option<Vec<u8>>);

fn read_session_key(body: &[u8]) -> Result<SessionKey, Broken> {
    let Some((&[SESSION_KEY_VERSION, cipher], rest)) = body.split_first_chunk() else {
        return Err(Broken("truncated"));
    };
    let cipher = Cipher::from_id(cipher).ok_or(Broken("unknown-cipher"))?;
    let (s2k, session) = S2k::read(rest)?;
    // One byte for the data's cipher, then a key of one of the lengths that pgcrypto's ciphers take.
    match session.len() {
        0 => Ok((cipher, s2k, None)),
        17 | 25 | 33 => Ok((cipher, s2k, Some(session.to_vec()))),
        _ => Err(Broken("session-key-length")),
    }
}
