//! What a cell opens to.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// The opened content of a cell. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct Plaintext {
    bytes: Zeroizing<Vec<u8>>,
    authenticated: bool,
    aside: Option<Zeroizing<Vec<u8>>>,
}

impl Plaintext {
    /// A plaintext that the format authenticated, or that never was a ciphertext.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Plaintext { bytes: Zeroizing::new(bytes), authenticated: true, aside: None }
    }

    /// A plaintext whose format carries no authentication: that it opened proves little.
    #[must_use]
    pub fn unauthenticated(bytes: Vec<u8>) -> Self {
        Plaintext { bytes: Zeroizing::new(bytes), authenticated: false, aside: None }
    }

    /// The bytes. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// False where the cell carries no authentication, so that another key could have opened it by chance.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The same plaintext with what its cell said beside it, under the cell's own encryption: an OpenPGP literal type.
    ///
    /// Only the format that opened the cell can read it, and only when it seals with that cell as `like`: by then the
    /// key that opened the cell is out of reach.
    #[must_use]
    pub fn with_aside(mut self, aside: Vec<u8>) -> Self {
        self.aside = Some(Zeroizing::new(aside));
        self
    }

    /// What [`Plaintext::with_aside`] put beside the plaintext.
    #[must_use]
    pub fn aside(&self) -> Option<&[u8]> {
        self.aside.as_ref().map(|aside| aside.as_slice())
    }

    /// Whether both hold the same bytes, in time that depends on the length alone.
    #[must_use]
    pub fn same_as(&self, other: &Plaintext) -> bool {
        // A comparison in constant time has its price for each item, whatever its width.
        let ((words, rest), (other_words, other_rest)) =
            (self.bytes.as_chunks::<8>(), other.bytes.as_chunks::<8>());
        if (words.len(), rest.len()) != (other_words.len(), other_rest.len()) {
            return false;
        }
        let same = words.iter().zip(other_words).fold(Choice::from(1), |same, (one, other)| {
            same & u64::from_ne_bytes(*one).ct_eq(&u64::from_ne_bytes(*other))
        });
        (same & rest.ct_eq(other_rest)).into()
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintexts_are_the_same_to_the_last_bit_alone() {
        for length in 0..40 {
            let text = Plaintext::new(vec![7; length]);
            assert!(text.same_as(&Plaintext::new(vec![7; length])), "{length}");
            assert!(!text.same_as(&Plaintext::new(vec![7; length + 1])), "{length}");
            assert!(!text.same_as(&Plaintext::new(vec![7; length + 8])), "{length}");
            for at in 0..length {
                let mut other = vec![7; length];
                other[at] ^= 0x80;
                assert!(!text.same_as(&Plaintext::new(other)), "{length} {at}");
            }
        }
    }
}
