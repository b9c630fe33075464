//! Reads the windows of a shard ahead of the writer, on a connection of its own.

use std::sync::Arc;

use reseal_store::{KeyRange, RowKey, Rows, ShardRow, StoreError, Trouble};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

use super::shared::Shared;
use crate::cell::target::Target;
use crate::commit::writer::{Halt, halt};
use crate::error::{RunError, TableError};

/// Tells whether a pager comes by the same place again (Brent's way: one place is remembered, for twice as long each
/// time). A database that compares row keys in another way than it sorts them would else be read for ever.
#[derive(Default)]
struct Circle {
    remembered: Option<RowKey>,
    steps: u64,
}

impl Circle {
    fn is_closed_by(&mut self, key: &RowKey) -> bool {
        let closed = self.remembered.as_ref() == Some(key);
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.remembered = Some(key.clone());
        }
        closed
    }
}

fn in_circles(target: &Target) -> RunError {
    let columns: Vec<&str> = target.shape.key.iter().map(|column| column.name.as_str()).collect();
    TableError::RowKeyOrder { table: target.label().to_owned(), columns: columns.join(", ") }.into()
}

/// Reads windows ahead of the writer, on a connection of its own.
pub(crate) fn spawn_reader(
    shared: Arc<Shared>,
    target: Arc<Target>,
    shard: ShardRow,
    stripes: usize,
    windows: Sender<Result<Rows, Halt>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut session = match shared.reader().await {
            Ok(session) => session,
            Err(error) => {
                let error = StoreError { trouble: Trouble::ConnectionLost, ..error };
                let _ = windows.send(Err(halt(error))).await;
                return;
            }
        };
        let mut cursor = shard.checkpoint.or(shard.after);
        let mut circle = Circle::default();
        loop {
            let (rows, bytes) = (shared.pacer.window(stripes), shared.pacer.bytes());
            let range = KeyRange { after: cursor.as_ref(), upto: shard.upto.as_ref() };
            let page = session.page_as_sent(&target.shape, &range, rows, bytes).await;
            match page.and_then(|page| page.last().map(|last| (page, last))) {
                Ok((page, Some(last))) => {
                    if circle.is_closed_by(&last.key) {
                        let _ = windows.send(Err(Halt::End(in_circles(&target)))).await;
                        return;
                    }
                    cursor = Some(last.key);
                    if windows.send(Ok(page)).await.is_err() {
                        return;
                    }
                }
                Ok((_, None)) => break,
                Err(error) => {
                    let _ = windows.send(Err(halt(error))).await;
                    return;
                }
            }
        }
        if let Ok(mut idle) = shared.idle.lock() {
            idle.push(session);
        }
        let _ = windows.send(Ok(Rows::default())).await;
    })
}

#[cfg(test)]
mod tests {
    use reseal_core::Value;

    use super::*;

    /// Watches the pager: where the keys lead back, it stops soon; where they go on, it never does.
    #[test]
    fn a_circle_is_told_from_a_long_way() {
        for (lead, round) in [(0_i64, 1_i64), (0, 7), (1000, 1), (1000, 300)] {
            let mut circle = Circle::default();
            let keys = (0..).map(|n| if n < lead { n } else { lead + (n - lead) % round });
            let steps = keys.take_while(|n| !circle.is_closed_by(&RowKey(vec![Value::Int(*n)]))).count();
            assert!(steps as i64 <= 4 * (lead + round), "{lead} {round}: {steps}");
        }
        let mut circle = Circle::default();
        assert!((0..100_000).all(|n| !circle.is_closed_by(&RowKey(vec![Value::Int(n)]))));
    }
}
