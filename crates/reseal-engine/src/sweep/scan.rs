//! Whole tables read in one snapshot, in no order.

use futures::future::try_join_all;
use reseal_store::{Database, Rows, Session, Shape, Slice, StoreError};
use tokio::sync::mpsc::Sender;

use crate::error::RunError;

/// Bytes of a chunk of rows on its way from the database to the cores.
const CHUNK_BYTES: usize = 1 << 20;

/// Connections that read one snapshot.
pub(crate) struct Snapshot {
    /// The connections, one at least.
    pub(crate) readers: Vec<Session>,
    /// When it was begun, in milliseconds since 1970 by the server's clock: what had been committed by then is in it.
    pub(crate) began_ms: i64,
}

/// Begins a snapshot with as many connections as there are workers, where the database can share it. Those that are
/// idle are used before new ones, and what is left of them is closed.
pub(crate) async fn snapshot(
    database: &Database,
    mut idle: Vec<Session>,
    workers: usize,
) -> Result<Snapshot, RunError> {
    let mut first = connection(database, &mut idle).await?;
    // Before the snapshot, so that nothing that was committed by this time can be missing from it.
    let began_ms = first.now_ms().await?;
    first.begin_snapshot().await?;
    let mut readers = vec![first];
    if workers > 1
        && let Some(name) = readers[0].share_snapshot().await?
    {
        for _ in 1..workers {
            let mut reader = connection(database, &mut idle).await?;
            reader.begin_shared(&name).await?;
            readers.push(reader);
        }
    }
    Ok(Snapshot { readers, began_ms })
}

async fn connection(database: &Database, idle: &mut Vec<Session>) -> Result<Session, RunError> {
    match idle.pop() {
        Some(session) => Ok(session),
        None => Ok(database.connect().await?),
    }
}

/// Reads a table, each connection a slice of it. Ends early when nobody takes the chunks any more.
pub(crate) async fn scan(
    readers: &mut [Session],
    shape: &Shape,
    slices: &[Slice],
    chunks: Sender<Rows>,
) -> Result<(), StoreError> {
    let scans = readers.iter_mut().zip(slices);
    let scans = scans.map(|(reader, slice)| reader.scan(shape, slice, CHUNK_BYTES, &chunks));
    try_join_all(scans).await.map(drop)
}
