//! Opening a cell.

use reseal_core::{Broken, Cell, Key, Mismatch, OpenError, Plaintext};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher::{Beside, TAG};
use crate::custom::Custom;
use crate::expr::{Scope, Secret};
use crate::keys::Keys;
use crate::layout::Taken;
use crate::odds;
use crate::settings::Settings;

impl Custom {
    pub(crate) fn opened(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError> {
        let mut taken = self.settings.columns.split(cell).map_err(|mismatch| match mismatch {
            Mismatch::NotMine => OpenError::Broken(Broken("not-in-layout")),
            Mismatch::Broken(reason) => OpenError::Broken(reason),
        })?;
        // What the plan says was bound to the cell cannot have been.
        if !aad.is_empty() && !self.settings.binds_aad() {
            return Err(OpenError::Broken(Broken("binds-no-aad")));
        }
        self.settings.can_be_decided(&taken)?;
        let keys = self.cache.keys(&self.settings, key, &taken.parts).ok_or(OpenError::NotThisKey)?;
        let opening = Opening { settings: &self.settings, keys: &keys, key: key.expose(), aad };
        opening.mark_is_right(&taken)?;
        opening.mac_is_right(&taken)?;
        let text = opening.decrypted(&mut taken)?;
        opening.finished(text, &taken)
    }
}

impl Settings {
    /// Whether opening a cell of this length says anything of its key.
    fn can_be_decided(&self, taken: &Taken) -> Result<(), OpenError> {
        let length = taken.parts.get("ciphertext").map_or(0, <[u8]>::len);
        let block = self.padding.map(|padding| padding.block);
        match self.is_authenticated() || self.names_key || odds::decide(length, block) {
            true => Ok(()),
            false => Err(OpenError::Broken(Broken("ambiguous"))),
        }
    }
}

/// A cell that is opened under one key.
struct Opening<'o> {
    settings: &'o Settings,
    keys: &'o Keys,
    key: &'o [u8],
    aad: &'o [u8],
}

impl Opening<'_> {
    fn scope<'s>(&'s self, taken: &'s Taken) -> Scope<'s> {
        Scope {
            key: self.key,
            cipher_key: &self.keys.cipher_key,
            plaintext: &[],
            aad: self.aad,
            salt: &self.settings.salt,
            parts: &taken.parts,
        }
    }

    /// A mark that is computed from the key says at once that another key is the right one.
    fn mark_is_right(&self, taken: &Taken) -> Result<(), OpenError> {
        let of_cell = taken.parts.get("mark").unwrap_or_default();
        match &self.keys.mark {
            Some(mark) if !of_cell.is_empty() && of_cell != &mark[..] => Err(OpenError::NotThisKey),
            _ => Ok(()),
        }
    }

    fn mac_is_right(&self, taken: &Taken) -> Result<(), OpenError> {
        let Some(mac) = &self.settings.mac else { return Ok(()) };
        let message = mac.over.value(&self.scope(taken)).ok_or(OpenError::NotThisKey)?;
        let right = mac.mac.of(&self.keys.mac_key, &message).ok_or(OpenError::NotThisKey)?;
        let of_cell = taken.parts.get("mac").unwrap_or_default();
        let right = right.get(..mac.bytes).unwrap_or_default();
        match bool::from(right.ct_eq(of_cell)) {
            true => Ok(()),
            false => Err(OpenError::NotThisKey),
        }
    }

    /// The text that was sealed, without its padding.
    fn decrypted(&self, taken: &mut Taken) -> Result<Secret, OpenError> {
        let nonce = self.nonce(taken).ok_or(OpenError::NotThisKey)?;
        let aad = self.authenticated(taken).ok_or(OpenError::NotThisKey)?;
        let mut text = Zeroizing::new(taken.parts.take("ciphertext").unwrap_or_default());
        let tag = self.tag(taken, &mut text)?;
        let beside = Beside { nonce: &nonce, aad: &aad };
        if text.is_empty() && self.settings.padding.is_some() {
            return Err(OpenError::Broken(Broken("wrong-length")));
        }
        self.keys.cipher.open(beside, &mut text, &tag).ok_or(OpenError::NotThisKey)?;
        if let Some(padding) = &self.settings.padding {
            padding.padding.remove(&mut text, padding.block).ok_or(self.not_padded())?;
        }
        Ok(text)
    }

    /// Behind a MAC a wrong padding is the producer's; without one it is a sign of a wrong key.
    fn not_padded(&self) -> OpenError {
        match self.settings.is_authenticated() {
            true => OpenError::Broken(Broken("bad-padding")),
            false => OpenError::NotThisKey,
        }
    }

    fn nonce(&self, taken: &Taken) -> Option<Vec<u8>> {
        match (taken.parts.get("nonce"), &self.settings.nonce) {
            (Some(nonce), _) => Some(nonce.to_vec()),
            (None, Some(expr)) => expr.value(&self.scope(taken)).map(|nonce| nonce.to_vec()),
            (None, None) => Some(Vec::new()),
        }
    }

    fn authenticated(&self, taken: &Taken) -> Option<Secret> {
        match &self.settings.aad {
            Some(expr) => expr.value(&self.scope(taken)),
            None => Some(Zeroizing::new(self.aad.to_vec())),
        }
    }

    /// The tag: a part of its own, or the end of the ciphertext.
    fn tag(&self, taken: &Taken, text: &mut Vec<u8>) -> Result<Vec<u8>, OpenError> {
        if !self.settings.algorithm.authenticates() {
            return Ok(Vec::new());
        }
        if let Some(tag) = taken.parts.get("tag") {
            return Ok(tag.to_vec());
        }
        let length = text.len().checked_sub(TAG).ok_or(OpenError::Broken(Broken("wrong-length")))?;
        Ok(text.split_off(length))
    }

    /// The value: decompressed, and looked at where nothing else proves it.
    fn finished(&self, text: Secret, taken: &Taken) -> Result<Plaintext, OpenError> {
        let is_authenticated = self.settings.is_authenticated();
        let plaintext = |bytes: &Secret| match is_authenticated {
            true => Plaintext::new(bytes.to_vec()),
            false => Plaintext::unauthenticated(bytes.to_vec()),
        };
        let opened = match self.settings.compression_of(taken) {
            Some(compression) => match compression.inflate(&text) {
                // The compressed bytes go along, so that the same value is the same again.
                Ok(value) => plaintext(&value).with_aside(text.to_vec()),
                Err(_) if !is_authenticated => return Err(OpenError::NotThisKey),
                Err(broken) => return Err(OpenError::Broken(broken)),
            },
            None => plaintext(&text),
        };
        match &self.settings.validator {
            Some(validator) if !is_authenticated && !validator.accepts(opened.expose()) => {
                Err(OpenError::NotThisKey)
            }
            _ => Ok(opened),
        }
    }
}
