//! Where the parts of a cell lie: in the layout of one column, or in columns of their own.

use reseal_core::{Broken, Cell, Hole, Layout, Mismatch, OptionError, Part, Pieces, UnfitPiece, Value};

use crate::cipher::{NONCE_BYTES, TAG_BYTES};

/// How a part in a column of its own may be written.
pub(crate) const ENCODINGS: [&str; 6] =
    ["raw", "base64", "base64-nopad", "base64url", "base64url-nopad", "hex"];

/// Parts that may have a column of their own beside the ciphertext, and the hole that each would fill.
const OWN_COLUMNS: [(Part, Hole); 2] = [(Part::Nonce, Hole::Nonce), (Part::Tag, Hole::Tag)];

const EXAMPLE: &str =
    "for example {key}:{nonce|base64}:{ciphertext|base64}, or {nonce|12}{ciphertext|raw} for bytes";

/// Where the parts of a cell lie.
pub(crate) struct Shape {
    /// The layout of the ciphertext's column.
    main: Layout,
    /// Parts in columns of their own.
    own: Vec<(Part, Hole)>,
    /// The layout of each of those columns: one piece, standing in the hole `ciphertext`.
    column: Layout,
}

impl Shape {
    /// Reads the options of a plan.
    pub(crate) fn of(
        layout: Option<&str>,
        encoding: Option<&str>,
        parts: &[Part],
    ) -> Result<Self, OptionError> {
        let own: Vec<_> = OWN_COLUMNS.into_iter().filter(|(part, _)| parts.contains(part)).collect();
        if own.is_empty() && encoding.is_some() {
            let message = "`encoding` applies only to parts in separate columns; in a layout, write the encoding in \
                           each placeholder";
            return Err(wrong("encoding", message.into()));
        }
        let one_piece = format!("{{ciphertext|{}}}", encoding.unwrap_or("raw"));
        let parse =
            |option, text: &str| Layout::parse(text).map_err(|error| wrong(option, error.to_string()));
        let column = parse("encoding", &one_piece)?;
        let main = parse("layout", layout.unwrap_or(&one_piece))?;
        let shape = Shape { main, own, column };
        shape.check(layout.is_some())?;
        let main = shape.main.with_width(Hole::Nonce, NONCE_BYTES[0]).with_width(Hole::Tag, TAG_BYTES);
        Ok(Shape { main, ..shape })
    }

    fn check(&self, has_layout: bool) -> Result<(), OptionError> {
        let wrong = |message: String| OptionError {
            option: has_layout.then_some("layout"),
            message,
            help: Some(EXAMPLE.into()),
        };
        if !self.main.has(Hole::Ciphertext) {
            return Err(wrong("the layout of an AES-GCM cell must contain {ciphertext}".into()));
        }
        for (part, hole) in OWN_COLUMNS {
            let in_own = self.has_own(part);
            if in_own && self.main.has(hole) {
                return Err(wrong(format!(
                    "the {} is in the layout and also has its own column",
                    hole.name()
                )));
            }
            if hole == Hole::Nonce && !in_own && !self.main.has(hole) {
                let no_nonce = "the layout does not contain {nonce}, and no column contains the nonce";
                let no_layout = "a cell in one column needs a layout that contains {nonce}";
                return Err(wrong(if has_layout { no_nonce } else { no_layout }.into()));
            }
        }
        if self.main.width(Hole::Nonce).is_some_and(|width| !NONCE_BYTES.contains(&width)) {
            return Err(wrong("a nonce must have 12 or 16 bytes".into()));
        }
        if self.main.width(Hole::Tag).is_some_and(|width| width != TAG_BYTES) {
            return Err(wrong("a tag must have 16 bytes".into()));
        }
        Ok(())
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.main.has(Hole::Key)
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.main.is_binary() || (!self.own.is_empty() && self.column.is_binary())
    }

    pub(crate) fn value_marks(&self) -> Vec<String> {
        self.main.value_marks()
    }

    pub(crate) fn has_tag(&self) -> bool {
        self.main.has(Hole::Tag) || self.has_own(Part::Tag)
    }

    pub(crate) fn nonce_bytes(&self) -> usize {
        self.main.width(Hole::Nonce).unwrap_or(NONCE_BYTES[0])
    }

    fn has_own(&self, part: Part) -> bool {
        self.own.iter().any(|(own, _)| *own == part)
    }

    /// The tag that a cell seems to name.
    pub(crate) fn tag_hint<'c>(&self, cell: &'c Cell) -> Option<&'c str> {
        self.main.tag_hint(cell.get(Part::Ciphertext)?.as_slice()?)
    }

    /// What every cell under a key begins with.
    pub(crate) fn prefix(&self, tag: &str) -> Option<Vec<u8>> {
        self.main.prefix(tag)
    }

    /// Takes a cell apart. Where all parts that have a column of their own are NULL, the value was not sealed so.
    pub(crate) fn split<'c>(&self, cell: &'c Cell) -> Result<Pieces<'c>, Mismatch> {
        let stored = |part| cell.get(part).and_then(Value::as_slice);
        let ciphertext = stored(Part::Ciphertext).ok_or(Mismatch::NotMine)?;
        let own: Vec<_> = self.own.iter().map(|(part, hole)| (*hole, stored(*part))).collect();
        if !own.is_empty() && own.iter().all(|(_, written)| written.is_none()) {
            return Err(Mismatch::NotMine);
        }
        let mut pieces = self.main.split(ciphertext).map_err(|mismatch| match mismatch {
            // Nothing at the start of the ciphertext tells whose it is; the columns beside it are filled, and tell.
            Mismatch::NotMine if !own.is_empty() && !self.main.begins_with_literal() => {
                broken("bad-encoding")
            }
            other => other,
        })?;
        for (hole, written) in own {
            let written = written.ok_or(broken("part-missing"))?;
            let piece = self.column.split(written).ok().and_then(|mut pieces| pieces.take(Hole::Ciphertext));
            let piece = piece.ok_or(broken("bad-encoding"))?;
            let bytes = if hole == Hole::Nonce { NONCE_BYTES[0] } else { TAG_BYTES };
            if piece.len() != bytes {
                return Err(broken("wrong-length"));
            }
            pieces = pieces.with(hole, piece);
        }
        if !self.has_tag() && pieces.get(Hole::Ciphertext).is_none_or(|sealed| sealed.len() < TAG_BYTES) {
            return Err(broken("wrong-length"));
        }
        Ok(pieces)
    }

    /// The nonce that a cell has in a column of its own.
    pub(crate) fn nonce_of(&self, cell: &Cell) -> Option<Vec<u8>> {
        let written =
            cell.get(Part::Nonce).and_then(Value::as_slice).filter(|_| self.has_own(Part::Nonce))?;
        let nonce = self.column.split(written).ok()?.take(Hole::Ciphertext)?;
        (nonce.len() == NONCE_BYTES[0]).then(|| nonce.into_owned())
    }

    /// Puts a cell together.
    pub(crate) fn build(&self, mut pieces: Pieces<'_>) -> Result<Cell<'static>, UnfitPiece> {
        let mut cell = Cell::whole(self.main.build(&pieces)?);
        for (part, hole) in &self.own {
            let piece = pieces.take(*hole).unwrap_or_default();
            cell = cell.with(*part, self.column.build(&Pieces::default().with(Hole::Ciphertext, piece))?);
        }
        Ok(cell)
    }
}

fn broken(reason: &'static str) -> Mismatch {
    Mismatch::Broken(Broken(reason))
}

fn wrong(option: &'static str, message: String) -> OptionError {
    OptionError { option: Some(option), message, help: Some(EXAMPLE.into()) }
}
