//! Emergency runs: that they were, and when they must be over.

use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, Query};

use crate::ControlSession;

/// An emergency run to be noted.
#[derive(Clone, Copy, Debug)]
pub struct NewEmergency<'a> {
    /// The run.
    pub run_id: &'a str,
    /// The plan's name.
    pub plan: &'a str,
    /// Who declared the emergency.
    pub operator: &'a str,
    /// How long it may take, in milliseconds.
    pub deadline_ms: Option<i64>,
    /// Rules of the policy that are set aside, as JSON.
    pub skipped: &'a str,
}

/// An emergency run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyRow {
    /// The run.
    pub run_id: String,
    /// When it began, in milliseconds since 1970 by the server's clock.
    pub at: i64,
    /// Who declared the emergency.
    pub operator: String,
    /// When it must be over, in milliseconds since 1970.
    pub deadline: Option<i64>,
    /// Rules of the policy that were set aside, as JSON.
    pub skipped: String,
}

impl ControlSession {
    /// Notes an emergency run. A run that is noted already stays as it is.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_emergency(&mut self, run: &NewEmergency<'_>) -> Result<(), StoreError> {
        if self.emergency(run.run_id).await?.is_some() {
            return Ok(());
        }
        let deadline = run.deadline_ms.map(|ms| self.now().add(ms));
        let insert = Query::insert()
            .into_table(self.table("emergency"))
            .columns(["run_id", "plan", "at", "operator", "deadline", "skipped"])
            .values_panic([
                run.run_id.into(),
                run.plan.into(),
                self.now(),
                run.operator.into(),
                deadline.unwrap_or_else(|| Option::<i64>::None.into()),
                run.skipped.into(),
            ])
            .to_owned();
        match self.run(&insert).await {
            Err(error) if error.trouble != Trouble::Constraint => Err(error),
            _ => Ok(()),
        }
    }

    /// The emergency run with this id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn emergency(&mut self, run_id: &str) -> Result<Option<EmergencyRow>, StoreError> {
        let select = Query::select()
            .columns(["run_id", "at", "operator", "deadline", "skipped"])
            .from(self.table("emergency"))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        let kinds = [Kind::Text, Kind::Int, Kind::Text, Kind::Int, Kind::Text];
        let row = self.query(&select, &kinds).await?.pop();
        Ok(row.map(|row| {
            let mut take = Taker::new(row);
            EmergencyRow {
                run_id: take.text(),
                at: take.int(),
                operator: take.text(),
                deadline: take.optional_int(),
                skipped: take.text(),
            }
        }))
    }
}
