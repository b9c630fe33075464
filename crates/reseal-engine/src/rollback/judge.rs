//! What becomes of a cell that is under the new key, or names it, when all kept cells that could go back are back.

use reseal_store::{Quarantined, Row};

use super::table::{Table, is_marked};
use crate::cell::field::FieldTarget;
use crate::cell::open::{Opening, Trust};
use crate::reason::Reason;
use crate::sweep::listing::Refused;

/// Judges cells that are under the new key.
#[derive(Clone)]
pub(super) struct JudgeOfNew {
    /// Cells that were refused when they were to be written.
    pub(super) refused: Refused,
    /// Whether what could be sealed again is listed.
    pub(super) lists_strays: bool,
}

impl JudgeOfNew {
    /// What becomes of a cell, whoever wrote it.
    pub(super) fn cell(&self, table: &Table, field: &FieldTarget, row: &Row) -> New {
        let places = &table.target.groups[field.group];
        match self.of_run(table, field, row) {
            New::Stray | New::Listed(_)
                if self.refused.entry(field, &row.key).is_none()
                    && table.held.before.has(&row.values, places) =>
            {
                New::Before
            }
            of_run => of_run,
        }
    }

    /// What becomes of a cell that the run has swapped.
    pub(super) fn of_run(&self, table: &Table, field: &FieldTarget, row: &Row) -> New {
        if table.held.has(&row.values, &table.target.groups[field.group]) {
            return New::Others;
        }
        if !table.has_way_back(field) {
            return New::Listed(field.quarantined(&row.key, Reason::NoKeyToRollBackTo));
        }
        if let Some(cell) = self.refused.entry(field, &row.key) {
            return New::Listed(cell);
        }
        if !self.lists_strays {
            return New::Stray;
        }
        let reason = match field.mirror_differs(&row.values) {
            true => Reason::MirrorDiffers,
            false => Reason::StillUnderTheNewKey,
        };
        New::Listed(field.quarantined(&row.key, reason))
    }
}

/// What becomes of a cell that is under the new key.
pub(super) enum New {
    /// Another run moved it.
    Others,
    /// It was there before the run.
    Before,
    /// It can be sealed again.
    Stray,
    /// It cannot.
    Listed(Quarantined),
}

/// Why a cell that opens under no key is listed where it names the new one.
pub(super) fn still_marked(field: &FieldTarget, row: &Row) -> Option<Reason> {
    let marked = is_marked(field) && matches!(field.open(row, Trust::Marks, None), Opening::Marked);
    marked.then_some(Reason::StillUnderTheNewKey)
}
