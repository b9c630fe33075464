//! Where a sweep lists cells: those that it could not open, and those that the database or a format refused before.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_store::{Quarantined, RowKey, Session};

use crate::cell::reason::quarantined;
use crate::cell::target::Target;
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
    run_id: &'l str,
    refused: Refused,
}

impl<'l> Listing<'l> {
    /// Begins a list anew. What is in it is known after [`Listing::end`] only.
    pub(crate) async fn begin(
        session: &'l mut Session,
        run_id: &'l str,
        refused: &Refused,
    ) -> Result<Self, EngineError> {
        session.clear_quarantine(run_id).await?;
        Ok(Listing { session, run_id, refused: refused.clone() })
    }

    pub(crate) fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Adds cells while the snapshot is read.
    pub(crate) async fn add(&mut self, cells: &[Quarantined]) -> Result<(), EngineError> {
        Ok(self.session.quarantine_aside(self.run_id, cells).await?)
    }

    /// Ends it, once the snapshot is.
    pub(crate) async fn end(self) -> Result<(), EngineError> {
        Ok(self.session.quarantine_from_aside().await?)
    }
}
