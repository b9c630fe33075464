//! Cells that open with parts of another: with the nonce, the wrapped DEK or the key's name that the plan knows as those of
//! one of its fields. The run writes these parts anew, and what else needs them is lost.

use reseal_core::{Cell, Context, Identified, Key, Part, Value};
use reseal_store::Column;

use crate::cell::ask::Question;
use crate::cell::claim::{Claim, claim, takes};
use crate::error::RunError;
use crate::job::seal::Seal;
use crate::job::{CellEncoding, FieldJob, Job, TableJob};

/// A field of the plan, all of whose columns but the ciphertext's a table has.
pub(super) struct PartsOf<'j> {
    pub(super) table: &'j TableJob,
    pub(super) field: &'j FieldJob,
    /// Where its parts are among the columns that are read beside the one that is looked at.
    parts: Vec<(Part, usize)>,
}

/// A cell that opened with the parts of a field.
pub(super) struct OpenedWith<'j> {
    pub(super) field: &'j FieldJob,
    pub(super) seal: &'j Seal,
    pub(super) key: &'j Key,
    /// The columns of those parts without which the cell is lost once the field was rotated.
    pub(super) lost: Vec<String>,
}

/// The columns of a field's parts but its ciphertext.
pub(super) fn other_parts<'j>(
    table: &'j TableJob,
    field: &'j FieldJob,
) -> impl Iterator<Item = (Part, &'j str)> {
    let own = field.columns.iter().map(|(part, name)| (*part, name.as_str()));
    let of_table = table.key_column.as_deref().map(|name| (Part::Key, name));
    own.filter(|(part, _)| *part != Part::Ciphertext).chain(of_table)
}

impl<'j> PartsOf<'j> {
    /// The fields whose parts lie among these columns.
    pub(super) fn among(job: &'j Job, columns: &[Column]) -> Vec<PartsOf<'j>> {
        let at = |name: &str| columns.iter().position(|column| column.name == name);
        let of_field = |table: &'j TableJob, field: &'j FieldJob| {
            let parts = other_parts(table, field).map(|(part, name)| Some((part, at(name)?)));
            let parts = parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())?;
            Some(PartsOf { table, field, parts })
        };
        let fields = job.tables.iter().flat_map(|table| table.fields.iter().map(move |field| (table, field)));
        fields.filter_map(|(table, field)| of_field(table, field)).collect()
    }

    /// Tries a value as the ciphertext of a cell with these parts. `context` is that of the value's own row.
    ///
    /// # Errors
    /// When a KEK could not be asked.
    pub(super) async fn open(
        &self,
        job: &Job,
        value: &Value,
        beside: &[Value],
        context: &Context<'_>,
    ) -> Result<Option<OpenedWith<'j>>, RunError> {
        let encodings = [self.field.encoding, CellEncoding::Raw, CellEncoding::Base64, CellEncoding::Hex];
        for (at, encoding) in encodings.into_iter().enumerate() {
            if encodings[..at].contains(&encoding) {
                continue;
            }
            let Some(cell) = self.cell(value, encoding, beside) else { continue };
            for (at, seal) in self.field.seals().enumerate() {
                if seal.format.plaintext || !takes(seal, &cell) {
                    continue;
                }
                if let Some(key) = key_that_opens(job, seal, &cell, context).await? {
                    let lost = self.lost(seal, at, &cell);
                    return Ok(Some(OpenedWith { field: self.field, seal, key, lost }));
                }
            }
        }
        Ok(None)
    }

    fn cell<'v>(&self, value: &'v Value, encoding: CellEncoding, beside: &'v [Value]) -> Option<Cell<'v>> {
        value.as_slice()?;
        let mut parts = vec![(Part::Ciphertext, encoding.decode(value)?)];
        for (part, at) in &self.parts {
            let value = beside.get(*at)?;
            let decoded = match part {
                Part::Key => Some(std::borrow::Cow::Borrowed(value)),
                _ => self.field.encoding.decode(value),
            };
            parts.push((*part, decoded?));
        }
        Some(Cell::lent(parts))
    }

    /// The columns that the run writes and that a cell needs as they were. A rewrap leaves payloads and their DEKs as they
    /// are; a cell that names its key itself needs no column that does.
    fn lost(&self, seal: &Seal, at: usize, cell: &Cell) -> Vec<String> {
        let rewraps = at == 0 && seal.is_rewrapped();
        let names_itself = matches!(seal.format.format.identify(cell), Identified::Marked(_));
        let parts = other_parts(self.table, self.field);
        let lost = parts.filter(|(part, _)| !rewraps && !(names_itself && *part == Part::Key));
        lost.map(|(_, name)| name.to_owned()).collect()
    }
}

/// The key of a seal that opens a cell with proof: the one that the cell names, or any.
async fn key_that_opens<'j>(
    job: &Job,
    seal: &'j Seal,
    cell: &Cell<'_>,
    context: &Context<'_>,
) -> Result<Option<&'j Key>, RunError> {
    let mark = match claim(seal, cell) {
        Claim::Mark(mark) => mark.map(std::borrow::Cow::into_owned),
        Claim::No | Claim::Broken(_) => return Ok(None),
    };
    // Nothing is to move: under what the DEK would be wrapped next is not asked.
    const ASIDE: usize = 1;
    let opens = |key: &Key| seal.open(cell, key, context).is_ok_and(|text| text.is_authenticated());
    let keys = seal.keyset.keys();
    let Some(question) = Question::of(seal, ASIDE, mark.as_deref()) else {
        let mut named = keys.iter().filter(|key| mark.as_deref().is_none_or(|mark| key.tag() == mark));
        return Ok(named.find(|key| opens(key)));
    };
    let Ok(ask) = question.ask(cell, context) else { return Ok(None) };
    for candidate in &ask.candidates {
        let key = &keys[candidate.at];
        if let Some(dek) = job.deks.unwrap(key, &ask.wrapped, &candidate.context).await?
            && opens(&key.derived(dek))
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}
