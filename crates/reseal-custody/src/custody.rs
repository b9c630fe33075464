//! What ties a run or a rollback to the control database: the key catalogue moves with it, the audit trail records it, and
//! what people agreed to is used once.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use reseal_control::{ControlDatabase, ControlSession, NewEmergency};
use reseal_core::RunState;
use reseal_engine::{
    Census, Deadline, Job, Recorded, RollbackBegins, RollbackEnd, RunBegins, RunEnd, RunError, RunObserver,
    StepEvent,
};
use reseal_store::{RunRow, Session, StoreError};
use tracing::warn;

use crate::census::{CountedScope, keep_census};
use crate::permit::Permit;
use crate::rules::{Allowed, Rules};
use crate::{catalogue, restored, trail};

/// Follows one run or rollback in the control database.
pub(crate) struct Custody {
    control: ControlDatabase,
    permit: Permit,
    /// What the keys are checked against once the steps of `before` are done; none where that was done before.
    rules: Option<Rules>,
    /// What those rules said.
    allowed: Mutex<Allowed>,
}

impl Custody {
    pub(crate) fn new(control: &ControlDatabase, permit: Permit, rules: Option<Rules>) -> Custody {
        Custody { control: control.clone(), permit, rules, allowed: Mutex::default() }
    }

    async fn connect(&self) -> Result<ControlSession, StoreError> {
        self.control.connect().await
    }

    async fn use_approval(&self, used_for: &str) -> Result<(), RunError> {
        let Some(agreed) = &self.permit.agreed else { return Ok(()) };
        match self.connect().await?.use_approval(&agreed.request, used_for).await? {
            true => Ok(()),
            false => Err(catalogue::used_already(&agreed.request)),
        }
    }

    /// What the run begins by, with what was allowed after the steps of `before`.
    fn permit(&self) -> Permit {
        let allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut permit = self.permit.clone();
        permit.brought = allowed.brought;
        for rule in allowed.skipped {
            if !permit.skipped.contains(&rule) {
                permit.skipped.push(rule);
            }
        }
        permit
    }

    /// Notes an emergency, and gives when it must be over.
    async fn note_emergency(
        &self,
        control: &mut ControlSession,
        run: &RunRow,
        permit: &Permit,
    ) -> Result<Deadline, RunError> {
        let deadline =
            permit.deadline.map(|deadline| i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX / 4));
        let skipped = serde_json::Value::from(permit.skipped.clone()).to_string();
        let noted = NewEmergency {
            run_id: &run.id,
            plan: &run.plan,
            operator: &permit.operator,
            deadline_ms: deadline,
            skipped: &skipped,
        };
        control.note_emergency(&noted).await?;
        Ok(Deadline(control.emergency(&run.id).await?.and_then(|noted| noted.deadline)))
    }
}

#[async_trait]
impl RunObserver for Custody {
    async fn before_run_created(&self, run_id: &str) -> Result<(), RunError> {
        self.use_approval(run_id).await
    }

    async fn keys_read(&self, job: &Job) -> Result<(), RunError> {
        let mut control = self.connect().await?;
        let entries = catalogue::enter(&mut control, job).await?;
        catalogue::may_seal_by_source(job)?;
        let Some(rules) = &self.rules else { return catalogue::may_seal(&entries) };
        let allowed = rules.judge(&entries, control.now_ms().await?)?;
        *self.allowed.lock().unwrap_or_else(PoisonError::into_inner) = allowed;
        Ok(())
    }

    async fn before_first_write(
        &self,
        session: &mut Session,
        begins: RunBegins<'_>,
    ) -> Result<Recorded, RunError> {
        let permit = self.permit();
        let mut control = self.connect().await?;
        catalogue::run_starts(&mut control, begins.job, &begins.run.id, &permit.operator).await?;
        let deadline = match begins.run.emergency {
            true => self.note_emergency(&mut control, begins.run, &permit).await?,
            false => Deadline::default(),
        };
        let event = trail::run_begins(&mut control, session, begins, &permit).await?;
        Ok(Recorded { deadline, event: Some(event) })
    }

    async fn stepped(&self, event: StepEvent<'_>) -> Result<(), RunError> {
        trail::stepped(&mut self.connect().await?, event, &self.permit.operator).await
    }

    async fn swept(&self, job: &Job, run: &RunRow, census: &Census) {
        let kept = async {
            let scope = CountedScope { text: &run.scope, whole: run.whole };
            keep_census(&mut self.connect().await?, job, census, scope).await
        };
        if let Err(error) = kept.await {
            warn!("the counts of the sweep were not saved: {error}");
        }
    }

    async fn ended(&self, end: RunEnd<'_>) {
        let recorded =
            async { trail::run_ended(&mut self.connect().await?, end, &self.permit.operator).await };
        if let Err(error) = recorded.await {
            trail::unrecorded(&end.run.id, &error);
        }
    }

    async fn rollback_began(&self, rollback: RollbackBegins<'_>) -> Result<(), RunError> {
        let mut control = self.connect().await?;
        let entries = catalogue::enter(&mut control, rollback.job).await?;
        catalogue::may_seal_again(&entries, rollback.reversed)?;
        catalogue::may_seal_again_by_source(&mut control, &entries, &rollback).await?;
        // An approval was used when a rollback began that is resumed here.
        if !matches!(rollback.run.state, RunState::RollingBack | RunState::RolledBack) {
            self.use_approval(&rollback.run.id).await?;
        }
        trail::rollback_begins(&mut control, rollback, &self.permit).await
    }

    async fn rolled_back(&self, end: RollbackEnd<'_>) {
        let mut control = match self.connect().await {
            Ok(control) => control,
            Err(error) => return trail::unrecorded(&end.run.id, &error.into()),
        };
        if let Err(error) = trail::rolled_back(&mut control, end, &self.permit.operator).await {
            trail::unrecorded(&end.run.id, &error);
        }
        restored::after_rollback(&mut control, end, &self.permit.operator).await;
    }
}
