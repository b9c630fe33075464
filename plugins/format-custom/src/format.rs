//! The format: what a cell says of itself, and the way to its value and back.

use reseal_core::{Cell, Format, Identified, Key, Mismatch, OpenError, Part, Plaintext, SealError, Value};

use crate::custom::Custom;
use crate::sealing::Model;

impl Custom {
    fn model(&self, like: Option<&Cell>) -> Model {
        let old = like.and_then(|cell| self.settings.columns.split(cell).ok());
        Model { old: old.unwrap_or_default(), nonce: None }
    }
}

impl Format for Custom {
    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        match self.settings.columns.split(cell) {
            Ok(mut taken) => match taken.parts.take("key").map(String::from_utf8) {
                Some(Ok(tag)) => Identified::Marked(tag.into()),
                _ => Identified::Unmarked,
            },
            Err(Mismatch::NotMine) => Identified::NotMine,
            Err(Mismatch::Broken(reason)) => Identified::Broken(reason),
        }
    }

    fn algorithm(&self, _: Option<usize>) -> Option<&'static str> {
        Some(self.settings.algorithm.title)
    }

    fn tag_hint<'c>(&self, cell: &'c Cell) -> Option<&'c str> {
        let written = cell.get(Part::Ciphertext).and_then(Value::as_slice)?;
        self.settings.columns.main.tag_place()?.tag_of(written)
    }

    fn prefix(&self, tag: &str) -> Option<Vec<u8>> {
        Some(self.settings.columns.main.tag_place()?.prefix(tag))
    }

    fn binds_aad(&self) -> bool {
        self.settings.binds_aad()
    }

    fn validates(&self) -> bool {
        self.settings.validator.is_some()
    }

    fn stamp(&self) -> Option<&'static str> {
        self.settings.columns.has("time").then_some("time stamp")
    }

    fn open(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError> {
        self.opened(cell, key, aad)
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        like: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        self.sealed(text, key, aad, self.model(like))
    }

    fn seal_beside(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        like: Option<&Cell>,
        beside: &Cell,
    ) -> Result<Cell<'static>, SealError> {
        let nonce = self.settings.columns.nonce_of(beside);
        let nonce = nonce.ok_or(SealError::Unfit("the cell that shares its nonce has no nonce"))?;
        self.sealed(text, key, aad, Model { nonce: Some(nonce), ..self.model(like) })
    }
}
