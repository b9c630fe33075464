//! At which calls of an engine to the database what goes wrong.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use reseal_store::{Call, Faults, StoreError, Trouble};
use tokio::sync::{Mutex, watch};

use super::world::{Save, World};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The connection is lost.
    Lost,
    /// The database refuses with this.
    Refused(Trouble),
    /// The engine does nothing more until it is woken up, if ever.
    Halt {
        /// At a moment when no transaction is open, so that others can work meanwhile.
        quiet: bool,
    },
    /// The application saves something.
    Save(Save),
}

/// The faults of one engine, each with the call from which on it strikes.
pub(super) struct Script {
    world: Arc<World>,
    /// Locked for as long as one strikes: an engine does not halt while a task of it holds the application's connection.
    faults: Mutex<VecDeque<(u64, Fault)>>,
    /// Calls so far: two for each, one before and one after.
    calls: AtomicU64,
    /// Calls that the database was given and has not answered.
    in_flight: AtomicU64,
    /// When it last swapped, by the world's clock.
    swapped: AtomicU64,
    halted: watch::Sender<bool>,
}

impl Script {
    /// `faults` in the order of their calls.
    pub(super) fn new(world: &Arc<World>, faults: Vec<(u64, Fault)>) -> Arc<Script> {
        Arc::new(Script {
            world: world.clone(),
            faults: Mutex::new(faults.into()),
            calls: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            swapped: AtomicU64::new(0),
            halted: watch::Sender::new(false),
        })
    }

    /// When the engine last swapped.
    pub(super) fn swapped(&self) -> u64 {
        self.swapped.load(Ordering::Relaxed)
    }

    /// Whether others can work while this engine stands still: it holds no lock, and will not get one.
    pub(super) async fn is_quiet(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0 && self.world.is_quiet().await
    }

    /// Waits until the engine does nothing more.
    pub(super) async fn halted(&self) {
        let _ = self.halted.subscribe().wait_for(|halted| *halted).await;
    }

    /// Wakes the engine up.
    pub(super) fn wake(&self) {
        self.halted.send_replace(false);
    }

    async fn strike(&self) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut faults = self.faults.lock().await;
        let due = faults.front().copied().filter(|(at, _)| *at <= call);
        let Some((_, fault)) = due else { return Ok(()) };
        let now = match fault {
            Fault::Halt { quiet: true } => self.is_quiet().await,
            Fault::Save(save) => self.world.save(save).await,
            Fault::Lost | Fault::Refused(_) | Fault::Halt { quiet: false } => true,
        };
        if !now {
            return Ok(());
        }
        faults.pop_front();
        match fault {
            Fault::Lost => Err(StoreError::new(Trouble::ConnectionLost, "lost by the schedule")),
            Fault::Refused(trouble) => Err(StoreError::new(trouble, "refused by the schedule")),
            Fault::Halt { .. } => {
                self.halted.send_replace(true);
                let _ = self.halted.subscribe().wait_for(|halted| !halted).await;
                // What changes from now on, the engine has changed.
                faults.clear();
                Ok(())
            }
            Fault::Save(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Faults for Script {
    async fn before(&self, call: Call) -> Result<(), StoreError> {
        if call == Call::Swap {
            self.swapped.store(self.world.tick(), Ordering::Relaxed);
        }
        self.strike().await?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn after(&self, _: Call) -> Result<(), StoreError> {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.strike().await
    }
}
