//! From the text of a layout to its items.

use thiserror::Error;

use super::encoding::Encoding;
use super::{Hole, Item, Slot};
use crate::nearest;

/// More than any nonce, tag or key id; a wider hole is a slip of the finger.
const MAX_WIDTH: usize = 1024;

/// Why a text is no layout.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// A brace without its partner.
    #[error("unmatched brace; write {{{{ or }}}} for a literal brace")]
    Brace,
    /// A hole that no layout knows.
    #[error("unknown hole {{{name}}}{}; valid holes are {{key}} {{nonce}} {{tag}} {{ciphertext}} {{token}}", meant(.nearest))]
    UnknownHole {
        /// The name as written.
        name: String,
        /// The known name nearest to it.
        nearest: Option<&'static str>,
    },
    /// An encoding that no hole knows.
    #[error("unknown encoding `{name}`{}; valid encodings are {}", meant(.nearest), Encoding::NAMES.join(", "))]
    UnknownEncoding {
        /// The name as written.
        name: String,
        /// The known name nearest to it.
        nearest: Option<&'static str>,
    },
    /// A hole whose encoding must be said and is not.
    #[error("{{{0}}} needs an encoding, for example {{{0}|base64}}")]
    NoEncoding(&'static str),
    /// An encoding that does not suit its hole.
    #[error("{{{hole}|{encoding}}} is not allowed: a {hole} is {is}")]
    UnfitEncoding {
        /// The hole.
        hole: &'static str,
        /// The encoding as written.
        encoding: String,
        /// What the hole's bytes are.
        is: &'static str,
    },
    /// A width that is no number of bytes.
    #[error("{{{0}}}: the width must be a number of bytes from 1 to {MAX_WIDTH}")]
    Width(String),
    /// Literal bytes that are not hexadecimal.
    #[error(
        "{{={0}}} is not a valid literal; write bytes as pairs of hexadecimal digits, for example {{=0180}}"
    )]
    Literal(String),
    /// A hole that occurs twice.
    #[error("{{{0}}} occurs twice")]
    Twice(&'static str),
    /// No hole for the payload.
    #[error("the layout needs {{ciphertext}} or {{token}}")]
    NoPayload,
    /// A token beside parts that a token holds already.
    #[error("{{token}} already contains nonce, ciphertext and tag; only {{key}} is allowed with it")]
    BesideToken,
    /// Two holes between which nothing tells where the first one ends.
    #[error(
        "it is unclear where {{{first}}} ends and {{{second}}} begins; put a separator between them or set \
         the width of the first"
    )]
    NoSeparator {
        /// The hole whose end cannot be told.
        first: &'static str,
        /// The hole after it.
        second: &'static str,
    },
    /// A separator that the hole before it may hold.
    #[error("the separator after {{{hole}}} can occur inside it, so its end is unclear")]
    Separator {
        /// The hole before the separator.
        hole: &'static str,
    },
}

fn meant(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!(", did you mean {name}?")).unwrap_or_default()
}

/// Parses the text of a layout, neighbouring literals joined, and says whether it has literal bytes. Whether cells
/// can be told apart is checked after.
pub(super) fn items(text: &str) -> Result<(Vec<Item>, bool), LayoutError> {
    let (mut items, mut has_bytes) = (Vec::new(), false);
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.extend_from_slice(&rest.as_bytes()[..at]);
        let (brace, tail) = rest[at..].split_at(1);
        if let Some(after) = tail.strip_prefix(brace) {
            literal.extend_from_slice(brace.as_bytes());
            rest = after;
            continue;
        }
        let (inside, after) = match (brace, tail.split_once('}')) {
            ("{", Some(split)) => split,
            _ => return Err(LayoutError::Brace),
        };
        rest = after;
        if let Some(digits) = inside.strip_prefix('=') {
            let bytes = hex::decode(digits).ok().filter(|bytes| !bytes.is_empty());
            literal.extend(bytes.ok_or_else(|| LayoutError::Literal(digits.to_owned()))?);
            has_bytes = true;
            continue;
        }
        if !literal.is_empty() {
            items.push(Item::Literal(std::mem::take(&mut literal)));
        }
        items.push(Item::Slot(slot(inside)?));
    }
    literal.extend_from_slice(rest.as_bytes());
    if !literal.is_empty() {
        items.push(Item::Literal(literal));
    }
    Ok((items, has_bytes))
}

fn slot(inside: &str) -> Result<Slot, LayoutError> {
    let mut words = inside.split('|');
    let name = words.next().unwrap_or_default();
    let Some(hole) = Hole::parse(name) else {
        return Err(LayoutError::UnknownHole { name: name.to_owned(), nearest: nearest(name, &Hole::NAMES) });
    };
    let (mut encoding, mut width) = (None, None);
    for word in words {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        if width.is_some() || (encoding.is_some() && !is_number) {
            return Err(LayoutError::Width(inside.to_owned()));
        }
        if is_number {
            let bytes = word.parse().ok().filter(|bytes| (1..=MAX_WIDTH).contains(bytes));
            width = Some(bytes.ok_or_else(|| LayoutError::Width(inside.to_owned()))?);
            continue;
        }
        encoding = Some(Encoding::parse(word).ok_or_else(|| LayoutError::UnknownEncoding {
            name: word.to_owned(),
            nearest: nearest(word, &Encoding::NAMES),
        })?);
        fits(hole, encoding, word)?;
    }
    let encoding = match (hole, encoding) {
        (_, Some(encoding)) => encoding,
        (Hole::Key | Hole::Token, None) => Encoding::Text,
        (_, None) if width.is_some() => Encoding::Raw,
        (_, None) => return Err(LayoutError::NoEncoding(hole.name())),
    };
    Ok(Slot { hole, encoding, width })
}

fn fits(hole: Hole, encoding: Option<Encoding>, written: &str) -> Result<(), LayoutError> {
    let is = match (hole, encoding) {
        (Hole::Key, Some(Encoding::Raw)) => "text or encoded text",
        (Hole::Token, Some(encoding)) if encoding != Encoding::Text => "already text",
        (Hole::Nonce | Hole::Tag | Hole::Ciphertext, Some(Encoding::Text)) => "bytes, not text",
        _ => return Ok(()),
    };
    Err(LayoutError::UnfitEncoding { hole: hole.name(), encoding: written.to_owned(), is })
}

/// Refuses a layout whose cells could be read in two ways, or that has no payload.
pub(super) fn check(items: &[Item]) -> Result<(), LayoutError> {
    let holes: Vec<Hole> = items.iter().filter_map(Item::slot).map(|slot| slot.hole).collect();
    for (at, hole) in holes.iter().enumerate() {
        if holes[..at].contains(hole) {
            return Err(LayoutError::Twice(hole.name()));
        }
    }
    if holes.contains(&Hole::Token) {
        if holes.iter().any(|hole| !matches!(hole, Hole::Token | Hole::Key)) {
            return Err(LayoutError::BesideToken);
        }
    } else if !holes.contains(&Hole::Ciphertext) {
        return Err(LayoutError::NoPayload);
    }
    for (at, item) in items.iter().enumerate() {
        let after = &items[at + 1..];
        match item.slot() {
            // With a width of its own, or followed by fixed widths only, a hole's end can be counted.
            Some(slot) if slot.width.is_none() && after.iter().any(|item| item.written().is_none()) => {
                separated(slot, after)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn separated(slot: &Slot, after: &[Item]) -> Result<(), LayoutError> {
    let first = slot.hole.name();
    match after.first() {
        Some(Item::Literal(separator)) => {
            let alphabet = if slot.hole == Hole::Token { Encoding::Base64Url } else { slot.encoding };
            // One byte that the hole cannot hold makes the first occurrence of the separator the only one.
            if separator.iter().all(|byte| alphabet.may_hold(*byte)) {
                return Err(LayoutError::Separator { hole: first });
            }
            Ok(())
        }
        Some(Item::Slot(next)) => Err(LayoutError::NoSeparator { first, second: next.hole.name() }),
        None => Ok(()),
    }
}
