//! Sealing a value.

use std::time::{SystemTime, UNIX_EPOCH};

use reseal_core::{Cell, Key, Plaintext, SealError, fill_nonce};
use zeroize::Zeroizing;

use crate::cipher::Beside;
use crate::custom::Custom;
use crate::expr::{Expr, Scope, Secret};
use crate::keys::Keys;
use crate::layout::{Taken, Unfit, fresh, like};
use crate::odds;
use crate::settings::{FILLED, Settings};
use crate::value::Compression;

/// What a new cell takes from others.
#[derive(Default)]
pub(crate) struct Model {
    /// What the cell that it replaces was taken apart into; empty where that is none of this format.
    pub(crate) old: Taken,
    /// The nonce that it shares with a cell of its row.
    pub(crate) nonce: Option<Vec<u8>>,
}

const KEY: &str = "the key does not have the form that the format expects";

impl Custom {
    pub(crate) fn sealed(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        model: Model,
    ) -> Result<Cell<'static>, SealError> {
        if !aad.is_empty() && !self.settings.binds_aad() {
            return Err(SealError::Unfit(
                "the format does not support additional data; omit `aad` from the seal",
            ));
        }
        let mut taken = self.settings.draft(model.old)?;
        self.settings.fill_key(&mut taken, key)?;
        let unfit_key = || SealError::Key { id: key.id().to_owned(), why: KEY };
        let keys = self.cache.keys(&self.settings, key, &taken.parts).ok_or_else(unfit_key)?;
        if let Some(mark) = &keys.mark {
            taken.parts.set(&"mark".into(), mark.to_vec());
        }
        let body = self.settings.body(text, &taken)?;
        let mut sealing = Sealing { settings: &self.settings, keys: &keys, key: key.expose(), aad, taken };
        sealing.nonce(&body, model.nonce)?;
        sealing.encrypt(body)?;
        sealing.authenticate()?;
        sealing.cell().map_err(|unfit| match &*unfit.name {
            "key" | "mark" => SealError::Key { id: key.id().to_owned(), why: unfit.why },
            _ => SealError::Unfit(unfit.why),
        })
    }
}

impl Settings {
    /// What an old cell says beside its value; what a new cell says, where there is no old one.
    fn draft(&self, mut taken: Taken) -> Result<Taken, SealError> {
        for hole in self.columns.main.holes() {
            if FILLED.contains(&&*hole.name) {
                taken.parts.set(&hole.name, Vec::new());
            } else if taken.parts.get(&hole.name).is_none() {
                let default = hole.default.clone().or_else(|| (&*hole.name == "time").then(now));
                let missing = "a part of the layout has no default, and there is no old cell to take it from";
                taken.parts.set(&hole.name, default.ok_or(SealError::Unfit(missing))?);
            }
        }
        Ok(taken)
    }

    /// The key's tag, and what the cell's own keys come from.
    fn fill_key(&self, taken: &mut Taken, key: &Key) -> Result<(), SealError> {
        taken.parts.set(&"key".into(), key.tag().as_bytes().to_vec());
        if let Some(width) = self.columns.width("salt") {
            taken.parts.set(&"salt".into(), drawn(width)?);
        }
        if self.wraps {
            let mut own = Zeroizing::new(vec![0; self.algorithm.key]);
            getrandom::fill(&mut own).map_err(|_| SealError::Random)?;
            let wrapped = self.wrapped(key.expose(), &own, &taken.parts);
            let unfit = || SealError::Key { id: key.id().to_owned(), why: KEY };
            taken.parts.set(&"wrapped".into(), wrapped.ok_or_else(unfit)?);
        }
        Ok(())
    }

    /// The compression of a cell, where it has one.
    pub(crate) fn compression_of(&self, taken: &Taken) -> Option<&Compression> {
        let has = |compression: &&Compression| match &compression.flag {
            Some(flag) => taken.parts.has_flag(flag),
            None => true,
        };
        self.compression.as_ref().filter(has)
    }

    /// The bytes that are encrypted: compressed and padded.
    fn body(&self, text: &Plaintext, taken: &Taken) -> Result<Secret, SealError> {
        let mut body = Zeroizing::new(match self.compression_of(taken) {
            Some(compression) => compressed(compression, text)?,
            None => text.expose().to_vec(),
        });
        if let Some(padding) = &self.padding {
            let unfit = SealError::Unfit("it ends with the character that the padding consists of");
            padding.padding.add(&mut body, padding.block).ok_or(unfit)?;
        }
        self.can_be_told(&body, text)?;
        Ok(body)
    }

    /// Whether what is sealed without authentication can be opened again.
    fn can_be_told(&self, body: &[u8], text: &Plaintext) -> Result<(), SealError> {
        if self.is_authenticated() {
            return Ok(());
        }
        if self.validator.as_ref().is_some_and(|validator| !validator.accepts(text.expose())) {
            return Err(SealError::Unfit("the validator of the format does not accept it"));
        }
        let block = self.padding.map(|padding| padding.block);
        let decided = odds::decide(body.len(), block);
        match decided || self.names_key {
            true => Ok(()),
            false => Err(SealError::Unfit("it is too short to tell its key by, without authentication")),
        }
    }
}

/// The compressed value; as the old cell had it, where that is the same value.
fn compressed(compression: &Compression, text: &Plaintext) -> Result<Vec<u8>, SealError> {
    let is_same = |old: &&[u8]| compression.inflate(old).is_ok_and(|value| value[..] == *text.expose());
    match text.aside().filter(is_same) {
        Some(old) => Ok(old.to_vec()),
        None => compression.deflate(text.expose()).ok_or(SealError::Unfit("it cannot be compressed")),
    }
}

/// A nonce or a salt.
fn drawn(length: usize) -> Result<Vec<u8>, SealError> {
    let mut out = vec![0; length];
    fill_nonce(&mut out)?;
    Ok(out)
}

/// The time, in seconds since 1970, as 8 bytes.
fn now() -> Vec<u8> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    time.to_be_bytes().to_vec()
}

/// A cell that is being sealed.
struct Sealing<'s> {
    settings: &'s Settings,
    keys: &'s Keys,
    key: &'s [u8],
    aad: &'s [u8],
    taken: Taken,
}

impl Sealing<'_> {
    fn value(&self, expr: &Expr, plaintext: &[u8]) -> Result<Secret, SealError> {
        let scope = Scope {
            key: self.key,
            cipher_key: &self.keys.cipher_key,
            plaintext,
            aad: self.aad,
            salt: &self.settings.salt,
            parts: &self.taken.parts,
        };
        expr.value(&scope).ok_or(SealError::Unfit("an expression of the format gives no value for it"))
    }

    fn nonce(&mut self, body: &[u8], shared: Option<Vec<u8>>) -> Result<(), SealError> {
        let nonce = match (shared, &self.settings.nonce) {
            (Some(nonce), _) => nonce,
            (None, Some(expr)) => self.value(expr, body)?.to_vec(),
            (None, None) => drawn(self.settings.nonce_bytes)?,
        };
        self.taken.parts.set(&"nonce".into(), nonce);
        Ok(())
    }

    fn encrypt(&mut self, mut body: Secret) -> Result<(), SealError> {
        let aad = match &self.settings.aad {
            Some(expr) => {
                self.spell(expr);
                self.value(expr, &[])?
            }
            None => Zeroizing::new(self.aad.to_vec()),
        };
        let nonce = self.taken.parts.get("nonce").unwrap_or_default().to_vec();
        let beside = Beside { nonce: &nonce, aad: &aad };
        let tag = self.keys.cipher.seal(beside, &mut body);
        let tag = tag.ok_or(SealError::Unfit("the cipher cannot take it in one message"))?;
        let mut ciphertext = body.to_vec();
        match self.settings.columns.has("tag") {
            true => self.taken.parts.set(&"tag".into(), tag),
            false => ciphertext.extend_from_slice(&tag),
        }
        self.taken.parts.set(&"ciphertext".into(), ciphertext);
        Ok(())
    }

    fn authenticate(&mut self) -> Result<(), SealError> {
        let Some(mac) = &self.settings.mac else { return Ok(()) };
        self.spell(&mac.over);
        let message = self.value(&mac.over, &[])?;
        let code = mac.mac.of(&self.keys.mac_key, &message);
        let code = code.ok_or(SealError::Unfit("the key does not fit the MAC"))?;
        self.taken.parts.set(&"mac".into(), code[..mac.bytes].to_vec());
        Ok(())
    }

    /// Finds out how parts are written, where an expression asks for that.
    fn spell(&mut self, expr: &Expr) {
        if !expr.reads_spelling() {
            return;
        }
        let mut fill = like(&self.taken.parts, &self.taken.shapes);
        fill.lenient = true;
        // What does not fit is said when the cell is built.
        let _ = self.settings.columns.build(&mut fill);
        for (name, text) in std::mem::take(&mut fill.spelled) {
            self.taken.parts.set_spelled(&name, &text);
        }
    }

    fn cell(&self) -> Result<Cell<'static>, Unfit> {
        let shapes = &self.taken.shapes;
        let mut fill =
            if shapes.is_empty() { fresh(&self.taken.parts) } else { like(&self.taken.parts, shapes) };
        self.settings.columns.build(&mut fill)
    }
}
