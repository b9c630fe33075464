//! Rows on their way back are swapped until none of them is lost to another writer.

use async_trait::async_trait;
use reseal_core::Part;
use reseal_store::{Row, RunLease, Session, Swap};

use super::Commit;
use crate::cell::field::PartPlace;
use crate::cell::target::Target;
use crate::commit::writer::RACES;
use crate::error::{Busy, RunError};

/// How rows go back.
#[async_trait]
pub(crate) trait WayBack: Send {
    /// The table, as the row is to be.
    fn table(&self) -> &Target;

    /// What is to be swapped of these rows, as they stand now.
    async fn swaps(&mut self, rows: Vec<Row>) -> Result<Vec<Swap>, RunError>;
}

/// Brings rows back, those that are lost to another writer as often as it takes; gives the number of cells.
pub(crate) async fn settle(
    session: &mut Session,
    lease: &RunLease,
    way: &mut dyn WayBack,
    mut rows: Vec<Row>,
) -> Result<u64, RunError> {
    let mut cells = 0;
    for race in 0..=RACES {
        let swaps = way.swaps(rows).await?;
        let target = way.table();
        // As in a run: by version first, then by value, since only other columns may have changed.
        let lost = Commit::new(session, lease).swaps(&target.unscoped, &swaps, race == 0).await?;
        let held = |swap: &&Swap| !lost.contains(&swap.key);
        cells += swaps.iter().filter(held).map(|swap| cells_of(target, swap)).sum::<u64>();
        if lost.is_empty() {
            return Ok(cells);
        }
        rows = session.rows_by_key(&target.unscoped, &lost).await?;
    }
    Err(Busy::RacedBack { table: way.table().label().to_owned() }.into())
}

/// How many cells a swap changes.
fn cells_of(target: &Target, swap: &Swap) -> u64 {
    // A rewrap leaves the ciphertext and moves the wrapped DEK.
    let moved = |part: &PartPlace| part.part != Part::Key && swap.old[part.place] != swap.new[part.place];
    target.fields.iter().filter(|field| field.parts.iter().any(moved)).count() as u64
}
