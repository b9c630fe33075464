//! What the fields of a row come to together: its swap, and the list of those that are broken.

use reseal_core::Value;
use reseal_store::{Counts, MayBePlain, Row, Swap};
use smallvec::SmallVec;

use super::company::agree;
use super::plan::{FieldOutcome, Placed, Planning, SharedNonces};
use super::planned::{Moved, PlannedSwap};
use super::work::{OpenCount, Work};
use crate::cell::deks::Deks;
use crate::cell::error_column::ErrorColumnUpdate;
use crate::cell::field::FieldTarget;
use crate::cell::open::Trust;
use crate::cell::spared::Spared;
use crate::cell::target::Target;
use crate::cell::undo;
use crate::reason::Reason;

/// Plans the rows of a table.
pub(super) struct RowPlanner<'p> {
    pub(super) target: &'p Target,
    pub(super) trust: Trust,
    /// What stays as it is, on the way back.
    pub(super) spared: Option<&'p Spared>,
    /// Whether what is under the primary already is noted.
    pub(super) notes: bool,
    pub(super) deks: Option<&'p Deks>,
}

impl RowPlanner<'_> {
    /// Opens, seals and reopens the cells of a row. Gives its swap, where any of them is to be written.
    pub(super) fn plan(&self, row: Row, work: &mut Work) -> Option<PlannedSwap> {
        let mut plan = RowPlan::new(self.target);
        let mut scratch = Vec::new();
        for (field, outcome) in self.target.fields.iter().zip(self.outcomes(&row, &mut scratch)) {
            if let FieldOutcome::Spared = outcome {
                continue;
            }
            work.opened[field.at].add(&outcome);
            if self.notes && matches!(outcome, FieldOutcome::Marked | FieldOutcome::Current) {
                plan.stands.push(field.group);
            }
            plan.add(field, &row.values, outcome, &mut work.counts);
        }
        if self.spared.is_some() {
            // A rollback moves cells, and tells of those that it could not write: its sweep tells of all others.
            plan.told = Reason::is_refusal;
            if plan.moved.cells() == 0 {
                return plan.only_faults(&row, work);
            }
        }
        plan.note(&row, work, &mut scratch);
        plan.finish(row, work)
    }

    /// What each field comes to. Where one is spared, all are that share a part with it.
    fn outcomes(&self, row: &Row, scratch: &mut Vec<u8>) -> SmallVec<[FieldOutcome; 4]> {
        let planning = Planning { trust: self.trust, deks: self.deks, anew: false };
        let mut nonces = SharedNonces::default();
        let mut outcomes: SmallVec<[FieldOutcome; 4]> = SmallVec::new();
        for field in &self.target.fields {
            let spared = self.spared.is_some_and(|spared| spared.has(self.target, field.group, row, scratch));
            outcomes.push(match spared {
                true => FieldOutcome::Spared,
                false => field.plan(row, planning, &mut nonces),
            });
        }
        agree(self.target, row, planning, &mut nonces, &mut outcomes);
        outcomes
    }
}

impl OpenCount {
    fn add(&mut self, outcome: &FieldOutcome) {
        match outcome {
            FieldOutcome::Null | FieldOutcome::Marked | FieldOutcome::Spared => {}
            FieldOutcome::Current
            | FieldOutcome::Moved { .. }
            | FieldOutcome::Refused(_)
            | FieldOutcome::Held => self.opened += 1,
            FieldOutcome::Broken(reason) => {
                self.failed += 1;
                self.why = Some(*reason);
            }
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
    /// Groups of which a cell is under the primary already.
    stands: Vec<usize>,
    /// Which faults go to quarantine.
    told: fn(Reason) -> bool,
}

/// A field whose cell goes to quarantine.
struct FieldFault<'t> {
    field: &'t FieldTarget,
    reason: Reason,
}

impl<'t> RowPlan<'t> {
    fn new(target: &'t Target) -> Self {
        let new = vec![None; target.shape.cells.len()];
        RowPlan {
            target,
            new,
            moved: Moved::default(),
            faults: Vec::new(),
            stands: Vec::new(),
            told: |_| true,
        }
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
            FieldOutcome::Held | FieldOutcome::Spared => {}
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

    /// Notes the groups that are under the primary already, and stay as they are.
    fn note(&mut self, row: &Row, work: &mut Work, scratch: &mut Vec<u8>) {
        self.stands.dedup();
        for group in std::mem::take(&mut self.stands) {
            let places = &self.target.groups[group];
            if places.iter().all(|place| self.new[*place].is_none()) {
                work.stood.push(undo::digest(&row.values, places, scratch));
            }
        }
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

    /// Lists the fields that are broken.
    fn tell(&self, row: &Row, work: &mut Work) {
        let told = self.faults.iter().filter(|fault| (self.told)(fault.reason));
        let told = told.map(|fault| fault.field.quarantined(&row.key, fault.reason));
        let before = work.broken.len();
        work.broken.extend(told);
        work.counts.cells_quarantined += (work.broken.len() - before) as u64;
    }

    /// A row of which no cell is to be written.
    fn only_faults(&self, row: &Row, work: &mut Work) -> Option<PlannedSwap> {
        self.tell(row, work);
        None
    }

    /// Makes what the fields came to a swap, and lists those that are broken.
    fn finish(mut self, row: Row, work: &mut Work) -> Option<PlannedSwap> {
        self.tell(&row, work);
        if !self.faults.is_empty() {
            self.hold_companies(&row.values);
        }
        if self.target.moves_whole() && !self.faults.is_empty() {
            self.new.fill(None);
            self.moved = Moved::default();
        }
        for FieldFault { field, reason } in self.faults.iter().filter(|fault| (self.told)(fault.reason)) {
            field.update_error_column(&row.values, &mut self.new, ErrorColumnUpdate::Show(*reason));
        }
        if self.new.iter().all(Option::is_none) {
            return None;
        }
        let kept = self.new.into_iter().zip(&row.values);
        let new = kept.map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect();
        let may_be_plain = match (self.faults.is_empty(), self.moved.plain.is_empty()) {
            (false, _) => MayBePlain::Kept,
            (true, false) => MayBePlain::Replaced,
            (true, true) => MayBePlain::Nothing,
        };
        let swap = Swap { key: row.key, old: row.values, new, version: row.version, may_be_plain };
        Some(PlannedSwap { swap, moved: self.moved })
    }
}
