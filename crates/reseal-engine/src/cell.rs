//! What a cell turns out to be: opened, null, or broken. Never a guess.

use reseal_core::{Cell, Context, Identified, Part, Plaintext};

use crate::job::{FieldJob, Job};
use crate::seal::{Closed, Seal};

/// What became of a cell.
pub(crate) enum Opening {
    /// SQL NULL.
    Null,
    /// Marked with the primary of the seal that it must end with; not opened.
    Marked,
    /// Opened.
    Opened(Opened),
    /// No key of the plan opens it, for this reason.
    Broken(Fault),
}

/// A cell that opened.
pub(crate) struct Opened {
    /// What it opened to.
    pub(crate) text: Plaintext,
    /// Which seal opened it: 0 is the one that it must end with, the others follow in the order of `from`.
    pub(crate) seal: usize,
    /// The id of the key; `None` for cells that were never sealed.
    pub(crate) key: Option<String>,
    /// Whether it is under the primary of the seal that it must end with.
    pub(crate) current: bool,
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

/// The seals that a field's cells may have: the one that they must end with first.
pub(crate) fn seals(field: &FieldJob) -> impl Iterator<Item = &Seal> {
    std::iter::once(&field.to).chain(&field.from).map(AsRef::as_ref)
}

/// Opens a cell of a field. `cell` is `None` where one of its parts does not decode.
pub(crate) fn open(
    job: &Job,
    field: &FieldJob,
    cell: Option<&Cell>,
    context: &Context<'_>,
    trust: Trust,
) -> Opening {
    let Some(cell) = cell else { return Opening::Broken(Fault { reason: "bad-encoding", seal: None }) };
    if cell.get(Part::Ciphertext).is_none_or(reseal_core::Value::is_null) {
        return Opening::Null;
    }
    let mut fault: Option<Fault> = None;
    let mut found: Option<Opened> = None;
    for (at, seal) in seals(field).enumerate() {
        if seal.format.plaintext {
            continue;
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
        match open_under(seal, at, cell, mark.as_deref(), context, &mut found) {
            Ok(true) => break,
            Ok(false) => {}
            Err(reason) => {
                fault.get_or_insert(Fault { reason, seal: Some(at) });
            }
        }
    }
    match (found, fault) {
        (Some(opened), _) if opened.key.as_deref() == Some(AMBIGUOUS) => {
            Opening::Broken(Fault { reason: "opens-under-two-keys", seal: Some(opened.seal) })
        }
        (Some(opened), _) => Opening::Opened(opened),
        (None, Some(fault)) => Opening::Broken(fault),
        (None, None) => never_sealed(job, field, cell),
    }
}

/// Stands in for a key's id when two keys opened an unauthenticated cell. No plan can name a key so.
const AMBIGUOUS: &str = "\0";

enum Claim {
    No,
    Broken(&'static str),
    Mark(Option<String>),
}

/// Whether a seal recognises a cell, and what the cell then says of its key: in the format itself, or in a column.
fn claim(seal: &Seal, cell: &Cell) -> Claim {
    match seal.format.format.identify(cell) {
        Identified::NotMine => Claim::No,
        Identified::Broken(broken) => Claim::Broken(broken.0),
        Identified::Marked(mark) => Claim::Mark(Some(mark.into_owned())),
        // Envelopes are no format's business but the engine's, and no seal of this version has one.
        Identified::Wrapped(_) => Claim::No,
        Identified::Unmarked => {
            Claim::Mark(cell.get(Part::Key).and_then(|value| value.text()).map(|text| text.into_owned()))
        }
    }
}

/// Opens a cell under a seal. `Ok(true)`: it is settled. `Ok(false)`: it opened without proof, others must be tried.
fn open_under(
    seal: &Seal,
    at: usize,
    cell: &Cell,
    mark: Option<&str>,
    context: &Context<'_>,
    found: &mut Option<Opened>,
) -> Result<bool, &'static str> {
    let keys: Vec<_> = match mark {
        Some(mark) => vec![seal.keyset.by_tag(mark).ok_or("unknown-key")?],
        None => {
            let primary = seal.keyset.primary().into_iter();
            let rest = seal
                .keyset
                .keys()
                .iter()
                .filter(|key| seal.keyset.primary().is_none_or(|p| p.id() != key.id()));
            primary.chain(rest).collect()
        }
    };
    let mut proven = false;
    for key in keys {
        match seal.open(cell, key, context) {
            Ok(text) => {
                let settled = text.is_authenticated() || mark.is_some();
                let current =
                    at == 0 && seal.keyset.primary().is_some_and(|primary| primary.id() == key.id());
                match found {
                    Some(before) => before.key = Some(AMBIGUOUS.to_owned()),
                    None => *found = Some(Opened { text, seal: at, key: Some(key.id().to_owned()), current }),
                }
                if settled {
                    return Ok(true);
                }
                proven = true;
            }
            Err(Closed::NotThisKey) => {}
            Err(Closed::Broken(reason)) => return Err(reason),
        }
    }
    match (proven, mark) {
        (true, _) => Ok(false),
        (false, Some(_)) => Err("does-not-open-under-its-key"),
        (false, None) => Err("opens-under-no-key"),
    }
}

/// A cell that no seal recognises counts as plaintext only where the plan expects plaintext, and only if no format
/// at all recognises it: else a wrong plan would seal a ciphertext once more.
fn never_sealed(job: &Job, field: &FieldJob, cell: &Cell) -> Opening {
    let foreign =
        || job.recognisers.iter().any(|format| !matches!(format.identify(cell), Identified::NotMine));
    let plain = seals(field).enumerate().find(|(_, seal)| seal.format.plaintext);
    match (plain, cell.bytes(Part::Ciphertext)) {
        (Some((at, _)), Some(bytes)) if !foreign() => {
            let text = Plaintext::new(bytes.into_owned());
            Opening::Opened(Opened { text, seal: at, key: None, current: false })
        }
        (Some((at, _)), _) => Opening::Broken(Fault { reason: "sealed-by-a-stranger", seal: Some(at) }),
        (None, _) => Opening::Broken(Fault { reason: "not-recognised", seal: None }),
    }
}
