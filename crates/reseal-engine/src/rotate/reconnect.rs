//! Lost connections are re-established; what was committed, the ledger tells.

use std::time::Duration;

use reseal_core::backoff;
use reseal_store::{Database, Session, ShardRow, StoreError, Trouble};

use crate::error::RunError;
use crate::rotate::shared::Shared;
use crate::stop::Stopper;

/// How often a lost connection is re-established before the run stops; it can be resumed.
pub(crate) const RECONNECTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(6400);

/// A new connection; `attempt` is how often it was tried in vain, and `error` what the loss of the last one was.
async fn again(
    database: &Database,
    stop: &Stopper,
    attempt: u32,
    error: StoreError,
) -> Result<Session, RunError> {
    for attempt in attempt..=RECONNECTS {
        tokio::time::sleep(backoff(attempt + 1, FIRST_PAUSE, LONGEST_PAUSE)).await;
        if let Ok(session) = database.connect().await {
            return Ok(session);
        }
        if stop.asked().is_some() {
            break;
        }
    }
    Err(error.into())
}

/// A new connection, and the shard as the ledger has it.
pub(crate) async fn reload(
    shared: &Shared,
    session: &mut Session,
    number: i64,
    attempt: u32,
    error: StoreError,
) -> Result<ShardRow, RunError> {
    let mut error = error;
    for attempt in attempt..=RECONNECTS {
        *session = again(&shared.database, &shared.stop, attempt, error).await?;
        match relaxed_shards(session, shared.lease.run_id()).await {
            Ok(shards) => return ours(shared, shards, number),
            Err(lost) if lost.trouble == Trouble::ConnectionLost => error = lost,
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::new(Trouble::ConnectionLost, "the connection was lost repeatedly").into())
}

/// The shards of a run, read on a writer's new connection: its batches need not be on disk at once.
async fn relaxed_shards(session: &mut Session, run_id: &str) -> Result<Vec<ShardRow>, StoreError> {
    session.relax().await?;
    session.shards(run_id).await
}

/// The shard as the ledger has it, if it still is this engine's.
pub(crate) async fn current(
    session: &mut Session,
    shared: &Shared,
    number: i64,
) -> Result<ShardRow, RunError> {
    let shards = session.shards(shared.lease.run_id()).await?;
    ours(shared, shards, number)
}

fn ours(shared: &Shared, shards: Vec<ShardRow>, number: i64) -> Result<ShardRow, RunError> {
    match shards.into_iter().find(|shard| shard.number == number) {
        Some(shard) if shard.epoch == shared.lease.epoch() => Ok(shard),
        _ => Err(RunError::Superseded),
    }
}

/// Makes sure of a connection that was idle for long, or may have been lost on the way. What ends a run is committed on it,
/// so a new one waits for the disk, as the first did.
pub(crate) async fn ensure_connected(
    database: &Database,
    stop: &Stopper,
    session: &mut Session,
) -> Result<(), RunError> {
    if let Err(error) = session.now_ms().await {
        *session = again(database, stop, 0, error).await?;
    }
    Ok(())
}
