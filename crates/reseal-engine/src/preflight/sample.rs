//! A sample of cells opened, sealed and opened again.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_store::{Row, RowKey, Session, TableFacts};

use super::sampled::{SampledField, SampledTable};
use super::{Asker, repeats, room};
use crate::batch::work::Work;
use crate::batch::{joined, work_through};
use crate::cell::condition::of_condition;
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::open::Trust;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::finding::Finding;
use crate::reason::Reason;
use crate::rotate::breaker::BREAKER;
use crate::sweep::inspect::{CellStanding, CellState};

/// The most bytes of a sample.
const SAMPLE_BYTES: usize = 4 << 20;
/// Rows of a sample of a table with envelopes.
const SAMPLE_OF_ENVELOPES: usize = 50;

/// What a sample of a table came to.
pub(super) struct Sample {
    pub(super) findings: Vec<Finding>,
    pub(super) table: SampledTable,
}

pub(super) async fn check(
    session: &mut Session,
    target: &Arc<Target>,
    facts: &TableFacts,
    packet: Option<u64>,
    asker: Asker<'_>,
) -> Result<Sample, RunError> {
    // A KEK may be asked about each cell of the sample.
    let rows = if target.enveloped { SAMPLE_OF_ENVELOPES } else { BREAKER as usize };
    let rows = session.page(&target.shape, None, None, rows, SAMPLE_BYTES).await;
    let rows = rows.map_err(|error| of_condition(target, error))?;
    let sampled = rows.len() as u64;
    let work = work_through(target.clone(), rows.clone(), Trust::Nothing).await?;
    let deks = prepare(target, &rows, Stage::Open).await?;
    let (counted, refused) = (target.clone(), refused(&work));
    let fields = tokio::task::spawn_blocking(move || tally(&counted, &rows, deks.as_deref(), &refused));
    let fields = joined(fields).await;
    let mut findings = Vec::new();
    for (field, sampled) in target.fields.iter().zip(&fields) {
        findings.extend(sampled.finding(field, asker));
        findings.extend(sampled.unauthenticated(field));
        findings.extend(repeats::check(field, &work.swaps, sampled.cells()));
    }
    findings.extend(room::check(session, target, facts, packet).await?);
    let rows = match asker {
        Asker::Check => session.count(&target.shape).await.map_err(|error| of_condition(target, error))?,
        // Nobody is told.
        Asker::Run { .. } => sampled,
    };
    Ok(Sample { findings, table: SampledTable { table: target.label().to_owned(), rows, sampled, fields } })
}

/// Cells that open and cannot be sealed again, by field and row.
type Refused = HashMap<(String, RowKey), Reason>;

fn refused(work: &Work) -> Refused {
    let refusal = |code: &str| Reason::from_name(code).filter(|reason| reason.is_refusal());
    let broken = work.broken.iter();
    broken.filter_map(|cell| Some(((cell.field.clone(), cell.row.clone()), refusal(&cell.reason)?))).collect()
}

/// What each sampled cell is, by field.
fn tally(target: &Target, rows: &[Row], deks: Option<&Deks>, refused: &Refused) -> Vec<SampledField> {
    let mut fields: Vec<SampledField> = target.fields.iter().map(SampledField::new).collect();
    for row in rows {
        for (field, sampled) in target.fields.iter().zip(&mut fields) {
            let state = CellState::of(field, row, deks);
            let reason = refused.get(&(field.job().name.clone(), row.key.clone()));
            let standing = reason.map_or(state.standing, |reason| CellStanding::Broken(*reason));
            sampled.add(CellState { standing, ..state });
        }
    }
    fields.iter_mut().for_each(SampledField::sort);
    fields
}
