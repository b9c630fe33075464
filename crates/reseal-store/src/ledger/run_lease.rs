//! The lease: which engine may write for a run.

/// A run as one engine holds it. Only acquiring a run gives one, and everything that is written for the run is checked
/// against it in the transaction that writes: see [`Guarded`](crate::Guarded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLease {
    pub(super) run_id: String,
    pub(super) epoch: i64,
}

impl RunLease {
    /// The run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The epoch under which this engine may write.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}
