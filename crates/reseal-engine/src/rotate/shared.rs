//! What the workers of a run share.

use std::sync::Arc;

use reseal_store::{Database, RunLease, Session, StoreError};

use super::pace::Pacer;
use crate::cell::undo::UndoKey;
use crate::commit::pins::FreshPins;
use crate::progress::Progress;
use crate::stop::Stopper;

/// What the workers of a run share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    /// What this engine may write under.
    pub(crate) lease: RunLease,
    pub(crate) undo: bool,
    pub(crate) undo_key: Option<UndoKey>,
    /// Pins that wait for the first swap.
    pub(crate) pins: Arc<FreshPins>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: Stopper,
    /// Connections that read and have nothing to read at the moment: a new one costs the server milliseconds.
    pub(crate) idle: std::sync::Mutex<Vec<Session>>,
}

impl Shared {
    /// A connection to read with.
    pub(crate) async fn reader(&self) -> Result<Session, StoreError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        match idle {
            Some(session) => Ok(session),
            None => self.database.connect().await,
        }
    }

    /// All connections that have nothing to read.
    pub(crate) fn take_idle(&self) -> Vec<Session> {
        self.idle.lock().map(|mut idle| std::mem::take(&mut *idle)).unwrap_or_default()
    }

    /// A connection for a writer. A batch is committed with its checkpoint, so it need not be on disk at once; what
    /// ends a run is committed on another connection, and brings all before it to disk.
    pub(crate) async fn connect(&self) -> Result<Session, StoreError> {
        let mut session = self.database.connect().await?;
        session.relax().await?;
        Ok(session)
    }
}
