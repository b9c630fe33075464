//! What a sweep could not open is shown beside the cells, where the plan names a column for it.

use std::sync::Arc;

use reseal_core::Value;
use reseal_store::{MayBePlain, Quarantined, Row, RowKey, RunLease, Session, Swap};

use super::Commit;
use crate::cell::target::Target;
use crate::error::{RunError, StoredError};

/// Rows that are told of at once.
const AT_ONCE: usize = 200;

/// Shows the reasons that are in quarantine. A row that the application changes at the same time is left to the next sweep.
pub(crate) async fn write_last_error(
    session: &mut Session,
    lease: &RunLease,
    targets: &[Arc<Target>],
) -> Result<(), RunError> {
    if !targets.iter().any(|target| target.shows_reasons()) {
        return Ok(());
    }
    let listed = session.quarantined(lease.run_id()).await?;
    for target in targets.iter().filter(|target| target.shows_reasons()) {
        let here: Vec<&Quarantined> = listed.iter().filter(|cell| cell.table == target.label()).collect();
        for cells in here.chunks(AT_ONCE) {
            let keys: Vec<RowKey> = cells.iter().map(|cell| cell.row.clone()).collect();
            let rows = session.rows_by_key(&target.shape, &keys).await?;
            let swaps: Vec<Swap> =
                rows.into_iter().filter_map(|row| with_reasons(target, row, cells)).collect();
            show(session, lease, target, &swaps).await?;
        }
    }
    Ok(())
}

/// Writes reasons; a row that does not take its own keeps the others from nothing.
async fn show(
    session: &mut Session,
    lease: &RunLease,
    target: &Target,
    swaps: &[Swap],
) -> Result<(), RunError> {
    match Commit::new(session, lease).swaps(&target.shape, swaps, true).await {
        Err(error) if is_of_rows(&error) => {}
        outcome => return outcome.map(drop),
    }
    for swap in swaps {
        match Commit::new(session, lease).swaps(&target.shape, std::slice::from_ref(swap), true).await {
            Err(error) if is_of_rows(&error) => {}
            outcome => drop(outcome?),
        }
    }
    Ok(())
}

/// Whether it is rows that the database does not store.
fn is_of_rows(error: &RunError) -> bool {
    match error {
        RunError::Stored(StoredError::Swallowed { .. }) => true,
        RunError::Store(error) => error.may_be_of_a_row(),
        _ => false,
    }
}

/// The row with its reasons; `None` where it shows them already.
fn with_reasons(target: &Target, row: Row, cells: &[&Quarantined]) -> Option<Swap> {
    let mut new = row.values[..target.shape.cells.len()].to_vec();
    for field in &target.fields {
        let reason = cells.iter().find(|cell| cell.row == row.key && cell.field == field.job().name);
        if let (Some(cell), Some(place)) = (reason, field.error_column) {
            new[place] = Value::Text(cell.reason.clone());
        }
    }
    let changed = new[..] != row.values[..new.len()];
    changed.then_some(Swap {
        key: row.key,
        old: row.values,
        new,
        version: row.version,
        may_be_plain: MayBePlain::Kept,
    })
}
