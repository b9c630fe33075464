//! Fernet tokens, bare or inside a layout.
//!
//! A key is 32 bytes, the first half for signing, the second for encrypting; in a plan it mostly stands as its
//! base64url text. A rotation keeps the time stamp of a token and draws a fresh IV.

mod token;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use reseal_core::{
    Broken, BuiltFormat, Cell, Format, FormatPlugin, Hole, Identified, Key, KeyLength, Layout, Mismatch,
    OpenError, OptionError, OptionKind, OptionSpec, Options, Part, Pieces, Plaintext, SealError, Value,
};
use zeroize::Zeroizing;

/// The plugin.
pub const PLUGIN: FormatPlugin = FormatPlugin {
    name: "fernet",
    summary: "Fernet tokens, bare or inside a layout.",
    options: &[OptionSpec {
        name: "layout",
        kind: OptionKind::Text,
        doc: "Text around the token, such as FERNET_V2:{key}:{token} (default: the cell is a bare token).",
        required: false,
    }],
    build,
};

fn build(options: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError> {
    if let Some(part) = parts.iter().find(|part| matches!(part, Part::Nonce | Part::Tag)) {
        return Err(OptionError {
            option: None,
            message: format!("a Fernet token has no separate column for the {}", part.name()),
            help: Some("name only the column of the token".into()),
        });
    }
    let layout = options.text("layout").map(layout).transpose()?;
    Ok(BuiltFormat {
        authenticated: true,
        marked: layout.as_ref().is_some_and(|layout| layout.has(Hole::Key)),
        key_length: KeyLength::OneOf(&[32]),
        binary: layout.as_ref().is_some_and(Layout::is_binary),
        plaintext: false,
        // IVs are 128 random bits, and CBC with a MAC survives a repeated one.
        max_seals: None,
        format: Arc::new(Fernet { layout }),
    })
}

fn layout(text: &str) -> Result<Layout, OptionError> {
    let wrong = |message: String| OptionError {
        option: Some("layout"),
        message,
        help: Some("for example FERNET_V2:{key}:{token}".into()),
    };
    let layout = Layout::parse(text).map_err(|error| wrong(error.to_string()))?;
    if !layout.has(Hole::Token) {
        return Err(wrong("the layout of a Fernet cell must contain {token}".into()));
    }
    Ok(layout)
}

struct Fernet {
    /// `None` for bare tokens.
    layout: Option<Layout>,
}

impl Fernet {
    /// The pieces of a cell, and the time stamp of its token.
    fn read<'c>(&self, cell: &'c Cell) -> Result<(Pieces<'c>, u64), Mismatch> {
        let bytes = cell.get(Part::Ciphertext).and_then(Value::as_slice).ok_or(Mismatch::NotMine)?;
        let (pieces, is_mine) = match &self.layout {
            Some(layout) => (layout.split(bytes)?, layout.begins_with_literal()),
            None => (Pieces::default().with(Hole::Token, bytes), false),
        };
        let text = pieces.get(Hole::Token).unwrap_or_default();
        match token::time_of(text) {
            Ok(time) => Ok((pieces, time)),
            Err(reason) if is_mine || token::looks_like_one(text) => Err(Mismatch::Broken(reason)),
            Err(_) => Err(Mismatch::NotMine),
        }
    }

    /// The time stamp of an old cell, whatever stands around its token: a rotation may change that too.
    fn time_of(&self, cell: &Cell) -> Option<u64> {
        if let Ok((_, time)) = self.read(cell) {
            return Some(time);
        }
        let bytes = cell.get(Part::Ciphertext)?.as_slice()?;
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
        let mut runs = bytes.split(|byte| !is_digit(byte)).filter(|run| token::looks_like_one(run));
        runs.find_map(|run| token::time_of(run).ok())
    }
}

impl Format for Fernet {
    fn algorithm(&self, _: Option<usize>) -> Option<&'static str> {
        Some("Fernet (AES-128-CBC, HMAC-SHA-256)")
    }

    fn binds_aad(&self) -> bool {
        false
    }

    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        match self.read(cell) {
            Ok((mut pieces, _)) => pieces.take_key().map_or(Identified::Unmarked, Identified::Marked),
            Err(Mismatch::NotMine) => Identified::NotMine,
            Err(Mismatch::Broken(reason)) => Identified::Broken(reason),
        }
    }

    fn tag_hint<'c>(&self, cell: &'c Cell) -> Option<&'c str> {
        self.layout.as_ref()?.tag_hint(cell.get(Part::Ciphertext)?.as_slice()?)
    }

    fn prefix(&self, tag: &str) -> Option<Vec<u8>> {
        self.layout.as_ref()?.prefix(tag)
    }

    fn stamp(&self) -> Option<&'static str> {
        Some("time stamp")
    }

    fn value_marks(&self) -> Vec<String> {
        self.layout.as_ref().map(Layout::value_marks).unwrap_or_default()
    }

    fn open(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError> {
        let (pieces, time) = self.read(cell).map_err(|mismatch| match mismatch {
            Mismatch::NotMine => OpenError::Broken(Broken("no-token")),
            Mismatch::Broken(reason) => OpenError::Broken(reason),
        })?;
        let token =
            pieces.get(Hole::Token).and_then(|token| std::str::from_utf8(token).ok()).unwrap_or_default();
        // What the plan says was bound to the cell cannot have been.
        if !aad.is_empty() {
            return Err(OpenError::Broken(Broken("fernet-binds-no-aad")));
        }
        let fernet = fernet_of(key).ok_or(OpenError::NotThisKey)?;
        // The token's own time in place of the clock's: how long it is valid is the application's business.
        match fernet.decrypt_at_time(token, None, time) {
            Ok(bytes) => Ok(Plaintext::new(bytes)),
            Err(_) => Err(OpenError::NotThisKey),
        }
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        like: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        if !aad.is_empty() {
            return Err(SealError::Unfit(
                "Fernet does not support additional data; omit `aad` from the seal",
            ));
        }
        let why = "Fernet needs 32 bytes; its keys are usually text with `encoding: base64url`";
        let fernet = fernet_of(key).ok_or_else(|| SealError::Key { id: key.id().to_owned(), why })?;
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let time = like.and_then(|cell| self.time_of(cell)).unwrap_or_else(now);
        let token = fernet.encrypt_at_time(text.expose(), time);
        let Some(layout) = &self.layout else {
            return Ok(Cell::whole(Value::Text(token)));
        };
        let pieces =
            Pieces::default().with(Hole::Key, key.tag().as_bytes()).with(Hole::Token, token.into_bytes());
        layout.build(&pieces).map(Cell::whole).map_err(|unfit| unfit.under(key))
    }
}

/// The key as the `fernet` crate takes it: as base64url text.
fn fernet_of(key: &Key) -> Option<fernet::Fernet> {
    let text = Zeroizing::new(URL_SAFE.encode(key.expose()));
    fernet::Fernet::new(&text)
}
