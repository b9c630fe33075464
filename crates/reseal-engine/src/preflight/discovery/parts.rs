//! Cells that open with parts of another: with the nonce, the wrapped DEK or the key's name that the plan knows as those of
//! one of its fields. The run rewrites these parts, and what else needs them is lost.

use std::borrow::Cow;

use reseal_core::{Cell, Context, Identified, Key, Part, Value};
use reseal_store::Column;

use super::shapes::is_opaque;
use crate::cell::ask::Question;
use crate::cell::claim::{Claim, claim, takes};
use crate::error::RunError;
use crate::job::seal::Seal;
use crate::job::{CellEncoding, FieldJob, Job, TableJob};

/// Bytes of a nonce that stands in front of its ciphertext.
const NONCE_BYTES: usize = 12;
/// Bytes of a tag: no shorter value is a ciphertext with proof.
const TAG_BYTES: usize = 16;

/// A field of the plan, all of whose columns but the ciphertext's a table has.
pub(super) struct PartsOf<'j> {
    pub(super) table: &'j TableJob,
    pub(super) field: &'j FieldJob,
    /// Where its parts are among the columns that are read beside the one that is looked at.
    parts: Vec<(Part, usize)>,
    /// Where there are other columns that hold nonces, by their names.
    nonces: Vec<usize>,
}

/// A cell that a value would be with the parts of a field.
struct Variant<'v> {
    cell: Cell<'v>,
    /// Whether the nonce is the field's.
    with_nonce: bool,
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
        let all_nonces: Vec<usize> = (0..columns.len()).filter(|at| is_nonce(&columns[*at].name)).collect();
        let of_field = |table: &'j TableJob, field: &'j FieldJob| {
            let parts = other_parts(table, field).map(|(part, name)| Some((part, at(name)?)));
            let parts = parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())?;
            let own = |at: &usize| parts.iter().any(|(_, own)| own == at);
            let nonces = all_nonces.iter().copied().filter(|at| !own(at)).collect();
            Some(PartsOf { table, field, parts, nonces })
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
        if value.as_slice().is_none_or(|bytes| bytes.len() < TAG_BYTES) {
            return Ok(None);
        }
        // No KEK is asked about words.
        if self.field.seals().any(|seal| seal.envelope.is_some()) && !is_opaque(value) {
            return Ok(None);
        }
        let encodings = [self.field.encoding, CellEncoding::Raw, CellEncoding::Base64, CellEncoding::Hex];
        for (at, encoding) in encodings.into_iter().enumerate() {
            if encodings[..at].contains(&encoding) {
                continue;
            }
            let variants = self.variants(value, encoding, beside);
            let Some(first) = variants.first() else { continue };
            for (at, seal) in self.field.seals().enumerate() {
                if seal.format.plaintext || !takes(seal, &first.cell) {
                    continue;
                }
                if let Some(opened) = opened(job, seal, &variants, context).await? {
                    let Opened { key, variant } = opened;
                    let lost = self.lost(seal, at, variant);
                    return Ok(Some(OpenedWith { field: self.field, seal, key, lost }));
                }
            }
        }
        Ok(None)
    }

    /// The cells that a value would be: with the field's own nonce, with another of the row, or with one in front of it.
    fn variants<'v>(
        &self,
        value: &'v Value,
        encoding: CellEncoding,
        beside: &'v [Value],
    ) -> Vec<Variant<'v>> {
        let mut found = Vec::new();
        let Some(cell) = self.cell(value, encoding, beside) else { return found };
        if self.parts.iter().any(|(part, _)| *part == Part::Nonce) {
            let decode = |at: &usize| self.field.encoding.decode(beside.get(*at)?).map(Cow::into_owned);
            let nonces = self.nonces.iter().filter_map(decode).filter(|nonce| !nonce.is_null());
            let others = nonces.map(|nonce| cell.clone().with(Part::Nonce, nonce));
            found.extend(others.map(|cell| Variant { cell, with_nonce: false }));
            let whole = cell.bytes(Part::Ciphertext).map(Cow::into_owned).unwrap_or_default();
            if let Some((nonce, rest)) = whole.split_at_checked(NONCE_BYTES).filter(|_| !is_text(&cell)) {
                let cell = cell.clone().with(Part::Nonce, Value::Bytes(nonce.to_vec()));
                let cell = cell.with(Part::Ciphertext, Value::Bytes(rest.to_vec()));
                found.push(Variant { cell, with_nonce: false });
            }
        }
        found.insert(0, Variant { cell, with_nonce: true });
        found
    }

    fn cell<'v>(&self, value: &'v Value, encoding: CellEncoding, beside: &'v [Value]) -> Option<Cell<'v>> {
        let mut parts = vec![(Part::Ciphertext, encoding.decode(value)?)];
        for (part, at) in &self.parts {
            let value = beside.get(*at)?;
            let decoded = match part {
                Part::Key => Some(Cow::Borrowed(value)),
                _ => self.field.encoding.decode(value),
            };
            parts.push((*part, decoded?));
        }
        Some(Cell::lent(parts))
    }

    /// The columns that the run writes and that a cell needs as they were. A rewrap leaves payloads and their DEKs as they
    /// are; a cell that names its key itself needs no column that does.
    fn lost(&self, seal: &Seal, at: usize, opened: &Variant<'_>) -> Vec<String> {
        if at == 0 && seal.is_rewrapped() {
            return Vec::new();
        }
        let names_itself = matches!(seal.format.format.identify(&opened.cell), Identified::Marked(_));
        let needs = |part: Part| match part {
            Part::Key => !names_itself,
            Part::Nonce => opened.with_nonce,
            _ => true,
        };
        let lost = other_parts(self.table, self.field).filter(|(part, _)| needs(*part));
        lost.map(|(_, name)| name.to_owned()).collect()
    }
}

/// Whether a column holds nonces, by its name.
pub(super) fn is_nonce(column: &str) -> bool {
    let column = column.to_ascii_lowercase();
    column.contains("nonce")
        || column.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "iv")
}

fn is_text(cell: &Cell<'_>) -> bool {
    matches!(cell.get(Part::Ciphertext), Some(Value::Text(_)))
}

/// What opened, and under which key.
struct Opened<'j, 'o, 'v> {
    key: &'j Key,
    variant: &'o Variant<'v>,
}

/// The key of a seal that opens one of these cells with proof: the one that the cell names, or any.
async fn opened<'j, 'o, 'v>(
    job: &Job,
    seal: &'j Seal,
    variants: &'o [Variant<'v>],
    context: &Context<'_>,
) -> Result<Option<Opened<'j, 'o, 'v>>, RunError> {
    // Nothing is to move: under what the DEK would be wrapped next is not asked.
    const ASIDE: usize = 1;
    let claims = variants.iter().filter_map(|variant| match claim(seal, &variant.cell) {
        Claim::Mark(mark) => Some((variant, mark.map(Cow::into_owned))),
        Claim::No | Claim::Broken(_) => None,
    });
    let Some((first, mark)) = claims.into_iter().next() else { return Ok(None) };
    let opens = |key: &Key| {
        let with = |variant: &&Variant<'_>| {
            seal.open(&variant.cell, key, context).is_ok_and(|text| text.is_authenticated())
        };
        variants.iter().find(with)
    };
    let keys = seal.keyset.keys();
    let Some(question) = Question::of(seal, ASIDE, mark.as_deref()) else {
        let mut named = keys.iter().filter(|key| mark.as_deref().is_none_or(|mark| key.tag() == mark));
        return Ok(named.find_map(|key| Some(Opened { key, variant: opens(key)? })));
    };
    let Ok(ask) = question.ask(&first.cell, context) else { return Ok(None) };
    for candidate in &ask.candidates {
        let key = &keys[candidate.at];
        if let Some(dek) = job.deks.unwrap(key, &ask.wrapped, &candidate.context).await?
            && let Some(variant) = opens(&key.derived(dek))
        {
            return Ok(Some(Opened { key, variant }));
        }
    }
    Ok(None)
}
