//! Random nonces and salts, several to a call of the operating system: a call costs as much as sealing a short cell.

use std::cell::RefCell;

use crate::SealError;

/// Bytes drawn at once. Few, so that what is drawn is used within microseconds.
const DRAWN: usize = 384;

struct Pool {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; DRAWN], left: 0 }) };
}

/// Fills a nonce or a salt with random bytes, each of which is handed out once. They stay in memory until others take their
/// place: a key is not drawn so.
///
/// # Errors
/// When no random bytes can be had.
pub fn fill_nonce(nonce: &mut [u8]) -> Result<(), SealError> {
    if nonce.len() > DRAWN {
        return drawn(nonce);
    }
    POOL.with_borrow_mut(|pool| {
        if pool.left < nonce.len() {
            pool.left = 0;
            drawn(&mut pool.bytes)?;
            pool.left = DRAWN;
        }
        let end = pool.left;
        pool.left -= nonce.len();
        nonce.copy_from_slice(&pool.bytes[pool.left..end]);
        Ok(())
    })
}

fn drawn(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError::Random)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let mut seen = HashSet::new();
        for round in 0..10_000 {
            let mut nonce = vec![0; [400, 12, 16][round % 3]];
            fill_nonce(&mut nonce).unwrap();
            assert!(nonce.iter().any(|byte| *byte != 0));
            assert!(seen.insert(nonce[..12].to_vec()));
        }
    }
}
