//! What a cell turns out to be: opened, null, or broken. Never a guess.

use reseal_core::{Cell, Context, Key, Part, Plaintext};
use reseal_store::Row;

use crate::cell::ask::Question;
use crate::cell::claim::{Claim, claim, is_null, takes, unsealed};
use crate::cell::deks::{Deks, Known};
use crate::cell::field::FieldTarget;
use crate::cell::standing::Standing;
use crate::job::dek_cache::DekId;
use crate::job::seal::{Closed, Seal};
use crate::job::{FieldJob, Job};
use crate::reason::Reason;

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

impl Opened<'_> {
    /// Whether nothing authenticates the cell, although cells of its format can be.
    pub(crate) fn lacks_authentication(&self, field: &FieldJob) -> bool {
        let optional = |seal: &Seal| seal.format.format.optional_authentication().is_some();
        !self.text.is_authenticated() && field.seals().nth(self.seal).is_some_and(optional)
    }
}

/// Why a cell did not open.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
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

impl FieldTarget {
    /// Opens the cell of this field in a row. `deks` are those of the row's batch.
    pub(crate) fn open(&self, row: &Row, trust: Trust, deks: Option<&Deks>) -> Opening<'_> {
        let cell = self.cell(&row.values);
        let opener = self.opener(trust, deks);
        self.with_context(row, |context| opener.open(cell.as_ref(), context))
    }

    /// The same with its mirrors: where one of them holds something else, the cell is broken.
    pub(crate) fn open_with_mirrors(&self, row: &Row, trust: Trust, deks: Option<&Deks>) -> Opening<'_> {
        match self.mirror_differs(&row.values) {
            true => Opening::Broken(Fault { reason: Reason::MirrorDiffers, seal: None }),
            false => self.open(row, trust, deks),
        }
    }

    /// What opens the cells of this field.
    pub(crate) fn opener<'j, 'd>(&'j self, trust: Trust, deks: Option<&'d Deks>) -> Opener<'j, 'd> {
        Opener { job: self.whole_job(), field: self.job(), trust, deks }
    }
}

/// Opens cells of one field.
pub(crate) struct Opener<'j, 'd> {
    pub(crate) job: &'j Job,
    pub(crate) field: &'j FieldJob,
    pub(crate) trust: Trust,
    pub(crate) deks: Option<&'d Deks>,
}

/// A seal of the field that may be a cell's.
#[derive(Clone, Copy)]
struct Candidate<'j> {
    at: usize,
    seal: &'j Seal,
}

/// What the seals that were tried so far came to.
#[derive(Default)]
struct Tries<'j> {
    found: Found<'j>,
    /// The first fault.
    fault: Option<Fault>,
}

/// What the keys that were tried so far came to.
#[derive(Default)]
enum Found<'j> {
    #[default]
    Nothing,
    One(Opened<'j>),
    /// Two keys opened a cell that carries no authentication; the seal is that of the first.
    Several {
        seal: usize,
    },
}

impl<'j> Found<'j> {
    fn add(self, opened: Opened<'j>) -> Self {
        match self {
            Found::Nothing => Found::One(opened),
            Found::One(Opened { seal, .. }) | Found::Several { seal } => Found::Several { seal },
        }
    }
}

impl<'j> Tries<'j> {
    fn fail(&mut self, candidate: Candidate<'j>, reason: Reason) {
        self.fault.get_or_insert(Fault { reason, seal: Some(candidate.at) });
    }

    fn add(&mut self, opened: Opened<'j>) {
        self.found = std::mem::take(&mut self.found).add(opened);
    }

    /// What the cell is; `None` where no seal recognised it.
    fn settled(self) -> Option<Opening<'j>> {
        match (self.found, self.fault) {
            (Found::One(opened), _) => Some(Opening::Opened(opened)),
            (Found::Several { seal }, _) => {
                Some(Opening::Broken(Fault { reason: Reason::OpensUnderTwoKeys, seal: Some(seal) }))
            }
            (Found::Nothing, fault) => fault.map(Opening::Broken),
        }
    }
}

/// Whether other seals and keys are to be tried.
enum Next<'j> {
    /// They are: this one is not the cell's, or proved nothing.
    TryOthers,
    /// They are not: what was found so far stands.
    Settled,
    /// They are not: this is what became of the cell.
    Opening(Opening<'j>),
}

impl<'j> Opener<'j, '_> {
    /// Opens a cell. `None` is one of which a part does not decode.
    pub(crate) fn open(&self, cell: Option<&Cell>, context: &Context<'_>) -> Opening<'j> {
        let Some(cell) = cell else {
            return Opening::Broken(Fault { reason: Reason::BadEncoding, seal: None });
        };
        if is_null(cell) {
            return Opening::Null;
        }
        let mut tries = Tries::default();
        for (at, seal) in self.field.seals().enumerate() {
            if seal.format.plaintext || !takes(seal, cell) {
                continue;
            }
            match self.try_seal(Candidate { at, seal }, cell, context, &mut tries) {
                Next::TryOthers => {}
                Next::Settled => break,
                Next::Opening(opening) => return opening,
            }
        }
        tries.settled().unwrap_or_else(|| self.never_sealed(cell))
    }

    fn try_seal(
        &self,
        candidate: Candidate<'j>,
        cell: &Cell,
        context: &Context<'_>,
        tries: &mut Tries<'j>,
    ) -> Next<'j> {
        if let Some(opened) = self.open_by_tag_hint(candidate, cell, context) {
            return Next::Opening(Opening::Opened(opened));
        }
        let mark = match claim(candidate.seal, cell) {
            Claim::No => return Next::TryOthers,
            Claim::Broken(reason) => {
                tries.fail(candidate, reason);
                return Next::TryOthers;
            }
            Claim::Mark(mark) => mark,
        };
        let mark = mark.as_deref();
        if candidate.at == 0
            && self.trust == Trust::Marks
            && mark.is_some_and(|mark| candidate.seal.is_primary_tag(mark))
        {
            return Next::Opening(Opening::Marked);
        }
        let next = match Question::of(candidate.seal, candidate.at, mark) {
            Some(question) => self.open_envelope(candidate, &question, cell, context),
            None => self.open_under(candidate, mark, cell, context, tries),
        };
        next.unwrap_or_else(|reason| {
            tries.fail(candidate, reason);
            Next::TryOthers
        })
    }

    /// Opens a cell under the key that it seems to name, where that proves all there is to prove.
    fn open_by_tag_hint(
        &self,
        candidate: Candidate<'j>,
        cell: &Cell,
        context: &Context<'_>,
    ) -> Option<Opened<'j>> {
        let Candidate { seal, .. } = candidate;
        if seal.envelope.is_some() {
            return None;
        }
        let key = seal.keyset.by_tag(seal.format.format.tag_hint(cell)?)?;
        let current = self.is_current(candidate, key);
        if current && self.trust == Trust::Marks {
            return None;
        }
        let text = seal.open(cell, key, context).ok().filter(Plaintext::is_authenticated)?;
        Some(Opened { text, seal: candidate.at, key: Some(key), current, dek: None })
    }

    /// Opens a cell under its own DEK, or leaves it shut where nobody has to see the DEK.
    fn open_envelope(
        &self,
        candidate: Candidate<'j>,
        question: &Question<'_>,
        cell: &Cell,
        context: &Context<'_>,
    ) -> Result<Next<'j>, Reason> {
        let seal = candidate.seal;
        let ask = question.ask(cell, context)?;
        let (key, dek) = match self.deks.ok_or(Reason::DekNotAsked)?.get(&ask.id)? {
            Known::Shut => return Ok(Next::Opening(Opening::Shut(ask.id))),
            Known::Opened(at, dek) => (&seal.keyset.keys()[at], dek),
        };
        let text = seal.open(cell, dek, context).map_err(|closed| match closed {
            Closed::NotThisKey => Reason::DoesNotOpenUnderItsDek,
            Closed::Broken(reason) => reason,
        })?;
        let dek = Some(Box::new(ask.id));
        Ok(Next::Opening(Opening::Opened(Opened { dek, ..self.opened(candidate, key, text) })))
    }

    /// Opens a cell under the key that it names, else under each key of a seal, the primary first.
    fn open_under(
        &self,
        candidate: Candidate<'j>,
        mark: Option<&str>,
        cell: &Cell,
        context: &Context<'_>,
        tries: &mut Tries<'j>,
    ) -> Result<Next<'j>, Reason> {
        let seal = candidate.seal;
        let named = match mark {
            Some(mark) => Some(seal.keyset.by_tag(mark).ok_or(Reason::UnknownKey)?),
            None => None,
        };
        let others = seal.keyset.keys().iter().filter(|key| !seal.is_primary(key));
        let all = seal.keyset.primary().into_iter().chain(others).filter(|_| named.is_none());
        let mut opened = false;
        for key in named.into_iter().chain(all) {
            match seal.open(cell, key, context) {
                Ok(text) => {
                    opened = true;
                    let settled = text.is_authenticated() || mark.is_some();
                    tries.add(self.opened(candidate, key, text));
                    if settled {
                        return Ok(Next::Settled);
                    }
                }
                Err(Closed::NotThisKey) => {}
                Err(Closed::Broken(reason)) => return Err(reason),
            }
        }
        match mark {
            // It opened without proof: others must be tried.
            _ if opened => Ok(Next::TryOthers),
            Some(_) => Err(Reason::DoesNotOpenUnderItsKey),
            None => Err(Reason::OpensUnderNoKey),
        }
    }

    fn opened(&self, candidate: Candidate<'j>, key: &'j Key, text: Plaintext) -> Opened<'j> {
        let current = self.is_current(candidate, key);
        Opened { text, seal: candidate.at, key: Some(key), current, dek: None }
    }

    fn is_current(&self, candidate: Candidate<'_>, key: &Key) -> bool {
        Standing::of(self.field, Some(candidate.at), Some(key.id())) == Standing::Current
    }

    /// A cell that no seal recognises: plaintext, or broken. What is no plaintext is of no seal.
    fn never_sealed(&self, cell: &Cell) -> Opening<'j> {
        match unsealed(self.job, self.field, cell) {
            Ok(at) => {
                let text = Plaintext::new(cell.bytes(Part::Ciphertext).unwrap_or_default().into_owned());
                Opening::Opened(Opened { text, seal: at, key: None, current: false, dek: None })
            }
            Err(reason) => Opening::Broken(Fault { reason, seal: None }),
        }
    }
}
