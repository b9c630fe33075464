//! Layouts that nest: what a cell looks like, as a template that takes cells apart and puts them together.
//!
//! A cell is read in one way only, and what varies from cell to cell (the order of a JSON object, its white space, an
//! optional part) is remembered as its [`Shape`], so that a new cell can be written like the old one.

mod build;
mod check;
mod json;
mod parse;
mod parts;
mod spelling;
mod split;

#[cfg(test)]
mod tests;

pub(crate) use build::{Fill, Unfit, fresh, like};
pub(crate) use parse::bytes_of;
pub(crate) use parts::{Name, Parts};
pub(crate) use spelling::{Spelling, is_word};
pub(crate) use split::Taken;

/// A layout of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) items: Vec<Item>,
}

/// A piece of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Bytes that stand for themselves.
    Literal(Vec<u8>),
    /// Bytes that a cell has or has not.
    Optional(Vec<u8>),
    /// A part of the cell.
    Hole(Hole),
    /// Pieces under one encoding.
    Group(Group),
    /// A JSON object.
    Object(Object),
}

/// A part of the cell, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) name: Name,
    pub(crate) spelling: Spelling,
    /// Bytes of the part, where the layout fixes them.
    pub(crate) width: Option<usize>,
    /// What a new cell has there that takes it from no old one.
    pub(crate) default: Option<Vec<u8>>,
}

/// Pieces under one encoding, which may have a name so that expressions can refer to their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: Option<Name>,
    pub(crate) kind: GroupKind,
    pub(crate) items: Vec<Item>,
}

/// What a group does to the bytes of its pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// They are written so.
    Spelled(Spelling),
    /// Their length stands before them, as a big-endian integer of that many bytes.
    Counted(usize),
}

/// A JSON object with members in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) members: Vec<Member>,
}

/// A member of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) value: MemberValue,
}

/// What stands behind the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberValue {
    /// A value that is always the same, as JSON.
    Constant(Vec<u8>),
    /// A string of pieces.
    String(Vec<Item>),
    /// An object in the object.
    Object(Object),
}

/// What one cell has of what may vary, in the order in which the layout is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Whether an optional literal is there.
    Optional(bool),
    /// A JSON object as it is written.
    Object(ObjectShape),
}

/// A JSON object as one cell has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObjectShape {
    /// Its text, with a gap for the value of each member.
    pub(crate) segments: Vec<Segment>,
    /// Whether a slash in a string is written as `\/`, as PHP does unless told otherwise.
    pub(crate) escapes_slashes: bool,
}

/// A stretch of an object's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// What stands between values.
    Text(Vec<u8>),
    /// The value of the member of this position.
    Member(usize),
}

impl Layout {
    /// Whether cells hold bytes that are not text.
    pub(crate) fn is_binary(&self) -> bool {
        are_binary(&self.items)
    }

    /// All holes, at any depth.
    pub(crate) fn holes(&self) -> Vec<&Hole> {
        let mut holes = Vec::new();
        self.items.iter().for_each(|item| item.holes(&mut holes));
        holes
    }

    pub(crate) fn hole(&self, name: &Name) -> Option<&Hole> {
        self.holes().into_iter().find(|hole| hole.name == *name)
    }

    /// The names of all parts and of all named groups.
    pub(crate) fn names(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        self.items.iter().for_each(|item| item.names(&mut names));
        names
    }

    /// The optional members with a constant value: the flags that a cell may carry.
    pub(crate) fn has_flag(&self, name: &str) -> bool {
        self.items.iter().any(|item| item.has_flag(name))
    }

    /// The same layout with a width for a part that has none: a cipher knows how long its nonce is.
    pub(crate) fn with_width(mut self, name: &Name, bytes: usize) -> Self {
        self.items.iter_mut().for_each(|item| item.set_width(name, bytes));
        self
    }
}

fn are_binary(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Literal(bytes) | Item::Optional(bytes) => {
            std::str::from_utf8(bytes).is_err() || has_control(bytes)
        }
        Item::Hole(hole) => !hole.spelling.is_text(),
        Item::Group(group) => match group.kind {
            GroupKind::Spelled(spelling) => !spelling.is_text() && are_binary(&group.items),
            GroupKind::Counted(_) => true,
        },
        Item::Object(_) => false,
    })
}

fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte.is_ascii_control() && *byte != b'\n')
}

impl Item {
    fn children(&self) -> &[Item] {
        match self {
            Item::Group(group) => &group.items,
            _ => &[],
        }
    }

    fn holes<'i>(&'i self, out: &mut Vec<&'i Hole>) {
        match self {
            Item::Hole(hole) => out.push(hole),
            Item::Object(object) => {
                object.each_string(&mut |items| items.iter().for_each(|item| item.holes(out)))
            }
            _ => self.children().iter().for_each(|item| item.holes(out)),
        }
    }

    fn names<'i>(&'i self, out: &mut Vec<&'i Name>) {
        match self {
            Item::Hole(hole) => out.push(&hole.name),
            Item::Group(group) => out.extend(&group.name),
            _ => {}
        }
        match self {
            Item::Object(object) => {
                object.each_string(&mut |items| items.iter().for_each(|item| item.names(out)))
            }
            _ => self.children().iter().for_each(|item| item.names(out)),
        }
    }

    fn has_flag(&self, name: &str) -> bool {
        match self {
            Item::Object(object) => object.has_flag(name),
            _ => self.children().iter().any(|item| item.has_flag(name)),
        }
    }

    fn set_width(&mut self, name: &Name, bytes: usize) {
        match self {
            Item::Hole(hole) if hole.name == *name => hole.width = hole.width.or(Some(bytes)),
            Item::Group(group) => group.items.iter_mut().for_each(|item| item.set_width(name, bytes)),
            Item::Object(object) => object.set_width(name, bytes),
            _ => {}
        }
    }

    /// Length as it is written, where the layout fixes it.
    pub(crate) fn written(&self) -> Option<usize> {
        match self {
            Item::Literal(literal) => Some(literal.len()),
            Item::Hole(hole) => hole.spelling.written(hole.width?),
            Item::Group(group) => {
                let inner = fixed_length(&group.items)?;
                match group.kind {
                    GroupKind::Spelled(spelling) => spelling.written(inner),
                    GroupKind::Counted(bytes) => inner.checked_add(bytes),
                }
            }
            Item::Optional(_) | Item::Object(_) => None,
        }
    }

    /// Whether the item says itself where it ends.
    pub(crate) fn ends_itself(&self) -> bool {
        match self {
            Item::Object(_) | Item::Optional(_) => true,
            Item::Group(group) => matches!(group.kind, GroupKind::Counted(_)),
            _ => false,
        }
    }

    /// Whether the byte can occur in what is written.
    pub(crate) fn may_hold(&self, byte: u8) -> bool {
        match self {
            Item::Hole(hole) => hole.spelling.may_hold(byte),
            Item::Group(group) => match group.kind {
                GroupKind::Spelled(spelling) => spelling.may_hold(byte),
                GroupKind::Counted(_) => true,
            },
            Item::Literal(bytes) | Item::Optional(bytes) => bytes.contains(&byte),
            Item::Object(_) => true,
        }
    }
}

impl Object {
    fn each_string<'o>(&'o self, with: &mut dyn FnMut(&'o [Item])) {
        for member in &self.members {
            match &member.value {
                MemberValue::Constant(_) => {}
                MemberValue::String(items) => with(items),
                MemberValue::Object(object) => object.each_string(with),
            }
        }
    }

    fn has_flag(&self, name: &str) -> bool {
        self.members.iter().any(|member| match &member.value {
            MemberValue::Constant(_) => member.optional && member.name == name,
            MemberValue::String(_) => false,
            MemberValue::Object(object) => object.has_flag(name),
        })
    }

    fn set_width(&mut self, name: &Name, bytes: usize) {
        for member in &mut self.members {
            match &mut member.value {
                MemberValue::Constant(_) => {}
                MemberValue::String(items) => items.iter_mut().for_each(|item| item.set_width(name, bytes)),
                MemberValue::Object(object) => object.set_width(name, bytes),
            }
        }
    }
}

/// Length of pieces as they are written, where the layout fixes it.
pub(crate) fn fixed_length(items: &[Item]) -> Option<usize> {
    items.iter().try_fold(0usize, |sum, item| sum.checked_add(item.written()?))
}

impl Layout {
    /// All groups, at any depth outside of JSON objects.
    pub(crate) fn groups(&self) -> Vec<&Group> {
        let mut groups = Vec::new();
        self.items.iter().for_each(|item| item.groups(&mut groups));
        groups
    }
}

impl Item {
    fn groups<'i>(&'i self, out: &mut Vec<&'i Group>) {
        if let Item::Group(group) = self {
            out.push(group);
        }
        self.children().iter().for_each(|item| item.groups(out));
    }
}

impl Group {
    /// Whether a part is in the group.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let mut holes = Vec::new();
        self.items.iter().for_each(|item| item.holes(&mut holes));
        holes.iter().any(|hole| &*hole.name == name)
    }

    pub(crate) fn label(&self) -> Option<String> {
        self.name.as_deref().map(str::to_owned)
    }
}
