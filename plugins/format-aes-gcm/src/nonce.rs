//! Random nonces, several to a call of the operating system: a call costs as much as sealing a short cell.

use std::cell::RefCell;

/// Bytes drawn at once. Few, so that what is drawn is used within microseconds.
const DRAWN: usize = 384;

struct Pool {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; DRAWN], left: 0 }) };
}

/// Fills a nonce. Each byte that was drawn is handed out once.
pub(crate) fn fill(nonce: &mut [u8]) -> Result<(), getrandom::Error> {
    POOL.with_borrow_mut(|pool| {
        if pool.left < nonce.len() {
            pool.left = 0;
            getrandom::fill(&mut pool.bytes)?;
            pool.left = DRAWN;
        }
        let end = pool.left;
        pool.left -= nonce.len();
        nonce.copy_from_slice(&pool.bytes[pool.left..end]);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let mut seen = HashSet::new();
        for round in 0..10_000 {
            let mut nonce = vec![0; if round % 3 == 0 { 16 } else { 12 }];
            fill(&mut nonce).unwrap();
            assert!(nonce.iter().any(|byte| *byte != 0));
            assert!(seen.insert(nonce[..12].to_vec()));
        }
    }
}
