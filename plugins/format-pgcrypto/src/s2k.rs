//! How a passphrase becomes a key: string-to-key (RFC 4880 §3.7).

use reseal_core::Broken;
use zeroize::Zeroizing;

use crate::algorithm::Digest;

/// Length of the salt in bytes.
pub(crate) const SALT: usize = 8;

/// Bytes that are hashed at a time. Hashing one large buffer of repetitions, not many short pieces, is what makes
/// the derivation fast; this one still lies in the nearest cache.
const BUFFER: usize = 8192;

/// A string-to-key specifier: everything but the passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct S2k {
    pub(crate) digest: Digest,
    pub(crate) mode: Mode,
}

/// The modes of pgcrypto's option `s2k-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// 0: the passphrase alone.
    Simple,
    /// 1: with a salt.
    Salted([u8; SALT]),
    /// 3: with a salt, and over and over.
    Iterated([u8; SALT], Count),
}

/// The one byte that says how many bytes are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u8);

impl Count {
    /// The number of bytes (RFC 4880 §3.7.1.3).
    fn bytes(self) -> usize {
        (16 + usize::from(self.0 & 15)) << ((self.0 >> 4) + 6)
    }
}

impl S2k {
    /// Reads a specifier; what follows it is returned with it.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Broken> {
        let Some((&[mode, digest], rest)) = bytes.split_first_chunk() else {
            return Err(Broken("truncated"));
        };
        let digest = Digest::from_id(digest).ok_or(Broken("unknown-digest"))?;
        let salted = || rest.split_first_chunk::<SALT>().ok_or(Broken("truncated"));
        let (mode, rest) = match mode {
            0 => (Mode::Simple, rest),
            1 => {
                let (salt, rest) = salted()?;
                (Mode::Salted(*salt), rest)
            }
            3 => {
                let (salt, rest) = salted()?;
                let (count, rest) = rest.split_first().ok_or(Broken("truncated"))?;
                (Mode::Iterated(*salt, Count(*count)), rest)
            }
            _ => return Err(Broken("unknown-s2k-mode")),
        };
        Ok((S2k { digest, mode }, rest))
    }

    /// Writes the specifier.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mode = match self.mode {
            Mode::Simple => 0,
            Mode::Salted(_) => 1,
            Mode::Iterated(..) => 3,
        };
        out.extend([mode, self.digest.id()]);
        if let Mode::Salted(salt) | Mode::Iterated(salt, _) = self.mode {
            out.extend(salt);
        }
        if let Mode::Iterated(_, count) = self.mode {
            out.push(count.0);
        }
    }

    /// The same specifier with another salt, where it has one.
    pub(crate) fn resalted(self, salt: [u8; SALT]) -> Self {
        let mode = match self.mode {
            Mode::Simple => Mode::Simple,
            Mode::Salted(_) => Mode::Salted(salt),
            Mode::Iterated(_, count) => Mode::Iterated(salt, count),
        };
        S2k { mode, ..self }
    }

    /// Derives a key of `length` bytes. The passphrase is not empty.
    pub(crate) fn derive(&self, passphrase: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let (salt, count) = match &self.mode {
            Mode::Simple => (&[][..], 0),
            Mode::Salted(salt) => (&salt[..], 0),
            Mode::Iterated(salt, count) => (&salt[..], count.bytes()),
        };
        let unit = Zeroizing::new([salt, passphrase].concat());
        // Salt and passphrase are hashed whole at least once, however small the count.
        let total = count.max(unit.len());
        let buffer = Zeroizing::new(unit.repeat(total.min(BUFFER).div_ceil(unit.len())));
        let mut key = Zeroizing::new(Vec::with_capacity(length));
        // A key longer than the hash is continued by hashes that start with one more zero byte each.
        for zeros in 0.. {
            let hash = self.digest.of_repeated(zeros, &buffer, total);
            let missing = length - key.len();
            key.extend_from_slice(&hash[..missing.min(hash.len())]);
            if key.len() == length {
                break;
            }
        }
        key
    }
}
