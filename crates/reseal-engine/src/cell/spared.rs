//! What a rollback leaves as it is though a key of its job would move it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use reseal_store::{Row, RowKey};

use super::target::Target;
use super::undo::{self, Fingerprint};

/// The groups of cells that stay: each by its row and its position in [`Target::groups`].
#[derive(Clone, Default)]
pub(crate) struct Spared {
    /// Digests of what other runs wrote, and of what was there before the run; sorted.
    pub(crate) written: Arc<Vec<Fingerprint>>,
    /// Cells that the database or a format refused, by their ids.
    pub(crate) refused: Arc<HashSet<String>>,
    /// Where only some groups are meant: which of them, by their rows.
    pub(crate) only: Option<Arc<HashMap<RowKey, Vec<usize>>>>,
}

impl Spared {
    /// Whether a group of a row stays. `scratch` is a buffer to use again.
    pub(crate) fn has(&self, target: &Target, group: usize, row: &Row, scratch: &mut Vec<u8>) -> bool {
        self.is_not_meant(group, row) || self.is_refused(target, group, row) || {
            let places = &target.groups[group];
            !self.written.is_empty()
                && self.written.binary_search(&undo::digest(&row.values, places, scratch)).is_ok()
        }
    }

    fn is_not_meant(&self, group: usize, row: &Row) -> bool {
        let meant = self.only.as_ref().map(|only| only.get(&row.key).is_some_and(|of| of.contains(&group)));
        meant == Some(false)
    }

    fn is_refused(&self, target: &Target, group: usize, row: &Row) -> bool {
        let mut fields = target.fields.iter().filter(|field| field.group == group);
        !self.refused.is_empty() && fields.any(|field| self.refused.contains(&field.cell_id(&row.key)))
    }
}
