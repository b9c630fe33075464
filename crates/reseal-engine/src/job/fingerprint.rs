//! Fingerprints of keys: they tell one key from another, and give none back.

use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use reseal_core::Key;
use sha2::{Digest, Sha256};

use crate::error::{KeysError, RunError};

const SHA256: &str = "sha256";
const ARGON2ID: &str = "argon2id";

/// Held while a fingerprint by Argon2id is made, which takes 19 MiB and both of a small machine's cores for a moment: however
/// many runs a process carries out, no more memory than that is needed at once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How a key's fingerprint is to be made: Argon2id (RFC 9106) where guesses at the key could be tried, salted SHA-256 for
/// random bytes.
pub(super) fn method(key: &Key) -> &'static str {
    if key.is_guessable() { ARGON2ID } else { SHA256 }
}

/// The fingerprint of a key, hexadecimal. `method` is the one that a pin or a catalogue noted.
///
/// # Errors
/// When none can be made with this salt.
pub fn fingerprint(method: &str, salt: &[u8], key: &Key) -> Result<String, RunError> {
    if method == SHA256 {
        return Ok(hex::encode(Sha256::new().chain_update(salt).chain_update(key.identity()).finalize()));
    }
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = [0; 32];
    Argon2::default()
        .hash_password_into(key.identity(), salt, &mut out)
        .map_err(|_| KeysError::Fingerprint { key: key.id().to_owned() })?;
    Ok(hex::encode(out))
}

/// What a run notes of a key, `method:fingerprint`; the run's id is the salt.
pub(super) fn note(run_id: &str, key: &Key) -> Result<String, RunError> {
    let method = method(key);
    Ok(format!("{method}:{}", fingerprint(method, run_id.as_bytes(), key)?))
}

/// A key, compared with what runs have recorded of keys. What was made once is not made again: Argon2id is slow.
pub(super) struct Compared<'k> {
    key: &'k Key,
    run_id: &'k str,
    made: Vec<(String, String)>,
}

impl<'k> Compared<'k> {
    pub(super) fn new(key: &'k Key, run_id: &'k str) -> Self {
        Compared { key, run_id, made: Vec::new() }
    }

    /// Whether the run noted this very key.
    pub(super) fn is(&mut self, noted: &str) -> Result<bool, RunError> {
        match noted.split_once(':') {
            Some((method, noted)) => Ok(self.by(method)? == noted),
            // Earlier versions did not write down which of the two it was.
            None => Ok(self.by(SHA256)? == noted || self.by(ARGON2ID)? == noted),
        }
    }

    fn by(&mut self, method: &str) -> Result<String, RunError> {
        if let Some((_, made)) = self.made.iter().find(|(known, _)| known == method) {
            return Ok(made.clone());
        }
        let made = fingerprint(method, self.run_id.as_bytes(), self.key)?;
        self.made.push((method.to_owned(), made.clone()));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use reseal_core::{Derivation, Kdf, SecretBytes};

    use super::*;

    fn key(bytes: &[u8]) -> Key {
        Key::new("v1", SecretBytes::new(bytes.to_vec()))
    }

    /// Watches that no fast hash is made of what a person may have typed, wherever it comes from.
    #[test]
    fn what_may_have_been_typed_is_hashed_slowly() {
        let random: Vec<u8> = (0..32u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect();
        let derived = |from: &[u8]| {
            let kdf = Kdf::Sha256;
            let bytes = kdf.derive(from, &[]);
            Key::new("v1", bytes).derived_by(Derivation { from: SecretBytes::new(from.to_vec()), kdf })
        };
        for (key, expected) in [
            (key(&random), SHA256),
            (derived(&random), SHA256),
            (key(b"correct horse battery staple, 32"), ARGON2ID),
            (key(&random[..8]), ARGON2ID),
            (key(&[0x80; 32]), ARGON2ID),
            (derived(b"hunter2"), ARGON2ID),
        ] {
            assert_eq!(method(&key), expected, "{:02x?}", key.source_bytes());
        }
    }

    /// Watches that derivations which take memory wait for each other: while one is under way no other one ends.
    #[test]
    fn one_derivation_is_made_at_a_time() {
        let held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let made =
            |method| std::thread::spawn(move || fingerprint(method, b"a run's own id", &key(b"hunter2")));
        let (slow, fast) = (made(ARGON2ID), made(SHA256));
        assert!(fast.join().is_ok_and(|made| made.is_ok()));
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert!(!slow.is_finished());
        drop(held);
        assert!(slow.join().is_ok_and(|made| made.is_ok()));
    }

    /// Watches that keys which runs of earlier versions noted are known again.
    #[test]
    fn notes_of_earlier_versions_are_read() {
        let (one, other) = (key(b"hunter2"), key(b"hunter3"));
        for method in [SHA256, ARGON2ID] {
            let bare = fingerprint(method, b"a run's own id", &one).unwrap_or_default();
            assert!(Compared::new(&one, "a run's own id").is(&bare).is_ok_and(|same| same), "{method}");
            assert!(Compared::new(&other, "a run's own id").is(&bare).is_ok_and(|same| !same), "{method}");
        }
        let now = note("a run's own id", &one).unwrap_or_default();
        assert!(now.starts_with("argon2id:"), "{now}");
        assert!(Compared::new(&one, "a run's own id").is(&now).is_ok_and(|same| same));
        assert!(Compared::new(&one, "another run's id").is(&now).is_ok_and(|same| !same));
    }
}
