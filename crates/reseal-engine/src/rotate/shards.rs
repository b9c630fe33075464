//! Cutting tables into ranges of row keys.

use std::sync::Arc;

use reseal_store::{Counts, Session, ShardRow};

use crate::cell::condition::of_condition;
use crate::cell::target::Target;
use crate::error::RunError;

/// Below this many rows a range is not worth cutting.
const FEWEST_ROWS: u64 = 2000;
/// Ranges for each worker: with more of them than workers, a slow range does not leave the others idle.
const PER_WORKER: u64 = 2;

/// The shards of a round: every target's rows, counted and cut.
pub(crate) async fn cut(
    session: &mut Session,
    targets: &[&Arc<Target>],
    workers: usize,
    first_number: i64,
    round: i64,
) -> Result<Vec<ShardRow>, RunError> {
    let mut shards = Vec::new();
    for target in targets {
        let rows = session.count(&target.shape).await.map_err(|error| of_condition(target, error))?;
        // A range without an end would last for as long as rows come faster than they are read. The sweep finds those.
        let Some(last) = session.last_key(&target.shape).await? else { continue };
        let parts = if workers == 1 { 1 } else { (rows / FEWEST_ROWS).clamp(1, workers as u64 * PER_WORKER) };
        let step = rows.div_ceil(parts);
        let mut after = None;
        for part in 0..parts {
            let within = match part + 1 < parts {
                true => session.nth_key(&target.shape, after.as_ref(), step).await?,
                false => None,
            };
            let is_last = within.is_none();
            let upto = within.unwrap_or_else(|| last.clone());
            let rows_total = if is_last { rows.saturating_sub(step * part) } else { step };
            shards.push(ShardRow {
                number: first_number + shards.len() as i64,
                round,
                table: target.label().to_owned(),
                after: after.replace(upto.clone()),
                upto: Some(upto),
                checkpoint: None,
                done: false,
                epoch: 0,
                batches: 0,
                counts: Counts { rows_total, ..Counts::default() },
            });
            if is_last {
                break;
            }
        }
    }
    Ok(shards)
}
