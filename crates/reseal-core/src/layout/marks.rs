//! What literals of a layout say of the value.

use super::{Item, Layout};

/// The headers that Rails writes beside a ciphertext and that change what its bytes mean, each with what ends it.
const HEADERS: [(&str, &str); 2] = [("\"c\":true", ""), ("\"e\":\"", "\"")];

impl Layout {
    /// What the layout itself says of the value, as Rails writes it beside a ciphertext: `"c":true` for a compressed value,
    /// `"e":"…"` for its encoding.
    #[must_use]
    pub fn value_marks(&self) -> Vec<String> {
        marks_in(self.items.iter().filter_map(|item| match item {
            Item::Literal(literal) => Some(literal.as_slice()),
            Item::Slot(_) => None,
        }))
    }
}

/// The marks in the literals of a layout, without white space.
fn marks_in<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Vec<String> {
    let mut marks = Vec::new();
    for literal in literals {
        let text: String = String::from_utf8_lossy(literal).split_whitespace().collect();
        for (header, end) in HEADERS {
            let Some((_, rest)) = text.split_once(header) else { continue };
            let value = rest.split_once(end).map_or(rest, |(value, _)| value);
            marks.push(if end.is_empty() { header.to_owned() } else { format!("{header}{value}{end}") });
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_rails_are_found() {
        let of = |literals: &[&str]| marks_in(literals.iter().map(|literal| literal.as_bytes()));
        assert_eq!(of(&["{\"p\":\"", "\",\"h\":{\"iv\":\"", "\",\"at\":\"", "\"}}"]), [""; 0]);
        assert_eq!(of(&["\",\"c\": true}}"]), ["\"c\":true"]);
        assert_eq!(of(&["\",\"e\":\"US-ASCII\",\"c\":true}}"]), ["\"c\":true", "\"e\":\"US-ASCII\""]);
        assert_eq!(of(&["FERNET_V2:", ":"]), [""; 0]);
    }
}
