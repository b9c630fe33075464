//! Whether cells of a layout can be read in one way only.

use super::{Item, MemberValue, Object, fixed_length};
use crate::mistake::Mistake;

/// From this length on an optional literal is no accident at the start of random bytes.
const TELLING: usize = 8;

/// Refuses a layout whose cells could be read in two ways.
pub(super) fn unambiguous(items: &[Item]) -> Result<(), Mistake> {
    let mut names = Vec::new();
    items.iter().for_each(|item| item.names(&mut names));
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(Mistake::new(format!("{{{name}}} occurs twice in the layout")));
        }
    }
    sequence(items)
}

fn sequence(items: &[Item]) -> Result<(), Mistake> {
    for (at, item) in items.iter().enumerate() {
        let after = &items[at + 1..];
        inside(item)?;
        if let Item::Optional(literal) = item {
            told_from_next(literal, after)?;
        }
        let counted = item.written().is_some() || item.ends_itself() || fixed_length(after).is_some();
        if !counted {
            separated(item, after)?;
        }
    }
    Ok(())
}

fn inside(item: &Item) -> Result<(), Mistake> {
    match item {
        Item::Group(group) if group.items.is_empty() => Err(Mistake::new("a group of the layout is empty")),
        Item::Group(group) => sequence(&group.items),
        Item::Object(object) => members(object),
        _ => Ok(()),
    }
}

fn members(object: &Object) -> Result<(), Mistake> {
    for member in &object.members {
        match &member.value {
            MemberValue::Constant(_) => {}
            MemberValue::Object(object) => members(object)?,
            MemberValue::String(items) => {
                if items.iter().any(holds_quotes) {
                    let name = &member.name;
                    return Err(Mistake::new(format!("the value of the member `{name}` can contain quotes"))
                        .help("give its parts an encoding, for example {ciphertext|base64}"));
                }
                sequence(items)?;
            }
        }
    }
    Ok(())
}

fn holds_quotes(item: &Item) -> bool {
    matches!(item, Item::Object(_) | Item::Optional(_)) || item.may_hold(b'"') || item.may_hold(b'\\')
}

/// An optional literal must not be taken for the beginning of what follows it.
fn told_from_next(literal: &[u8], after: &[Item]) -> Result<(), Mistake> {
    let next = after.first();
    let first = literal.first().copied();
    let clear = first.is_some_and(|first| next.is_some_and(|next| !next.may_hold(first)));
    match clear || literal.len() >= TELLING {
        true => Ok(()),
        false => Err(Mistake::new(
            "it is unclear whether a cell begins with the optional text or with what follows it",
        )
        .help(format!("an optional text needs {TELLING} bytes, or a first character that cannot follow"))),
    }
}

fn separated(item: &Item, after: &[Item]) -> Result<(), Mistake> {
    let first = label(item);
    match after.first() {
        Some(Item::Literal(separator)) => {
            // One byte that the part cannot hold makes the first occurrence of the separator the only one.
            match separator.iter().all(|byte| item.may_hold(*byte)) {
                true => Err(Mistake::new(format!(
                    "the separator after {first} can occur inside it, so its end is unclear"
                ))),
                false => Ok(()),
            }
        }
        Some(next) => {
            Err(Mistake::new(format!("it is unclear where {first} ends and {} begins", label(next)))
                .help("put a separator between them or set the width of the first"))
        }
        None => Ok(()),
    }
}

fn label(item: &Item) -> String {
    match item {
        Item::Hole(hole) => format!("{{{}}}", hole.name),
        Item::Group(_) => "a group".to_owned(),
        Item::Object(_) => "a JSON object".to_owned(),
        Item::Literal(_) | Item::Optional(_) => "a literal".to_owned(),
    }
}
