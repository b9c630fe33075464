//! How rows are planned that were lost to another writer, and read again.

use std::sync::Arc;

use async_trait::async_trait;
use reseal_store::{Row, Shape};

use crate::batch::work::Work;
use crate::batch::{work_back, work_through};
use crate::cell::open::Trust;
use crate::cell::spared::Spared;
use crate::cell::target::Target;
use crate::error::{Busy, RunError};

/// Plans what is to be written of rows, as they stand now.
#[async_trait]
pub(crate) trait Planner: Send + Sync {
    /// What is read of the table and written to it.
    fn reach(&self) -> &Shape;

    /// What is to be written of these rows.
    async fn plan(&self, rows: Vec<Row>) -> Result<Work, RunError>;

    /// What is said where other writers were faster again and again.
    fn raced(&self) -> Busy;
}

/// A run's way: cells move to the primary, in the run's scope.
pub(crate) struct Onward(pub(crate) Arc<Target>);

#[async_trait]
impl Planner for Onward {
    fn reach(&self) -> &Shape {
        &self.0.shape
    }

    async fn plan(&self, rows: Vec<Row>) -> Result<Work, RunError> {
        work_through(self.0.clone(), rows, Trust::Marks).await
    }

    fn raced(&self) -> Busy {
        Busy::Raced { table: self.0.label().to_owned() }
    }
}

/// A rollback's way with what was written since the run: it is sealed again under the old key.
pub(crate) struct Anew {
    /// The table with the old key as the primary.
    pub(crate) back: Arc<Target>,
    /// What stays as it is.
    pub(crate) spared: Spared,
}

#[async_trait]
impl Planner for Anew {
    /// Some rows are named by their keys: those may lie outside of the scope by now.
    fn reach(&self) -> &Shape {
        if self.spared.only.is_some() { &self.back.unscoped } else { &self.back.shape }
    }

    async fn plan(&self, rows: Vec<Row>) -> Result<Work, RunError> {
        work_back(self.back.clone(), rows, &self.spared).await
    }

    fn raced(&self) -> Busy {
        Busy::RacedBack { table: self.back.label().to_owned() }
    }
}
