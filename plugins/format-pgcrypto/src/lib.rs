//! OpenPGP messages of PostgreSQL's pgcrypto.
//!
//! Opens and seals what `pgp_sym_encrypt` and `pgp_sym_encrypt_bytea` write, without a server: a passphrase never
//! leaves the process. Every option of a message that can be read back survives when it is sealed anew. The layout
//! is told byte by byte in this folder's README.
//!
//! A cell goes through these modules from the outside in: [`armor`], [`message`] (made of [`packet`]s), [`s2k`],
//! [`payload`], [`compression`].

mod algorithm;
mod armor;
mod compression;
mod format;
mod fresh;
mod leak;
mod message;
mod packet;
mod payload;
#[cfg(test)]
mod rebuilt;
mod recent;
mod recipe;
mod s2k;

use std::sync::Arc;

use reseal_core::{BuiltFormat, FormatPlugin, KeyLength, OptionError, OptionKind, OptionSpec, Options, Part};

use crate::format::Pgcrypto;
use crate::recent::Recent;

/// The plugin `pgcrypto`.
pub const PLUGIN: FormatPlugin = FormatPlugin {
    name: "pgcrypto",
    summary: "OpenPGP messages of PostgreSQL's pgp_sym_encrypt, opened and sealed without the server",
    options: &[
        OptionSpec {
            name: "armor",
            kind: OptionKind::Boolean,
            doc: "true: new cells are text as written by armor(); false (default): new cells are bytea.",
            required: false,
        },
        OptionSpec {
            name: "literal",
            kind: OptionKind::OneOf(&["text", "unicode", "bytes"]),
            doc: "Type of new cells: text (default) or unicode for pgp_sym_decrypt, bytes for pgp_sym_decrypt_bytea.",
            required: false,
        },
        OptionSpec {
            name: "mdc",
            kind: OptionKind::Boolean,
            doc: "true: only cells with an MDC; false: only cells without one (default: both, and a new cell has an \
                  MDC if the old cell had one).",
            required: false,
        },
        OptionSpec {
            name: "repair_cve_2026_14663",
            kind: OptionKind::Boolean,
            doc: "true: only the cells that CVE-2026-14663 stored as plaintext; such a seal can only open cells.",
            required: false,
        },
    ],
    build,
};

fn build(options: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError> {
    if let Some(part) = parts.iter().find(|part| !matches!(part, Part::Ciphertext | Part::Key)) {
        return Err(OptionError {
            option: None,
            message: format!("an OpenPGP message has no separate column for the {}", part.name()),
            help: Some("name only the column of the message".into()),
        });
    }
    let armor = options.boolean("armor").unwrap_or(false);
    let literal = match options.text("literal") {
        Some("unicode") => b'u',
        Some("bytes") => recipe::BYTES,
        _ => b't',
    };
    let repair = options.boolean("repair_cve_2026_14663").unwrap_or(false);
    let mdc = options.boolean("mdc");
    Ok(BuiltFormat {
        format: Arc::new(Pgcrypto { armor, literal, mdc, repair, recent: Recent::default() }),
        // A message without MDC says so itself when it opens.
        authenticated: true,
        marked: false,
        key_length: KeyLength::Passphrase,
        binary: !armor,
        plaintext: false,
        max_seals: None,
    })
}
