//! Between reader and writer: windows are opened and sealed on all cores, and cut into the groups that are committed.

use std::sync::Arc;

use reseal_store::Rows;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinHandle;

use crate::batch::work::Work;
use crate::batch::{Way, work_ahead};
use crate::cell::target::Target;
use crate::commit::writer::{Halt, halt};
use crate::rotate::pace::Pacer;
use crate::rotate::stripes::{Cut, Group};

/// Works on one shard's windows.
pub(crate) struct Cruncher {
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) target: Arc<Target>,
    pub(crate) way: Way,
    /// Batches that the database likes a window to be cut into.
    pub(crate) stripes: usize,
    /// Whether swaps are packed for a writer that commits whole batches.
    pub(crate) packed: bool,
    /// What is read ahead. A window without rows is the end of the range.
    pub(crate) windows: Receiver<Result<Rows, Halt>>,
    /// Whether few rows of the last window were to be written: stripes of them would be a transaction each.
    pub(crate) sparse: bool,
}

impl Cruncher {
    /// Makes groups until the range is done, or the reader or writer is gone.
    pub(crate) fn spawn(mut self, groups: Sender<Result<Group, Halt>>) -> JoinHandle<()> {
        tokio::spawn(async move {
            // A place is taken before the work begins: one group is written, one is worked on, no more are held.
            while let Ok(place) = groups.reserve().await {
                let Some(group) = self.group().await.transpose() else { return };
                let goes_on = group.as_ref().is_ok_and(|group| !group.done);
                place.send(group);
                if !goes_on {
                    return;
                }
            }
        })
    }

    /// The next group; `None` where the reader is gone.
    async fn group(&mut self) -> Result<Option<Group>, Halt> {
        let cut = self.pacer.cut(self.stripes);
        let mut group = Vec::new();
        let (mut last, mut done) = (None, false);
        while group.len() < cut.windows {
            let Some(rows) = self.windows.recv().await.transpose()? else { return Ok(None) };
            let Some(row) = rows.last().map_err(halt)? else {
                done = true;
                break;
            };
            last = Some(row.key);
            // Few large rows are no more than a batch: there is nothing to interleave, and two groups of them are in
            // memory at once.
            let large = rows.len() <= cut.rows && rows.bytes() >= self.pacer.bytes() / 2;
            group.push(self.work(rows, cut).await?);
            if large {
                break;
            }
        }
        Ok(Some(Group::of(group, cut, last, done)))
    }

    async fn work(&mut self, rows: Rows, cut: Cut) -> Result<Work, Halt> {
        let stripes = if self.sparse { 1 } else { cut.stripes_of(rows.len()) };
        let stripes = self.packed.then_some(stripes);
        let work =
            work_ahead(self.target.clone(), rows, stripes, self.way.clone()).await.map_err(Halt::End)?;
        self.sparse = work.swapped() <= cut.rows;
        Ok(work)
    }
}
