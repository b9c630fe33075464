//! Taking cells apart.

use reseal_core::{Broken, Mismatch, TagPlace, find_bytes};

use super::json::{NotJson, Scanner, unescaped};
use super::{
    Group, GroupKind, Hole, Item, Layout, MemberValue, Object, ObjectShape, Parts, Segment, Shape, Spelling,
    fixed_length, is_word,
};

/// From this many decoded bytes on, a piece is no accident: a random text seldom holds 16 base64 digits between two
/// separators. It is the length of a GCM nonce.
const TELLING_BYTES: usize = 12;

/// Why an object is not one of the layout.
const BAD_JSON: Broken = Broken("bad-json");

/// What a cell was taken apart into.
#[derive(Clone, Default)]
pub(crate) struct Taken {
    pub(crate) parts: Parts,
    pub(crate) shapes: Vec<Shape>,
    /// Whether enough of it was read that it is no accident.
    mine: bool,
}

impl Layout {
    /// Takes a column of a cell apart, and adds its parts to those that are known already.
    ///
    /// # Errors
    /// [`Mismatch::Broken`] for what begins as a cell of this layout does and does not go on so, and
    /// [`Mismatch::NotMine`] for anything else.
    pub(crate) fn split(&self, column: &[u8], taken: &mut Taken) -> Result<(), Mismatch> {
        taken.mine |= matches!(self.items.first(), Some(Item::Hole(hole)) if hole.spelling == Spelling::Raw);
        taken.sequence(&self.items, column).map_err(|code| match taken.mine {
            true => Mismatch::Broken(Broken(code)),
            false => Mismatch::NotMine,
        })
    }
}

impl Taken {
    /// Reads pieces that fill the input.
    fn sequence(&mut self, items: &[Item], input: &[u8]) -> Result<(), &'static str> {
        let mut rest = input;
        for (at, item) in items.iter().enumerate() {
            let length = self.item(item, &items[at + 1..], rest)?;
            self.mine |= at == 0 && matches!(item, Item::Literal(_));
            rest = rest.get(length..).ok_or("wrong-length")?;
        }
        match rest {
            [] => Ok(()),
            _ => Err("wrong-length"),
        }
    }

    /// Reads a piece at the start of `rest`, and gives its length.
    fn item(&mut self, item: &Item, after: &[Item], rest: &[u8]) -> Result<usize, &'static str> {
        match item {
            Item::Literal(literal) => match rest.starts_with(literal) {
                true => Ok(literal.len()),
                false => Err("no-separator"),
            },
            Item::Optional(literal) => {
                let is_there = rest.starts_with(literal);
                self.shapes.push(Shape::Optional(is_there));
                Ok(if is_there { literal.len() } else { 0 })
            }
            Item::Hole(hole) => {
                let written = written(item, after, rest)?;
                self.hole(hole, written).map(|()| written.len())
            }
            Item::Group(group) => match group.kind {
                GroupKind::Counted(bytes) => self.counted(group, bytes, rest),
                GroupKind::Spelled(spelling) => {
                    let written = written(item, after, rest)?;
                    self.group(group, spelling, written).map(|()| written.len())
                }
            },
            Item::Object(object) => self.object(object, rest),
        }
    }

    fn hole(&mut self, hole: &Hole, written: &[u8]) -> Result<(), &'static str> {
        let bytes = hole.spelling.read(written).ok_or("bad-encoding")?;
        if hole.width.is_some_and(|width| bytes.len() != width) {
            return Err("wrong-length");
        }
        if &*hole.name == "key" && !is_word(&bytes) {
            return Err("bad-key-tag");
        }
        let encoded = !matches!(hole.spelling, Spelling::Text | Spelling::Raw);
        self.mine |= encoded && bytes.len() >= TELLING_BYTES;
        self.parts.set(&hole.name, bytes.into_owned());
        if hole.spelling != Spelling::Raw {
            self.parts.set_spelled(&hole.name, written);
        }
        Ok(())
    }

    fn group(&mut self, group: &Group, spelling: Spelling, written: &[u8]) -> Result<(), &'static str> {
        let bytes = spelling.read(written).ok_or("bad-encoding")?;
        let encoded = !matches!(spelling, Spelling::Text | Spelling::Raw);
        // Text under an encoding proves itself by what is inside.
        let is_text = group.items.iter().all(|item| matches!(item, Item::Object(_)));
        self.mine |= encoded && bytes.len() >= TELLING_BYTES && !is_text;
        if let Some(name) = &group.name {
            self.parts.set(name, bytes.to_vec());
            self.parts.set_spelled(name, written);
        }
        self.sequence(&group.items, &bytes)
    }

    fn counted(&mut self, group: &Group, bytes: usize, rest: &[u8]) -> Result<usize, &'static str> {
        let (count, behind) = rest.split_at_checked(bytes).ok_or("wrong-length")?;
        let length = count.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let inner = behind.get(..length).ok_or("wrong-length")?;
        if let Some(name) = &group.name {
            self.parts.set(name, inner.to_vec());
            self.parts.set_spelled(name, &rest[..bytes + length]);
        }
        self.sequence(&group.items, inner).map(|()| bytes + length)
    }

    /// Reads an object, and gives its length.
    fn object(&mut self, object: &Object, rest: &[u8]) -> Result<usize, &'static str> {
        let mut scanner = Scanner::new(rest);
        self.members(object, &mut scanner)?;
        Ok(scanner.position())
    }

    fn members(&mut self, object: &Object, scanner: &mut Scanner<'_>) -> Result<(), &'static str> {
        // The object's own shape comes before those of its members.
        let place = self.shapes.len();
        self.shapes.push(Shape::Object(ObjectShape::default()));
        let mut shape = ObjectShape::default();
        let mut start = scanner.position();
        scanner.expect(b'{')?;
        loop {
            let at = self.member_name(object, &shape, scanner)?;
            shape.segments.push(Segment::Text(scanner.since(start).to_vec()));
            shape.segments.push(Segment::Member(at));
            shape.escapes_slashes |= self.value(object, at, scanner)?;
            start = scanner.position();
            scanner.space();
            if !scanner.eat(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
        shape.segments.push(Segment::Text(scanner.since(start).to_vec()));
        let has = |at: usize| shape.segments.contains(&Segment::Member(at));
        if object.members.iter().enumerate().any(|(at, member)| !member.optional && !has(at)) {
            return Err(BAD_JSON.0);
        }
        self.shapes[place] = Shape::Object(shape);
        Ok(())
    }

    /// Reads the name of the next member and the colon, and gives the member's position.
    fn member_name(
        &mut self,
        object: &Object,
        shape: &ObjectShape,
        scanner: &mut Scanner<'_>,
    ) -> Result<usize, &'static str> {
        scanner.space();
        let name = scanner.string()?;
        let at = object.members.iter().position(|member| member.name.as_bytes() == name).ok_or(BAD_JSON.0)?;
        self.mine = true;
        if shape.segments.contains(&Segment::Member(at)) {
            return Err(BAD_JSON.0);
        }
        scanner.space();
        scanner.expect(b':')?;
        scanner.space();
        Ok(at)
    }

    /// Reads the value of a member, and says whether slashes in it were escaped.
    fn value(&mut self, object: &Object, at: usize, scanner: &mut Scanner<'_>) -> Result<bool, &'static str> {
        let member = &object.members[at];
        match &member.value {
            MemberValue::Constant(constant) => {
                scanner.constant(constant)?;
                if member.optional {
                    self.parts.set_flag(&member.name);
                }
                Ok(false)
            }
            MemberValue::Object(inner) => self.members(inner, scanner).map(|()| false),
            MemberValue::String(items) => {
                let (text, escaped) = unescaped(scanner.string()?).ok_or(BAD_JSON.0)?;
                self.sequence(items, &text).map(|()| escaped)
            }
        }
    }
}

impl From<NotJson> for &'static str {
    fn from(_: NotJson) -> Self {
        BAD_JSON.0
    }
}

/// What is written of an item at the start of `rest`, where its end can be told.
fn written<'r>(item: &Item, after: &[Item], rest: &'r [u8]) -> Result<&'r [u8], &'static str> {
    let length = match (item.written(), fixed_length(after), after.first()) {
        (Some(width), ..) => Some(width),
        (None, Some(fixed), _) => rest.len().checked_sub(fixed),
        (None, None, Some(Item::Literal(separator))) => find_bytes(rest, separator),
        _ => None,
    };
    length.and_then(|length| rest.get(..length)).ok_or("wrong-length")
}

impl Layout {
    /// Where cells name their key; `None` where the layout does not begin with the key and a separator, or with a literal and
    /// these.
    pub(crate) fn tag_place(&self) -> Option<TagPlace<'_>> {
        let (before, items) = match self.items.as_slice() {
            [Item::Literal(literal), items @ ..] => (literal.as_slice(), items),
            items => (&[][..], items),
        };
        match items {
            [Item::Hole(hole), Item::Literal(behind), rest @ ..] => {
                let is_searched = hole.width.is_none() && fixed_length(rest).is_none();
                let is_key = &*hole.name == "key" && hole.spelling == Spelling::Text;
                (is_key && is_searched).then_some(TagPlace { before, behind })
            }
            _ => None,
        }
    }
}
