//! How a text is filled up to whole blocks.

/// A padding, by the name that its producers give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// As many bytes as are missing, each of them that number (RFC 5652 §6.3).
    Pkcs7,
    /// Zeros, and a last byte with the number of bytes that were added.
    Zeros,
    /// One byte `80`, then zeros.
    OneAndZeros,
    /// Asterisks, at least one: a text that ends with one loses it.
    Naive,
}

const NAMED: [(&str, Padding); 4] = [
    ("pkcs7", Padding::Pkcs7),
    ("zeros", Padding::Zeros),
    ("one-and-zeros", Padding::OneAndZeros),
    ("naive", Padding::Naive),
];

const ASTERISK: u8 = b'*';

impl Padding {
    pub(crate) const NAMES: &[&str] = &[NAMED[0].0, NAMED[1].0, NAMED[2].0, NAMED[3].0];

    pub(crate) fn find(name: &str) -> Option<Self> {
        NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, padding)| padding)
    }

    /// Fills a text up. `None` for a text that would not be the same afterwards.
    pub(crate) fn add(self, text: &mut Vec<u8>, block: usize) -> Option<()> {
        let missing = block - text.len() % block;
        let count = u8::try_from(missing).ok()?;
        let length = text.len() + missing;
        match self {
            Padding::Pkcs7 => text.resize(length, count),
            Padding::Zeros => {
                text.resize(length - 1, 0);
                text.push(count);
            }
            Padding::OneAndZeros => {
                text.push(0x80);
                text.resize(length, 0);
            }
            Padding::Naive if text.last() == Some(&ASTERISK) => return None,
            Padding::Naive => text.resize(length, ASTERISK),
        }
        Some(())
    }

    /// Takes the padding off. `None` where there is none.
    pub(crate) fn remove(self, text: &mut Vec<u8>, block: usize) -> Option<()> {
        let length = match self {
            Padding::Pkcs7 => counted(text, block, |count| count)?,
            Padding::Zeros => counted(text, block, |_| 0)?,
            Padding::OneAndZeros => {
                let end = text.iter().rposition(|byte| *byte != 0)?;
                (text[end] == 0x80 && text.len() - end <= block).then_some(end)?
            }
            Padding::Naive => {
                let end = text.iter().rposition(|byte| *byte != ASTERISK).map_or(0, |at| at + 1);
                (end < text.len()).then_some(end)?
            }
        };
        text.truncate(length);
        Some(())
    }
}

/// The length of a text whose last byte counts the padding, all other bytes of which are `filler` of that count.
fn counted(text: &[u8], block: usize, filler: fn(u8) -> u8) -> Option<usize> {
    let count = *text.last()?;
    let added = usize::from(count);
    let length = text.len().checked_sub(added).filter(|_| (1..=block).contains(&added))?;
    let filled = text[length..text.len() - 1].iter().all(|byte| *byte == filler(count));
    filled.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_padding_comes_off_again() {
        for (name, padding) in NAMED {
            for length in 0..40 {
                let text: Vec<u8> = (0..length).map(|at| at as u8 + 1).collect();
                let mut padded = text.clone();
                padding.add(&mut padded, 16).unwrap();
                assert!(padded.len().is_multiple_of(16) && !padded.is_empty(), "{name} {length}");
                padding.remove(&mut padded, 16).unwrap();
                assert_eq!(padded, text, "{name} {length}");
            }
        }
    }

    #[test]
    fn what_was_not_padded_so_is_refused() {
        let refused = |padding: Padding, text: &[u8]| padding.remove(&mut text.to_vec(), 16).is_none();
        assert!(refused(Padding::Pkcs7, b"\x01\x02\x03\x00"));
        assert!(refused(Padding::Pkcs7, b"\x03\x02\x03\x03"[..3].as_ref()));
        assert!(refused(Padding::Pkcs7, &[17; 32]));
        assert!(refused(Padding::Zeros, &[[7; 14].as_slice(), &[1, 2]].concat()));
        assert!(refused(Padding::OneAndZeros, &[0; 16]));
        assert!(refused(Padding::OneAndZeros, &[7; 16]));
        assert!(refused(Padding::Naive, &[7; 16]));
        // Whoever reads such a text back cannot know that the asterisk was its own.
        assert!(Padding::Naive.add(&mut b"a*".to_vec(), 16).is_none());
    }
}
