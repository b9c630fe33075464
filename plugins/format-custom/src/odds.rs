//! How likely it is that random bytes pass for a value.
//!
//! A wrong key of a cipher without authentication opens a cell to random bytes. Where too many of those would pass padding
//! and validator, that a cell opens says nothing of its key.

use std::sync::LazyLock;

/// One in 2²⁰ random texts may pass.
const MOST: f64 = 1.0 / (1 << 20) as f64;

/// Texts of this length are long enough in any case.
const LONG: usize = 256;

/// What [`texts`] gives for all others: every cell is asked for.
static TEXTS: LazyLock<Vec<f64>> = LazyLock::new(|| texts(LONG));

/// Whether few enough random texts of this length would pass for text in UTF-8 without control characters, behind a
/// padding to blocks of so many bytes where there is one.
pub(crate) fn decide(length: usize, block: Option<usize>) -> bool {
    length >= LONG || passing(length, block) <= MOST
}

fn passing(length: usize, block: Option<usize>) -> f64 {
    let text = &*TEXTS;
    match block {
        None => text[length],
        // Each padding adds a byte at least, and says by that or by the last one how many.
        Some(block) => {
            let added = 1..=block.min(length);
            added.map(|added| 256f64.powi(-(added as i32)) * text[length - added]).sum()
        }
    }
}

/// The part of all texts of each length up to this one that are UTF-8 without control characters but tab and line breaks.
fn texts(length: usize) -> Vec<f64> {
    // Characters of 1, 2, 3 and 4 bytes: printable ASCII with three control characters; U+00A0 to U+07FF; to U+FFFF
    // without surrogates; to U+10FFFF.
    let characters = [98.0, 1888.0, 61440.0, 1_048_576.0];
    let mut part = vec![1.0];
    for length in 1..=length {
        let last = characters.iter().enumerate().map(|(at, count)| {
            let bytes = at + 1;
            let rest = length.checked_sub(bytes).map_or(0.0, |rest| part[rest]);
            rest * count / 256f64.powi(bytes as i32)
        });
        part.push(last.sum());
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_of_streams_decide_nothing() {
        assert!(!decide(4, None) && !decide(17, None));
        assert!(decide(18, None) && decide(1000, None));
    }

    #[test]
    fn one_padded_block_of_aes_decides_and_one_of_des_does_not() {
        assert!(decide(16, Some(16)));
        assert!(decide(16, Some(16)));
        assert!(!decide(8, Some(8)));
        assert!(decide(16, Some(8)));
    }
}
