//! Everything that a message is made by, but passphrase, random bytes and value.

use std::str;

use reseal_core::{Key, Plaintext, ValuePart};
use zeroize::Zeroizing;

use crate::algorithm::{Cipher, Digest};
use crate::compression::Compression;
use crate::fresh::Fresh;
use crate::leak;
use crate::message::Message;
use crate::payload::{self, Payload};
use crate::recent::Recent;
use crate::s2k::{Mode, S2k, SALT};

/// The literal type of bytes that are no text.
pub(crate) const BYTES: u8 = b'b';

/// The options of `pgp_sym_encrypt` that can be read back from its messages. Salts in `s2k` are replaced.
pub(crate) struct Recipe {
    /// `s2k-cipher-algo`
    pub(crate) cipher: Cipher,
    /// `s2k-mode`, `s2k-digest-algo`, `s2k-count`
    pub(crate) s2k: S2k,
    /// `sess-key`, with the `cipher-algo` of its data
    pub(crate) session: Option<Cipher>,
    /// Not `disable-mdc`
    pub(crate) mdc: bool,
    /// `compress-algo`
    pub(crate) compression: Compression,
    /// The literal packet's type (`unicode-mode`), file name and date
    pub(crate) head: Vec<u8>,
}

impl Recipe {
    /// pgcrypto's defaults.
    pub(crate) fn new(literal: u8, text: &[u8], fresh: &Fresh) -> Self {
        Recipe {
            cipher: Cipher::Aes128,
            s2k: S2k { digest: Digest::Sha1, mode: Mode::Iterated([0; SALT], fresh.count) },
            session: None,
            mdc: true,
            compression: Compression::None,
            head: new_head(literal, text),
        }
    }

    /// What made another message: `model` says what can be read without its key, the plaintext's aside the rest.
    ///
    /// A cell that CVE-2026-14663 left readable was made by a server that could not run the cipher it was asked for.
    /// It is sealed with pgcrypto's default cipher, else that server still could not read it.
    pub(crate) fn like(model: &Message, literal: u8, text: &Plaintext) -> Self {
        let inside = text.aside().and_then(read_aside);
        let (cipher, compression, head) =
            inside.unwrap_or_else(|| (model.cipher, Compression::None, new_head(literal, text.expose())));
        let leaked = leak::find(model).is_some();
        let usable = |cipher| if leaked && leak::leaks(cipher) { Cipher::Aes128 } else { cipher };
        Recipe {
            cipher: usable(model.cipher),
            s2k: model.s2k,
            session: model.session.as_ref().map(|_| usable(cipher)),
            mdc: model.mdc,
            compression,
            head,
        }
    }

    /// Makes the message.
    pub(crate) fn seal(&self, text: &[u8], passphrase: &Key, fresh: &Fresh, recent: &Recent) -> Message {
        let s2k = self.s2k.resalted(fresh.salt);
        let derived = recent.derive(s2k, passphrase, self.cipher.key_length());
        let cipher = self.session.unwrap_or(self.cipher);
        let key = match self.session {
            None => &derived[..],
            Some(cipher) => &fresh.session[..cipher.key_length()],
        };
        let session = self.session.map(|cipher| {
            let mut session = [&[cipher.id()], key].concat();
            let iv = &payload::ZERO_IV[..self.cipher.block_length()];
            self.cipher.encrypt(&derived, iv, &mut session);
            session
        });
        let payload = Payload {
            compression: self.compression,
            head: self.head.clone(),
            data: Zeroizing::new(text.to_vec()),
        };
        let mut body = payload.write(&fresh.prefix[..cipher.block_length()], self.mdc);
        payload::encrypt(cipher, key, &mut body, self.mdc);
        Message { cipher: self.cipher, s2k, session, mdc: self.mdc, body: std::mem::take(&mut *body) }
    }
}

/// The head of a new literal packet: type, no file name, no date.
///
/// PostgreSQL holds neither invalid UTF-8 nor a NUL as text: such values are bytes whatever the plan says.
fn new_head(literal: u8, text: &[u8]) -> Vec<u8> {
    let fits = literal == BYTES || (str::from_utf8(text).is_ok() && !text.contains(&0));
    vec![if fits { literal } else { BYTES }, 0, 0, 0, 0, 0]
}

/// What the plaintext takes along for [`Recipe::like`]: all that lies under the message's encryption.
pub(crate) fn write_aside(cipher: Cipher, payload: &Payload) -> Vec<u8> {
    [&[cipher.id(), payload.compression.id()], payload.head.as_slice()].concat()
}

fn read_aside(aside: &[u8]) -> Option<(Cipher, Compression, Vec<u8>)> {
    let (&[cipher, compression], head) = aside.split_first_chunk()?;
    Some((Cipher::from_id(cipher)?, Compression::from_id(compression)?, head.to_vec()))
}

/// What a literal packet says of its data that a column of such cells does not say as a whole: `literal` is the type that
/// the plan names for it. Text of ASCII is the same in either encoding.
pub(crate) fn says_beside(text: &Plaintext, literal: u8) -> Option<ValuePart> {
    let (_, _, head) = text.aside().and_then(read_aside)?;
    let (&[kind, name], _) = head.split_first_chunk()?;
    let is_text = |kind: u8| kind != BYTES;
    let same_type = kind == literal || (is_text(kind) && is_text(literal) && text.expose().is_ascii());
    match name {
        0 => (!same_type).then_some(ValuePart::Type),
        _ => Some(ValuePart::FileName),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_literal_packet_says_beside_its_data_is_named() {
        let says = |head: &[u8], data: &str, literal| {
            let payload = Payload {
                compression: Compression::Zlib,
                head: head.to_vec(),
                data: Zeroizing::new(Vec::new()),
            };
            let text = Plaintext::new(data.as_bytes().to_vec());
            says_beside(&text.with_aside(write_aside(Cipher::Aes128, &payload)), literal)
        };
        assert_eq!(says(b"t\0\0\0\0\0", "straße", b't'), None);
        assert_eq!(says(b"u\0\0\0\0\0", "street", b't'), None);
        assert_eq!(says(b"u\0\0\0\0\0", "straße", b't'), Some(ValuePart::Type));
        assert_eq!(says(b"b\0\0\0\0\0", "street", b't'), Some(ValuePart::Type));
        assert_eq!(says(b"b\0\0\0\0\0", "street", BYTES), None);
        assert_eq!(says(b"t\x05a.txt\0\0\0\0", "street", b't'), Some(ValuePart::FileName));
        // The date is when pgcrypto sealed: all cells have one.
        assert_eq!(says(b"t\0\x5f\0\0\0", "street", b't'), None);
    }
}
