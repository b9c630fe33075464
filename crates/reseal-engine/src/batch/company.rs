//! Cells of a row that share a part: a nonce, a wrapped DEK, a column that names the key. They move together or not at all,
//! and what is written in their common columns is one value for all of them.

use reseal_core::{Part, Value};
use reseal_store::Row;

use super::plan::{FieldOutcome, Placed, Planning, SharedNonces};
use crate::cell::field::FieldTarget;
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::reason::Reason;

/// Brings what the fields of a row came to into line, where they share parts.
pub(super) fn agree(
    target: &Target,
    row: &Row,
    planning: Planning<'_>,
    nonces: &mut SharedNonces,
    outcomes: &mut [FieldOutcome],
) {
    for company in &target.companies {
        let mut company = Company { target, row, company, outcomes };
        company.seal_those_that_stayed(planning, nonces);
        company.refuse_those_that_differ();
        company.hold_all_for_one();
    }
}

struct Company<'c> {
    target: &'c Target,
    row: &'c Row,
    company: &'c [usize],
    outcomes: &'c mut [FieldOutcome],
}

impl Company<'_> {
    /// A cell that is under the primary already is sealed again where the nonce or the DEK that it shares is new.
    fn seal_those_that_stayed(&mut self, planning: Planning<'_>, nonces: &mut SharedNonces) {
        for &at in self.company {
            let stayed = matches!(self.outcomes[at], FieldOutcome::Current | FieldOutcome::Marked);
            if stayed && self.loses_a_part(&self.target.fields[at]) {
                let anew = Planning { trust: Trust::Nothing, anew: true, ..planning };
                self.outcomes[at] = self.target.fields[at].plan(self.row, anew, nonces);
            }
        }
    }

    /// Whether another field writes something else into a column that a cell needs as it is. That a column names the
    /// primary from now on takes nothing from a cell under it.
    fn loses_a_part(&self, field: &FieldTarget) -> bool {
        let own = field.parts.iter().filter(|part| part.part != Part::Key);
        own.into_iter().any(|part| {
            let differs = |placed: &&Placed| placed.value != self.row.values[part.place];
            self.written(part.place).any(|placed| differs(&placed))
        })
    }

    /// What the fields write in a place.
    fn written(&self, place: usize) -> impl Iterator<Item = &Placed> {
        let moved = self.company.iter().filter_map(|at| match &self.outcomes[*at] {
            FieldOutcome::Moved { parts, .. } => Some(parts),
            _ => None,
        });
        moved.flatten().filter(move |placed| placed.place == place)
    }

    /// Two values for one column: whichever were written, one of the cells would not open.
    fn refuse_those_that_differ(&mut self) {
        let differs = |at: &&usize| {
            let FieldOutcome::Moved { parts, .. } = &self.outcomes[**at] else { return false };
            let other = |placed: &Placed| -> Option<&Value> {
                let mut others = self.written(placed.place).map(|other| &other.value);
                others.find(|other| **other != placed.value)
            };
            parts.iter().any(|placed| other(placed).is_some())
        };
        let differing: Vec<usize> = self.company.iter().filter(differs).copied().collect();
        for at in differing {
            self.outcomes[at] = FieldOutcome::Refused(Reason::SharedPartDiffers);
        }
    }

    /// Where one of them cannot move, none does.
    fn hold_all_for_one(&mut self) {
        let fails =
            |at: &usize| matches!(self.outcomes[*at], FieldOutcome::Refused(_) | FieldOutcome::Broken(_));
        if !self.company.iter().any(fails) {
            return;
        }
        for &at in self.company {
            if matches!(self.outcomes[at], FieldOutcome::Moved { .. }) {
                self.outcomes[at] = FieldOutcome::Held;
            }
        }
    }
}
