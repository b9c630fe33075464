//! What a plaintext looks like.

use regex_lite::Regex;
use serde::de::IgnoredAny;

/// What a plaintext looks like, for formats whose opening proves nothing: a cell that opens to anything else did not
/// open.
///
/// A plan writes `validator: utf8`, `validator: json` or `validator: { pattern: "[0-9-]+" }`.
#[derive(Clone, Debug)]
pub enum Validator {
    /// Text in UTF-8, without control characters other than tab and line breaks.
    Utf8,
    /// A JSON document.
    Json,
    /// Text in UTF-8 that the regular expression matches as a whole.
    Pattern(Regex),
}

impl Validator {
    /// The pattern, which must match the whole text.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn pattern(pattern: &str) -> Result<Self, regex_lite::Error> {
        // Parsed alone first: what is wrong should be told of the author's text, not of ours around it.
        Regex::new(pattern)?;
        Regex::new(&format!(r"\A(?:{pattern})\z")).map(Validator::Pattern)
    }

    /// Whether a plaintext looks as it should.
    #[must_use]
    pub fn accepts(&self, plaintext: &[u8]) -> bool {
        match self {
            Validator::Utf8 => std::str::from_utf8(plaintext)
                .is_ok_and(|text| text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))),
            Validator::Json => serde_json::from_slice::<IgnoredAny>(plaintext).is_ok(),
            Validator::Pattern(regex) => {
                std::str::from_utf8(plaintext).is_ok_and(|text| regex.is_match(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_knows_its_own() {
        assert!(Validator::Utf8.accepts("grüß\tGott\n".as_bytes()));
        assert!(!Validator::Utf8.accepts(b"\x01\xff"));
        assert!(!Validator::Utf8.accepts(b"\x00"));
        assert!(Validator::Json.accepts(br#"{"a": [1]}"#));
        assert!(!Validator::Json.accepts(b"{"));
        let digits = Validator::pattern("[0-9]+|none").unwrap();
        assert!(digits.accepts(b"123") && digits.accepts(b"none"));
        assert!(!digits.accepts(b"123x") && !digits.accepts(b"xnone"));
        assert!(Validator::pattern("(").is_err());
    }
}
