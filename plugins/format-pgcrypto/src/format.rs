//! Cells in and out.

use reseal_core::{
    Broken, Cell, Format, Identified, Key, OpenError, OptionalAuthentication, Part, Plaintext, SealError,
    Value, ValuePart,
};
use zeroize::Zeroizing;

use crate::algorithm::Cipher;
use crate::armor::{self, Armor};
use crate::fresh::Fresh;
use crate::leak::{self, Leak};
use crate::message::Message;
use crate::payload::{self, Payload};
use crate::recent::Recent;
use crate::recipe::{self, Recipe};

/// Under this code cells are reported that CVE-2026-14663 left readable.
const LEAKED: Broken = Broken("cve-2026-14663-plaintext");
/// A cell of another format, given to be opened.
const FOREIGN: Broken = Broken("not-an-openpgp-message");

/// Cells of pgcrypto's `pgp_sym_encrypt` and `pgp_sym_encrypt_bytea`.
pub(crate) struct Pgcrypto {
    /// New cells are armored text.
    pub(crate) armor: bool,
    /// The literal type of new cells.
    pub(crate) literal: u8,
    /// Whether cells have an MDC; `None` where they may or may not.
    pub(crate) mdc: Option<bool>,
    /// Takes the cells that CVE-2026-14663 left readable, and only those.
    pub(crate) repair: bool,
    /// What sealing hands to the opening that proves it.
    pub(crate) recent: Recent,
}

impl Format for Pgcrypto {
    fn algorithm(&self, _: Option<usize>) -> Option<&'static str> {
        Some("OpenPGP (AES-128, or the cipher of the old message)")
    }

    fn binds_aad(&self) -> bool {
        false
    }

    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        let leaked = match outside(cell) {
            Ok(Some((message, _))) if !self.takes(&message) => return Identified::NotMine,
            Ok(Some((message, _))) => leak::find(&message).is_some(),
            Ok(None) => return Identified::NotMine,
            Err(_) if self.repair => return Identified::NotMine,
            Err(broken) => return Identified::Broken(broken),
        };
        match (leaked, self.repair) {
            (true, false) => Identified::Broken(LEAKED),
            (false, true) => Identified::NotMine,
            (true, true) | (false, false) => Identified::Unmarked,
        }
    }

    fn stamp(&self) -> Option<&'static str> {
        Some("date")
    }

    fn optional_authentication(&self) -> Option<OptionalAuthentication> {
        Some(OptionalAuthentication {
            name: "MDC",
            help: "to add it, use a seal with `pgcrypto: { mdc: true }` in `to` and a seal with `mdc: false` in `from`",
        })
    }

    fn says_beside(&self, text: &Plaintext) -> Option<ValuePart> {
        recipe::says_beside(text, self.literal)
    }

    fn open(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError> {
        // What the plan says was bound to the cell cannot have been.
        if !aad.is_empty() {
            return Err(OpenError::Broken(Broken("openpgp-binds-no-aad")));
        }
        let (message, _) = outside(cell).and_then(|found| found.ok_or(FOREIGN)).map_err(OpenError::Broken)?;
        if !self.takes(&message) {
            return Err(OpenError::Broken(FOREIGN));
        }
        match (leak::find(&message), self.repair) {
            // It never was a ciphertext: there is no key to be proven right or wrong.
            (Some(Leak { payload, cipher }), true) => Ok(plaintext(payload, cipher, true)),
            (Some(_), false) => Err(OpenError::Broken(LEAKED)),
            (None, true) => Err(OpenError::Broken(FOREIGN)),
            (None, false) => self.decrypt(&message, key),
        }
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        like: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        if self.repair {
            return Err(SealError::Unfit("a seal with `repair_cve_2026_14663` can only open cells"));
        }
        if !aad.is_empty() {
            return Err(SealError::Unfit(
                "OpenPGP does not support additional data; omit `aad` from the seal",
            ));
        }
        if key.expose().is_empty() {
            return Err(SealError::Key { id: key.id().to_owned(), why: "a passphrase must not be empty" });
        }
        let fresh = Fresh::draw()?;
        let model = like.and_then(|cell| Some((cell, outside(cell).ok()??)));
        let mut recipe = match &model {
            Some((_, (message, _))) => Recipe::like(message, self.literal, text),
            None => Recipe::new(self.literal, text.expose(), &fresh),
        };
        recipe.mdc = self.mdc.unwrap_or(recipe.mdc);
        let message = recipe.seal(text.expose(), key, &fresh, &self.recent).write();
        let value = match model {
            Some((cell, (_, Some(armor)))) => {
                let text = armor.wrap(&message);
                match cell.get(Part::Ciphertext) {
                    Some(Value::Bytes(_)) => Value::Bytes(text.into_bytes()),
                    _ => Value::Text(text),
                }
            }
            None if self.armor => Value::Text(armor::PGCRYPTO.wrap(&message)),
            _ => Value::Bytes(message),
        };
        Ok(Cell::whole(value))
    }
}

impl Pgcrypto {
    /// Whether a message has an MDC or none, as the seal wants it.
    fn takes(&self, message: &Message) -> bool {
        self.mdc.is_none_or(|mdc| mdc == message.mdc)
    }

    fn decrypt(&self, message: &Message, key: &Key) -> Result<Plaintext, OpenError> {
        if key.expose().is_empty() {
            return Err(OpenError::NotThisKey);
        }
        let derived = self.recent.take(message.s2k, key, message.cipher.key_length());
        let (cipher, key) = match &message.session {
            None => (message.cipher, derived),
            Some(session) => unlock(message.cipher, &derived, session).ok_or(OpenError::NotThisKey)?,
        };
        let text = payload::decrypt(cipher, &key, &message.body, message.mdc).ok_or(OpenError::NotThisKey)?;
        let payload = Payload::read(cipher, &text, message.mdc)?;
        Ok(plaintext(payload, cipher, message.mdc))
    }
}

/// Reads a cell as far as it can be without a key; `None` where it is no message.
fn outside<'c>(cell: &'c Cell) -> Result<Option<(Message, Option<Armor<'c>>)>, Broken> {
    let armored = match cell.get(Part::Ciphertext) {
        Some(Value::Text(text)) => Armor::strip(text)?,
        Some(Value::Bytes(bytes)) => match Armor::strip(std::str::from_utf8(bytes).unwrap_or_default())? {
            None => return Ok(Message::read(bytes)?.map(|message| (message, None))),
            armored => armored,
        },
        _ => None,
    };
    let Some((bytes, armor)) = armored else { return Ok(None) };
    Ok(Message::read(&bytes)?.map(|message| (message, Some(armor))))
}

/// The data's cipher and key out of an encrypted session key.
pub(crate) fn unlock(cipher: Cipher, derived: &[u8], session: &[u8]) -> Option<(Cipher, Zeroizing<Vec<u8>>)> {
    let mut session = Zeroizing::new(session.to_vec());
    cipher.decrypt(derived, &payload::ZERO_IV[..cipher.block_length()], &mut session);
    let (id, key) = session.split_first()?;
    let cipher = Cipher::from_id(*id).filter(|cipher| cipher.key_length() == key.len())?;
    Some((cipher, Zeroizing::new(key.to_vec())))
}

fn plaintext(mut payload: Payload, cipher: Cipher, authenticated: bool) -> Plaintext {
    let data = std::mem::take(&mut *payload.data);
    let text = if authenticated { Plaintext::new(data) } else { Plaintext::unauthenticated(data) };
    text.with_aside(recipe::write_aside(cipher, &payload))
}
