//! JSON objects as cells have them: members in any order, white space between them, and no other freedom.
//!
//! Names and strings have no escapes but `\/`, and white space is spaces, tabs and line feeds. So each change of one bit
//! changes a value or is refused, and an object can be written again byte for byte.

/// Walks over the text of an object.
pub(super) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

/// Why a text is not such an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Scanner { text, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The text since an earlier position.
    pub(super) fn since(&self, start: usize) -> &'t [u8] {
        &self.text[start..self.at]
    }

    pub(super) fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    pub(super) fn space(&mut self) {
        let blank = |byte: &&u8| matches!(**byte, b' ' | b'\n' | b'\t');
        self.at += self.rest().iter().take_while(blank).count();
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        match self.eat(byte) {
            true => Ok(()),
            false => Err(NotJson),
        }
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest().first() == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// A string's text without its quotes. A backslash in it belongs to `\/`, which the caller undoes.
    pub(super) fn string(&mut self) -> Result<&'t [u8], NotJson> {
        self.expect(b'"')?;
        let start = self.at;
        let length = self.rest().iter().position(|byte| *byte == b'"').ok_or(NotJson)?;
        self.at += length;
        let text = self.since(start);
        self.at += 1;
        Ok(text)
    }

    /// A given value, such as `true`, with nothing of a longer one behind it.
    pub(super) fn constant(&mut self, value: &[u8]) -> Result<(), NotJson> {
        let rest = self.rest().strip_prefix(value).ok_or(NotJson)?;
        match rest.first() {
            Some(b',' | b'}' | b' ' | b'\n' | b'\t') => {
                self.at += value.len();
                Ok(())
            }
            _ => Err(NotJson),
        }
    }
}

/// A string's content: with `\/` undone, and whether there was any. `None` for other escapes, control characters, and
/// slashes of both kinds in one string.
pub(super) fn unescaped(text: &[u8]) -> Option<(Vec<u8>, bool)> {
    if text.iter().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    if !text.contains(&b'\\') {
        return Some((text.to_vec(), false));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after.first()) {
            (b'\\', Some(b'/')) => &after[1..],
            (b'\\' | b'/', _) => return None,
            _ => after,
        };
        out.push(if *byte == b'\\' { b'/' } else { *byte });
    }
    Some((out, true))
}

/// Appends a string's content, its slashes escaped where the cell has them so.
pub(super) fn escape(text: &[u8], escapes_slashes: bool, out: &mut Vec<u8>) {
    for byte in text {
        if *byte == b'/' && escapes_slashes {
            out.push(b'\\');
        }
        out.push(*byte);
    }
}
