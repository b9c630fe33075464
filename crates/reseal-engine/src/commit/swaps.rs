//! Swaps in a transaction of their own, outside of any shard.

use std::borrow::Cow;

use reseal_store::{RowKey, Shape, StoreError, Swap, Swapped, Trouble};

use super::Commit;
use super::retries::Retries;
use crate::error::{Busy, Culprit, RunError, StoredError};

/// What a transaction came to.
enum Tried {
    /// The swaps at these positions were written.
    Written(Vec<usize>),
    Superseded,
    /// The table has triggers by now, and nothing was read back.
    Unwatched,
    /// The database stores something else.
    Otherwise(StoredError),
}

impl Commit<'_> {
    /// Swaps in one transaction; gives the rows that another writer has changed.
    pub(crate) async fn swaps(
        &mut self,
        shape: &Shape,
        swaps: &[Swap],
        by_version: bool,
    ) -> Result<Vec<RowKey>, RunError> {
        if swaps.is_empty() {
            return Ok(Vec::new());
        }
        let mut retries = Retries::default();
        let mut shape = Cow::Borrowed(shape);
        loop {
            match self.try_swaps(&shape, swaps, by_version).await {
                Ok(Tried::Written(written)) => return Ok(lost(swaps, &written)),
                Ok(Tried::Superseded) => return Err(RunError::Superseded),
                Ok(Tried::Unwatched) => shape = Cow::Owned(shape.with_read_back()),
                Ok(Tried::Otherwise(error)) => return Err(error.into()),
                Err(error) if retries.again(&error).await => {}
                Err(error) if error.trouble == Trouble::Retry => return Err(stays_locked(&shape)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn try_swaps(
        &mut self,
        shape: &Shape,
        swaps: &[Swap],
        by_version: bool,
    ) -> Result<Tried, StoreError> {
        let swaps: Vec<&Swap> = swaps.iter().collect();
        self.session.stage(shape, &swaps).await?;
        let Some(mut guarded) = self.session.guarded(self.lease).await? else {
            return Ok(Tried::Superseded);
        };
        let tried = match guarded.swap(shape, &swaps, by_version).await {
            Ok(Swapped::Written(written)) => return guarded.commit().await.map(|()| Tried::Written(written)),
            Ok(Swapped::Unwatched) => Ok(Tried::Unwatched),
            Ok(Swapped::Swallowed { rows, by }) => {
                let (table, by) = (shape.table.to_string(), Culprit(by));
                Ok(Tried::Otherwise(StoredError::Swallowed { table, rows: rows.len(), by }))
            }
            Ok(Swapped::Differs(difference)) => {
                Ok(Tried::Otherwise(StoredError::of(&shape.table.to_string(), difference)))
            }
            Err(error) => Err(error),
        };
        let _ = guarded.rollback().await;
        tried
    }
}

fn stays_locked(shape: &Shape) -> RunError {
    Busy::RowsLocked { table: shape.table.to_string() }.into()
}

/// The rows whose swaps were not written.
fn lost(swaps: &[Swap], written: &[usize]) -> Vec<RowKey> {
    let mut held = vec![false; swaps.len()];
    written.iter().for_each(|at| held[*at] = true);
    swaps.iter().zip(held).filter(|(_, held)| !held).map(|(swap, _)| swap.key.clone()).collect()
}
