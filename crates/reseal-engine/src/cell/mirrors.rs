//! Mirrors: columns that hold a copy of a cell's part.

use std::borrow::Cow;

use reseal_core::{Part, Value};

use crate::cell::coerce::coerce;
use crate::cell::field::{FieldTarget, Mirror};
use crate::reason::Reason;

impl FieldTarget {
    /// Whether a mirror holds something else than its part. A mirror that is NULL is to be filled.
    pub(crate) fn mirror_differs(&self, values: &[Value]) -> bool {
        self.mirrors.iter().any(|mirror| self.differs(mirror, values))
    }

    fn differs(&self, mirror: &Mirror, values: &[Value]) -> bool {
        let (original, copy) = (&values[mirror.original], &values[mirror.copy]);
        if copy.is_null() || copy == original {
            return false;
        }
        // The columns may be of different kinds.
        match (self.decoded(mirror.part, original), self.decoded(mirror.part, copy)) {
            (Some(original), Some(copy)) => original.bytes() != copy.bytes(),
            _ => true,
        }
    }

    fn decoded<'v>(&self, part: Part, value: &'v Value) -> Option<Cow<'v, Value>> {
        match part {
            Part::Key => Some(Cow::Borrowed(value)),
            _ => self.job().encoding.decode(value),
        }
    }

    /// Whether a mirror is still to be filled.
    pub(crate) fn mirror_unfilled(&self, values: &[Value]) -> bool {
        let mut mirrors = self.mirrors.iter();
        mirrors.any(|mirror| values[mirror.copy].is_null() && !values[mirror.original].is_null())
    }

    /// Brings the mirrors up to what their parts are to hold, and says whether there was anything to do. Gives a reason
    /// where one cannot hold it.
    pub(crate) fn fill_mirrors(&self, old: &[Value], new: &mut [Option<Value>]) -> Result<bool, Reason> {
        let mut filled = false;
        for mirror in &self.mirrors {
            let original = new[mirror.original].as_ref().unwrap_or(&old[mirror.original]);
            let copy = coerce(original.clone(), &old[mirror.copy], mirror.kind).ok_or(Reason::ColumnType)?;
            new[mirror.copy] = Some(copy).filter(|copy| *copy != old[mirror.copy]);
            filled |= new[mirror.copy].is_some();
        }
        Ok(filled)
    }
}
