//! What the fields of a row come to together: its swap, and the list of those that are broken.

use reseal_core::Value;
use reseal_store::{Counts, Row, Swap};
use smallvec::SmallVec;

use super::company::agree;
use super::plan::{FieldOutcome, Placed, Planning, SharedNonces};
use super::planned::{Moved, PlannedSwap};
use super::work::{OpenCount, Work};
use crate::cell::deks::Deks;
use crate::cell::error_column::ErrorColumnUpdate;
use crate::cell::field::FieldTarget;
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::reason::Reason;

/// Opens, seals and reopens the cells of a row. Gives its swap, where any of them is to be written.
pub(super) fn plan_row(
    target: &Target,
    row: Row,
    trust: Trust,
    deks: Option<&Deks>,
    work: &mut Work,
) -> Option<PlannedSwap> {
    let planning = Planning { trust, deks, anew: false };
    let mut nonces = SharedNonces::default();
    let fields = target.fields.iter();
    let mut outcomes: SmallVec<[FieldOutcome; 4]> =
        fields.map(|field| field.plan(&row, planning, &mut nonces)).collect();
    agree(target, &row, planning, &mut nonces, &mut outcomes);
    let mut plan = RowPlan::new(target);
    for (field, outcome) in target.fields.iter().zip(outcomes) {
        work.opened[field.at].add(&outcome);
        plan.add(field, &row.values, outcome, &mut work.counts);
    }
    plan.finish(row, work)
}

impl OpenCount {
    fn add(&mut self, outcome: &FieldOutcome) {
        match outcome {
            FieldOutcome::Null | FieldOutcome::Marked => {}
            FieldOutcome::Current
            | FieldOutcome::Moved { .. }
            | FieldOutcome::Refused(_)
            | FieldOutcome::Held => self.opened += 1,
            FieldOutcome::Broken(_) => self.failed += 1,
        }
    }
}

/// A row while its fields are added.
struct RowPlan<'t> {
    target: &'t Target,
    /// The new values by their places; `None` where the old one stays.
    new: Vec<Option<Value>>,
    moved: Moved,
    faults: Vec<FieldFault<'t>>,
}

/// A field whose cell goes to quarantine.
struct FieldFault<'t> {
    field: &'t FieldTarget,
    reason: Reason,
}

impl<'t> RowPlan<'t> {
    fn new(target: &'t Target) -> Self {
        let new = vec![None; target.shape.cells.len()];
        RowPlan { target, new, moved: Moved::default(), faults: Vec::new() }
    }

    fn add(&mut self, field: &'t FieldTarget, old: &[Value], outcome: FieldOutcome, counts: &mut Counts) {
        let update = match outcome {
            FieldOutcome::Moved { .. } => ErrorColumnUpdate::Clear,
            _ => ErrorColumnUpdate::ClearReason,
        };
        match self.put(field, old, outcome, counts) {
            Ok(()) => field.update_error_column(old, &mut self.new, update),
            Err(reason) => {
                field.parts.iter().for_each(|part| self.new[part.place] = None);
                field.mirrors.iter().for_each(|mirror| self.new[mirror.copy] = None);
                self.faults.push(FieldFault { field, reason });
            }
        }
    }

    /// Puts the new values of a field, and of its mirrors, in their places.
    fn put(
        &mut self,
        field: &FieldTarget,
        old: &[Value],
        outcome: FieldOutcome,
        counts: &mut Counts,
    ) -> Result<(), Reason> {
        match outcome {
            FieldOutcome::Broken(reason) | FieldOutcome::Refused(reason) => return Err(reason),
            FieldOutcome::Held => {}
            FieldOutcome::Null => {
                self.fill_mirrors(field, old)?;
                counts.cells_null += 1;
            }
            FieldOutcome::Marked | FieldOutcome::Current => {
                self.fill_mirrors(field, old)?;
                counts.cells_current += 1;
            }
            FieldOutcome::Moved { plain, parts } => {
                parts.into_iter().for_each(|Placed { place, value }| self.new[place] = Some(value));
                self.fill_mirrors(field, old)?;
                self.moved.fields.insert(field.at);
                if plain {
                    self.moved.plain.insert(field.at);
                }
            }
        }
        Ok(())
    }

    fn fill_mirrors(&mut self, field: &FieldTarget, old: &[Value]) -> Result<(), Reason> {
        if field.fill_mirrors(old, &mut self.new)? {
            self.moved.filled.insert(field.at);
        }
        Ok(())
    }

    /// Leaves what shares a part with a cell that cannot be written, which was not known before its mirrors were filled.
    fn hold_companies(&mut self, old: &[Value]) {
        let target = self.target;
        for company in &target.companies {
            if !self.faults.iter().any(|fault| company.contains(&fault.field.at)) {
                continue;
            }
            for field in company.iter().map(|at| &target.fields[*at]) {
                if !self.moved.writes(field.at) {
                    continue;
                }
                self.moved.leave(field.at);
                field.error_column.into_iter().for_each(|place| self.new[place] = None);
                field.update_error_column(old, &mut self.new, ErrorColumnUpdate::ClearReason);
            }
            let group = company.first().map(|at| target.fields[*at].group).unwrap_or_default();
            target.groups[group].iter().for_each(|place| self.new[*place] = None);
        }
    }

    /// Makes what the fields came to a swap, and lists those that are broken.
    fn finish(mut self, row: Row, work: &mut Work) -> Option<PlannedSwap> {
        work.counts.cells_quarantined += self.faults.len() as u64;
        work.broken.extend(self.faults.iter().map(|fault| fault.field.quarantined(&row.key, fault.reason)));
        if !self.faults.is_empty() {
            self.hold_companies(&row.values);
        }
        if self.target.moves_whole() && !self.faults.is_empty() {
            self.new.fill(None);
            self.moved = Moved::default();
        }
        for FieldFault { field, reason } in &self.faults {
            field.update_error_column(&row.values, &mut self.new, ErrorColumnUpdate::Show(*reason));
        }
        if self.new.iter().all(Option::is_none) {
            return None;
        }
        let kept = self.new.into_iter().zip(&row.values);
        let new = kept.map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect();
        let unopened = !self.faults.is_empty();
        let swap = Swap { key: row.key, old: row.values, new, version: row.version, unopened };
        Some(PlannedSwap { swap, moved: self.moved })
    }
}
