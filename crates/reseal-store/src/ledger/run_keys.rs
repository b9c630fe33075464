//! The keys that a run notes once they are known.

use sea_query::{Expr, ExprTrait, Query};

use super::run_lease::RunLease;
use crate::{Session, StoreError};

impl Session {
    /// Notes the keys of a run in place of those that it has `noted`, none at first, if the lease still holds. False:
    /// another engine holds it, or has noted others.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_keys(&mut self, lease: &RunLease, noted: &str, keys: &str) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.ledger("run"))
            .value("primaries", keys)
            .value("updated_at", self.now())
            .and_where(Expr::col("id").eq(lease.run_id()))
            .and_where(Expr::col("epoch").eq(lease.epoch()))
            .and_where(Expr::col("primaries").eq(noted))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }
}
