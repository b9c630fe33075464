//! `schedule`: what will fire and when; disabling jobs, and enabling them again.

use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use reseal_control::ScheduleRow;
use reseal_core::audit::{Event, EventKind};
use reseal_plan::{JobSpec, Plan, ScheduleSpec, Switch};

use crate::caller::Caller;
use crate::{Failure, control, open, trail};

/// The most firings that are listed.
pub const MOST_FIRINGS: usize = 10_000;

/// The script of the control database that brings the tables of schedules.
const SCHEDULES: i64 = 4;

/// A plan, with its schedule.
struct Scheduled {
    plan: Plan,
    schedule: ScheduleSpec,
}

impl Scheduled {
    /// Reads a plan, or advises to write a schedule.
    fn read(path: &Path) -> Result<Scheduled, Failure> {
        let plan = open::plan(path)?;
        let Some(schedule) = plan.schedule.clone() else {
            let message = format!("plan {} has no schedule", plan.name);
            return Err(Failure::usage("no-schedule", message, "add `schedule:` to the plan"));
        };
        Ok(Scheduled { plan, schedule })
    }

    /// The plan's own switch, if it keeps its jobs from firing.
    fn switched_off(&self) -> Option<Switch> {
        let on = self.schedule.is_on(|name| std::env::var(name).ok());
        self.schedule.enabled.clone().filter(|_| !on)
    }
}

/// A plan's schedule.
#[derive(Clone, Debug)]
pub struct PlanSchedule {
    /// The plan's name.
    pub plan: String,
    /// The IANA name of its time zone.
    pub zone_name: String,
    /// Its time zone.
    pub zone: TimeZone,
    /// The plan's own switch, if it keeps its jobs from firing.
    pub switched_off: Option<Switch>,
    /// Its jobs.
    pub jobs: Vec<ScheduledJob>,
}

/// A job, and when it fires next.
#[derive(Clone, Debug)]
pub struct ScheduledJob {
    /// The job.
    pub job: JobSpec,
    /// When it fires next.
    pub next: Option<Timestamp>,
    /// The first slot that should have fired and did not.
    pub overdue: Option<Timestamp>,
    /// Why it does not fire.
    pub disabled: Option<Disabled>,
}

/// Why a job does not fire.
#[derive(Clone, Debug)]
pub enum Disabled {
    /// The plan's own switch.
    BySwitch(Switch),
    /// Somebody disabled it.
    By(String),
}

/// Lists the jobs of plans.
///
/// # Errors
/// When a plan cannot be read or has no schedule, or the control database refuses.
pub async fn list(paths: &[PathBuf]) -> Result<Vec<PlanSchedule>, Failure> {
    let now = Timestamp::now();
    let mut session = control::database()?.connect().await?;
    let known = session.version().await?.is_some_and(|version| version >= SCHEDULES);
    let mut schedules = Vec::new();
    for path in paths {
        let scheduled = Scheduled::read(path)?;
        let rows = if known { session.schedules(&scheduled.plan.name).await? } else { Vec::new() };
        let switched_off = scheduled.switched_off();
        let job = |job: &JobSpec| {
            let row = rows.iter().find(|row| row.job == job.name);
            scheduled.job(job, row, switched_off.as_ref(), now)
        };
        let jobs = scheduled.schedule.jobs.iter().map(job).collect();
        let ScheduleSpec { zone_name, zone, .. } = scheduled.schedule;
        schedules.push(PlanSchedule { plan: scheduled.plan.name, zone_name, zone, switched_off, jobs });
    }
    Ok(schedules)
}

impl Scheduled {
    fn job(
        &self,
        job: &JobSpec,
        row: Option<&ScheduleRow>,
        switched_off: Option<&Switch>,
        now: Timestamp,
    ) -> ScheduledJob {
        let by = || row.and_then(|row| row.paused_by.clone()).map(Disabled::By);
        let disabled = switched_off.cloned().map(Disabled::BySwitch).or_else(by);
        let next = reseal_schedule::slots(&job.timing, &self.schedule.zone, now).next();
        let overdue = row.filter(|_| disabled.is_none()).and_then(|row| self.overdue(job, row, now));
        ScheduledJob { job: job.clone(), next, overdue, disabled }
    }

    /// The first slot that should have fired and did not, where a daemon has ever seen the job.
    fn overdue(&self, job: &JobSpec, row: &ScheduleRow, now: Timestamp) -> Option<Timestamp> {
        let settled = Timestamp::from_millisecond(row.settled).ok()?;
        let slot = reseal_schedule::slots(&job.timing, &self.schedule.zone, settled).next()?;
        let due = reseal_schedule::due_at(&self.plan.name, job, slot);
        (now.duration_since(due) > reseal_schedule::GRACE).then_some(slot)
    }
}

/// Whose firings are listed, and of what time.
#[derive(Clone, Debug)]
pub struct FiringsRequest {
    /// The plan.
    pub plan: PathBuf,
    /// From when: a date or time in the schedule's zone, or RFC 3339; none for the current time.
    pub from: Option<String>,
    /// Until when; none for a year later.
    pub until: Option<String>,
}

/// What fires in a time.
#[derive(Clone, Debug)]
pub struct Firings {
    /// The plan's name.
    pub plan: String,
    /// The IANA name of its time zone.
    pub zone_name: String,
    /// Its time zone.
    pub zone: TimeZone,
    /// The beginning of the time.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// What fires, in the order of time.
    pub firings: Vec<Firing>,
    /// Whether more fires than is listed.
    pub truncated: bool,
}

/// A job that fires.
#[derive(Clone, Debug)]
pub struct Firing {
    /// When.
    pub slot: Timestamp,
    /// The job.
    pub job: JobSpec,
}

/// Lists what fires in a time.
///
/// # Errors
/// When the plan cannot be read or has no schedule, or the time makes no sense.
pub fn next(request: &FiringsRequest) -> Result<Firings, Failure> {
    let Scheduled { plan, schedule } = Scheduled::read(&request.plan)?;
    let ScheduleSpec { zone_name, zone, jobs, .. } = schedule;
    let from = match &request.from {
        Some(text) => moment(text, &zone, "--from", Side::Earlier)?,
        None => Timestamp::now(),
    };
    let year = || from.to_zoned(zone.clone()).checked_add(1.year()).map(|end| end.timestamp());
    let until = match &request.until {
        Some(text) => moment(text, &zone, "--until", Side::Later)?,
        None => year().map_err(|error| Failure::usage("until", error.to_string(), "name --until"))?,
    };
    if until <= from {
        let message = format!("--until {until} is not later than --from {from}");
        return Err(Failure::usage("time", message, "exchange them, or leave --until out for a year"));
    }
    let before = from.checked_sub(1.nanosecond()).unwrap_or(from);
    let mut firings = Vec::new();
    for job in &jobs {
        let slots = reseal_schedule::slots(&job.timing, &zone, before);
        let slots = slots.take_while(|slot| *slot < until).take(MOST_FIRINGS + 1);
        firings.extend(slots.map(|slot| Firing { slot, job: job.clone() }));
    }
    firings.sort_by_key(|firing| firing.slot);
    let truncated = firings.len() > MOST_FIRINGS;
    firings.truncate(MOST_FIRINGS);
    Ok(Firings { plan: plan.name, zone_name, zone, from, until, firings, truncated })
}

/// Which of two moments a time of the wall clock means that there is twice, or not at all.
#[derive(Clone, Copy)]
enum Side {
    Earlier,
    Later,
}

/// A moment: RFC 3339, or a date or time of the wall clock in the schedule's zone. Where clocks change, a range becomes
/// longer by that and never shorter: a slot that is there is shown.
fn moment(text: &str, zone: &TimeZone, option: &str, side: Side) -> Result<Timestamp, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let bad = || Failure::usage("time", format!("{option} {text}: not a time"), "2026-01-01, or RFC 3339");
    let civil: DateTime = text.parse().map_err(|_| bad())?;
    let both = zone.to_ambiguous_timestamp(civil);
    match side {
        Side::Earlier => both.earlier(),
        Side::Later => both.later(),
    }
    .map_err(|_| bad())
}

/// The jobs that are enabled or disabled.
#[derive(Clone, Debug)]
pub struct SwitchRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The job; none for all.
    pub job: Option<String>,
    /// Whether they may fire.
    pub enabled: bool,
}

/// Jobs that were enabled or disabled.
#[derive(Clone, Debug)]
pub struct Switched {
    /// The plan's name.
    pub plan: String,
    /// The jobs.
    pub jobs: Vec<String>,
    /// The plan's own switch, if it keeps them from firing all the same.
    pub switched_off: Option<Switch>,
}

/// Enables jobs, or disables them; a daemon heeds it at its next tick.
///
/// # Errors
/// When the plan cannot be read or has no such job, or the control database refuses.
pub async fn switch(caller: &Caller, request: &SwitchRequest) -> Result<Switched, Failure> {
    let scheduled = Scheduled::read(&request.plan)?;
    let (plan, jobs) = (&scheduled.plan, scheduled.named(request.job.as_deref())?);
    let mut session = control::session().await?;
    let now = trail::now_ms();
    for job in &jobs {
        session.schedule_seen(&plan.name, &job.name, &job.timing.to_string(), now).await?;
        match request.enabled {
            true => session.resume_schedule(&plan.name, &job.name, now).await?,
            false => session.pause_schedule(&plan.name, &job.name, &caller.operator).await?,
        }
    }
    let names: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
    let about = |event: Event| {
        let event = event.of_plan(&plan.name, &plan.digest).with("jobs", names.join(", "));
        event.with("to", if request.enabled { "enabled" } else { "disabled" })
    };
    trail::note(&caller.operator, EventKind::ScheduleChanged, about).await;
    Ok(Switched { plan: plan.name.clone(), jobs: names, switched_off: scheduled.switched_off() })
}

impl Scheduled {
    /// The job of a name, or all of them.
    fn named(&self, name: Option<&str>) -> Result<Vec<&JobSpec>, Failure> {
        let jobs: Vec<&JobSpec> =
            self.schedule.jobs.iter().filter(|job| name.is_none_or(|name| name == job.name)).collect();
        match name {
            Some(name) if jobs.is_empty() => {
                let known: Vec<&str> = self.schedule.jobs.iter().map(|job| job.name.as_str()).collect();
                let message = format!("plan {} has no job {name}", self.plan.name);
                Err(Failure::usage("no-job", message, format!("it has {}", known.join(", "))))
            }
            _ => Ok(jobs),
        }
    }
}
