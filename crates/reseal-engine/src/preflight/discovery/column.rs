//! What the values of one column come to.

use std::borrow::Cow;

use reseal_core::{Cell, Context, Identified, Key, Part, Value, is_of_known_producer, may_be_sealed};
use reseal_store::Column;

use super::cells::{Candidate, Stands, candidates};
use super::key_ids::KeyIds;
use super::parts::OpenedWith;
use super::shapes;
use crate::cell::claim::looks_sealed;
use crate::job::seal::Seal;
use crate::job::{FieldJob, Job, TableJob};

/// A seal of the plan, and the field that values are tried as.
pub(super) struct Trial<'j> {
    seal: &'j Seal,
    table: &'j TableJob,
    field: &'j FieldJob,
}

impl<'j> Trial<'j> {
    /// Each seal of the job once, as it is built for each kind of field. An envelope opens with its DEK, and one column
    /// alone does not hold both.
    pub(super) fn all(job: &'j Job) -> Vec<Trial<'j>> {
        let mut trials: Vec<Trial<'j>> = Vec::new();
        for (table, field) in job.tables.iter().flat_map(|table| table.fields.iter().map(move |f| (table, f)))
        {
            for seal in field.seals().filter(|seal| !seal.format.plaintext && seal.envelope.is_none()) {
                let parts =
                    |field: &FieldJob| field.columns.iter().map(|(part, _)| *part).collect::<Vec<_>>();
                let same =
                    |other: &Trial<'_>| other.seal.name == seal.name && parts(other.field) == parts(field);
                if !trials.iter().any(same) {
                    trials.push(Trial { seal, table, field });
                }
            }
        }
        trials
    }
}

/// A row that a value is taken from.
pub(super) struct RowOf<'r> {
    /// The table as the database calls it.
    pub(super) table: &'r str,
    /// The columns that were read beside the value.
    pub(super) beside: &'r [Column],
    /// What they hold.
    pub(super) values: &'r [Value],
}

impl RowOf<'_> {
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(self.beside.iter().position(|column| column.name == name)?)
    }
}

/// What a column was found to hold.
pub(super) enum Found<'j> {
    /// A cell that opens under a key.
    Opens { seal: &'j Seal, key: &'j Key },
    /// A cell that opens with parts of a field of the plan.
    OpensWith(OpenedWith<'j>),
    /// A cell that names a key.
    Names { seal: &'j Seal, key: &'j Key },
    /// A copy of a ciphertext of the plan.
    Copy(&'j str),
    /// What looks like a ciphertext.
    Looks,
}

/// What one trial has come to so far where nothing was proved.
#[derive(Clone, Copy, Default)]
struct Count {
    alone: u64,
    inside: u64,
}

impl Count {
    fn add(&mut self, stands: Stands) {
        match stands {
            Stands::Alone => self.alone += 1,
            Stands::Inside => self.inside += 1,
            Stands::AsAWord => {}
        }
    }

    /// One inside of a document is one too many; what stands alone must be at least half of its column.
    fn tells(self, all: u64) -> bool {
        self.inside > 0 || (self.alone > 0 && self.alone * 2 >= all)
    }
}

/// A column, and what its values have come to so far.
pub(super) struct ColumnSearch<'j> {
    pub(super) column: Column,
    /// The most strings of one value that are looked at.
    pub(super) most: usize,
    /// The one key that is looked for; any where none is.
    pub(super) only: Option<&'j Key>,
    pub(super) ids: Option<KeyIds<'j>>,
    pub(super) found: Option<Found<'j>>,
    /// Whether it was found inside of a value.
    pub(super) inside: bool,
    values: u64,
    /// How many of them are bytes, or bytes that are written as text: no words.
    opaque: u64,
    looks: Count,
    /// Values that may be ciphertexts of a layout that nobody knows.
    random: Count,
    /// Openings that prove nothing, by trial.
    unproved: Vec<(Count, Option<&'j Key>)>,
}

impl<'j> ColumnSearch<'j> {
    pub(super) fn new(column: Column, most: usize) -> ColumnSearch<'j> {
        ColumnSearch {
            column,
            most,
            only: None,
            ids: None,
            found: None,
            inside: false,
            values: 0,
            opaque: 0,
            looks: Count::default(),
            random: Count::default(),
            unproved: Vec::new(),
        }
    }

    /// Whether no further value can tell anything new.
    pub(super) fn is_settled(&self) -> bool {
        let proved = !matches!(self.found, None | Some(Found::Names { .. } | Found::Looks));
        proved && self.ids.as_ref().is_none_or(KeyIds::is_over)
    }

    /// Takes a value that is not NULL.
    pub(super) fn add(&mut self, job: &Job, trials: &[Trial<'j>], row: &RowOf<'_>, value: &Value) {
        if let Some(ids) = &mut self.ids {
            ids.add(value);
        }
        if self.is_settled() {
            return;
        }
        self.values += 1;
        self.opaque += u64::from(shapes::is_opaque(value));
        self.unproved.resize(trials.len(), (Count::default(), None));
        for Candidate { cell, stands } in candidates(value, self.column.kind, self.most) {
            if cell.get(Part::Ciphertext).and_then(Value::as_slice).is_none() {
                continue;
            }
            for (at, trial) in trials.iter().enumerate() {
                if self.tried(at, trial, row, &cell, stands) {
                    return;
                }
            }
            if stands != Stands::AsAWord && is_sealed_by_its_look(job, &cell) {
                self.looks.add(stands);
            } else if stands == Stands::Alone && cell_bytes(&cell).is_some_and(|bytes| may_be_sealed(&bytes))
            {
                self.random.add(stands);
            }
        }
    }

    /// Tries a cell under the keys of a seal; true where that settles what the column holds.
    fn tried(
        &mut self,
        at: usize,
        trial: &Trial<'j>,
        row: &RowOf<'_>,
        cell: &Cell<'_>,
        stands: Stands,
    ) -> bool {
        let seal = trial.seal;
        let mark = match seal.format.format.identify(cell) {
            Identified::NotMine => return false,
            Identified::Marked(tag) => seal.keyset.by_tag(&tag),
            _ => None,
        };
        match opens(trial, &self.column.name, row, cell, self.only) {
            Some((key, true)) => {
                self.settle(Found::Opens { seal, key }, stands);
                return true;
            }
            Some((key, false)) => {
                self.unproved[at].0.add(stands);
                self.unproved[at].1 = Some(key);
            }
            None => {}
        }
        if let Some(key) = mark
            && self.found.is_none()
        {
            self.settle(Found::Names { seal, key }, stands);
        }
        false
    }

    /// Whether nothing was found, and yet at least half of the values may be ciphertexts of a layout that nobody knows.
    pub(super) fn looks_random(&self) -> bool {
        self.found.is_none() && self.random.tells(self.values)
    }

    /// Whether the column holds nothing that reads as words.
    pub(super) fn is_opaque(&self) -> bool {
        self.values > 0 && self.opaque == self.values
    }

    /// Notes what was found.
    pub(super) fn settle(&mut self, found: Found<'j>, stands: Stands) {
        self.found = Some(found);
        self.inside = stands != Stands::Alone;
    }

    /// What the column holds, once all values were taken.
    pub(super) fn finish(&mut self, trials: &[Trial<'j>]) {
        if !matches!(self.found, None | Some(Found::Names { .. })) {
            return;
        }
        for (trial, (count, key)) in trials.iter().zip(&self.unproved) {
            if let Some(key) = key.filter(|_| count.tells(self.values)) {
                self.inside = count.inside > 0;
                self.found = Some(Found::Opens { seal: trial.seal, key });
                return;
            }
        }
        if self.found.is_none() && self.looks.tells(self.values) {
            self.inside = self.looks.inside > 0;
            self.found = Some(Found::Looks);
        }
    }
}

fn is_sealed_by_its_look(job: &Job, cell: &Cell<'_>) -> bool {
    looks_sealed(job, cell) || cell_bytes(cell).is_some_and(|bytes| is_of_known_producer(&bytes))
}

fn cell_bytes<'c>(cell: &'c Cell<'_>) -> Option<Cow<'c, [u8]>> {
    cell.bytes(Part::Ciphertext)
}

/// The key that opens a cell where it stands, or as it would in a field of the plan, and whether that is proof.
fn opens<'j>(
    trial: &Trial<'j>,
    column: &str,
    row: &RowOf<'_>,
    cell: &Cell<'_>,
    only: Option<&Key>,
) -> Option<(&'j Key, bool)> {
    let Trial { seal, table, field } = *trial;
    let lookup = |name: &str| row.value(name).cloned();
    let tenant = table.tenant.as_deref().and_then(|name| row.value(name));
    let of_plan = table.name.to_string();
    let places = [(row.table, column), (of_plan.as_str(), field.name.as_str())];
    let keys = seal.keyset.keys().iter();
    let keys = keys.filter(|key| only.is_none_or(|only| key.identity() == only.identity()));
    let mut unproved = None;
    for key in keys {
        for (table, field) in places {
            let context = Context { tenant, table, field, key: "", row: &lookup };
            match seal.open(cell, key, &context) {
                Ok(text) if text.is_authenticated() => return Some((key, true)),
                Ok(_) => unproved = Some((key, false)),
                Err(_) => {}
            }
        }
    }
    unproved
}
