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

/// A format that was built for a field.
#[derive(Clone)]
pub struct FittedFormat {
    /// The format.
    pub built: BuiltFormat,
    /// The columns that it reads and writes, of those that the field has.
    pub parts: Vec<Part>,
}

impl FormatPlugin {
    /// Builds the format for a field whose cells have these columns. A nonce or a tag that stands in the layout is left out:
    /// its column is then for other seals of the field.
    ///
    /// # Errors
    /// When it cannot be built for all of the columns, and for none that are left by that.
    pub fn fit(&self, options: &Options, parts: &[Part]) -> Result<FittedFormat, OptionError> {
        let whole = match (self.build)(options, parts) {
            Ok(built) => return Ok(FittedFormat { built, parts: parts.to_vec() }),
            Err(error) => error,
        };
        for left_out in [&[Part::Nonce][..], &[Part::Tag], &[Part::Nonce, Part::Tag]] {
            if !left_out.iter().all(|part| parts.contains(part)) {
                continue;
            }
            let mut parts: Vec<Part> =
                parts.iter().copied().filter(|part| !left_out.contains(part)).collect();
            if parts == [Part::Ciphertext] {
                parts.clear();
            }
            if let Ok(built) = (self.build)(options, &parts) {
                return Ok(FittedFormat { built, parts });
            }
        }
        Err(whole)
    }
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
