//! One tick: what is due is claimed, and what is begun is handed back.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reseal_control::{ControlSession, Firing, ScheduleRow};
use reseal_core::NoticeKind;
use reseal_engine::is_dead;
use reseal_plan::{Action, JobSpec};
use reseal_schedule::{Due, History};
use reseal_store::StoreError;

use crate::key_times::{KeyTimes, settled};
use crate::settle::{ServedJob, claimant, settle_due, work_of};
use crate::wake::{ScheduledJob, WakeTimes};
use crate::{Served, State, slot_notices, unclaimed};

/// How long a daemon's word is good without another, by the database's clock.
pub(crate) const LEASE_MS: i64 = 20_000;
/// A wait for another attempt that is longer than this was meant by a clock that has stepped since.
const LONGEST_WAIT_MS: i64 = 8 * 86_400_000;
/// How often a daemon shows that it has a job, where nothing is due.
const SHOWN: SignedDuration = SignedDuration::from_hours(6);
/// Work that lies for so long does not keep another version's slots of the job waiting.
const FORSAKEN: SignedDuration = SignedDuration::from_mins(10);

/// Work that lies for so long was begun under a version of the plan that no daemon has any more: a deployment, and its way
/// back, are over by then.
const ABANDONED: SignedDuration = SignedDuration::from_hours(24);

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
    /// The plan, in the version under which the work is done.
    pub(crate) served: Arc<Served>,
    pub(crate) job: JobSpec,
    pub(crate) firing: Firing,
    /// The epoch under which this daemon holds it.
    pub(crate) epoch: i64,
}

/// Looks at every job of every plan.
pub(crate) async fn tick(state: &State, control: &mut ControlSession) -> Result<Ticked, StoreError> {
    let mut ticked = Ticked { begun: Vec::new(), wake_times: WakeTimes::default() };
    for (plan, served) in state.setup.plans.all().into_iter().enumerate().filter(|(_, served)| served.on) {
        tick_plan(state, control, &served, plan, &mut ticked).await?;
    }
    Ok(ticked)
}

async fn tick_plan(
    state: &State,
    control: &mut ControlSession,
    served: &Arc<Served>,
    plan: usize,
    ticked: &mut Ticked,
) -> Result<(), StoreError> {
    let now = state.setup.clock.now();
    let key_times = KeyTimes::read(control, served).await?;
    for (place, job) in served.schedule.jobs.iter().enumerate() {
        let of = ServedJob { served, job, key_times };
        let Some(row) = fire(state, control, of, now).await? else { continue };
        announce(state, control, of, &row, now).await?;
        let next = reseal_schedule::wake(&served.plan.name, job, of.calendar(&row), settled(&row));
        match next {
            Some(next) if next > now => ticked.wake_times.add(ScheduledJob { plan, job: place }, next),
            _ => continue,
        }
        if now.duration_since(settled(&row)) > SHOWN
            && of.next_slot(&row, settled(&row)).is_none_or(|slot| slot > now)
        {
            of.settle_idle(control, &row, now).await?;
        }
    }
    for firing in control.open_firings(&served.plan.name).await? {
        if let Some(task) = acquire(state, control, served, firing, plan, &mut ticked.wake_times).await? {
            ticked.begun.push(task);
        }
    }
    Ok(())
}

/// Settles all that is due of a job; gives what is known of it then, and nothing of one that is paused.
async fn fire(
    state: &State,
    control: &mut ControlSession,
    of: ServedJob<'_>,
    now: Timestamp,
) -> Result<Option<ScheduleRow>, StoreError> {
    let times = reseal_schedule::times(&of.served.schedule, of.job);
    let begins = state.begins(&of.served.plan.name, &times);
    let mut row = of.seen(control, now, begins).await?;
    // Looked at each time: somebody may pause the job in between, and then nothing settles.
    while row.paused_by.is_none() {
        let open = control.open_firings(&of.served.plan.name).await?;
        let Some(due) = due_slots(of, &row, &open, now) else { return Ok(Some(row)) };
        settle_due(state, control, of, &row, due).await?;
        row = of.seen(control, state.setup.clock.now(), false).await?;
    }
    Ok(None)
}

/// Announces the next rotation of a job, once the time to is as short as the plan says.
async fn announce(
    state: &State,
    control: &mut ControlSession,
    of: ServedJob<'_>,
    row: &ScheduleRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ServedJob { served, job, .. } = of;
    let event = served.plan.notify.as_ref().and_then(|notify| notify.event(NoticeKind::Announced.event()));
    let before = event.and_then(|event| event.time).filter(|_| matches!(job.action, Action::Run { .. }));
    let next = of.next_slot(row, now);
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
fn due_slots(of: ServedJob<'_>, row: &ScheduleRow, open: &[Firing], now: Timestamp) -> Option<Due> {
    let ServedJob { served, job, .. } = of;
    let running = open.iter().any(|firing| {
        firing.job == job.name
            && (is_own(served, job, firing) || !is_free(firing) || lies_for(firing, now) < FORSAKEN)
    });
    let history = History { settled: settled(row), running };
    let due = reseal_schedule::due(&served.plan.name, job, of.calendar(row), &history, now);
    due.settled.is_some().then_some(due)
}

/// Whether the work of a slot was begun under this version of the plan, or one under which it is the same.
fn is_own(served: &Served, job: &JobSpec, firing: &Firing) -> bool {
    firing.work.as_ref().is_none_or(|work| *work == work_of(served, job))
}

/// Whether no daemon holds it.
fn is_free(firing: &Firing) -> bool {
    firing.lease_left_ms <= 0 || is_dead(&firing.holder)
}

/// How long work that is free could have been taken up, at the least.
fn lies_for(firing: &Firing, now: Timestamp) -> SignedDuration {
    let free_since = firing.slot.max(firing.retry_at);
    let by_daemons = now.as_millisecond().saturating_sub(free_since);
    SignedDuration::from_millis(by_daemons.min(firing.lease_left_ms.saturating_neg()))
}

/// Acquires the lease on work that no daemon holds: just claimed by this one, left by one that died, or put back until now.
/// What was begun under another version of the plan is left to daemons that have it, and taken over once it is abandoned.
async fn acquire(
    state: &State,
    control: &mut ControlSession,
    served: &Arc<Served>,
    firing: Firing,
    plan: usize,
    wake_times: &mut WakeTimes,
) -> Result<Option<Task>, StoreError> {
    let now = state.setup.clock.now();
    let place = served.schedule.jobs.iter().position(|job| job.name == firing.job);
    let wait = firing.retry_at - now.as_millisecond();
    if wait > 0 && wait < LONGEST_WAIT_MS {
        if let (Some(job), Ok(again)) = (place, Timestamp::from_millisecond(firing.retry_at)) {
            wake_times.add(ScheduledJob { plan, job }, again);
        }
        return Ok(None);
    }
    if !is_free(&firing) {
        return Ok(None);
    }
    let job = place.map(|place| &served.schedule.jobs[place]);
    let is_abandoned = lies_for(&firing, now) >= ABANDONED;
    let Some(job) = job.filter(|job| is_abandoned || is_own(served, job, &firing)) else {
        if place.is_none() && is_abandoned {
            unclaimed::end(state, control, served, &firing).await?;
        }
        return Ok(None);
    };
    let epoch = control.take_firing(&firing, &claimant(served, job), LEASE_MS).await?;
    Ok(epoch.map(|epoch| Task { served: served.clone(), job: job.clone(), firing, epoch }))
}
