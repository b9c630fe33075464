//! Ciphers by the name that a plan gives them.

mod aead;
mod block;
mod padding;
mod stream;

pub(crate) use padding::Padding;

use aead::Aead;
use zeroize::Zeroizing;

/// A cipher as a plan names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    /// Its name in a plan.
    pub(crate) name: &'static str,
    /// Its name as auditors know it.
    pub(crate) title: &'static str,
    /// Length of its key in bytes.
    pub(crate) key: usize,
    /// Lengths of its nonce in bytes, the usual one first; none for a cipher without.
    pub(crate) nonces: &'static [usize],
    /// What it does.
    pub(crate) family: Family,
}

/// How ciphers work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// They authenticate, with a tag of 16 bytes.
    Aead,
    /// They work on whole blocks of so many bytes.
    Block(usize),
    /// They give as many bytes as they get.
    Stream,
}

/// Length of the tags of all ciphers that have one.
pub(crate) const TAG: usize = 16;

const GCM: &[usize] = &[12, 16];
const BLOCK: Family = Family::Block(16);

macro_rules! algorithms {
    ($($(#[$cfg:meta])* $name:literal $title:literal $key:literal $nonces:expr, $family:expr;)*) => {
        /// All ciphers of this build.
        pub(crate) const ALGORITHMS: &[Algorithm] = &[$(
            $(#[$cfg])*
            Algorithm { name: $name, title: $title, key: $key, nonces: $nonces, family: $family },
        )*];

        /// Their names.
        pub(crate) const NAMES: &[&str] = &[$($(#[$cfg])* $name),*];
    };
}

algorithms! {
    "aes-128-gcm" "AES-128-GCM" 16 GCM, Family::Aead;
    "aes-192-gcm" "AES-192-GCM" 24 &[12], Family::Aead;
    "aes-256-gcm" "AES-256-GCM" 32 GCM, Family::Aead;
    "chacha20-poly1305" "ChaCha20-Poly1305" 32 &[12], Family::Aead;
    "xchacha20-poly1305" "XChaCha20-Poly1305" 32 &[24], Family::Aead;
    "xsalsa20-poly1305" "XSalsa20-Poly1305" 32 &[24], Family::Aead;
    #[cfg(feature = "rare")]
    "aes-128-eax" "AES-128-EAX" 16 &[16], Family::Aead;
    #[cfg(feature = "rare")]
    "aes-256-eax" "AES-256-EAX" 32 &[16], Family::Aead;
    "aes-128-cbc" "AES-128-CBC" 16 &[16], BLOCK;
    "aes-192-cbc" "AES-192-CBC" 24 &[16], BLOCK;
    "aes-256-cbc" "AES-256-CBC" 32 &[16], BLOCK;
    "aes-128-ecb" "AES-128-ECB" 16 &[], BLOCK;
    "aes-192-ecb" "AES-192-ECB" 24 &[], BLOCK;
    "aes-256-ecb" "AES-256-ECB" 32 &[], BLOCK;
    "des-cbc" "DES-CBC" 8 &[8], Family::Block(8);
    "aes-128-ctr" "AES-128-CTR" 16 &[16, 12], Family::Stream;
    "aes-192-ctr" "AES-192-CTR" 24 &[16, 12], Family::Stream;
    "aes-256-ctr" "AES-256-CTR" 32 &[16, 12], Family::Stream;
    "aes-128-cfb" "AES-128-CFB" 16 &[16], Family::Stream;
    "aes-192-cfb" "AES-192-CFB" 24 &[16], Family::Stream;
    "aes-256-cfb" "AES-256-CFB" 32 &[16], Family::Stream;
    "xchacha20" "XChaCha20" 32 &[24], Family::Stream;
}

impl Algorithm {
    pub(crate) fn find(name: &str) -> Option<&'static Algorithm> {
        ALGORITHMS.iter().find(|algorithm| algorithm.name == name)
    }

    /// Whether the cipher alone tells a right key from a wrong one.
    pub(crate) fn authenticates(&self) -> bool {
        self.family == Family::Aead
    }

    fn mode(&self) -> &'static str {
        self.name.rsplit('-').next().unwrap_or_default()
    }
}

/// A cipher with its key.
pub(crate) enum Cipher {
    Aead(Box<Aead>),
    Plain(&'static Algorithm, Zeroizing<Vec<u8>>),
}

/// What a cell is sealed with beside its key.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'b> {
    pub(crate) nonce: &'b [u8],
    pub(crate) aad: &'b [u8],
}

impl Cipher {
    /// Expands a key. `None` where its length is not the cipher's.
    pub(crate) fn new(algorithm: &'static Algorithm, key: &[u8], nonce: usize) -> Option<Cipher> {
        if key.len() != algorithm.key {
            return None;
        }
        match algorithm.family {
            Family::Aead => Aead::new(algorithm, key, nonce).map(|aead| Cipher::Aead(Box::new(aead))),
            Family::Block(_) | Family::Stream => Some(Cipher::Plain(algorithm, Zeroizing::new(key.to_vec()))),
        }
    }

    /// Turns the text into the ciphertext, in place, and gives the tag where there is one. A text for a block cipher is
    /// padded before. `None` for lengths that the cipher does not take.
    pub(crate) fn seal(&self, beside: Beside<'_>, text: &mut [u8]) -> Option<Vec<u8>> {
        match self {
            Cipher::Aead(aead) => aead.seal(beside, text),
            Cipher::Plain(algorithm, key) => {
                plain(algorithm, key, beside.nonce, text, Direction::Seal)?;
                Some(Vec::new())
            }
        }
    }

    /// Turns the ciphertext into the text, in place; the padding stays. `None` if it was not sealed so.
    pub(crate) fn open(&self, beside: Beside<'_>, text: &mut [u8], tag: &[u8]) -> Option<()> {
        match self {
            Cipher::Aead(aead) => aead.open(beside, text, tag),
            Cipher::Plain(algorithm, key) => plain(algorithm, key, beside.nonce, text, Direction::Open),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Seal,
    Open,
}

fn plain(
    algorithm: &Algorithm,
    key: &[u8],
    nonce: &[u8],
    text: &mut [u8],
    direction: Direction,
) -> Option<()> {
    match algorithm.mode() {
        "cbc" => block::cbc(key, nonce, text, direction == Direction::Seal),
        "ecb" => block::ecb(key, text, direction == Direction::Seal),
        "ctr" => stream::ctr(key, nonce, text),
        "cfb" => stream::cfb(key, nonce, text, direction == Direction::Seal),
        _ => stream::xchacha20(key, nonce, text),
    }
}
