//! What a format plugin is: a plain struct of parts, exported as a constant.

use std::sync::Arc;

use crate::{Format, OptionError, OptionSpec, Options, Part};

/// A format plugin: what a plan may say of it, and how it is built.
#[derive(Clone, Copy)]
pub struct FormatPlugin {
    /// The format's name in a plan.
    pub name: &'static str,
    /// One sentence for documentation and editors.
    pub summary: &'static str,
    /// The options that a plan may set.
    pub options: &'static [OptionSpec],
    /// Builds the format from the options of a plan. `parts` are the columns of a cell that lies in several,
    /// empty where it lies in one.
    pub build: fn(options: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError>,
}

/// A format, ready to use, with the facts that the rest of Reseal needs to know of it.
#[derive(Clone)]
pub struct BuiltFormat {
    /// The format itself.
    pub format: Arc<dyn Format>,
    /// False where some cells carry no authentication: a plan must then name keys by mark or give a validator.
    pub authenticated: bool,
    /// True where a cell itself names its key.
    pub marked: bool,
    /// Which key lengths the format takes.
    pub key_length: KeyLength,
    /// Whether cells can only lie in binary columns.
    pub binary: bool,
    /// True for a format that is no ciphertext, whose cells are taken only if no other format recognises them.
    pub plaintext: bool,
    /// Cells that one key may seal before random nonces are likely to repeat (NIST SP 800-38D §8.3 for AES-GCM).
    pub max_seals: Option<u64>,
}

/// Which key lengths a format takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLength {
    /// One of these lengths.
    OneOf(&'static [usize]),
    /// A passphrase: any length but zero.
    Passphrase,
    /// The format uses no key.
    None,
}
