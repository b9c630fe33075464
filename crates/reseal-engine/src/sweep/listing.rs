//! Where a sweep lists cells: those that it could not open, and those that the database or a format refused before.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_store::{Quarantined, RowKey, RunLease, Session};

use crate::cell::reason::quarantined;
use crate::cell::target::Target;
use crate::commit::Commit;
use crate::error::EngineError;

/// Reasons of cells that open and could not be written under the new key. A sweep, which writes nothing, cannot find
/// them out again.
const REFUSALS: [&str; 6] = [
    "column-type",
    "constraint",
    "does-not-fit-the-format",
    "does-not-reopen",
    "key-does-not-fit",
    "part-missing",
];

/// Cells that could not be written under the new key, with why.
#[derive(Clone, Default)]
pub(crate) struct Refused(Arc<HashMap<String, &'static str>>);

impl Refused {
    /// Those that a run has met so far.
    pub(crate) async fn by(session: &mut Session, run_id: &str) -> Result<Self, EngineError> {
        let listed = session.quarantined(run_id).await?.into_iter();
        let refused = listed.filter_map(|cell| {
            let reason = REFUSALS.into_iter().find(|reason| *reason == cell.reason)?;
            Some((cell.cell, reason))
        });
        Ok(Refused(Arc::new(refused.collect())))
    }

    /// The entry of a cell that is still under an old key, where it was refused.
    pub(crate) fn entry(&self, target: &Target, field: usize, row: &RowKey) -> Option<Quarantined> {
        if self.0.is_empty() {
            return None;
        }
        let entry = quarantined(target, field, row, "");
        let reason = self.0.get(&entry.cell)?;
        Some(Quarantined { reason: (*reason).to_owned(), ..entry })
    }
}

/// The quarantine that a sweep writes.
pub(crate) struct Listing<'l> {
    session: &'l mut Session,
    lease: &'l RunLease,
    refused: Refused,
}

impl<'l> Listing<'l> {
    /// Begins a list anew. What is in it is known after [`Listing::end`] only.
    pub(crate) async fn begin(
        session: &'l mut Session,
        lease: &'l RunLease,
        refused: &Refused,
    ) -> Result<Self, EngineError> {
        Commit::new(session, lease).clear_quarantine().await?;
        Ok(Listing { session, lease, refused: refused.clone() })
    }

    pub(crate) fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Adds cells while the snapshot is read.
    pub(crate) async fn add(&mut self, cells: &[Quarantined]) -> Result<(), EngineError> {
        match self.session.quarantines_aside() {
            true => Ok(self.session.quarantine_aside(self.lease.run_id(), cells).await?),
            false => Commit::new(self.session, self.lease).quarantine(cells).await,
        }
    }

    /// Ends it, once the snapshot is.
    pub(crate) async fn end(self) -> Result<(), EngineError> {
        Commit::new(self.session, self.lease).quarantine_from_aside().await
    }
}
