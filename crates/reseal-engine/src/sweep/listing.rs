//! Where a sweep lists cells: those that it could not open, and those that the database or a format refused before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use reseal_store::{Quarantined, RowKey, RunLease, Session};

use crate::cell::field::FieldTarget;
use crate::commit::Commit;
use crate::error::RunError;
use crate::reason::Reason;

/// Cells that could not be written under the new key, with why.
#[derive(Clone, Default)]
pub(crate) struct Refused(Arc<HashMap<String, Reason>>);

impl Refused {
    /// Those that a run has met so far.
    pub(crate) async fn by(session: &mut Session, run_id: &str) -> Result<Self, RunError> {
        let listed = session.quarantined(run_id).await?.into_iter();
        let refused = listed.filter_map(|cell| {
            let reason = Reason::from_name(&cell.reason).filter(|reason| reason.is_refusal())?;
            Some((cell.cell, reason))
        });
        Ok(Refused(Arc::new(refused.collect())))
    }

    /// The cells, by their ids.
    pub(crate) fn cells(&self) -> HashSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The entry of a cell that is still under an old key, where it was refused.
    pub(crate) fn entry(&self, field: &FieldTarget, row: &RowKey) -> Option<Quarantined> {
        if self.0.is_empty() {
            return None;
        }
        let reason = self.0.get(&field.cell_id(row))?;
        Some(field.quarantined(row, *reason))
    }
}

/// The quarantine that a sweep writes.
pub(crate) struct Listing<'l> {
    session: &'l mut Session,
    lease: &'l RunLease,
    refused: Refused,
}

impl<'l> Listing<'l> {
    /// Begins a new list. What is in it is known after [`Listing::end`] only.
    pub(crate) async fn begin(
        session: &'l mut Session,
        lease: &'l RunLease,
        refused: &Refused,
    ) -> Result<Self, RunError> {
        Commit::new(session, lease).clear_quarantine().await?;
        Ok(Listing { session, lease, refused: refused.clone() })
    }

    pub(crate) fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Adds cells while the snapshot is read.
    pub(crate) async fn add(&mut self, cells: &[Quarantined]) -> Result<(), RunError> {
        match self.session.quarantines_aside() {
            true => Ok(self.session.quarantine_aside(self.lease.run_id(), cells).await?),
            false => Commit::new(self.session, self.lease).quarantine(cells).await,
        }
    }

    /// Ends it, once the snapshot is.
    pub(crate) async fn end(self) -> Result<(), RunError> {
        Commit::new(self.session, self.lease).quarantine_from_aside().await
    }
}
