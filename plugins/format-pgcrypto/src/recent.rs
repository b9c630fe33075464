//! Keys that were derived for sealing and are about to be asked for again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use reseal_core::{Key, SecretBytes};
use zeroize::Zeroizing;

use crate::s2k::S2k;

/// More than the cells between sealing and reopening at any moment: one for each core.
const KEPT: usize = 64;

/// The latest keys that sealing derived.
///
/// Deriving a key is nearly all of the work, and every cell that is sealed is opened again at once, to prove it.
/// That opening takes the key out of here: none is kept for longer than it is of use, and all are wiped.
#[derive(Default)]
pub(crate) struct Recent {
    entries: Mutex<VecDeque<Derived>>,
}

struct Derived {
    s2k: S2k,
    passphrase: SecretBytes,
    derived: Zeroizing<Vec<u8>>,
}

impl Recent {
    /// Derives a key, and keeps it for [`Recent::take`].
    pub(crate) fn derive(&self, s2k: S2k, passphrase: &Key, length: usize) -> Zeroizing<Vec<u8>> {
        let derived = s2k.derive(passphrase.expose(), length);
        let passphrase = SecretBytes::new(passphrase.expose().to_vec());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(Derived { s2k, passphrase, derived: derived.clone() });
        derived
    }

    /// Takes the key that was derived so, or derives it.
    pub(crate) fn take(&self, s2k: S2k, passphrase: &Key, length: usize) -> Zeroizing<Vec<u8>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |entry: &Derived| {
            entry.s2k == s2k
                && entry.derived.len() == length
                && entry.passphrase.expose() == passphrase.expose()
        };
        // The newest first: it is the one, unless other threads seal at the same time.
        let found = entries.iter().rposition(same).and_then(|at| entries.remove(at));
        drop(entries);
        match found {
            Some(entry) => entry.derived,
            None => s2k.derive(passphrase.expose(), length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Digest;
    use crate::s2k::{Mode, SALT};

    fn s2k(salt: u8) -> S2k {
        S2k { digest: Digest::Sha1, mode: Mode::Salted([salt; SALT]) }
    }

    #[test]
    fn a_key_is_kept_until_it_is_taken() {
        let (recent, one, other) = (Recent::default(), key("one"), key("other"));
        let kept = || recent.entries.lock().unwrap().len();
        let derived = recent.derive(s2k(1), &one, 16);
        assert_ne!(recent.take(s2k(1), &other, 16), derived);
        assert_ne!(recent.take(s2k(2), &one, 16), derived);
        assert_eq!(recent.take(s2k(1), &one, 32)[..16], derived[..]);
        assert_eq!(kept(), 1);
        assert_eq!(recent.take(s2k(1), &one, 16), derived);
        assert_eq!(kept(), 0);
        assert_eq!(recent.take(s2k(1), &one, 16), derived);
    }

    #[test]
    fn few_are_kept() {
        let recent = Recent::default();
        for salt in 0..=255 {
            recent.derive(s2k(salt), &key("one"), 16);
        }
        assert_eq!(recent.entries.lock().unwrap().len(), KEPT);
    }

    fn key(passphrase: &str) -> Key {
        Key::new(passphrase, SecretBytes::new(passphrase.as_bytes().to_vec()))
    }
}
