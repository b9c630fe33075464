//! AES-GCM cells in a declared layout.
//!
//! AES-128 or AES-256 by the length of the key, tags of 16 bytes, nonces of 12 bytes unless the layout says 16.

mod cipher;
mod shape;

use std::sync::Arc;

use reseal_core::{
    Broken, BuiltFormat, Cell, Format, FormatPlugin, Hole, Identified, Key, KeyLength, Mismatch, OpenError,
    OptionError, OptionKind, OptionSpec, Options, Part, Pieces, Plaintext, SealError, fill_nonce,
};

use cipher::{MOST_NONCE_BYTES, TAG_BYTES};
use shape::Shape;

/// The plugin.
pub const PLUGIN: FormatPlugin = FormatPlugin {
    name: "aes-gcm",
    summary: "AES-GCM cells in a declared layout, or with their parts in separate columns.",
    options: &[
        OptionSpec {
            name: "layout",
            kind: OptionKind::Text,
            doc: "What a cell looks like, such as {key}:{nonce|base64}:{ciphertext|base64}; the ciphertext includes \
                  the tag unless the layout contains {tag}. Not needed if the nonce has its own column.",
            required: false,
        },
        OptionSpec {
            name: "encoding",
            kind: OptionKind::OneOf(&shape::ENCODINGS),
            doc: "Encoding of parts in separate columns (default: raw).",
            required: false,
        },
    ],
    build,
};

fn build(options: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError> {
    let shape = Shape::of(options.text("layout"), options.text("encoding"), parts)?;
    Ok(BuiltFormat {
        authenticated: true,
        marked: shape.is_marked(),
        key_length: KeyLength::OneOf(&[16, 32]),
        binary: shape.is_binary(),
        plaintext: false,
        // NIST SP 800-38D §8.3: beyond this, random nonces are too likely to repeat.
        max_seals: Some(1 << 32),
        format: Arc::new(AesGcm { shape }),
    })
}

struct AesGcm {
    shape: Shape,
}

impl Format for AesGcm {
    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        match self.shape.split(cell) {
            Ok(mut pieces) => pieces.take_key().map_or(Identified::Unmarked, Identified::Marked),
            Err(Mismatch::NotMine) => Identified::NotMine,
            Err(Mismatch::Broken(reason)) => Identified::Broken(reason),
        }
    }

    fn algorithm(&self, key_bits: Option<usize>) -> Option<&'static str> {
        match key_bits {
            Some(128) => Some("AES-128-GCM"),
            Some(256) => Some("AES-256-GCM"),
            _ => Some("AES-GCM"),
        }
    }

    fn tag_hint<'c>(&self, cell: &'c Cell) -> Option<&'c str> {
        self.shape.tag_hint(cell)
    }

    fn prefix(&self, tag: &str) -> Option<Vec<u8>> {
        self.shape.prefix(tag)
    }

    fn value_marks(&self) -> Vec<String> {
        self.shape.value_marks()
    }

    fn open(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError> {
        let mut pieces = self.shape.split(cell).map_err(|mismatch| match mismatch {
            Mismatch::NotMine => OpenError::Broken(Broken("not-in-layout")),
            Mismatch::Broken(reason) => OpenError::Broken(reason),
        })?;
        let mut text = pieces.take(Hole::Ciphertext).unwrap_or_default().into_owned();
        let short = OpenError::Broken(Broken("wrong-length"));
        let tag = match pieces.take(Hole::Tag) {
            Some(tag) => <[u8; TAG_BYTES]>::try_from(tag.as_ref()).map_err(|_| short)?,
            None => {
                let tag = *text.last_chunk().ok_or(short)?;
                text.truncate(text.len() - TAG_BYTES);
                tag
            }
        };
        let nonce = pieces.get(Hole::Nonce).unwrap_or_default();
        match cipher::open(key, nonce, aad, &mut text, &tag) {
            Some(()) => Ok(Plaintext::new(text)),
            None => Err(OpenError::NotThisKey),
        }
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        _: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        let mut nonce = [0; MOST_NONCE_BYTES];
        let nonce = &mut nonce[..self.shape.nonce_bytes()];
        fill_nonce(nonce)?;
        self.seal_under(text, key, aad, nonce)
    }

    fn seal_beside(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        _: Option<&Cell>,
        beside: &Cell,
    ) -> Result<Cell<'static>, SealError> {
        let nonce = self
            .shape
            .nonce_of(beside)
            .ok_or(SealError::Unfit("the cell that shares its nonce has no nonce"))?;
        self.seal_under(text, key, aad, &nonce)
    }
}

impl AesGcm {
    fn seal_under(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        nonce: &[u8],
    ) -> Result<Cell<'static>, SealError> {
        if !matches!(key.expose().len(), 16 | 32) {
            return Err(SealError::Key { id: key.id().to_owned(), why: "AES-GCM needs 16 or 32 bytes" });
        }
        let mut sealed = Vec::with_capacity(text.expose().len() + TAG_BYTES);
        sealed.extend_from_slice(text.expose());
        let tag = cipher::seal(key, nonce, aad, &mut sealed)
            .ok_or(SealError::Unfit("it is longer than AES-GCM can seal in one message"))?;
        let mut pieces = Pieces::default().with(Hole::Key, key.tag().as_bytes()).with(Hole::Nonce, nonce);
        if self.shape.has_tag() {
            pieces = pieces.with(Hole::Tag, tag.as_slice());
        } else {
            sealed.extend_from_slice(&tag);
        }
        self.shape.build(pieces.with(Hole::Ciphertext, sealed)).map_err(|unfit| unfit.under(key))
    }
}
