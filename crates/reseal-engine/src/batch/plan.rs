//! What the cell of one field comes to: opened, sealed under the primary, and opened again before it may be written.

use reseal_core::{Cell, Context, Part, Value};
use reseal_store::Row;
use smallvec::SmallVec;

use crate::cell::ask::in_columns;
use crate::cell::coerce::coerce;
use crate::cell::deks::Deks;
use crate::cell::field::{FieldTarget, PartPlace};
use crate::cell::open::{Opened, Opening, Trust};
use crate::job::dek_cache::DekId;
use crate::job::envelope::Move;
use crate::job::seal::Old;
use crate::reason::Reason;

/// What the cell of a field comes to.
pub(super) enum FieldOutcome {
    /// SQL NULL.
    Null,
    /// Marked with the primary, and left to the sweep.
    Marked,
    /// Opened, and under the primary already.
    Current,
    /// Opened, and sealed under the primary.
    Moved {
        /// Whether the old cell is plaintext.
        plain: bool,
        parts: Parts,
    },
    /// Opened, and not to be sealed or written.
    Refused(Reason),
    /// Not opened.
    Broken(Reason),
    /// Opened, and left as it is: a cell that it shares a part with cannot move.
    Held,
    /// Not looked at: on the way back it stays as it is.
    Spared,
}

/// What a cell is sealed from.
#[derive(Clone, Copy)]
struct From<'f, 'c> {
    row: &'f Row,
    opened: &'f Opened<'c>,
    /// The old cell.
    old: Option<&'f Cell<'c>>,
}

/// The parts of a new cell; nearly every cell is one.
pub(super) type Parts = SmallVec<[Placed; 1]>;

/// A new value, and its place in the row.
pub(super) struct Placed {
    pub(super) place: usize,
    pub(super) value: Value,
}

/// How the cell of a field is planned.
#[derive(Clone, Copy)]
pub(super) struct Planning<'d> {
    pub(super) trust: Trust,
    pub(super) deks: Option<&'d Deks>,
    /// Whether it is sealed again also where it is under the primary: a part that it shares is rewritten.
    pub(super) anew: bool,
}

/// The nonces of a row that several cells share: the first of them that was sealed, by the place of its nonce.
#[derive(Default)]
pub(super) struct SharedNonces(SmallVec<[(usize, Cell<'static>); 1]>);

impl SharedNonces {
    fn at(&self, place: Option<usize>) -> Option<&Cell<'static>> {
        self.0.iter().find(|(other, _)| Some(*other) == place).map(|(_, cell)| cell)
    }

    fn note(&mut self, place: Option<usize>, sealed: &Cell<'static>) {
        if let (Some(place), Some(nonce)) =
            (place.filter(|_| self.at(place).is_none()), sealed.get(Part::Nonce))
        {
            self.0.push((place, Cell::of([(Part::Nonce, nonce.clone())])));
        }
    }
}

impl FieldOutcome {
    fn of(plain: bool, sealed: Result<Parts, Reason>) -> FieldOutcome {
        match sealed {
            Ok(parts) => FieldOutcome::Moved { plain, parts },
            Err(reason) => FieldOutcome::Refused(reason),
        }
    }
}

impl FieldTarget {
    /// Opens the cell of this field in a row, and seals it under the primary where it is not yet.
    pub(super) fn plan(&self, row: &Row, planning: Planning<'_>, nonces: &mut SharedNonces) -> FieldOutcome {
        let Planning { trust, deks, anew } = planning;
        if self.mirror_differs(&row.values) {
            return FieldOutcome::Broken(Reason::MirrorDiffers);
        }
        let cell = self.cell(&row.values);
        let opener = self.opener(trust, deks);
        self.with_context(row, |context| match opener.open(cell.as_ref(), context) {
            Opening::Null => FieldOutcome::Null,
            Opening::Marked => FieldOutcome::Marked,
            Opening::Shut(id) => FieldOutcome::of(false, self.rewrap(row, &id, deks)),
            Opening::Opened(opened) if opened.current && !anew => FieldOutcome::Current,
            Opening::Opened(opened) => {
                let from = From { row, opened: &opened, old: cell.as_ref() };
                let sealed = self.reseal(from, context, deks, nonces);
                FieldOutcome::of(opened.key.is_none(), sealed)
            }
            Opening::Broken(fault) => FieldOutcome::Broken(fault.reason),
        })
    }

    /// Puts a cell's DEK under its new KEK; the payload stays as it is.
    fn rewrap(&self, row: &Row, id: &DekId, deks: Option<&Deks>) -> Result<Parts, Reason> {
        let wrapped = deks.ok_or(Reason::DekNotAsked)?.moved(id)?;
        self.in_places(row, Some(wrapped), None)
    }

    /// Seals an opened cell again and opens the result, as it will be read from its columns, before it is written.
    fn reseal(
        &self,
        from: From<'_, '_>,
        context: &Context<'_>,
        deks: Option<&Deks>,
        nonces: &mut SharedNonces,
    ) -> Result<Parts, Reason> {
        let From { row, opened, old } = from;
        let to = &self.job().to;
        let primary = to.keyset.primary().ok_or(Reason::NoPrimary)?;
        let (key, wrapped) = match &to.envelope {
            Some(envelope) => match &opened.dek {
                Some(id) if opened.seal == 0 && envelope.r#move == Move::Rewrap => {
                    return self.rewrap(row, id, deks);
                }
                _ => {
                    let (dek, wrapped) =
                        deks.ok_or(Reason::DekNotAsked)?.fresh(&row.key, self.shares.dek_of)?;
                    (dek, Some(wrapped))
                }
            },
            None => (primary, None),
        };
        // What belongs to the value survives within a format; between formats what cannot survive is not dropped.
        let keeps_format = self.keeps_format(opened.seal);
        let from = self.job().seals().nth(opened.seal).filter(|_| !keeps_format);
        if let Some(part) = from.and_then(|from| from.format.format.says_beside(&opened.text)) {
            return Err(part.into());
        }
        let like = old.filter(|_| keeps_format);
        let old = Old { like, beside: nonces.at(self.shares.nonce) };
        let mut sealed = to.seal(&opened.text, key, context, old)?;
        nonces.note(self.shares.nonce, &sealed);
        let new = self.in_places(row, wrapped, Some(&mut sealed))?;
        let written = |place| {
            let new = new.iter().find(|placed| placed.place == place);
            new.map_or(&row.values[place], |placed| &placed.value)
        };
        let cell = self.cell_of(written).ok_or(Reason::BadEncoding)?;
        let reopens = to.open(&cell, key, context).is_ok_and(|text| text.same_as(&opened.text));
        drop(cell);
        reopens.then_some(new).ok_or(Reason::DoesNotReopen)
    }

    /// The parts of a new cell as their columns take them. A rewrap seals nothing, and leaves the payload's columns as they
    /// are.
    fn in_places(
        &self,
        row: &Row,
        wrapped: Option<&[u8]>,
        mut sealed: Option<&mut Cell>,
    ) -> Result<Parts, Reason> {
        let field = self.job();
        let primary = field.to.keyset.primary().ok_or(Reason::NoPrimary)?;
        let has_nonce_column = self.place_of(Part::DekNonce).is_some();
        let dek = wrapped.map(|wrapped| in_columns(wrapped, primary, has_nonce_column));
        let mut new = Parts::with_capacity(self.parts.len());
        for &PartPlace { part, place, kind } in &self.parts {
            let value = match (part, &dek) {
                (Part::Key, _) => Value::Text(primary.tag().to_owned()),
                (Part::WrappedDek, Some((wrapped, _))) => field.encoding.encode(wrapped.clone()),
                (Part::DekNonce, Some((_, nonce))) => field.encoding.encode(nonce.clone()),
                (Part::WrappedDek | Part::DekNonce, None) => Value::Null,
                (part, _) => match sealed.as_mut() {
                    Some(sealed) => match sealed.take(part) {
                        Some(value) => field.encoding.encode(value),
                        // The new cell holds its own, and what stands there may be another's: reopening tells.
                        None if matches!(part, Part::Nonce | Part::Tag) => continue,
                        None => return Err(Reason::PartMissing),
                    },
                    None => continue,
                },
            };
            let value = coerce(value, &row.values[place], kind).ok_or(Reason::ColumnType)?;
            new.push(Placed { place, value });
        }
        Ok(new)
    }

    /// Whether a seal of the field, by its position, is of the same format as the one that its cells must end with.
    fn keeps_format(&self, seal: usize) -> bool {
        let field = self.job();
        let from = seal.checked_sub(1).and_then(|at| field.from.get(at));
        seal == 0 || from.is_some_and(|from| from.format_name == field.to.format_name)
    }
}
