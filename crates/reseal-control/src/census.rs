//! What censuses and sweeps counted.

use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError};
use sea_query::{Expr, ExprTrait, Order, Query};

use crate::ControlSession;

/// What a census or a sweep counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusRow {
    /// The plan.
    pub plan: String,
    /// When, in milliseconds since 1970 by the server's clock.
    pub at: i64,
    /// What it was narrowed to, as JSON.
    pub scope: String,
    /// Whether it was of the whole plan.
    pub whole: bool,
    /// What `census --json` prints.
    pub document: String,
}

/// How long counts are kept: more than a year, so that one can be compared with the same time of the year before.
const KEPT_MS: i64 = 400 * 86_400_000;

impl ControlSession {
    /// Keeps what a census counted, and forgets what is older than 400 days. The last one of the whole plan stays whatever
    /// its age.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn keep_census(
        &mut self,
        plan: &str,
        scope: &str,
        whole: bool,
        document: &str,
    ) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.table("catalogue_census"))
            .columns(["id", "plan", "at", "scope", "whole", "document"])
            .values_panic([
                uuid::Uuid::now_v7().to_string().into(),
                plan.into(),
                self.now(),
                scope.into(),
                i64::from(whole).into(),
                document.into(),
            ])
            .to_owned();
        self.run(&insert).await?;
        self.prune_censuses(plan).await
    }

    async fn prune_censuses(&mut self, plan: &str) -> Result<(), StoreError> {
        let last = self.last_census(plan).await?.map_or(i64::MAX, |last| last.at);
        let delete = Query::delete()
            .from_table(self.table("catalogue_census"))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("at").lt(self.now().sub(KEPT_MS)))
            .and_where(Expr::col("whole").eq(0i64).or(Expr::col("at").lt(last)))
            .to_owned();
        self.run(&delete).await.map(drop)
    }

    /// The last census of a whole plan.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn last_census(&mut self, plan: &str) -> Result<Option<CensusRow>, StoreError> {
        let select = Query::select()
            .columns(["plan", "at", "scope", "whole", "document"])
            .from(self.table("catalogue_census"))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("whole").eq(1i64))
            .order_by("at", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(1)
            .to_owned();
        let kinds = [Kind::Text, Kind::Int, Kind::Text, Kind::Int, Kind::Text];
        let row = self.query(&select, &kinds).await?.pop();
        Ok(row.map(|row| {
            let mut take = Taker::new(row);
            CensusRow {
                plan: take.text(),
                at: take.int(),
                scope: take.text(),
                whole: take.int() == 1,
                document: take.text(),
            }
        }))
    }
}
