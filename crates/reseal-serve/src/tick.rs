//! One tick: what is due is claimed, and what is begun is handed back.

use jiff::Timestamp;
use reseal_control::{ControlSession, Firing, FiringState, ScheduleRow};
use reseal_core::NoticeKind;
use reseal_core::audit::EventKind;
use reseal_engine::{holder, is_dead};
use reseal_plan::{Action, JobSpec};
use reseal_schedule::{Due, History};
use reseal_store::{StoreError, Trouble};

use crate::wake::{ScheduledJob, WakeTimes};
use crate::{Served, State, slot_notices, trail};

/// How long a daemon's word is good without another, by the database's clock.
pub(crate) const LEASE_MS: i64 = 20_000;
/// A wait for another attempt that is longer than this was meant by a clock that has stepped since.
const LONGEST_WAIT_MS: i64 = 8 * 86_400_000;

/// What a tick came to.
pub(crate) struct Ticked {
    /// Work whose lease this daemon has acquired.
    pub(crate) begun: Vec<Task>,
    /// When the next tick is needed, job by job.
    pub(crate) wake_times: WakeTimes,
}

/// Work under a lease.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Which of the plans.
    pub(crate) plan: usize,
    pub(crate) job: JobSpec,
    pub(crate) firing: Firing,
    /// The epoch under which this daemon holds it.
    pub(crate) epoch: i64,
}

/// Looks at every job of every plan.
pub(crate) async fn tick(state: &State, control: &mut ControlSession) -> Result<Ticked, StoreError> {
    let now = state.setup.clock.now();
    let mut ticked = Ticked { begun: Vec::new(), wake_times: WakeTimes::default() };
    for (plan, served) in state.setup.plans.iter().enumerate().filter(|(_, served)| served.on) {
        let mut open = control.open_firings(&served.plan.name).await?;
        for (place, job) in served.schedule.jobs.iter().enumerate() {
            let seen = now.as_millisecond();
            let mut row =
                control.schedule_seen(&served.plan.name, &job.name, &job.timing.to_string(), seen).await?;
            // Looked at each time: somebody may pause the job in between, and then nothing settles.
            while row.paused_by.is_none()
                && let Some(due) = due_slots(served, job, &row, &open, now)
            {
                row = settle_due(state, control, served, job, &row, due).await?;
                open = control.open_firings(&served.plan.name).await?;
            }
            if row.paused_by.is_some() {
                continue;
            }
            announce(state, control, served, job, now).await?;
            let zone = &served.schedule.zone;
            let next = reseal_schedule::wake(&served.plan.name, job, zone, settled(&row));
            if let Some(next) = next.filter(|next| *next > now) {
                ticked.wake_times.add(ScheduledJob { plan, job: place }, next);
            }
        }
        for firing in open {
            if let Some(task) = acquire(control, plan, served, firing, now, &mut ticked.wake_times).await? {
                ticked.begun.push(task);
            }
        }
    }
    Ok(ticked)
}

/// Announces the next rotation of a job, once the time to is as short as the plan says.
async fn announce(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    job: &JobSpec,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = served.plan.notify.as_ref().and_then(|notify| notify.event(NoticeKind::Announced.event()));
    let before = event.and_then(|event| event.time).filter(|_| matches!(job.action, Action::Run { .. }));
    let next = reseal_schedule::slots(&job.timing, &served.schedule.zone, now).next();
    let (Some(before), Some(slot)) = (before, next) else { return Ok(()) };
    let near = slot.duration_since(now).unsigned_abs() <= before;
    // Posted again it would be there once all the same; this spares asking.
    if !near || !state.is_unannounced(&served.plan.name, &job.name, slot) {
        return Ok(());
    }
    state.setup.notices.post(control, &served.plan, &slot_notices::announcement(served, job, slot)).await?;
    state.mark_announced(&served.plan.name, &job.name, slot);
    Ok(())
}

/// What is due of a job, if anything changes.
fn due_slots(
    served: &Served,
    job: &JobSpec,
    row: &ScheduleRow,
    open: &[Firing],
    now: Timestamp,
) -> Option<Due> {
    let running = open.iter().any(|firing| firing.job == job.name);
    let history = History { settled: settled(row), running };
    let due = reseal_schedule::due(&served.plan.name, job, &served.schedule.zone, &history, now);
    due.settled.is_some().then_some(due)
}

fn settled(row: &ScheduleRow) -> Timestamp {
    Timestamp::from_millisecond(row.settled).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Settles what is due, in one transaction: the claim, what was missed, and a reminder itself.
async fn settle_due(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    job: &JobSpec,
    row: &ScheduleRow,
    due: Due,
) -> Result<ScheduleRow, StoreError> {
    let name = &served.plan.name;
    control.begin().await?;
    match settle_inside(state, control, served, job, row, &due).await {
        Ok(true) => control.commit().await?,
        // Another daemon settled something in between: ask again.
        Ok(false) => control.rollback().await?,
        Err(error) if error.trouble == Trouble::Constraint => {
            // The slot was fired before the clock went back: it is settled, and not fired again.
            control.rollback().await?;
            let to = due.settled.map_or(row.settled, Timestamp::as_millisecond);
            control.settle(name, &job.name, row.settled, to).await?;
        }
        Err(error) => {
            control.rollback().await?;
            return Err(error);
        }
    }
    let now = state.setup.clock.now().as_millisecond();
    control.schedule_seen(name, &job.name, &job.timing.to_string(), now).await
}

async fn settle_inside(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    job: &JobSpec,
    row: &ScheduleRow,
    due: &Due,
) -> Result<bool, StoreError> {
    let name = &served.plan.name;
    let to = due.settled.map_or(row.settled, Timestamp::as_millisecond);
    if !control.settle(name, &job.name, row.settled, to).await? {
        return Ok(false);
    }
    if let Some(slot) = due.fire {
        claim(state, control, served, job, slot, due.missed.len() as u64).await?;
    }
    if matches!(job.action, Action::Remind(_)) {
        // A reminder that was due and did not go out is itself an alert.
        for slot in &due.missed {
            state
                .setup
                .notices
                .post(control, &served.plan, &slot_notices::missed_reminder(served, job, *slot))
                .await?;
        }
    }
    for slot in &due.missed {
        let event = trail::event(control, EventKind::ScheduleMissed, &served.plan, &job.name, *slot).await?;
        let event = event.with("does", job.action.name());
        let event = if due.missed_more { event.with("older", "were missed too") } else { event };
        control.record_inside(&event).await?;
    }
    tracing::info!(plan = %name, job = %job.name, fire = ?due.fire, missed = due.missed.len(), "settled");
    Ok(true)
}

/// Claims a slot. A reminder is posted and ended with its claim.
async fn claim(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    job: &JobSpec,
    slot: Timestamp,
    missed: u64,
) -> Result<(), StoreError> {
    let (plan, holder) = (&served.plan.name, holder());
    control.claim_slot(plan, &job.name, slot.as_millisecond(), missed, &holder).await?;
    let Action::Remind(template) = &job.action else { return Ok(()) };
    let reminder = slot_notices::reminder(served, job, template.as_deref(), slot);
    state.setup.notices.post(control, &served.plan, &reminder).await?;
    let firing = Firing {
        plan: plan.clone(),
        job: job.name.clone(),
        slot: slot.as_millisecond(),
        state: FiringState::Claimed,
        epoch: 1,
        holder,
        lease_left_ms: 0,
        retry_at: 0,
        missed,
        outcome: None,
        finished_at: None,
    };
    control.end_firing(&firing, 1, FiringState::Done, "posted").await.map(drop)
}

/// Acquires the lease on work that no daemon holds: just claimed by this one, left by one that died, or put back until now.
async fn acquire(
    control: &mut ControlSession,
    plan: usize,
    served: &Served,
    firing: Firing,
    now: Timestamp,
    wake_times: &mut WakeTimes,
) -> Result<Option<Task>, StoreError> {
    let place = served.schedule.jobs.iter().position(|job| job.name == firing.job);
    let wait = firing.retry_at - now.as_millisecond();
    if wait > 0 && wait < LONGEST_WAIT_MS {
        if let (Some(job), Ok(again)) = (place, Timestamp::from_millisecond(firing.retry_at)) {
            wake_times.add(ScheduledJob { plan, job }, again);
        }
        return Ok(None);
    }
    // A job that the plan no longer has ends here; the row says so.
    let Some(job) = place.map(|place| served.schedule.jobs[place].clone()) else {
        let why = "the plan no longer has this job";
        control.end_firing(&firing, firing.epoch, FiringState::Failed, why).await?;
        return Ok(None);
    };
    let free = firing.lease_left_ms <= 0 || is_dead(&firing.holder);
    if !free {
        return Ok(None);
    }
    let epoch = control.take_firing(&firing, &holder(), LEASE_MS).await?;
    Ok(epoch.map(|epoch| Task { plan, job, firing, epoch }))
}
