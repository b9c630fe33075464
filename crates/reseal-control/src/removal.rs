//! Dropping the control tables.

use reseal_core::audit::TrailHead;
use reseal_store::sql::{Removing, Taker};
use reseal_store::{Kind, StoreError};
use sea_query::{Expr, ExprTrait, Query};

use crate::ControlSession;
use crate::firing::FiringState;
use crate::migrations::CONTROL;

/// The tables by which a control database knows a plan.
const KNOW_PLANS: [&str; 4] = ["catalogue_key", "schedule", "approval_request", "audit_event"];

/// What came of dropping the control tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRemoval {
    /// There are none.
    Absent,
    /// They are dropped.
    Dropped,
    /// The trail ends elsewhere than was said, and nothing was dropped.
    Moved(TrailHead),
}

/// Work of a schedule that a process is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledWork {
    /// The plan.
    pub plan: String,
    /// Its job.
    pub job: String,
}

impl ControlSession {
    /// Whether the control tables are there, or a part of them that somebody began to drop.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn removing(&mut self) -> Result<Removing, StoreError> {
        self.connection().removing(&CONTROL).await
    }

    /// The plans that the control database knows.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn known_plans(&mut self) -> Result<Vec<String>, StoreError> {
        let mut plans: Vec<String> = Vec::new();
        for table in KNOW_PLANS {
            let select = Query::select().distinct().column("plan").from(self.table(table)).to_owned();
            let rows = self.query(&select, &[Kind::Text]).await?;
            plans.extend(rows.into_iter().map(|row| Taker::new(row).text()).filter(|plan| !plan.is_empty()));
        }
        plans.sort();
        plans.dedup();
        Ok(plans)
    }

    /// What schedules began and some process is at.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn scheduled_work(&mut self) -> Result<Vec<ScheduledWork>, StoreError> {
        let select = Query::select()
            .columns(["plan", "job"])
            .from(self.table("firing"))
            .and_where(Expr::col("state").eq(FiringState::Claimed.name()))
            .and_where(Expr::col("lease_until").gt(self.now()))
            .to_owned();
        let rows = self.query(&select, &[Kind::Text; 2]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                ScheduledWork { plan: take.text(), job: take.text() }
            })
            .collect())
    }

    /// What the database is called: its name on its server, or the name of its file.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database_name(&mut self) -> Result<String, StoreError> {
        self.connection().database_name().await
    }

    /// Drops the control tables, and the trail with them: only where it ends at `kept`, if that is given. What somebody began
    /// to drop is dropped to its end.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn remove(&mut self, kept: Option<TrailHead>) -> Result<ControlRemoval, StoreError> {
        let moved = match self.connection().begin_removal(&CONTROL).await? {
            Removing::Absent => {
                return self.connection().keep_tables().await.map(|()| ControlRemoval::Absent);
            }
            Removing::Begun => Ok(None),
            Removing::Whole => self.moved_from(kept).await,
        };
        match moved {
            Ok(None) => self.connection().drop_tables(&CONTROL).await.map(|()| ControlRemoval::Dropped),
            Ok(Some(head)) => self.connection().keep_tables().await.map(|()| ControlRemoval::Moved(head)),
            Err(error) => {
                let _ = self.connection().keep_tables().await;
                Err(error)
            }
        }
    }

    /// Where the trail ends, if that is not at `kept`.
    async fn moved_from(&mut self, kept: Option<TrailHead>) -> Result<Option<TrailHead>, StoreError> {
        let Some(kept) = kept else { return Ok(None) };
        let head = self.trail_head().await?;
        Ok((head != kept).then_some(head))
    }
}
