//! Parts behind one another, each with its length in front: no part can borrow from its neighbour.

use sha2::{Digest as _, Sha256};

/// SHA-256 over parts, each behind its length as 8 bytes, big-endian.
///
/// ```
/// use reseal_core::digest::Parts;
///
/// let digest = Parts::of(["ab", "c"]);
/// assert_eq!(digest, Parts::default().with("ab").with("c").finish());
/// assert_ne!(digest, Parts::of(["a", "bc"]));
/// ```
#[derive(Clone, Default)]
pub struct Parts(Sha256);

impl Parts {
    /// The digest of these parts.
    #[must_use]
    pub fn of<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> [u8; 32] {
        parts.into_iter().fold(Parts::default(), Parts::with).finish()
    }

    /// The same with one part more at the end.
    #[must_use]
    pub fn with(self, part: impl AsRef<[u8]>) -> Parts {
        let part = part.as_ref();
        Parts(self.0.chain_update((part.len() as u64).to_be_bytes()).chain_update(part))
    }

    /// The digest of all parts so far.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Appends a text behind its length as 4 bytes, big-endian.
pub(crate) fn put(out: &mut Vec<u8>, text: &str) {
    // Nothing that is put here comes near four gigabytes; what did would carry a length that no reader accepts.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests as Python's hashlib gives them: these are kept in ledgers and outboxes, and may never change.
    #[test]
    fn digests_of_parts_are_what_they_always_were() {
        let check =
            |parts: &[&str], digest: &str| assert_eq!(hex::encode(Parts::of(parts)), digest, "{parts:?}");
        check(&["a", "bc"], "3fafa1cf2f19a7c1129beb20cf0983f73a489a221fc0dd2f16d1be292d089205");
        check(&["ab", "c"], "601d5476e2ccfe2c87a2bba7a322659734a05749d5b5aa781f513e4912db0d5f");
        check(&[], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_text_stands_behind_its_length() {
        let mut out = Vec::new();
        put(&mut out, "é");
        put(&mut out, "");
        assert_eq!(out, [&[0, 0, 0, 2][..], "é".as_bytes(), &[0; 4]].concat());
    }
}
