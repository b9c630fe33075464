//! Cells that CVE-2026-14663 left readable.
//!
//! PostgreSQL before 14.24, 15.19, 16.15, 17.11 and 18.6, on an OpenSSL 3 that does not load its legacy provider,
//! could not run Blowfish and CAST5 and did not notice: what was to be encrypted with them was stored as it is. That
//! is the data of a message with `cipher-algo=bf` or `cast5`, or the session key of one with such an `s2k-cipher-algo`.
//! The servers that wrote such cells read them under every passphrase; later ones read them under none.

use crate::algorithm::Cipher;
use crate::message::Message;
use crate::payload::{self, Payload};

/// A leaked cell's content, and the cipher that its data was meant for.
pub(crate) struct Leak {
    pub(crate) payload: Payload,
    pub(crate) cipher: Cipher,
}

/// The cell's content, where no key is needed to read it.
///
/// Without MDC, random bytes pass for a leak about once in 2⁴⁰: the prefix must repeat, and one packet with the head
/// of literal data must fill the rest exactly.
pub(crate) fn find(message: &Message) -> Option<Leak> {
    let read = |cipher, text: &[u8]| {
        let payload = Payload::read(cipher, text, message.mdc).ok()?;
        Some(Leak { payload, cipher })
    };
    let Some(session) = &message.session else {
        return if leaks(message.cipher) { read(message.cipher, &message.body) } else { None };
    };
    if leaks(message.cipher)
        && let Some((&id, key)) = session.split_first()
        && let Some(cipher) = Cipher::from_id(id)
        && cipher.key_length() == key.len()
        && !leaks(cipher)
    {
        // The session key lies open: the data is encrypted with it, and as good as plaintext.
        let text = payload::decrypt(cipher, key, &message.body, message.mdc)?;
        return read(cipher, &text);
    }
    // The session key says which cipher the data has; of the two that leak, both have keys and blocks of one length.
    let may_leak = session.len() == 1 + Cipher::Blowfish.key_length();
    if may_leak { read(Cipher::Blowfish, &message.body) } else { None }
}

/// Whether an affected server stores as it is what it should encrypt with this cipher.
pub(crate) fn leaks(cipher: Cipher) -> bool {
    matches!(cipher, Cipher::Blowfish | Cipher::Cast5)
}
