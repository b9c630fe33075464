//! Putting cells together.

use super::json::escape;
use super::{
    Group, GroupKind, Hole, Item, Layout, MemberValue, Name, Object, ObjectShape, Parts, Segment, Shape,
    Spelling, fixed_length, is_word,
};

/// What a cell is put together from.
pub(crate) struct Fill<'f> {
    /// Its parts. What is missing is left empty where `lenient`.
    pub(crate) parts: &'f Parts,
    /// Whether the cell is not finished yet, and only built to see how its parts are written.
    pub(crate) lenient: bool,
    shapes: std::slice::Iter<'f, Shape>,
    /// Names and texts of what was written, for those who ask.
    pub(crate) spelled: Vec<(Name, Vec<u8>)>,
}

/// Why no cell was built: the part at fault, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) name: Name,
    pub(crate) why: &'static str,
}

/// Fills a layout as a producer does that writes a new cell.
pub(crate) fn fresh(parts: &Parts) -> Fill<'_> {
    like(parts, &[])
}

/// Fills a layout as an old cell of it was.
pub(crate) fn like<'f>(parts: &'f Parts, shapes: &'f [Shape]) -> Fill<'f> {
    Fill { parts, lenient: false, shapes: shapes.iter(), spelled: Vec::new() }
}

impl Layout {
    /// Puts a column of a cell together.
    ///
    /// # Errors
    /// When a part is missing, has not the width of its hole, or could not be told from what follows it.
    pub(crate) fn build(&self, fill: &mut Fill<'_>) -> Result<Vec<u8>, Unfit> {
        let mut out = Vec::new();
        fill.sequence(&self.items, &mut out)?;
        Ok(out)
    }
}

impl Fill<'_> {
    fn sequence(&mut self, items: &[Item], out: &mut Vec<u8>) -> Result<(), Unfit> {
        for (at, item) in items.iter().enumerate() {
            match item {
                Item::Literal(literal) => out.extend_from_slice(literal),
                Item::Optional(literal) => {
                    if self.next_optional() {
                        out.extend_from_slice(literal);
                    }
                }
                Item::Hole(hole) => self.hole(hole, &items[at + 1..], out)?,
                Item::Group(group) => self.group(group, out)?,
                Item::Object(object) => self.object(object, out)?,
            }
        }
        Ok(())
    }

    /// Whether an optional literal is written: a new cell has it.
    fn next_optional(&mut self) -> bool {
        !matches!(self.shapes.next(), Some(Shape::Optional(false)))
    }

    fn hole(&mut self, hole: &Hole, after: &[Item], out: &mut Vec<u8>) -> Result<(), Unfit> {
        let unfit = |why| Unfit { name: hole.name.clone(), why };
        let bytes = match self.parts.get(&hole.name).or(hole.default.as_deref()) {
            Some(bytes) => bytes,
            None if self.lenient => return Ok(()),
            None => return Err(unfit("it is missing")),
        };
        if hole.width.is_some_and(|width| bytes.len() != width) && !self.lenient {
            return Err(unfit("its length differs from the layout"));
        }
        if &*hole.name == "key" && !is_word(bytes) {
            return Err(unfit("it is empty or contains white space or control characters"));
        }
        let start = out.len();
        hole.spelling.write(bytes, out);
        let written = &out[start..];
        if hole.spelling == Spelling::Unhex && written.len() * 2 != bytes.len() {
            return Err(unfit("it does not consist of pairs of hexadecimal digits"));
        }
        if hole.width.is_none() && hole.spelling == Spelling::Text && holds_its_end(written, after) {
            return Err(unfit("it contains the separator that follows it in the layout"));
        }
        if self.lenient {
            self.spelled.push((hole.name.clone(), written.to_vec()));
        }
        Ok(())
    }

    fn group(&mut self, group: &Group, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let mut inner = Vec::new();
        self.sequence(&group.items, &mut inner)?;
        let start = out.len();
        match group.kind {
            GroupKind::Spelled(spelling) => spelling.write(&inner, out),
            GroupKind::Counted(bytes) => {
                let name = group.name.clone().unwrap_or_else(|| "length".into());
                let count = counted(inner.len(), bytes).ok_or(Unfit { name, why: "it is too long" })?;
                out.extend_from_slice(&count);
                out.extend_from_slice(&inner);
            }
        }
        if let Some(name) = group.name.as_ref().filter(|_| self.lenient) {
            self.spelled.push((name.clone(), out[start..].to_vec()));
        }
        Ok(())
    }

    fn object(&mut self, object: &Object, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let canonical;
        let shape = match self.shapes.next() {
            Some(Shape::Object(shape)) => shape,
            _ => {
                canonical = self.canonical(object);
                &canonical
            }
        };
        for segment in &shape.segments {
            match segment {
                Segment::Text(text) => out.extend_from_slice(text),
                Segment::Member(at) => self.member(object, *at, shape, out)?,
            }
        }
        Ok(())
    }

    fn member(
        &mut self,
        object: &Object,
        at: usize,
        shape: &ObjectShape,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        match &object.members[at].value {
            MemberValue::Constant(constant) => out.extend_from_slice(constant),
            MemberValue::Object(inner) => self.object(inner, out)?,
            MemberValue::String(items) => {
                let mut text = Vec::new();
                self.sequence(items, &mut text)?;
                if text.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
                    let name = object.members[at].name.as_str().into();
                    return Err(Unfit { name, why: "it contains a quote or a backslash" });
                }
                out.push(b'"');
                escape(&text, shape.escapes_slashes, out);
                out.push(b'"');
            }
        }
        Ok(())
    }

    /// An object as producers write a new one: no white space, members in the order of the layout, and of those that may be
    /// missing the flags that are set and no other.
    fn canonical(&self, object: &Object) -> ObjectShape {
        let is_there = |at: &usize| {
            let member = &object.members[*at];
            let flagged =
                matches!(member.value, MemberValue::Constant(_)) && self.parts.has_flag(&member.name);
            !member.optional || flagged
        };
        let mut segments = Vec::new();
        for at in (0..object.members.len()).filter(is_there) {
            let before = if segments.is_empty() { "{" } else { "," };
            segments.push(Segment::Text(format!("{before}\"{}\":", object.members[at].name).into_bytes()));
            segments.push(Segment::Member(at));
        }
        let end = if segments.is_empty() { "{}" } else { "}" };
        segments.push(Segment::Text(end.as_bytes().to_vec()));
        ObjectShape { segments, escapes_slashes: false }
    }
}

/// Whether a part holds the separator after it, so that less than the part would be read back.
fn holds_its_end(written: &[u8], after: &[Item]) -> bool {
    match after.first() {
        Some(Item::Literal(separator)) if fixed_length(after).is_none() => {
            let both = [written, separator].concat();
            let width = separator.len().max(1);
            both.windows(width).position(|window| window == &separator[..]) != Some(written.len())
        }
        _ => false,
    }
}

/// A length as a big-endian integer of some bytes.
fn counted(length: usize, bytes: usize) -> Option<Vec<u8>> {
    let all = u32::try_from(length).ok()?.to_be_bytes();
    let (zeros, count) = all.split_at(all.len() - bytes);
    zeros.iter().all(|byte| *byte == 0).then(|| count.to_vec())
}
