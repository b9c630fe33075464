//! Where the audit trail stood when the newest run of a plan began: by that a control database is told from one that does not
//! know the run.

use reseal_core::audit::{Head, TrailHead};
use sea_query::{Expr, ExprTrait, Query};

use super::guarded::Guarded;
use crate::taker::{Taker, signed};
use crate::{Kind, Session, StoreError, Trouble};

/// An event of the audit trail that the ledger knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailMark {
    /// The event, and its head.
    pub at: TrailHead,
    /// The run whose beginning it records.
    pub run_id: String,
}

impl Session {
    /// The event that the newest run of a plan began with; `None` where no run has noted one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn trail_mark(&mut self, plan: &str) -> Result<Option<TrailMark>, StoreError> {
        let select = Query::select()
            .columns(["sequence", "head", "run_id"])
            .from(self.ledger("trail_mark"))
            .and_where(Expr::col("plan").eq(plan))
            .to_owned();
        let row = match self.query(&select, &[Kind::Int, Kind::Text, Kind::Text]).await {
            Ok(mut rows) => rows.pop(),
            // A ledger of an earlier version.
            Err(error) if error.trouble == Trouble::Missing => None,
            Err(error) => return Err(error),
        };
        let Some(row) = row else { return Ok(None) };
        let mut take = Taker::new(row);
        let (sequence, head, run_id) = (take.count(), take.text(), take.text());
        let head = Head::parse(&head);
        let head =
            head.ok_or_else(|| StoreError::new(Trouble::Other, "`trail_mark` in the ledger is damaged"))?;
        Ok(Some(TrailMark { at: TrailHead { sequence, head }, run_id }))
    }
}

impl Guarded<'_> {
    /// Notes the event that the run begins with, in the place of what an earlier run of the plan has noted.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_trail_mark(&mut self, plan: &str, at: TrailHead) -> Result<(), StoreError> {
        let table = self.session.ledger("trail_mark");
        let delete =
            Query::delete().from_table(table.clone()).and_where(Expr::col("plan").eq(plan)).to_owned();
        self.run(&delete).await?;
        let insert = Query::insert()
            .into_table(table)
            .columns(["plan", "sequence", "head", "run_id", "noted_at"])
            .values_panic([
                plan.into(),
                signed(at.sequence).into(),
                at.head.to_string().into(),
                self.lease.run_id().into(),
                self.session.now(),
            ])
            .to_owned();
        self.run(&insert).await.map(drop)
    }
}
