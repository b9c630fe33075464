//! Random bytes that are written as text.

use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::NONCE_BYTES;

/// Bytes of the shortest cell: a nonce of 12 bytes, a tag of 16.
const SHORTEST: usize = 28;
/// Bytes that tell how evenly all of them are spread.
const TELLING: usize = 64;
/// Labels, nonce, ciphertext and tag, and one to spare.
const MOST_PARTS: usize = 6;
/// Letters of a label in front of a cell, such as `v1` or `aes-256-gcm`.
const LONGEST_LABEL: usize = 12;
/// What a text must count to, to be taken for random: of the shortest cells one in two thousand counts to less.
const LEAST: i64 = -100;
/// What files begin with that are binary by themselves.
const FILES: [&[u8]; 9] = [
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"%PDF",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x30\x82",
    b"\0\0\0",
];

/// What stands behind hexadecimal or one of the kinds of base64; `None` for other texts, and for an empty one.
pub(super) fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let is_digit =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    if text.is_empty() || !text.bytes().all(is_digit) {
        return None;
    }
    let base64 = || {
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        engines.into_iter().find_map(|engine| engine.decode_to_vec(text).ok())
    };
    hex::decode(text).ok().or_else(base64).map(Zeroizing::new)
}

/// Whether a text is random bytes in base64, enough of them for a cell.
pub(super) fn is_random_base64(text: &str) -> bool {
    let lines = text.contains(['\n', '\r']).then(|| text.replace(['\n', '\r'], ""));
    let text = lines.as_deref().unwrap_or(text);
    let bytes = decoded(text).filter(|bytes| bytes.len() >= SHORTEST);
    bytes.is_some_and(|bytes| is_mixed(text) && is_random(&bytes))
}

/// Whether a text is random bytes in hexadecimal, enough of them for a cell.
pub(super) fn is_random_hex(text: &str) -> bool {
    hex::decode(text).map(Zeroizing::new).is_ok_and(|bytes| is_random_bytes(&bytes))
}

/// Whether bytes are random, enough of them for a cell.
pub(super) fn is_random_bytes(bytes: &[u8]) -> bool {
    bytes.len() >= SHORTEST && is_random(bytes)
}

/// Whether a text is a nonce, a ciphertext and maybe a tag, with a separator between them: `iv:ct` in hexadecimal or
/// base64, `ct--iv--tag` as Rails writes its messages; also one piece of random base64 behind a label, `v1:…`.
pub(super) fn is_sealed_in_parts(text: &str) -> bool {
    ["--", ":", "|", "."].into_iter().any(|separator| {
        let parts: Vec<&str> = text.splitn(MOST_PARTS + 1, separator).collect();
        (2..=MOST_PARTS).contains(&parts.len()) && are_sealed(&parts, separator)
    })
}

fn are_sealed(parts: &[&str], separator: &str) -> bool {
    let labels = parts.iter().take_while(|part| is_label(part)).count().min(2);
    let (labels, parts) = parts.split_at(labels);
    match parts {
        [] => false,
        [one] => {
            let is_hash = labels.iter().any(|label| names_a_hash(label));
            separator == ":" && !is_hash && !one.starts_with("//") && is_random_base64(one)
        }
        parts => {
            let bytes: Option<Vec<_>> = parts.iter().map(|part| decoded(part)).collect();
            let is_written = || (is_hex(parts) && separator == ":") || is_mixed(&parts.concat());
            bytes.is_some_and(|bytes| is_written() && are_nonce_and_ciphertext(&bytes))
        }
    }
}

fn are_nonce_and_ciphertext(parts: &[Zeroizing<Vec<u8>>]) -> bool {
    let all = Zeroizing::new(parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>());
    let is_word = |part: &Zeroizing<Vec<u8>>| part.len() >= 6 && is_text(part);
    all.len() >= SHORTEST
        && parts.iter().any(|part| NONCE_BYTES.contains(&part.len()))
        && !parts.iter().any(is_word)
        && is_random(&all)
}

fn is_label(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_LABEL).contains(&part.len()) && part.bytes().all(is_word)
}

fn names_a_hash(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    ["sha", "md5", "blake", "hmac", "hash"].iter().any(|name| label.starts_with(name))
}

/// Whether all parts are hexadecimal, and no decimal numbers.
fn is_hex(parts: &[&str]) -> bool {
    let mut bytes = parts.iter().flat_map(|part| part.bytes());
    bytes.clone().all(|byte| byte.is_ascii_hexdigit()) && bytes.any(|byte| byte.is_ascii_alphabetic())
}

/// Whether letters of both cases, digits and signs are as frequent, and take turns as often, as in base64 of random bytes, and
/// not as in words and in names in CamelCase. Each letter, and each pair of neighbours, counts by the logarithm of how much
/// likelier it is in the one than in the other.
fn is_mixed(text: &str) -> bool {
    let kinds: Vec<Kind> = text.trim_end_matches('=').bytes().map(Kind::of).collect();
    let has = |kind: Kind| kinds.contains(&kind);
    let letters: i64 = kinds.iter().map(|kind| kind.likelier()).sum();
    let turns: i64 = kinds.windows(2).map(|pair| if pair[0] == pair[1] { -7 } else { 8 }).sum();
    let has_others = has(Kind::Digit) || has(Kind::Sign);
    has(Kind::Upper) && has(Kind::Lower) && has_others && letters + turns >= LEAST
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Sign,
}

impl Kind {
    fn of(byte: u8) -> Kind {
        match byte {
            b'A'..=b'Z' => Kind::Upper,
            b'a'..=b'z' => Kind::Lower,
            b'0'..=b'9' => Kind::Digit,
            _ => Kind::Sign,
        }
    }

    /// Of 64 digits of base64, 26 are upper-case letters and 10 are numbers; of the letters of names, one in seven and one
    /// in twenty.
    fn likelier(self) -> i64 {
        match self {
            Kind::Upper => 10,
            Kind::Lower => -7,
            Kind::Digit | Kind::Sign => 11,
        }
    }
}

/// Whether bytes are neither text nor the beginning of a file, and few of them repeat: of 64 random bytes, 57 differ.
fn is_random(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(TELLING)];
    let mut seen = [false; 256];
    head.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    distinct * 4 >= head.len() * 3 && !is_text(bytes) && !FILES.iter().any(|magic| bytes.starts_with(magic))
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()))
}
