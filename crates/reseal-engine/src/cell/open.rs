//! What a cell turns out to be: opened, null, or broken. Never a guess.

use std::borrow::Cow;

use reseal_core::{Cell, Context, Identified, Key, Part, Plaintext};

use crate::cell::ask::{Ask, takes};
use crate::cell::deks::{Deks, Known};
use crate::job::dek_cache::DekId;
use crate::job::envelope::{Envelope, Move};
use crate::job::seal::{Closed, Seal};
use crate::job::{FieldJob, Job};

/// What became of a cell.
pub(crate) enum Opening<'j> {
    /// SQL NULL.
    Null,
    /// Marked with the primary of the seal that it must end with; not opened.
    Marked,
    /// Its DEK was wrapped under the primary where it is kept; nobody saw it, and the payload stays as it is.
    Shut(DekId),
    /// Opened.
    Opened(Opened<'j>),
    /// No key of the plan opens it, for this reason.
    Broken(Fault),
}

/// A cell that opened.
pub(crate) struct Opened<'j> {
    /// What it opened to.
    pub(crate) text: Plaintext,
    /// Which seal opened it: 0 is the one that it must end with, the others follow in the order of `from`.
    pub(crate) seal: usize,
    /// The key; `None` for cells that were never sealed.
    pub(crate) key: Option<&'j Key>,
    /// Whether it is under the primary of the seal that it must end with.
    pub(crate) current: bool,
    /// What was asked about its DEK, where it has one.
    pub(crate) dek: Option<Box<DekId>>,
}

/// Why a cell did not open.
pub(crate) struct Fault {
    /// A short code for the quarantine.
    pub(crate) reason: &'static str,
    /// The seal that recognised the cell, if any did.
    pub(crate) seal: Option<usize>,
}

/// How far a mark is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A cell marked with the primary is left to the sweep.
    Marks,
    /// Every cell is opened.
    Nothing,
}

/// Opens a cell of a field. `cell` is `None` where one of its parts does not decode; `deks` are those of its batch.
pub(crate) fn open<'j>(
    (job, field): (&'j Job, &'j FieldJob),
    cell: Option<&Cell>,
    context: &Context<'_>,
    trust: Trust,
    deks: Option<&Deks>,
) -> Opening<'j> {
    let Some(cell) = cell else { return Opening::Broken(Fault { reason: "bad-encoding", seal: None }) };
    if cell.get(Part::Ciphertext).is_none_or(reseal_core::Value::is_null) {
        return Opening::Null;
    }
    let mut fault: Option<Fault> = None;
    let mut found = Found::Nothing;
    for (at, seal) in field.seals().enumerate() {
        if seal.format.plaintext || !takes(seal, cell) {
            continue;
        }
        if let Some(opened) = glanced(seal, at, cell, context, trust) {
            return Opening::Opened(opened);
        }
        let mark = match claim(seal, cell) {
            Claim::No => continue,
            Claim::Broken(reason) => {
                fault.get_or_insert(Fault { reason, seal: Some(at) });
                continue;
            }
            Claim::Mark(mark) => mark,
        };
        if at == 0
            && trust == Trust::Marks
            && mark.as_deref().is_some_and(|mark| seal.keyset.primary().is_some_and(|key| key.tag() == mark))
        {
            return Opening::Marked;
        }
        if let Some(envelope) = &seal.envelope {
            match open_envelope((seal, envelope), at, cell, mark.as_deref(), context, deks) {
                Ok(opening) => return opening,
                Err(reason) => {
                    fault.get_or_insert(Fault { reason, seal: Some(at) });
                    continue;
                }
            }
        }
        match open_under(seal, at, cell, mark.as_deref(), context, &mut found) {
            Ok(true) => break,
            Ok(false) => {}
            Err(reason) => {
                fault.get_or_insert(Fault { reason, seal: Some(at) });
            }
        }
    }
    match (found, fault) {
        (Found::One(opened), _) => Opening::Opened(opened),
        (Found::Several { seal }, _) => {
            Opening::Broken(Fault { reason: "opens-under-two-keys", seal: Some(seal) })
        }
        (Found::Nothing, Some(fault)) => Opening::Broken(fault),
        (Found::Nothing, None) => never_sealed(job, field, cell),
    }
}

/// Opens a cell under the key that it seems to name, where that proves all there is to prove.
fn glanced<'j>(
    seal: &'j Seal,
    at: usize,
    cell: &Cell,
    context: &Context<'_>,
    trust: Trust,
) -> Option<Opened<'j>> {
    if seal.envelope.is_some() {
        return None;
    }
    let key = seal.keyset.by_tag(seal.format.format.tag_hint(cell)?)?;
    let current = at == 0 && seal.keyset.primary().is_some_and(|primary| primary.id() == key.id());
    if current && trust == Trust::Marks {
        return None;
    }
    let text = seal.open(cell, key, context).ok().filter(Plaintext::is_authenticated)?;
    Some(Opened { text, seal: at, key: Some(key), current, dek: None })
}

/// What the keys that were tried so far came to.
enum Found<'j> {
    Nothing,
    One(Opened<'j>),
    /// Two keys opened a cell that carries no authentication; the seal is that of the first.
    Several {
        seal: usize,
    },
}

/// What a cell says of itself to a seal.
pub(crate) enum Claim<'c> {
    /// It is not of this seal.
    No,
    /// It is, and damaged beyond opening.
    Broken(&'static str),
    /// It is, and names this key, or none.
    Mark(Option<Cow<'c, str>>),
}

/// Whether a seal recognises a cell, and what the cell then says of its key: in the format itself, or in a column.
pub(crate) fn claim<'c>(seal: &Seal, cell: &'c Cell) -> Claim<'c> {
    match seal.format.format.identify(cell) {
        Identified::NotMine => Claim::No,
        Identified::Broken(broken) => Claim::Broken(broken.0),
        Identified::Marked(mark) => Claim::Mark(Some(mark)),
        Identified::Unmarked => Claim::Mark(cell.get(Part::Key).and_then(reseal_core::Value::text)),
    }
}

/// Opens a cell under its own DEK, or leaves it shut where nobody has to see the DEK.
fn open_envelope<'j>(
    (seal, envelope): (&'j Seal, &'j Envelope),
    at: usize,
    cell: &Cell,
    mark: Option<&str>,
    context: &Context<'_>,
    deks: Option<&Deks>,
) -> Result<Opening<'j>, &'static str> {
    let moves = at == 0 && envelope.r#move == Move::Rewrap;
    let ask = Ask::of((seal, envelope), cell, mark, moves, context)?;
    let (key, dek) = match deks.ok_or("dek-not-asked")?.get(&ask.id)? {
        Known::Shut => return Ok(Opening::Shut(ask.id)),
        Known::Opened(at, dek) => (&seal.keyset.keys()[at], dek),
    };
    let text = seal.open(cell, dek, context).map_err(|closed| match closed {
        Closed::NotThisKey => "does-not-open-under-its-dek",
        Closed::Broken(reason) => reason,
    })?;
    let current = at == 0 && seal.keyset.primary().is_some_and(|primary| primary.id() == key.id());
    Ok(Opening::Opened(Opened { text, seal: at, key: Some(key), current, dek: Some(Box::new(ask.id)) }))
}

/// Opens a cell under a seal. `Ok(true)`: it is settled. `Ok(false)`: it opened without proof, others must be tried.
fn open_under<'j>(
    seal: &'j Seal,
    at: usize,
    cell: &Cell,
    mark: Option<&str>,
    context: &Context<'_>,
    found: &mut Found<'j>,
) -> Result<bool, &'static str> {
    let named = match mark {
        Some(mark) => Some(seal.keyset.by_tag(mark).ok_or("unknown-key")?),
        None => None,
    };
    let primary = seal.keyset.primary();
    let is_primary = |key: &Key| primary.is_some_and(|primary| primary.id() == key.id());
    let others = seal.keyset.keys().iter().filter(|key| !is_primary(key));
    let all = primary.into_iter().chain(others).filter(|_| named.is_none());
    let mut opened = false;
    for key in named.into_iter().chain(all) {
        match seal.open(cell, key, context) {
            Ok(text) => {
                let settled = text.is_authenticated() || mark.is_some();
                let current = at == 0 && is_primary(key);
                *found = match found {
                    Found::Nothing => {
                        Found::One(Opened { text, seal: at, key: Some(key), current, dek: None })
                    }
                    Found::One(Opened { seal, .. }) | Found::Several { seal } => {
                        Found::Several { seal: *seal }
                    }
                };
                if settled {
                    return Ok(true);
                }
                opened = true;
            }
            Err(Closed::NotThisKey) => {}
            Err(Closed::Broken(reason)) => return Err(reason),
        }
    }
    match (opened, mark) {
        (true, _) => Ok(false),
        (false, Some(_)) => Err("does-not-open-under-its-key"),
        (false, None) => Err("opens-under-no-key"),
    }
}

/// Whether a cell begins with the tag of a key: one cut so short that no format knows it may still do.
pub(crate) fn names_a_key(field: &FieldJob, cell: &Cell) -> bool {
    let named = |seal: &Seal| seal.keyset.by_tag(seal.format.format.tag_hint(cell)?).map(drop);
    field.seals().any(|seal| named(seal).is_some())
}

/// A cell that no seal recognises counts as plaintext only where the plan expects plaintext, and only if no format
/// at all recognises it: else a wrong plan would seal a ciphertext once more. What is no plaintext is of no seal.
fn never_sealed<'j>(job: &Job, field: &FieldJob, cell: &Cell) -> Opening<'j> {
    let foreign =
        || job.recognisers.iter().any(|format| !matches!(format.identify(cell), Identified::NotMine));
    let broken = |reason| Opening::Broken(Fault { reason, seal: None });
    let plain = field.seals().enumerate().find(|(_, seal)| seal.format.plaintext && takes(seal, cell));
    match (plain, cell.bytes(Part::Ciphertext)) {
        (Some(_), None) => broken("sealed-by-a-stranger"),
        _ if names_a_key(field, cell) => broken("names-a-key-and-is-no-cell"),
        (Some((at, _)), Some(bytes)) if !foreign() => {
            let text = Plaintext::new(bytes.into_owned());
            Opening::Opened(Opened { text, seal: at, key: None, current: false, dek: None })
        }
        (Some(_), Some(_)) => broken("sealed-by-a-stranger"),
        (None, _) => broken("not-recognised"),
    }
}
