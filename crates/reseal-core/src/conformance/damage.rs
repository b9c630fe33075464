//! Ways in which stored bytes go bad.

/// In cells up to this size every bit is flipped and every prefix tried; in larger ones a sample.
const SHORT: usize = 220;
const FLIPS_IN_MEDIUM: usize = 32;
const FLIPS_IN_LONG: usize = 4;
const LONG: usize = 1 << 18;

/// Calls `check` with damaged copies of one part of a cell of that size: a bit flipped, cut short at either end,
/// something added at either end, two neighbours swapped.
pub(super) fn each(bytes: &[u8], cell_size: usize, mut check: impl FnMut(&str, &[u8])) {
    let mut damaged = bytes.to_vec();
    for at in positions(bytes.len(), cell_size) {
        for bit in 0..8 {
            // In long cells one bit per position will do.
            if cell_size > SHORT && bit != at % 8 {
                continue;
            }
            damaged[at] ^= 1 << bit;
            check(&format!("bit {bit} of byte {at} flipped"), &damaged);
            damaged[at] ^= 1 << bit;
        }
    }
    for at in positions(bytes.len(), cell_size) {
        check(&format!("cut after {at} bytes"), &bytes[..at]);
        if cell_size <= SHORT {
            check(&format!("first {} bytes cut", at + 1), &bytes[at + 1..]);
        }
    }
    for extra in [&b"\0"[..], b"A", b"=", b"\n", b" ", b":", b"AAAA", &[0; 16], bytes] {
        check("extended", &[bytes, extra].concat());
        check("prefixed", &[extra, bytes].concat());
        if cell_size > LONG {
            break;
        }
    }
    for at in positions(bytes.len().saturating_sub(1), cell_size) {
        damaged.swap(at, at + 1);
        check(&format!("bytes {at} and {} swapped", at + 1), &damaged);
        damaged.swap(at, at + 1);
    }
}

/// All positions of a short cell; of a longer one some at both ends and some between.
fn positions(length: usize, cell_size: usize) -> Vec<usize> {
    let flips = if cell_size > LONG { FLIPS_IN_LONG } else { FLIPS_IN_MEDIUM };
    if cell_size <= SHORT || length <= flips {
        return (0..length).collect();
    }
    let spread = (0..flips / 2).map(|at| at * (length - 1) / (flips / 2));
    let ends = (0..flips / 4).flat_map(|at| [at, length - 1 - at]);
    spread.chain(ends).collect()
}
