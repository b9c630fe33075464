//! Settling what is due of a job, in one transaction: the claim, what was missed, and a reminder itself.

use jiff::Timestamp;
use reseal_control::{Claimant, ControlSession, Firing, FiringState, JobTimes, ScheduleRow};
use reseal_core::audit::EventKind;
use reseal_engine::holder;
use reseal_plan::{Action, JobSpec};
use reseal_schedule::{Calendar, Due};
use reseal_store::{StoreError, Trouble};

use crate::key_times::{KeyTimes, settled};
use crate::{Served, State, slot_notices, trail};

/// A job of a plan that is served, in the version of that plan.
#[derive(Clone, Copy)]
pub(crate) struct ServedJob<'s> {
    pub(crate) served: &'s Served,
    pub(crate) job: &'s JobSpec,
    /// From when it counts, where it counts from a key.
    pub(crate) key_times: KeyTimes,
}

impl ServedJob<'_> {
    /// The first slot after an instant.
    pub(crate) fn next_slot(self, row: &ScheduleRow, after: Timestamp) -> Option<Timestamp> {
        reseal_schedule::slots(&self.job.timing, self.calendar(row), after).next()
    }

    /// What its slots follow from, by what is known of it.
    pub(crate) fn calendar(&self, row: &ScheduleRow) -> Calendar<'_> {
        self.key_times.calendar(self.served, settled(row))
    }

    /// What is known of it, once it is noted. `begins` says that this daemon has not looked at it before.
    pub(crate) async fn seen(
        self,
        control: &mut ControlSession,
        now: Timestamp,
        begins: bool,
    ) -> Result<ScheduleRow, StoreError> {
        let (timing, version) = self.times();
        let times = JobTimes { job: &self.job.name, timing: &timing, version: &version };
        control.schedule_seen(&self.served.plan.name, times, now.as_millisecond(), begins).await
    }

    async fn settle(self, control: &mut ControlSession, from: i64, to: i64) -> Result<bool, StoreError> {
        let (timing, version) = self.times();
        let times = JobTimes { job: &self.job.name, timing: &timing, version: &version };
        control.settle(&self.served.plan.name, times, from, to).await
    }

    fn times(self) -> (String, String) {
        (self.job.timing.to_string(), reseal_schedule::times(&self.served.schedule, self.job))
    }

    /// Notes that nothing was due up to `now`: by that, others see that a daemon has this version. Not where the job counts from
    /// what is noted already.
    pub(crate) async fn settle_idle(
        self,
        control: &mut ControlSession,
        row: &ScheduleRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.key_times.counts_from_settled(self.job) {
            return Ok(());
        }
        self.settle(control, row.settled, now.as_millisecond()).await.map(drop)
    }
}

/// What tells the work of a job from that of another version of its plan.
pub(crate) fn work_of(served: &Served, job: &JobSpec) -> String {
    reseal_schedule::work(&served.plan.digest, job)
}

/// Who claims slots of a job and takes its work up here.
pub(crate) fn claimant(served: &Served, job: &JobSpec) -> Claimant {
    Claimant { holder: holder(), work: work_of(served, job) }
}

/// Settles what is due.
pub(crate) async fn settle_due(
    state: &State,
    control: &mut ControlSession,
    of: ServedJob<'_>,
    row: &ScheduleRow,
    mut due: Due,
) -> Result<(), StoreError> {
    loop {
        control.begin().await?;
        match settle_inside(state, control, of, row, &due).await {
            Ok(true) => return control.commit().await,
            // Another daemon settled something in between: ask again.
            Ok(false) => return control.rollback().await,
            // The slot was fired already: before the clock went back, or by a daemon with another version of the plan. It is
            // settled, and not fired again.
            Err(error) if error.trouble == Trouble::Constraint && due.fire.is_some() => {
                control.rollback().await?;
                due.fire = None;
            }
            Err(error) => {
                control.rollback().await?;
                return Err(error);
            }
        }
    }
}

async fn settle_inside(
    state: &State,
    control: &mut ControlSession,
    of: ServedJob<'_>,
    row: &ScheduleRow,
    due: &Due,
) -> Result<bool, StoreError> {
    let to = due.settled.map_or(row.settled, Timestamp::as_millisecond);
    if !of.settle(control, row.settled, to).await? {
        return Ok(false);
    }
    let ServedJob { served, job, .. } = of;
    if let Some(slot) = due.fire {
        claim(state, control, of, slot, due.missed.len() as u64).await?;
    }
    if let Some(notice) = slot_notices::missed(served, job, due, settled(row)) {
        state.setup.notices.post(control, &served.plan, &notice).await?;
    }
    for slot in &due.missed {
        let event = trail::event(control, EventKind::ScheduleMissed, &served.plan, &job.name, *slot).await?;
        let event = event.with("does", job.action.name());
        let event = match due.missed_more {
            true => event.with("older", "were missed too").with("since_ms", row.settled),
            false => event,
        };
        control.record_inside(&event).await?;
    }
    let plan = &served.plan.name;
    tracing::info!(%plan, job = %job.name, fire = ?due.fire, missed = due.missed.len(), "settled");
    Ok(true)
}

/// Claims a slot. A reminder is posted and ended with its claim.
async fn claim(
    state: &State,
    control: &mut ControlSession,
    of: ServedJob<'_>,
    slot: Timestamp,
    missed: u64,
) -> Result<(), StoreError> {
    let ServedJob { served, job, .. } = of;
    let (plan, claimant) = (&served.plan.name, claimant(served, job));
    control.claim_slot(plan, &job.name, slot.as_millisecond(), missed, &claimant).await?;
    let Action::Remind(template) = &job.action else { return Ok(()) };
    let reminder = slot_notices::reminder(served, job, template.as_deref(), slot);
    state.setup.notices.post(control, &served.plan, &reminder).await?;
    let firing = Firing {
        plan: plan.clone(),
        job: job.name.clone(),
        slot: slot.as_millisecond(),
        state: FiringState::Claimed,
        epoch: 1,
        holder: claimant.holder,
        work: Some(claimant.work),
        lease_left_ms: 0,
        retry_at: 0,
        claimed_for_ms: 0,
        missed,
        outcome: None,
        finished_at: None,
    };
    control.end_firing(&firing, 1, FiringState::Done, "posted").await.map(drop)
}
