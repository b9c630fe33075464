//! What the command line that started a run asked for in place of the plan's own pace: a run is resumed with the same.

use sea_query::{Expr, ExprTrait, Query};

use crate::taker::{Taker, signed};
use crate::{Kind, Session, StoreError, Trouble};

/// What the command line asked for in place of the plan's own pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedPace {
    /// Number of workers.
    pub workers: Option<u64>,
    /// Rows of a batch.
    pub batch_rows: Option<u64>,
}

impl Session {
    /// What a run was started with; nothing for a run that an older version has written.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn asked_pace(&mut self, run_id: &str) -> Result<AskedPace, StoreError> {
        let select = Query::select()
            .columns(["workers", "batch_rows"])
            .from(self.ledger("pace"))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        let row = match self.query(&select, &[Kind::Int, Kind::Int]).await {
            Ok(mut rows) => rows.pop(),
            Err(error) if error.trouble == Trouble::Missing => None,
            Err(error) => return Err(error),
        };
        let Some(row) = row else { return Ok(AskedPace::default()) };
        let mut take = Taker::new(row);
        let mut next = || take.optional_int().and_then(|n| u64::try_from(n).ok());
        Ok(AskedPace { workers: next(), batch_rows: next() })
    }

    /// Notes what a run is started with, in the open transaction that writes the run.
    pub(super) async fn note_asked_pace(&mut self, run_id: &str, pace: AskedPace) -> Result<(), StoreError> {
        if pace == AskedPace::default() {
            return Ok(());
        }
        let insert = Query::insert()
            .into_table(self.ledger("pace"))
            .columns(["run_id", "workers", "batch_rows"])
            .values_panic([
                run_id.into(),
                pace.workers.map(signed).into(),
                pace.batch_rows.map(signed).into(),
            ])
            .to_owned();
        self.run(&insert).await.map(drop)
    }
}
