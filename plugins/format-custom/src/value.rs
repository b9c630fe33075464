//! What lies between a value and the bytes that are sealed: compression, and what a value must look like.

use std::io::{Read, Write};

use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use reseal_core::{Broken, Validator};
use zeroize::Zeroizing;

use crate::mistake::Mistake;

/// No value may be larger than this when it is decompressed: 64 MiB.
const LARGEST: u64 = 64 << 20;

/// A compression, and the member of a JSON object that says whether a cell has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    gzip: bool,
    /// `None` where all cells have it.
    pub(crate) flag: Option<String>,
}

impl Compression {
    /// Reads `zlib`, `gzip`, or either with `if NAME`.
    ///
    /// # Errors
    /// On anything else.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (kind, flag) = match words.as_slice() {
            [kind] => (*kind, None),
            [kind, "if", flag] => (*kind, Some((*flag).to_owned())),
            _ => ("", None),
        };
        match kind {
            "zlib" | "gzip" => Ok(Compression { gzip: kind == "gzip", flag }),
            _ => Err(Mistake::new(format!("unknown compression `{text}`"))
                .help("write zlib or gzip, or `zlib if c` where the member `c` of a JSON object says so")),
        }
    }

    /// The value of a compressed one.
    pub(crate) fn inflate(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let mut out = Zeroizing::new(Vec::new());
        let read = match self.gzip {
            true => all_of(&mut GzDecoder::new(bytes), &mut out),
            false => all_of(&mut ZlibDecoder::new(bytes), &mut out),
        };
        match read {
            Ok(()) if out.len() as u64 > LARGEST => Err(Broken("inflates-beyond-64-mib")),
            Ok(()) => Ok(out),
            Err(_) => Err(Broken("compressed-data")),
        }
    }

    /// A value, compressed. `None` where there is no memory for it.
    pub(crate) fn deflate(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let level = flate2::Compression::default();
        match self.gzip {
            true => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).ok()?;
                encoder.finish().ok()
            }
            false => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).ok()?;
                encoder.finish().ok()
            }
        }
    }
}

fn all_of(reader: &mut dyn Read, out: &mut Vec<u8>) -> std::io::Result<()> {
    reader.take(LARGEST + 1).read_to_end(out).map(drop)
}

/// What values look like, where nothing else tells a wrong key: text without control characters but tab and line breaks, and
/// whatever the plan says beyond that.
#[derive(Clone, Debug)]
pub(crate) struct TextValidator(Validator);

impl TextValidator {
    pub(crate) const NAMES: &[&str] = &["utf8", "json"];

    /// The validator of an option, or of a pattern.
    ///
    /// # Errors
    /// When the pattern is no regular expression.
    pub(crate) fn parse(name: Option<&str>, pattern: Option<&str>) -> Result<Option<Self>, Mistake> {
        if let Some(pattern) = pattern {
            let pattern = Validator::pattern(pattern);
            let wrong = |error| Mistake::new(format!("not a valid regular expression: {error}"));
            return pattern.map(TextValidator).map(Some).map_err(wrong);
        }
        let named = name.map(|name| if name == "json" { Validator::Json } else { Validator::Utf8 });
        Ok(named.map(TextValidator))
    }

    pub(crate) fn accepts(&self, bytes: &[u8]) -> bool {
        Validator::Utf8.accepts(bytes) && self.0.accepts(bytes)
    }
}
