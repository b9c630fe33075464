//! Pins of keys that no run has used before. They are written with the first swap of a cell of their keyset: until then
//! nothing depends on which bytes an id stands for.

use std::sync::Arc;

use reseal_store::{Guarded, Pin, RunLease, Session, Trouble};
use tokio::sync::{Mutex, MutexGuard};

use super::Commit;
use super::failure::Failure;
use crate::batch::planned::Moved;
use crate::cell::target::Target;
use crate::error::{KeysError, RunError};

/// Pins that wait for the first swap.
#[derive(Default)]
pub(crate) struct FreshPins {
    plan: String,
    waiting: Mutex<Vec<Pin>>,
}

impl FreshPins {
    pub(crate) fn new(plan: &str, fresh: Vec<Pin>) -> Arc<FreshPins> {
        Arc::new(FreshPins { plan: plan.to_owned(), waiting: Mutex::new(fresh) })
    }

    /// Those that still wait.
    pub(crate) async fn waiting(&self) -> Vec<Pin> {
        self.waiting.lock().await.clone()
    }

    /// Writes those that wait for no swap any more: `shown` says which.
    pub(crate) async fn write(
        &self,
        session: &mut Session,
        lease: &RunLease,
        shown: impl Fn(&Pin) -> bool,
    ) -> Result<(), RunError> {
        let mut waiting = self.waiting.lock().await;
        let pins: Vec<Pin> = waiting.iter().filter(|pin| shown(pin)).cloned().collect();
        if !pins.is_empty() {
            Commit::new(session, lease).pins(&self.plan, &pins).await?;
            waiting.retain(|pin| !pins.contains(pin));
        }
        Ok(())
    }

    /// The pins that swaps would write, which nobody else writes as long as they are held; `None` where there are none.
    pub(super) async fn due<'m>(
        &self,
        target: &Target,
        moved: impl Iterator<Item = &'m Moved> + Clone,
    ) -> Option<DuePins<'_>> {
        let waiting = self.waiting.lock().await;
        let due = of_moved(&waiting, target, moved);
        (!due.is_empty()).then_some(DuePins { plan: &self.plan, waiting })
    }
}

/// Pins that the next transaction may write.
pub(super) struct DuePins<'w> {
    plan: &'w str,
    waiting: MutexGuard<'w, Vec<Pin>>,
}

impl DuePins<'_> {
    /// Writes the pins of the keysets whose cells are moved, and gives them.
    pub(super) async fn write<'m>(
        &self,
        guarded: &mut Guarded<'_>,
        target: &Target,
        moved: impl Iterator<Item = &'m Moved> + Clone,
    ) -> Result<Vec<Pin>, Failure> {
        let due = of_moved(&self.waiting, target, moved);
        for pin in &due {
            guarded.pin(self.plan, pin).await.map_err(|error| match error.trouble {
                // It is no row of the batch that is refused.
                Trouble::Constraint => {
                    let (keyset, key) = (pin.keyset.clone(), pin.key_id.clone());
                    Failure::Engine(KeysError::PinnedMeanwhile { keyset, key }.into())
                }
                _ => Failure::Store(error),
            })?;
        }
        Ok(due)
    }

    /// They are committed.
    pub(super) fn are_written(&mut self, pins: &[Pin]) {
        self.waiting.retain(|pin| !pins.contains(pin));
    }
}

/// The pins of keysets that a field of which cells are moved has to do with.
fn of_moved<'m>(pins: &[Pin], target: &Target, moved: impl Iterator<Item = &'m Moved> + Clone) -> Vec<Pin> {
    if pins.is_empty() {
        return Vec::new();
    }
    let is_moved = |at: usize| moved.clone().any(|moved| moved.fields.contains(at));
    let fields: Vec<_> = target.fields.iter().filter(|field| is_moved(field.at)).collect();
    let uses = |pin: &&Pin| {
        let mut seals = fields.iter().flat_map(|field| field.job().seals());
        seals.any(|seal| seal.keyset.name() == pin.keyset)
    };
    pins.iter().filter(uses).cloned().collect()
}
