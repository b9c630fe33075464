//! What a sample of a table's cells came to, and what there is to say of it.

use reseal_core::quantity::count as number;

use crate::cell::field::FieldTarget;
use crate::finding::{Finding, Severity};
use crate::preflight::{Asker, refused_by};
use crate::reason::Reason;
use crate::rotate::breaker::wrong_key;
use crate::sweep::inspect::{CellStanding, CellState};

/// Cells that must have failed, with none that opened, before a sample speaks of a wrong key and not of bad cells.
const TELLING: u64 = 20;
/// The code of cells that fail.
const FAIL: &str = "cells-that-fail";
/// As many cells of a sample may fail without being a problem.
const FEW: u64 = 2;
/// One cell of so many may, too.
const ONE_OF: u64 = 100;

/// A table, and what a sample of its cells came to.
#[derive(Clone, Debug)]
pub struct SampledTable {
    /// The table, as the plan names it.
    pub table: String,
    /// Its rows in scope, counted.
    pub rows: u64,
    /// How many of them are in the sample: the first by row key.
    pub sampled: u64,
    /// Its fields, in the plan's order.
    pub fields: Vec<SampledField>,
}

/// A field, and what the sampled cells of it came to.
#[derive(Clone, Debug)]
pub struct SampledField {
    /// The field, as the plan names it.
    pub field: String,
    /// Its cells by seal, key and state.
    pub lines: Vec<SampledLine>,
    /// Those that nothing authenticates, although cells of their format can be.
    pub unauthenticated: u64,
}

/// The sampled cells of one field that came to the same.
#[derive(Clone, Debug)]
pub struct SampledLine {
    /// The seal that opens or recognises them.
    pub seal: Option<String>,
    /// The key that opens them.
    pub key: Option<String>,
    /// What they are.
    pub standing: CellStanding,
    /// How many.
    pub cells: u64,
}

impl SampledField {
    pub(super) fn new(field: &FieldTarget) -> SampledField {
        SampledField { field: field.job().name.clone(), lines: Vec::new(), unauthenticated: 0 }
    }

    pub(super) fn add(&mut self, CellState { seal, key, standing, unauthenticated }: CellState<'_>) {
        self.unauthenticated += u64::from(unauthenticated);
        let same = |line: &&mut SampledLine| {
            line.seal.as_deref() == seal && line.key.as_deref() == key && line.standing == standing
        };
        match self.lines.iter_mut().find(same) {
            Some(line) => line.cells += 1,
            None => {
                let (seal, key) = (seal.map(str::to_owned), key.map(str::to_owned));
                self.lines.push(SampledLine { seal, key, standing, cells: 1 });
            }
        }
    }

    /// Puts what opens first, and NULL last.
    pub(super) fn sort(&mut self) {
        let rank = |standing: CellStanding| match standing {
            CellStanding::Current | CellStanding::Old => 0,
            CellStanding::Broken(_) => 1,
            CellStanding::Null => 2,
        };
        self.lines.sort_by_key(|line| (rank(line.standing), std::cmp::Reverse(line.cells)));
    }

    fn count(&self, counts: impl Fn(CellStanding) -> bool) -> u64 {
        self.lines.iter().filter(|line| counts(line.standing)).map(|line| line.cells).sum()
    }

    /// The sampled cells that are not NULL.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.count(|standing| standing != CellStanding::Null)
    }

    /// Those of them that a run would have to list.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.count(|standing| matches!(standing, CellStanding::Broken(_)))
    }

    /// Those that no key opens.
    fn closed(&self) -> u64 {
        self.count(|standing| matches!(standing, CellStanding::Broken(reason) if !reason.is_refusal()))
    }

    /// Whether more cells fail than may be damaged by chance.
    fn fails(&self) -> bool {
        let (cells, failed) = (self.cells(), self.failed());
        cells > 0 && (failed == cells || (failed > FEW && failed * ONE_OF > cells))
    }

    /// Why cells fail, with the number of each reason, the most frequent first.
    fn reasons(&self) -> Vec<(Reason, u64)> {
        let mut reasons: Vec<(Reason, u64)> = Vec::new();
        for line in &self.lines {
            let CellStanding::Broken(reason) = line.standing else { continue };
            match reasons.iter_mut().find(|(other, _)| *other == reason) {
                Some((_, cells)) => *cells += line.cells,
                None => reasons.push((reason, line.cells)),
            }
        }
        reasons.sort_by_key(|(_, cells)| std::cmp::Reverse(*cells));
        reasons
    }

    /// What there is to say of cells that can be changed unseen.
    pub(super) fn unauthenticated(&self, field: &FieldTarget) -> Option<Finding> {
        if self.unauthenticated == 0 {
            return None;
        }
        let mut optional =
            field.job().seals().filter_map(|seal| seal.format.format.optional_authentication());
        let optional = optional.next()?;
        let name = format!("{}.{}", field.table_label(), self.field);
        let (unauthenticated, cells) = (number(self.unauthenticated), number(self.cells()));
        let message = format!(
            "{name}: {unauthenticated} of {cells} sampled cells have no {}: changes to their bytes may go \
             unnoticed",
            optional.name
        );
        Some(Finding::warning("unauthenticated", message, optional.help))
    }

    /// What there is to say of cells that fail. A run lists them; a check does not call a plan well whose cells do not open.
    pub(super) fn finding(&self, field: &FieldTarget, asker: Asker<'_>) -> Option<Finding> {
        let (cells, failed) = (self.cells(), self.failed());
        let reasons = self.reasons();
        let counted = |(reason, cells): &(Reason, u64)| format!("{cells} {}", reason.name());
        let list = reasons.iter().map(counted).collect::<Vec<_>>().join(", ");
        let look_sealed = reasons.iter().any(|(reason, _)| *reason == Reason::LooksSealed);
        if self.closed() == cells && failed >= TELLING && !look_sealed {
            return Some(refused_by(&wrong_key(field, failed, list)));
        }
        if failed == 0 {
            return None;
        }
        let (code, severity) = match asker {
            // Nothing is sealed where ciphertexts of others may have been taken for plaintext.
            _ if look_sealed => (Reason::LooksSealed.name(), Severity::Refusal),
            Asker::Check if self.fails() => (FAIL, Severity::Refusal),
            _ => (FAIL, Severity::Warning),
        };
        let name = format!("{}.{}", field.table_label(), self.field);
        let message = format!(
            "{name}: {} of {} sampled cells cannot be rotated: {list}",
            number(failed),
            number(cells)
        );
        let explained = |(reason, _): &(Reason, u64)| format!("{}: {}", reason.name(), reason.explain());
        let help = reasons.iter().map(explained).collect::<Vec<_>>().join("\n");
        Some(Finding { severity, code, message, help })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(opened: u64, failed: u64) -> SampledField {
        let line = |standing, cells| SampledLine { seal: None, key: None, standing, cells };
        let lines = vec![
            line(CellStanding::Old, opened),
            line(CellStanding::Broken(Reason::UnknownKey), failed),
            line(CellStanding::Null, 1000),
        ];
        SampledField { field: "a".into(), lines, unauthenticated: 0 }
    }

    #[test]
    fn more_than_two_cells_and_one_of_a_hundred_are_too_many() {
        for (opened, failed, too_many) in [
            (0, 0, false),
            (0, 1, true),
            (1, 1, false),
            (1, 2, false),
            (1, 3, true),
            (997, 3, false),
            (990, 10, false),
            (989, 11, true),
        ] {
            assert_eq!(field(opened, failed).fails(), too_many, "{opened} open, {failed} fail");
        }
    }

    #[test]
    fn reasons_are_counted_and_null_is_no_cell() {
        let mut sampled = field(5, 2);
        let line = |seal: &str, reason, cells| SampledLine {
            seal: Some(seal.into()),
            key: None,
            standing: CellStanding::Broken(reason),
            cells,
        };
        sampled.lines.extend([line("x", Reason::BadEncoding, 3), line("y", Reason::UnknownKey, 4)]);
        assert_eq!(sampled.reasons(), [(Reason::UnknownKey, 6), (Reason::BadEncoding, 3)]);
        assert_eq!((sampled.cells(), sampled.failed()), (14, 9));
    }
}
