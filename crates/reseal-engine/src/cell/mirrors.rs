//! Columns beside a cell: mirrors, which hold a copy of a part, and the column that shows why a cell is in quarantine.

use std::borrow::Cow;

use reseal_core::{Part, Value};

use crate::cell::coerce::coerce;
use crate::cell::target::Target;
use crate::job::CellEncoding;

/// Why a cell is broken whose mirror holds something else.
pub(crate) const DIFFERS: &str = "mirror-differs";

/// Whether a mirror of a field holds something else than its part. A mirror that is NULL is to be filled.
pub(crate) fn differs(target: &Target, field: usize, values: &[Value]) -> bool {
    let encoding = target.table().fields[field].encoding;
    target.mirrors[field].iter().any(|mirror| {
        let (original, copy) = (&values[mirror.original], &values[mirror.copy]);
        if copy.is_null() || copy == original {
            return false;
        }
        // The columns may be of different kinds.
        let decoded = |value| decoded(mirror.part, encoding, value);
        match (decoded(original), decoded(copy)) {
            (Some(original), Some(copy)) => original.bytes() != copy.bytes(),
            _ => true,
        }
    })
}

/// Whether a mirror of a field is still to be filled.
pub(crate) fn unfilled(target: &Target, field: usize, values: &[Value]) -> bool {
    let mut mirrors = target.mirrors[field].iter();
    mirrors.any(|mirror| values[mirror.copy].is_null() && !values[mirror.original].is_null())
}

fn decoded(part: Part, encoding: CellEncoding, value: &Value) -> Option<Cow<'_, Value>> {
    match part {
        Part::Key => Some(Cow::Borrowed(value)),
        _ => encoding.decode(value),
    }
}

/// Brings the mirrors of a field up to what its parts are to hold, and tells whether there was anything to do. Gives a
/// reason where one cannot hold it.
pub(crate) fn copy(
    target: &Target,
    field: usize,
    old: &[Value],
    new: &mut [Option<Value>],
) -> Result<bool, &'static str> {
    let mut filled = false;
    for mirror in &target.mirrors[field] {
        let original = new[mirror.original].as_ref().unwrap_or(&old[mirror.original]);
        let kind = target.shape.cells[mirror.copy].kind;
        let copy = coerce(original.clone(), &old[mirror.copy], kind).ok_or("column-type")?;
        new[mirror.copy] = Some(copy).filter(|copy| *copy != old[mirror.copy]);
        filled |= new[mirror.copy].is_some();
    }
    Ok(filled)
}

/// Shows a reason, or that there is none any more. Nothing but the reason's code is ever written.
pub(crate) fn tell(target: &Target, field: usize, old: &[Value], new: &mut [Option<Value>], told: Told<'_>) {
    let Some(place) = target.last_errors[field] else { return };
    let before = old[place].text();
    let now = match told {
        Told::Broken(reason) => Some(reason),
        Told::Moved => None,
        // What the application wrote there is its own.
        Told::Untouched => before.as_deref().filter(|text| !is_reason(text)),
    };
    if now != before.as_deref() {
        new[place] = Some(now.map_or(Value::Null, |reason| Value::Text(reason.to_owned())));
    }
}

/// What became of a cell, as far as its column for reasons is concerned.
#[derive(Clone, Copy)]
pub(crate) enum Told<'r> {
    /// It goes to quarantine.
    Broken(&'r str),
    /// It moves to the primary.
    Moved,
    /// It is where it should be.
    Untouched,
}

/// Whether a text is a reason as quarantine writes it: words joined by hyphens.
pub(crate) fn is_reason(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
