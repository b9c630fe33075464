//! The functions that expressions call: each a line of a table.

use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::args::{Args, Secret};
use super::hashes;

/// A function of an expression.
pub(crate) struct Function {
    pub(super) name: &'static str,
    /// Its arguments in words.
    pub(super) usage: &'static str,
    /// What kinds its arguments are.
    pub(super) kinds: &'static [Kind],
    /// Whether the last argument may be repeated.
    pub(super) variadic: bool,
    /// Its value; `None` where an argument does not fit.
    pub(super) apply: fn(&Args) -> Option<Secret>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes.
    Bytes,
    /// A whole number, at most this.
    Number(u64),
}

/// Longest key or part that a function makes, in bytes.
const LONGEST: Kind = Kind::Number(4096);
/// Most rounds of a slow derivation.
const ROUNDS: Kind = Kind::Number(10_000_000);
const BYTES: Kind = Kind::Bytes;

macro_rules! function {
    ($name:literal, $usage:literal, [$($kind:expr),*], $apply:expr) => {
        Function { name: $name, usage: $usage, kinds: &[$($kind),*], variadic: false, apply: $apply }
    };
}

const FUNCTIONS: &[Function] = &[
    Function { name: "concat", usage: "bytes, …", kinds: &[BYTES], variadic: true, apply: concat },
    function!("slice", "bytes, start, length", [BYTES, LONGEST, LONGEST], slice),
    function!("cut", "bytes, length", [BYTES, LONGEST], |a| Some(secret(
        &a.bytes(0)[..a.bytes(0).len().min(a.number(1))]
    ))),
    function!("repeat", "bytes, count", [BYTES, LONGEST], |a| Some(secret(&a.bytes(0).repeat(a.number(1))))),
    function!("after", "prefix, bytes", [BYTES, BYTES], |a| a.bytes(1).strip_prefix(a.bytes(0)).map(secret)),
    function!("pad", "bytes, length, length, length", [BYTES, LONGEST, LONGEST, LONGEST], pad),
    function!("fold", "bytes, length", [BYTES, LONGEST], fold),
    function!("from-hex", "text", [BYTES], |a| hex::decode(a.bytes(0)).ok().map(Zeroizing::new)),
    function!("from-base64", "text", [BYTES], from_base64),
    function!("to-hex", "bytes", [BYTES], |a| Some(secret(hex::encode(a.bytes(0)).as_bytes()))),
    function!("to-base64", "bytes", [BYTES], |a| Some(secret(
        STANDARD.encode_to_string(a.bytes(0)).as_bytes()
    ))),
    function!("bits64", "bytes", [BYTES], |a| Some(secret(&(a.bytes(0).len() as u64 * 8).to_be_bytes()))),
    function!("decimal", "bytes", [BYTES], |a| Some(secret(a.bytes(0).len().to_string().as_bytes()))),
    function!("counted64", "bytes", [BYTES], counted64),
    function!("tink-key", "keyset, type", [BYTES, BYTES], |a| crate::tink::key(a.bytes(0), a.bytes(1))),
    function!("tink-mac-key", "keyset, type", [BYTES, BYTES], |a| crate::tink::mac_key(
        a.bytes(0),
        a.bytes(1)
    )),
    function!("tink-id", "keyset", [BYTES], |a| crate::tink::id(a.bytes(0))),
    function!("md5", "bytes", [BYTES], |a| Some(hashes::hash::<Md5>(a.bytes(0)))),
    function!("sha1", "bytes", [BYTES], |a| Some(hashes::hash::<Sha1>(a.bytes(0)))),
    function!("sha256", "bytes", [BYTES], |a| Some(hashes::hash::<Sha256>(a.bytes(0)))),
    function!("sha384", "bytes", [BYTES], |a| Some(hashes::hash::<Sha384>(a.bytes(0)))),
    function!("sha512", "bytes", [BYTES], |a| Some(hashes::hash::<Sha512>(a.bytes(0)))),
    function!("hmac-sha1", "key, message", [BYTES, BYTES], |a| hashes::hmac::<Sha1>(a.bytes(0), a.bytes(1))),
    function!("hmac-sha256", "key, message", [BYTES, BYTES], |a| hashes::hmac::<Sha256>(
        a.bytes(0),
        a.bytes(1)
    )),
    function!("hmac-sha384", "key, message", [BYTES, BYTES], |a| hashes::hmac::<Sha384>(
        a.bytes(0),
        a.bytes(1)
    )),
    function!("hmac-sha512", "key, message", [BYTES, BYTES], |a| hashes::hmac::<Sha512>(
        a.bytes(0),
        a.bytes(1)
    )),
    function!("blake2b", "key, message, length", [BYTES, BYTES, Kind::Number(64)], |a| {
        hashes::blake2b(a.bytes(0), a.bytes(1), a.number(2))
    }),
    function!("hkdf-sha256", "key, salt, info, length", [BYTES, BYTES, BYTES, LONGEST], |a| {
        hashes::hkdf::<Sha256>(a.bytes(0), a.bytes(1), a.bytes(2), a.number(3))
    }),
    function!("hkdf-sha384", "key, salt, info, length", [BYTES, BYTES, BYTES, LONGEST], |a| {
        hashes::hkdf::<Sha384>(a.bytes(0), a.bytes(1), a.bytes(2), a.number(3))
    }),
    function!("hkdf-sha512", "key, salt, info, length", [BYTES, BYTES, BYTES, LONGEST], |a| {
        hashes::hkdf::<Sha512>(a.bytes(0), a.bytes(1), a.bytes(2), a.number(3))
    }),
    function!("pbkdf2-sha1", "password, salt, rounds, length", [BYTES, BYTES, ROUNDS, LONGEST], |a| {
        Some(hashes::pbkdf2::<Sha1>(a.bytes(0), a.bytes(1), a.number(2), a.number(3)))
    }),
    function!("pbkdf2-sha256", "password, salt, rounds, length", [BYTES, BYTES, ROUNDS, LONGEST], |a| {
        Some(hashes::pbkdf2::<Sha256>(a.bytes(0), a.bytes(1), a.number(2), a.number(3)))
    }),
    function!("pbkdf2-sha384", "password, salt, rounds, length", [BYTES, BYTES, ROUNDS, LONGEST], |a| {
        Some(hashes::pbkdf2::<Sha384>(a.bytes(0), a.bytes(1), a.number(2), a.number(3)))
    }),
    function!("pbkdf2-sha512", "password, salt, rounds, length", [BYTES, BYTES, ROUNDS, LONGEST], |a| {
        Some(hashes::pbkdf2::<Sha512>(a.bytes(0), a.bytes(1), a.number(2), a.number(3)))
    }),
    function!("pbkdf1-md5", "password, salt, rounds", [BYTES, BYTES, ROUNDS], |a| {
        Some(hashes::pbkdf1_md5(a.bytes(0), a.bytes(1), a.number(2)))
    }),
    function!("evp-md5", "password, salt, length", [BYTES, BYTES, LONGEST], |a| {
        Some(hashes::evp_md5(a.bytes(0), a.bytes(1), a.number(2)))
    }),
    #[cfg(feature = "rare")]
    function!(
        "scrypt",
        "password, salt, log2-n, r, p, length",
        [BYTES, BYTES, Kind::Number(20), Kind::Number(64), Kind::Number(64), LONGEST],
        |a| hashes::scrypt(a.bytes(0), a.bytes(1), [a.number(2), a.number(3), a.number(4)], a.number(5))
    ),
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

pub(super) fn names() -> Vec<&'static str> {
    FUNCTIONS.iter().map(|function| function.name).chain(["spelled"]).collect()
}

fn secret(bytes: &[u8]) -> Secret {
    Zeroizing::new(bytes.to_vec())
}

fn concat(args: &Args) -> Option<Secret> {
    let mut out = Secret::default();
    args.all().for_each(|bytes| out.extend_from_slice(bytes));
    Some(out)
}

fn slice(args: &Args) -> Option<Secret> {
    let (start, length) = (args.number(1), args.number(2));
    args.bytes(0).get(start..)?.get(..length).map(secret)
}

/// Zeros behind the bytes up to the first length that holds them; what is longer than the last length is cut, as pgcrypto
/// does.
fn pad(args: &Args) -> Option<Secret> {
    let bytes = args.bytes(0);
    let lengths = [args.number(1), args.number(2), args.number(3)];
    let length = lengths.into_iter().find(|length| bytes.len() <= *length).unwrap_or(lengths[2]);
    let mut out = Zeroizing::new(vec![0; length]);
    let kept = bytes.len().min(length);
    out[..kept].copy_from_slice(&bytes[..kept]);
    Some(out)
}

/// The bytes laid over each other by XOR, as MySQL makes a key of a text.
fn fold(args: &Args) -> Option<Secret> {
    let mut out = Zeroizing::new(vec![0; args.number(1)]);
    let length = out.len().max(1);
    for (at, byte) in args.bytes(0).iter().enumerate() {
        *out.get_mut(at % length)? ^= byte;
    }
    Some(out)
}

/// Base64 of either alphabet, with or without padding: keys are typed in all four spellings.
fn from_base64(args: &Args) -> Option<Secret> {
    let text = args.bytes(0);
    let engines = [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD];
    engines.into_iter().find_map(|engine| engine.decode_to_vec(text).ok()).map(Zeroizing::new)
}

/// The bytes behind their length, as 8 bytes in little-endian order: a piece of PASETO's pre-authentication encoding.
fn counted64(args: &Args) -> Option<Secret> {
    let bytes = args.bytes(0);
    Some(secret(&[&(bytes.len() as u64).to_le_bytes(), bytes].concat()))
}
