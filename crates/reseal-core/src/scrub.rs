//! Taking secrets out of what a program printed.

use base64_simd::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// A secret shorter than this stands for nothing: taking it out would leave holes in every text.
const SHORTEST: usize = 4;
const MASK: &str = "***";

/// Knows secrets in all the ways that they are commonly written down.
#[derive(Default)]
pub struct Scrub {
    patterns: Vec<Zeroizing<Vec<u8>>>,
}

impl Scrub {
    /// Knows these secrets: as they are, in hexadecimal, in base64 and in URL-safe base64.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets.into_iter().filter(|secret| secret.len() >= SHORTEST) {
            patterns.extend([
                Zeroizing::new(secret.to_vec()),
                Zeroizing::new(hex::encode(secret).into_bytes()),
                Zeroizing::new(hex::encode_upper(secret).into_bytes()),
                Zeroizing::new(STANDARD_NO_PAD.encode_to_string(secret).into_bytes()),
                Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(secret).into_bytes()),
            ]);
        }
        // Where one is a part of another, the whole goes.
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
        Scrub { patterns }
    }

    /// Whether the text holds one of the secrets.
    #[must_use]
    pub fn finds_in(&self, text: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| text.windows(pattern.len()).any(|at| at == pattern.as_slice()))
    }

    /// The bytes without the secrets. What else they hold is as it was: somebody else may know other secrets in it.
    #[must_use]
    pub fn without_secrets(&self, text: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(text.to_vec());
        for pattern in &self.patterns {
            bytes = Zeroizing::new(without(&bytes, pattern));
        }
        bytes
    }

    /// The text without the secrets, without what looks like a key, and without control characters.
    #[must_use]
    pub fn clean(&self, text: &[u8]) -> String {
        let bytes = self.without_secrets(text);
        let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
        let mut out = String::with_capacity(text.len());
        let in_run = |c: char| c.is_ascii_alphanumeric() || "+=_-/".contains(c);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let run = &rest[..rest.find(|c| !in_run(c)).unwrap_or(rest.len())];
            out.push_str(if hides_a_key(run) { MASK } else { run });
            rest = &rest[run.len()..];
            if let Some(c) = rest.chars().next() {
                out.push(if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c });
                rest = &rest[c.len_utf8()..];
            }
        }
        out
    }
}

fn without(text: &[u8], pattern: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(pattern.len()).position(|window| window == pattern) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(MASK.as_bytes());
        rest = &rest[at + pattern.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Whether a run that may hold slashes has key material in it: base64 has them too. A path has short words between them.
fn hides_a_key(run: &str) -> bool {
    let is_base64 =
        run.len() >= 20 && run.len().is_multiple_of(4) && !run.starts_with('/') && !run.contains(['-', '_']);
    run.split('/').any(looks_like_key) || (run.contains('/') && is_base64 && looks_like_key(run))
}

/// Whether an unbroken run of letters and digits could be key material: hexadecimal digits, or letters in both cases
/// mixed with digits, and many of them.
#[must_use]
pub fn looks_like_key(run: &str) -> bool {
    let any = |test: fn(&u8) -> bool| run.bytes().any(|b| test(&b));
    let mixed = any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_digit);
    (run.len() >= 16 && mixed) || (run.len() >= 32 && run.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watches each way of writing a key down.
    #[test]
    fn a_known_secret_is_taken_out_however_it_is_written() {
        let key = b"\x00\xffsecret key bytes";
        let scrub = Scrub::new([key.as_slice(), b"hunter2".as_slice(), b"abc".as_slice()]);
        for written in [
            key.to_vec(),
            hex::encode(key).into_bytes(),
            hex::encode_upper(key).into_bytes(),
            STANDARD_NO_PAD.encode_to_string(key).into_bytes(),
            URL_SAFE_NO_PAD.encode_to_string(key).into_bytes(),
            b"hunter2".to_vec(),
        ] {
            let text = [b"key=".as_slice(), &written, b"!\n".as_slice()].concat();
            assert!(scrub.finds_in(&text));
            assert_eq!(scrub.clean(&text), "key=***!\n");
        }
        assert_eq!(scrub.clean(b"abc \x1b[1m"), "abc  [1m");
    }

    #[test]
    fn what_looks_like_a_key_is_taken_out_and_names_stay() {
        let scrub = Scrub::default();
        for (text, expect) in [
            ("token: cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", "token: ***"),
            ("0123456789abcdef0123456789abcdef ok", "*** ok"),
            (
                "run 01936f2e-89ab-7cde-8f01-23456789abcd done",
                "run 01936f2e-89ab-7cde-8f01-23456789abcd done",
            ),
            ("/usr/local/lib/python3.13/site.py", "/usr/local/lib/python3.13/site.py"),
            ("key 1nFSTdBxEbPzy8/O5xidg5XriSu8MmGP/BRU0Nrnl68=.", "key ***."),
            ("aB1/cD2/eF3/gH4/iJ5/kL6/mN7/oP8+qR9/sT0/uVw=", "***"),
            (
                "/opt/Reseal1/bin/reseal and backups/2026-11-24/Keys7",
                "/opt/Reseal1/bin/reseal and backups/2026-11-24/Keys7",
            ),
        ] {
            assert_eq!(scrub.clean(text.as_bytes()), expect);
        }
    }
}
