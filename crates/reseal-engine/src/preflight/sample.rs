//! A sample of cells opened, sealed and opened again.

use std::sync::Arc;

use reseal_store::{Session, TableFacts};

use super::{refused_by, room};
use crate::batch::work_through;
use crate::cell::condition::of_condition;
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::finding::Finding;
use crate::rotate::breaker::{BREAKER, wrong_key};

/// The most bytes of a sample.
const SAMPLE_BYTES: usize = 4 << 20;
/// Cells that must have failed, with none that opened, before a sample speaks of a wrong key and not of bad cells.
const TELLING: u64 = 20;
/// Rows of a sample of a table with envelopes.
const SAMPLE_OF_ENVELOPES: usize = 50;

pub(super) async fn check(
    session: &mut Session,
    target: &Arc<Target>,
    facts: &TableFacts,
    packet: Option<u64>,
) -> Result<Vec<Finding>, RunError> {
    let mut findings = Vec::new();
    // A KEK may be asked about each cell of the sample.
    let rows = if target.enveloped { SAMPLE_OF_ENVELOPES } else { BREAKER as usize };
    let rows = session.page(&target.shape, None, None, rows, SAMPLE_BYTES).await;
    let rows = rows.map_err(|error| of_condition(target, error))?;
    let work = work_through(target.clone(), rows, Trust::Nothing).await?;
    for (field, count) in target.fields.iter().zip(&work.opened) {
        if count.opened == 0 && count.failed >= TELLING {
            findings.push(refused_by(&wrong_key(field, count.failed)));
        }
    }
    findings.extend(room::check(session, target, facts, packet).await?);
    Ok(findings)
}
