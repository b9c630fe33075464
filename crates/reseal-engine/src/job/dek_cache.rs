//! What KEKs were asked, and patience with those that do not answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use reseal_core::digest::Parts;
use reseal_core::{Kek, KekContext, KekError, KekFault, Key, SecretBytes, WrappedDek, backoff};
use tokio::sync::{OnceCell, Semaphore};
use tracing::debug;

use crate::error::{KekTrouble, RunError};

/// Names what a KEK is asked about a cell.
pub(crate) type DekId = [u8; 32];

/// Requests that KEKs are sent at once.
pub(crate) const AT_ONCE: usize = 32;
/// Answers that are kept; past that they are wiped.
const KEPT: usize = 1 << 16;
/// How often a KEK that is away or throttles is asked again, and one that refuses: a permission may be on its way.
const RETRIES: u32 = 8;
const RETRIES_AFTER_REFUSAL: u32 = 3;
/// How long that may take altogether.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The answers of KEKs, for one job: each wrapped DEK is asked about once, also by workers that meet it at the same
/// time. DEKs in it are wiped when it is dropped or full.
pub struct DekCache {
    opened: Answers<Option<SecretBytes>>,
    moved: Answers<Option<Vec<u8>>>,
    stand_ins: Answers<Vec<u8>>,
    gate: Semaphore,
}

impl Default for DekCache {
    fn default() -> Self {
        DekCache {
            opened: Answers::default(),
            moved: Answers::default(),
            stand_ins: Answers::default(),
            gate: Semaphore::new(AT_ONCE),
        }
    }
}

/// Answers by what was asked. `None` as an answer says that the wrapped DEK is no good.
struct Answers<T>(Mutex<HashMap<DekId, Arc<OnceCell<T>>>>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Answers(Mutex::default())
    }
}

impl<T> Answers<T> {
    fn of(&self, asked: &[&[u8]]) -> Arc<OnceCell<T>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= KEPT {
            answers.clear();
        }
        answers.entry(Parts::of(asked)).or_default().clone()
    }
}

/// What a DEK is wrapped by: a KEK, and what is bound to the wrapped DEK.
#[derive(Clone, Copy)]
pub(crate) struct Wrapping<'w> {
    pub(crate) key: &'w Key,
    pub(crate) context: &'w KekContext,
}

impl DekCache {
    /// The DEK; `None` where it was not wrapped under this KEK and context, or is damaged.
    pub(crate) async fn unwrap(
        &self,
        key: &Key,
        wrapped: &[u8],
        context: &KekContext,
    ) -> Result<Option<SecretBytes>, RunError> {
        let kek = kek(key)?;
        let answer = self.opened.of(&[key.identity(), &context.bytes(), wrapped]);
        let asked = answer.get_or_try_init(|| self.ask(key, || kek.unwrap(wrapped, context)));
        asked.await.cloned()
    }

    /// The DEK wrapped again by its KEK; `None` as above.
    pub(crate) async fn rewrap(
        &self,
        from: Wrapping<'_>,
        to: Wrapping<'_>,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, RunError> {
        let (source, kek) = (kek(from.key)?.identity(), kek(to.key)?);
        let contexts = [from.context.bytes(), to.context.bytes()];
        let asked = [from.key.identity(), to.key.identity(), &contexts[0], &contexts[1], wrapped];
        let answer = self.moved.of(&asked);
        let old = WrappedDek { bytes: wrapped, kek: source, context: from.context };
        let asked = answer.get_or_try_init(|| self.ask(to.key, || kek.rewrap(&old, to.context)));
        asked.await.cloned()
    }

    /// A DEK wrapped under another KEK, once for each `asked`; `None` where it does not come out again as it went in.
    pub(crate) async fn wrap_again(
        &self,
        to: Wrapping<'_>,
        asked: &DekId,
        dek: &Key,
    ) -> Result<Option<Vec<u8>>, RunError> {
        let Wrapping { key: to, context } = to;
        let answer = self.moved.of(&[to.identity(), asked]);
        let wrapped = answer.get_or_try_init(|| async {
            let wrapped = self.wrap(to, &SecretBytes::new(dek.expose().to_vec()), context).await?;
            let again = self.unwrap(to, &wrapped, context).await?;
            Ok(again.filter(|again| again.expose() == dek.expose()).map(|_| wrapped))
        });
        wrapped.await.cloned()
    }

    /// A fresh DEK, and the same wrapped.
    pub(crate) async fn generate(
        &self,
        key: &Key,
        bytes: usize,
        context: &KekContext,
    ) -> Result<(SecretBytes, Vec<u8>), RunError> {
        let kek = kek(key)?;
        match self.ask(key, || kek.generate(bytes, context)).await?.flatten() {
            Some(made) => Ok(made),
            None => {
                let dek = random(bytes)?;
                let wrapped = self.wrap(key, &dek, context).await?;
                Ok((dek, wrapped))
            }
        }
    }

    async fn wrap(&self, key: &Key, dek: &SecretBytes, context: &KekContext) -> Result<Vec<u8>, RunError> {
        let kek = kek(key)?;
        let wrapped = self.ask(key, || kek.wrap(dek, context)).await?;
        wrapped.ok_or_else(|| trouble(key, &KekError::new(KekFault::Refused, "it cannot wrap a DEK")))
    }

    /// Whether the KEK gives back what it wraps. What it wrapped then stands in for others: see
    /// [`DekCache::stand_in`].
    pub(crate) async fn proves(
        &self,
        key: &Key,
        bytes: usize,
        context: &KekContext,
    ) -> Result<bool, RunError> {
        let (dek, wrapped) = self.generate(key, bytes, context).await?;
        let again = self.unwrap(key, &wrapped, context).await?;
        let stand_in = self.stand_ins.of(&[key.identity(), &bytes.to_be_bytes()]);
        // One may stand there from a look before.
        let _ = stand_in.set(wrapped);
        Ok(again.is_some_and(|again| again.expose() == dek.expose()))
    }

    /// A wrapped DEK that stands in for others where nothing is written: one for each KEK.
    pub(crate) async fn stand_in(
        &self,
        key: &Key,
        bytes: usize,
        context: &KekContext,
    ) -> Result<Vec<u8>, RunError> {
        let answer = self.stand_ins.of(&[key.identity(), &bytes.to_be_bytes()]);
        let made = answer
            .get_or_try_init(|| async { Ok::<_, RunError>(self.generate(key, bytes, context).await?.1) });
        made.await.cloned()
    }

    /// Asks a KEK, again and again where it does not answer. `None` where it answers that what it got is no good.
    async fn ask<'a, T>(
        &self,
        key: &Key,
        ask: impl Fn() -> BoxFuture<'a, Result<T, KekError>>,
    ) -> Result<Option<T>, RunError> {
        let begun = Instant::now();
        for attempt in 0.. {
            let error = {
                // The gate is never closed; if it were, nothing would be lost but the bound.
                let _permit = self.gate.acquire().await;
                match ask().await {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(error) if error.fault == KekFault::Invalid => return Ok(None),
                    Err(error) => error,
                }
            };
            let retries = if error.fault == KekFault::Refused { RETRIES_AFTER_REFUSAL } else { RETRIES };
            let pause = backoff(attempt + 1, FIRST_PAUSE, LONGEST_PAUSE);
            if attempt >= retries || begun.elapsed() + pause > PATIENCE {
                return Err(trouble(key, &error));
            }
            debug!(key = key.id(), attempt, %error, "the KEK did not answer; retrying");
            tokio::time::sleep(pause).await;
        }
        Ok(None)
    }
}

fn kek(key: &Key) -> Result<&Arc<dyn Kek>, RunError> {
    key.kek().ok_or_else(|| RunError::NoKek { key: key.id().to_owned() })
}

/// What stops a run whose KEK could not be asked.
pub(crate) fn trouble(key: &Key, error: &KekError) -> RunError {
    KekTrouble { key: key.id().to_owned(), error: error.clone() }.into()
}

/// Random bytes.
pub(crate) fn random(bytes: usize) -> Result<SecretBytes, RunError> {
    let mut dek = vec![0; bytes];
    getrandom::fill(&mut dek).map_err(|_| RunError::Random)?;
    Ok(SecretBytes::new(dek))
}
