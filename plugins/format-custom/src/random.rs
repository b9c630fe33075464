//! Random nonces and salts, several to a call of the operating system: a call costs as much as sealing a short cell.

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

/// Random bytes. Each byte that was drawn is handed out once.
pub(crate) fn bytes(length: usize) -> Result<Vec<u8>, getrandom::Error> {
    let mut out = vec![0; length];
    if length > DRAWN {
        getrandom::fill(&mut out)?;
        return Ok(out);
    }
    POOL.with_borrow_mut(|pool| {
        if pool.left < length {
            pool.left = 0;
            getrandom::fill(&mut pool.bytes)?;
            pool.left = DRAWN;
        }
        let end = pool.left;
        pool.left -= length;
        out.copy_from_slice(&pool.bytes[pool.left..end]);
        Ok(out)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_come_twice() {
        let mut seen = HashSet::new();
        for round in 0..10_000 {
            let drawn = bytes(if round % 3 == 0 { 400 } else { 12 }).unwrap();
            assert!(seen.insert(drawn[..12].to_vec()));
        }
    }
}
