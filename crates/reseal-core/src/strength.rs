//! How hard a key is to guess, as far as its bytes alone tell.

use std::fmt;

/// As many random bytes cannot be guessed: 128 bits.
pub const ENOUGH_BYTES: usize = 16;

/// What makes bytes no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every byte is zero.
    Zeros,
    /// The same few bytes over and over.
    Repeats {
        /// How many bytes.
        bytes: usize,
    },
    /// Each byte differs from the one before by the same step: 00 01 02 03 …, or 11 22 33 44 ….
    Steps,
    /// Far fewer different bytes than random ones would have.
    Few {
        /// How many there are.
        different: usize,
    },
}

impl Pattern {
    /// The pattern of some bytes; `None` where they may be random. 16 random bytes pass for a pattern once in 10^9 times,
    /// and longer ones even less.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < 2 {
            return None;
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Some(Pattern::Zeros);
        }
        let repeats = |period: &usize| bytes[*period..] == bytes[..bytes.len() - period];
        if let Some(period) = (1..=bytes.len() / 2).find(repeats) {
            return Some(Pattern::Repeats { bytes: period });
        }
        let step = bytes[1].wrapping_sub(bytes[0]);
        if bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
            return Some(Pattern::Steps);
        }
        if std::str::from_utf8(bytes).is_ok() {
            // An alphabet is no pattern: hexadecimal digits of a random key are 16 different bytes.
            return None;
        }
        let mut seen = [false; 256];
        bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        let different = seen.iter().filter(|seen| **seen).count();
        // Half of up to 64 bytes; of longer ones, as many as half of 64.
        (bytes.len() >= ENOUGH_BYTES && different < bytes.len().min(64) / 2)
            .then_some(Pattern::Few { different })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Zeros => f.write_str("all of its bytes are zero"),
            Pattern::Repeats { bytes: 1 } => f.write_str("it repeats one byte"),
            Pattern::Repeats { bytes } => write!(f, "it repeats the same {bytes} bytes"),
            Pattern::Steps => f.write_str("its bytes count up or down"),
            Pattern::Few { different } => write!(f, "it has only {different} different bytes"),
        }
    }
}

/// Whether guesses at bytes could be tried: they are text, which somebody may have typed, fewer than 16, or of a
/// pattern. 16 random bytes pass for text once in 10,000 times, which does no harm: they are hashed more slowly.
#[must_use]
pub fn is_guessable(bytes: &[u8]) -> bool {
    bytes.len() < ENOUGH_BYTES || std::str::from_utf8(bytes).is_ok() || Pattern::of(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_told_from_random_bytes() {
        let steps: Vec<u8> = (0..32).collect();
        let wide: Vec<u8> = (0u8..16).map(|n| n.wrapping_mul(0x11)).collect();
        let few: Vec<u8> = (0..32).map(|n| [7, 200, 31, 9, 64][(n * n + n / 5) % 5]).collect();
        for (bytes, expected) in [
            (vec![0; 32], Some(Pattern::Zeros)),
            (vec![0xff; 16], Some(Pattern::Repeats { bytes: 1 })),
            (b"\x01\x02\x03\x04".repeat(8), Some(Pattern::Repeats { bytes: 4 })),
            // The last repetition may be cut off.
            (b"\x01\x92\x03".repeat(11)[..32].to_vec(), Some(Pattern::Repeats { bytes: 3 })),
            (steps.clone(), Some(Pattern::Steps)),
            (steps.into_iter().rev().collect(), Some(Pattern::Steps)),
            (wide, Some(Pattern::Steps)),
            (few, Some(Pattern::Few { different: 5 })),
            (b"8b1a9953c4611296a827abf8c47804d7e2c90d51f6d3a8b07c4e1f9052b6a3de".to_vec(), None),
            (vec![7], None),
            (vec![], None),
        ] {
            assert_eq!(Pattern::of(&bytes), expected, "{bytes:02x?}");
        }
    }

    /// Watches that a key of random bytes is never refused, nor hashed for nothing.
    #[test]
    fn random_bytes_have_no_pattern() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        };
        for length in [16, 24, 32, 64, 512] {
            for _ in 0..20_000 {
                let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
                assert_eq!(Pattern::of(&bytes), None, "{bytes:02x?}");
                assert!(length == 16 || !is_guessable(&bytes), "{bytes:02x?}");
            }
        }
    }

    #[test]
    fn what_may_have_been_typed_is_guessable() {
        let short = b"\x9c\x4b\xe1\xa0\x7f\xd2\xe8\x05\x31\xc6\x58\xb7\x0d\xf3\x94";
        for bytes in [&b"hunter2"[..], "Grüße, 世界, und mehr als das".as_bytes(), short, &[0x9c; 32]] {
            assert!(is_guessable(bytes), "{bytes:02x?}");
        }
    }
}
