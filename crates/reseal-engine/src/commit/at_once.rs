//! Swaps in a transaction of their own.

use std::time::Duration;

use reseal_store::{RowKey, Session, Shape, StoreError, Swap, Trouble};

use super::writer::RETRIES;
use crate::cell::target::Target;
use crate::error::EngineError;

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
