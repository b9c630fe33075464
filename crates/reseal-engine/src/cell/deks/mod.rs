//! The DEKs of a batch: unwrapped and wrapped together, concurrently, before its cells are opened and sealed.
//!
//! This is the only place where KEKs are asked. It is never inside a transaction, and what is asked once is not asked
//! again: see [`DekCache`]. That a KEK could not be asked is no result of a cell: it ends the batch, and pauses the run.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use reseal_core::{Cell, Context, KekContext, Key};
use reseal_store::{Row, RowKey};

use crate::cell::ask::{Ask, Candidate, Question};
use crate::cell::claim::{Claim, claim, is_null, takes};
use crate::cell::field::FieldTarget;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::job::dek_cache::{AT_ONCE, DekCache, DekId, Wrapping, random};
use crate::job::envelope::Move;
use crate::job::seal::Seal;
use crate::reason::Reason;

/// What is to become of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its cells are opened.
    Open,
    /// Its cells are opened and sealed to see whether that works; nothing is written, so new DEKs are wrapped once.
    Try,
    /// Its cells move to the primary.
    Move,
}

/// The DEKs of a batch.
#[derive(Default)]
pub(crate) struct Deks {
    /// By what was asked: the KEK's position in its keyset, and the DEK; or why there is none.
    opened: HashMap<DekId, Result<(usize, Key), Reason>>,
    /// By what was asked: the same DEK, wrapped under the primary.
    moved: HashMap<DekId, Result<Vec<u8>, Reason>>,
    /// Fresh DEKs by row and field, the first of those that share them, and the same wrapped.
    fresh: HashMap<(RowKey, usize), Fresh>,
}

/// A fresh DEK, and the same wrapped under the primary.
type Fresh = Result<(Key, Vec<u8>), Reason>;

/// What is known of a cell's DEK.
pub(crate) enum Known<'d> {
    /// It was unwrapped.
    Opened(usize, &'d Key),
    /// Its KEK wrapped it again, and nobody saw it.
    Shut,
}

impl Deks {
    pub(crate) fn get(&self, id: &DekId) -> Result<Known<'_>, Reason> {
        match (self.opened.get(id), self.moved.get(id)) {
            (Some(Ok((at, dek))), _) => Ok(Known::Opened(*at, dek)),
            (None, Some(Ok(_))) => Ok(Known::Shut),
            (Some(Err(reason)), _) | (None, Some(Err(reason))) => Err(*reason),
            (None, None) => Err(Reason::DekNotAsked),
        }
    }

    /// The DEK wrapped under the primary.
    pub(crate) fn moved(&self, id: &DekId) -> Result<&[u8], Reason> {
        self.moved.get(id).ok_or(Reason::DekNotAsked)?.as_deref().map_err(|reason| *reason)
    }

    /// The fresh DEK of a cell, and the same wrapped.
    pub(crate) fn fresh(&self, row: &RowKey, field: usize) -> Result<(&Key, &[u8]), Reason> {
        match self.fresh.get(&(row.clone(), field)) {
            Some(Ok((dek, wrapped))) => Ok((dek, wrapped)),
            Some(Err(reason)) => Err(*reason),
            None => Err(Reason::DekNotAsked),
        }
    }
}

/// Asks for what a batch needs; `None` for a table without envelopes.
///
/// # Errors
/// When a KEK could not be asked, after some patience.
pub(crate) async fn prepare(
    target: &Target,
    rows: &[Row],
    stage: Stage,
) -> Result<Option<Arc<Deks>>, RunError> {
    if !target.enveloped {
        return Ok(None);
    }
    let cache = &target.job.deks;
    let mut deks = Deks::default();
    let wanted = Wanted::of(target, rows, stage);
    let asks = wanted.asks.into_values().map(|want| answer(cache, want, stage).boxed()).collect();
    for answer in together(asks).await? {
        deks.opened.extend(answer.opened.map(|opened| (answer.id, opened)));
        deks.moved.extend(answer.moved.map(|moved| (answer.id, moved)));
    }
    let cells = wanted.cells.into_iter().filter(|cell| cell.needs_fresh(&deks));
    let fresh = cells.map(|cell| cell.fresh(cache, stage).boxed()).collect();
    deks.fresh.extend(together(fresh).await?);
    Ok(Some(Arc::new(deks)))
}

/// Waits for all, some at a time; the first that fails ends it.
async fn together<T>(all: Vec<BoxFuture<'_, Result<T, RunError>>>) -> Result<Vec<T>, RunError> {
    stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await
}

/// What a batch has to ask.
struct Wanted {
    stage: Stage,
    /// Wrapped DEKs, each once.
    asks: HashMap<DekId, Want>,
    /// Cells that may need a fresh DEK.
    cells: Vec<WantedCell>,
}

/// One wrapped DEK.
struct Want {
    seal: Arc<Seal>,
    ask: Ask,
}

/// A cell that may need a fresh DEK.
struct WantedCell {
    row: RowKey,
    field: usize,
    to: Arc<Seal>,
    context: Result<KekContext, Reason>,
    /// What was asked about it; nothing where it has no DEK.
    asked: Vec<Asked>,
}

/// A question about a cell's DEK.
struct Asked {
    /// The position of the seal that the cell would be of.
    seal: usize,
    id: DekId,
}

impl Wanted {
    fn of(target: &Target, rows: &[Row], stage: Stage) -> Wanted {
        let mut wanted = Wanted { stage, asks: HashMap::new(), cells: Vec::new() };
        let enveloped = |field: &&FieldTarget| field.job().seals().any(|seal| seal.envelope.is_some());
        let fields: Vec<&FieldTarget> = target.fields.iter().filter(enveloped).collect();
        for row in rows {
            for field in &fields {
                let Some(cell) = field.cell(&row.values).filter(|cell| !is_null(cell)) else { continue };
                field.with_context(row, |context| wanted.add(field, row, &cell, context));
            }
        }
        wanted
    }

    fn add(&mut self, field: &FieldTarget, row: &Row, cell: &Cell, context: &Context<'_>) {
        let Some(asked) = self.ask(field, cell, context) else { return };
        let job = field.job();
        let Some(envelope) = job.to.envelope.as_ref().filter(|_| self.stage != Stage::Open) else { return };
        let Some(primary) = job.to.keyset.primary() else { return };
        // A cell without a DEK needs one if another kind of seal can open it.
        if asked.is_empty() && !job.from.iter().any(|seal| takes(seal, cell)) {
            return;
        }
        // Cells that share a DEK get one; those of a row follow each other.
        let mut of_row = self.cells.iter_mut().rev().take_while(|other| other.row == row.key);
        if let Some(other) = of_row.find(|other| other.field == field.shares.dek_of) {
            other.asked.extend(asked);
            return;
        }
        let context = envelope.context(primary, context);
        let (row, field, to) = (row.key.clone(), field.shares.dek_of, job.to.clone());
        self.cells.push(WantedCell { row, field, to, context, asked });
    }

    /// Adds what is to be asked about a cell's DEK; `None` for a cell that is left as it is.
    fn ask(&mut self, field: &FieldTarget, cell: &Cell, context: &Context<'_>) -> Option<Vec<Asked>> {
        let mut asked = Vec::new();
        let job = field.job();
        for (at, seal) in std::iter::once(&job.to).chain(&job.from).enumerate() {
            if seal.envelope.is_none() || !takes(seal, cell) {
                continue;
            }
            let Claim::Mark(mark) = claim(seal, cell) else { continue };
            let mark = mark.as_deref();
            if at == 0 && self.stage == Stage::Move && mark.is_some_and(|mark| seal.is_primary_tag(mark)) {
                return None;
            }
            // What cannot be asked becomes a reason when the cell is opened.
            let ask = Question::of(seal, at, mark).and_then(|question| question.ask(cell, context).ok());
            if let Some(ask) = ask {
                asked.push(Asked { seal: at, id: ask.id });
                self.asks.entry(ask.id).or_insert_with(|| Want { seal: seal.clone(), ask });
            }
        }
        Some(asked)
    }
}

/// What KEKs answered about a wrapped DEK.
struct Answer {
    id: DekId,
    opened: Option<Result<(usize, Key), Reason>>,
    moved: Option<Result<Vec<u8>, Reason>>,
}

async fn answer(cache: &DekCache, want: Want, stage: Stage) -> Result<Answer, RunError> {
    let Want { seal, ask } = want;
    let keys = seal.keyset.keys();
    let primary = seal.keyset.primary();
    let to = ask.to.as_ref().zip(primary).filter(|_| stage != Stage::Open);
    if let (Stage::Move, Some((context, primary)), [Candidate { at, context: old }]) =
        (stage, to, ask.candidates.as_slice())
        && keys[*at].id() != primary.id()
        && of_one_realm(&keys[*at], primary)
    {
        let from = Wrapping { key: &keys[*at], context: old };
        let to = Wrapping { key: primary, context };
        let moved = cache.rewrap(from, to, &ask.wrapped).await?;
        return Ok(Answer { id: ask.id, opened: None, moved: Some(moved.ok_or(Reason::WrappedDekInvalid)) });
    }
    let mut opened = Err(Reason::WrappedDekInvalid);
    for Candidate { at, context } in &ask.candidates {
        if let Some(dek) = cache.unwrap(&keys[*at], &ask.wrapped, context).await? {
            opened = Ok((*at, keys[*at].derived(dek)));
            break;
        }
    }
    let mut moved = None;
    if let (Ok((at, dek)), Some((context, primary))) = (&opened, to)
        && keys[*at].id() != primary.id()
    {
        moved = Some(match stage {
            Stage::Move => cache
                .wrap_again(Wrapping { key: primary, context }, &ask.id, dek)
                .await?
                .ok_or(Reason::DoesNotReopen),
            _ => Ok(cache.stand_in(primary, dek.expose().len(), context).await?),
        });
    }
    Ok(Answer { id: ask.id, opened: Some(opened), moved })
}

/// Whether one KEK can hand a DEK to the other without giving it out.
fn of_one_realm(from: &Key, to: &Key) -> bool {
    let realm = |key: &Key| key.kek().and_then(|kek| kek.realm().map(str::to_owned));
    realm(from).is_some() && realm(from) == realm(to)
}

impl WantedCell {
    /// Whether the cell is sealed again: it has no DEK, or another seal opens it, or its own under another KEK.
    fn needs_fresh(&self, deks: &Deks) -> bool {
        let is_current = |at: usize| self.to.is_primary(&self.to.keyset.keys()[at]);
        let rewraps = self.to.envelope.as_ref().is_some_and(|envelope| envelope.r#move == Move::Rewrap);
        let asked = |asked: &Asked| match deks.opened.get(&asked.id) {
            Some(Ok((at, _))) => asked.seal > 0 || (!rewraps && !is_current(*at)),
            _ => false,
        };
        self.asked.is_empty() || self.asked.iter().any(asked)
    }

    async fn fresh(self, cache: &DekCache, stage: Stage) -> Result<((RowKey, usize), Fresh), RunError> {
        let made = self.made(cache, stage).await?;
        Ok(((self.row, self.field), made))
    }

    async fn made(&self, cache: &DekCache, stage: Stage) -> Result<Fresh, RunError> {
        let (Some(primary), Some(envelope)) = (self.to.keyset.primary(), &self.to.envelope) else {
            return Ok(Err(Reason::NoPrimary));
        };
        let context = match &self.context {
            Ok(context) => context,
            Err(reason) => return Ok(Err(*reason)),
        };
        if stage == Stage::Try {
            let wrapped = cache.stand_in(primary, envelope.dek_bytes, context).await?;
            return Ok(Ok((primary.derived(random(envelope.dek_bytes)?), wrapped)));
        }
        let (dek, wrapped) = cache.generate(primary, envelope.dek_bytes, context).await?;
        // What was wrapped is unwrapped again before anything is sealed under it.
        Ok(match cache.unwrap(primary, &wrapped, context).await? {
            Some(again) if again.expose() == dek.expose() => Ok((primary.derived(dek), wrapped)),
            _ => Err(Reason::DoesNotReopen),
        })
    }
}

#[cfg(test)]
mod tests;
