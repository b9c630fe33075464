//! What a rollback writes: rows are swapped until none of them is lost to another writer.

use std::time::Duration;

use reseal_store::{Row, RowKey, Session, Shape, StoreError, Swap, Trouble};

use super::anew::Anew;
use super::exact::Exact;
use crate::error::EngineError;
use crate::target::Target;
use crate::write::{RACES, RETRIES};

/// How rows go back.
pub(super) enum Way<'w> {
    /// To the bytes that they had.
    Exactly(&'w mut Exact),
    /// Under the old key, sealed anew.
    Anew(&'w Anew),
}

impl Way<'_> {
    fn target(&self) -> &Target {
        match self {
            Way::Exactly(exact) => &exact.target,
            Way::Anew(anew) => &anew.back,
        }
    }

    async fn swaps(&mut self, rows: Vec<Row>) -> Result<Vec<Swap>, EngineError> {
        match self {
            Way::Exactly(exact) => exact.swaps(rows).await,
            Way::Anew(anew) => anew.swaps(rows).await,
        }
    }
}

/// Brings rows back, those that are lost to another writer as often as it takes; gives the number of cells.
pub(super) async fn settle(
    session: &mut Session,
    mut way: Way<'_>,
    mut rows: Vec<Row>,
) -> Result<u64, EngineError> {
    let mut cells = 0;
    for race in 0..=RACES {
        let swaps = way.swaps(rows).await?;
        let target = way.target();
        // As in a run: by version first, then by value, since only other columns may have changed.
        let lost = swap_at_once(session, (target, &target.unscoped), &swaps, race == 0).await?;
        let held = |swap: &&Swap| !lost.contains(&swap.key);
        cells += swaps.iter().filter(held).map(|swap| cells_of(target, swap)).sum::<u64>();
        if lost.is_empty() {
            return Ok(cells);
        }
        rows = session.rows_by_key(&target.unscoped, &lost).await?;
    }
    let message = format!("rows of {} are rewritten faster than they can be put back", way.target().label());
    Err(EngineError::stopped("raced", message, "run `reseal rollback` again at a quieter time"))
}

/// Swaps in one transaction; gives the rows that another writer changed meanwhile.
pub(crate) async fn swap_at_once(
    session: &mut Session,
    (target, shape): (&Target, &Shape),
    swaps: &[Swap],
    by_version: bool,
) -> Result<Vec<RowKey>, EngineError> {
    if swaps.is_empty() {
        return Ok(Vec::new());
    }
    let mut pause = Duration::from_millis(20);
    for _ in 0..RETRIES {
        let outcome = async {
            session.stage(shape, swaps).await?;
            session.begin().await?;
            let written = session.swap(shape, swaps, by_version).await?;
            session.commit().await?;
            Ok::<_, StoreError>(written)
        };
        match outcome.await {
            Ok(written) => {
                let mut held = vec![false; swaps.len()];
                written.into_iter().for_each(|at| held[at] = true);
                let lost = swaps.iter().zip(held).filter(|(_, held)| !held);
                return Ok(lost.map(|(swap, _)| swap.key.clone()).collect());
            }
            Err(error) if error.trouble == Trouble::Retry => {
                session.rollback().await?;
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => {
                let _ = session.rollback().await;
                return Err(error.into());
            }
        }
    }
    let message = format!("rows of {} stay locked", target.label());
    Err(EngineError::stopped("database-busy", message, "run the same command again to go on"))
}

/// How many cells a swap changes.
fn cells_of(target: &Target, swap: &Swap) -> u64 {
    // A rewrap leaves the ciphertext and moves the wrapped DEK.
    let moved = |parts: &&Vec<(reseal_core::Part, usize)>| {
        parts.iter().any(|(part, at)| *part != reseal_core::Part::Key && swap.old[*at] != swap.new[*at])
    };
    target.fields.iter().filter(moved).count() as u64
}
