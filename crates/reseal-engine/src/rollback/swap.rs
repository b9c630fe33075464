//! What a rollback writes: rows are swapped until none of them is lost to another writer.

use reseal_store::{Row, Session, Swap};

use super::reencrypt::Anew;
use super::restore::Exact;
use crate::cell::target::Target;
use crate::commit::at_once::swap_at_once;
use crate::commit::writer::RACES;
use crate::error::EngineError;

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

/// How many cells a swap changes.
fn cells_of(target: &Target, swap: &Swap) -> u64 {
    // A rewrap leaves the ciphertext and moves the wrapped DEK.
    let moved = |parts: &&Vec<(reseal_core::Part, usize)>| {
        parts.iter().any(|(part, at)| *part != reseal_core::Part::Key && swap.old[*at] != swap.new[*at])
    };
    target.fields.iter().filter(moved).count() as u64
}
