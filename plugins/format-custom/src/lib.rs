//! Formats that are stated as data: how a cell is laid out, which cipher seals it, and how its keys are derived.
//!
//! A format is the options of a plan. [`layout`] takes cells apart and puts them together, [`expr`] derives keys, nonces
//! and what is authenticated, [`cipher`] and [`mac`] do the rest. What varies from cell to cell is kept row by row.

mod cipher;
mod custom;
mod expr;
mod format;
mod keys;
mod layout;
mod mac;
mod mistake;
mod odds;
mod opening;
mod sealing;
mod settings;
mod tink;
mod value;

use std::sync::Arc;

use reseal_core::{BuiltFormat, FormatPlugin, KeyLength, OptionError, OptionKind, OptionSpec, Options, Part};

use custom::Custom;
use keys::KeyCache;
use settings::Settings;

/// The plugin.
pub const PLUGIN: FormatPlugin = FormatPlugin {
    name: "custom",
    summary: "Cells as the plan states them: a layout that nests, a cipher, and the derivation of its keys.",
    options: &[
        text("layout", "What a cell looks like, such as {base64:{nonce|12}{tag|16}{ciphertext}}.", true),
        OptionSpec { required: true, ..one_of("cipher", cipher::NAMES, "The cipher.") },
        one_of("padding", cipher::Padding::NAMES, "Padding of a block cipher (default: pkcs7)."),
        text("key", "Expression for the key of the cipher (default: key).", false),
        one_of(
            "mac",
            mac::Mac::NAMES,
            "What authenticates cells, where the cipher does not (default: none).",
        ),
        text("mac_key", "Expression for the key of the MAC (default: the key of the cipher).", false),
        text("mac_over", "Expression for what the MAC authenticates.", false),
        text("aad", "Expression for the additional data of the cipher (default: aad).", false),
        text("nonce", "Expression for a nonce that is not random (default: random).", false),
        text("mark", "Expression for {mark}, which cells have of their key (default: none).", false),
        one_of(
            "wrap",
            &["aes-kw"],
            "How {wrapped}, a key of the cell's own, is wrapped (default: no such key).",
        ),
        text(
            "compression",
            "zlib or gzip; `zlib if c` where the JSON member c says so (default: none).",
            false,
        ),
        one_of("unauthenticated", &["yes"], "Accepts that a damaged cell can open (default: not accepted)."),
        one_of(
            "validator",
            value::TextValidator::NAMES,
            "What values look like, where cells are not authenticated.",
        ),
        text(
            "pattern",
            "Regular expression that all values match, where cells are not authenticated.",
            false,
        ),
        OptionSpec {
            name: "salt",
            kind: OptionKind::Source,
            doc: "Where the salt of expressions is stored, as text (default: none).",
            required: false,
        },
        text("nonce_column", "Layout of the column of the nonce (default: {nonce}).", false),
        text("tag_column", "Layout of the column of the tag (default: {tag}).", false),
    ],
    build,
};

const fn text(name: &'static str, doc: &'static str, required: bool) -> OptionSpec {
    OptionSpec { name, kind: OptionKind::Text, doc, required }
}

const fn one_of(name: &'static str, words: &'static [&'static str], doc: &'static str) -> OptionSpec {
    OptionSpec { name, kind: OptionKind::OneOf(words), doc, required: false }
}

/// Cells that one key may seal with random nonces of 12 bytes (NIST SP 800-38D §8.3).
const MAX_SEALS: u64 = 1 << 32;

fn build(options: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError> {
    let settings = Settings::read(options, parts)?;
    Ok(BuiltFormat {
        authenticated: settings.is_authenticated(),
        marked: settings.columns.has("key"),
        key_length: key_length(&settings),
        binary: settings.columns.is_binary(),
        plaintext: false,
        max_seals: has_few_nonces(&settings).then_some(MAX_SEALS),
        format: Arc::new(Custom { settings, cache: KeyCache::default() }),
    })
}

/// Whether random nonces under one key are likely to repeat some day.
fn has_few_nonces(settings: &Settings) -> bool {
    let is_random = settings.nonce.is_none() && !settings.key_reads_cell();
    settings.algorithm.authenticates() && settings.nonce_bytes == 12 && is_random
}

fn key_length(settings: &Settings) -> KeyLength {
    let derives = settings.key.is_some() || settings.mac.as_ref().is_some_and(|mac| mac.key.is_some());
    match settings.algorithm.key {
        _ if derives => KeyLength::Passphrase,
        _ if settings.wraps => KeyLength::OneOf(&[16, 32]),
        8 => KeyLength::OneOf(&[8]),
        16 => KeyLength::OneOf(&[16]),
        24 => KeyLength::OneOf(&[24]),
        _ => KeyLength::OneOf(&[32]),
    }
}
