//! What was under the new key before a run came to it: its rollback leaves that alone.

use reseal_core::Value;
use reseal_store::Session;

use super::tables::Tables;
use crate::cell::undo::{self, Fingerprint};
use crate::error::RunError;

/// The digests of such cells.
#[derive(Default)]
pub(super) struct Before {
    /// Sorted.
    pub(super) digests: Vec<Fingerprint>,
    /// Whether the ledger notes others with them, which the run itself wrote.
    pub(super) is_less: bool,
}

impl Before {
    /// Reads what a run met under the new key, without what it had written itself: an application may move a row that the run
    /// has swapped to a place that it comes to later.
    pub(super) async fn read(
        session: &mut Session,
        run_id: &str,
        tables: &mut Tables<'_>,
    ) -> Result<Before, RunError> {
        let digests = met(session, run_id).await?;
        if digests.is_empty() {
            return Ok(Before::default());
        }
        let (mut own, mut after) = (vec![false; digests.len()], None);
        while let Some(batch) = session.next_undo(run_id, after).await? {
            after = Some(batch.place());
            for digest in tables.written(session, &batch).await? {
                if let Ok(at) = digests.binary_search(&digest) {
                    own[at] = true;
                }
            }
        }
        let is_less = own.contains(&true);
        let digests = digests.into_iter().zip(own).filter_map(|(digest, own)| (!own).then_some(digest));
        Ok(Before { digests: digests.collect(), is_less })
    }

    /// Whether what these places of a row hold was there before the run.
    pub(super) fn has(&self, values: &[Value], places: &[usize]) -> bool {
        !self.digests.is_empty()
            && self.digests.binary_search(&undo::digest(values, places, &mut Vec::new())).is_ok()
    }
}

/// The digests of what a run met under the new key, each once, sorted.
async fn met(session: &mut Session, run_id: &str) -> Result<Vec<Fingerprint>, RunError> {
    let (mut digests, mut after) = (Vec::new(), None);
    while let Some(batch) = session.next_stood(run_id, after).await? {
        after = Some(batch.place);
        digests.extend(batch.digests.as_chunks().0);
    }
    digests.sort_unstable();
    digests.dedup();
    Ok(digests)
}
