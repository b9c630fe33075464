//! `schedule`: what will fire and when; disabling jobs, and enabling them again.

mod moment;

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use reseal_control::{ControlSession, JobTimes, ScheduleRow};
use reseal_core::audit::{Event, EventKind};
use reseal_plan::{JobSpec, Plan, ScheduleSpec, Switch, Timing};
use reseal_schedule::Calendar;

use self::moment::{Side, moment};
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
    let mut schedules = Vec::new();
    for path in paths {
        let scheduled = Scheduled::read(path)?;
        let rows = scheduled.rows(&mut session).await?;
        let key_since = scheduled.key_since(&mut session).await?;
        let switched_off = scheduled.switched_off();
        let jobs = scheduled.schedule.jobs.iter().zip(&rows);
        let jobs = jobs.map(|(job, row)| scheduled.job(job, row.as_ref(), key_since, now)).collect();
        let ScheduleSpec { zone_name, zone, .. } = scheduled.schedule;
        schedules.push(PlanSchedule { plan: scheduled.plan.name, zone_name, zone, switched_off, jobs });
    }
    Ok(schedules)
}

/// The times of a job, as this version of its plan has them.
struct Times {
    job: String,
    timing: String,
    version: String,
}

impl Times {
    fn of(schedule: &ScheduleSpec, job: &JobSpec) -> Times {
        let version = reseal_schedule::times(schedule, job);
        Times { job: job.name.clone(), timing: job.timing.to_string(), version }
    }

    fn get(&self) -> JobTimes<'_> {
        JobTimes { job: &self.job, timing: &self.timing, version: &self.version }
    }
}

impl Scheduled {
    /// What is known of each job; nothing where no daemon has seen these times, and nobody has disabled it.
    async fn rows(&self, session: &mut ControlSession) -> Result<Vec<Option<ScheduleRow>>, Failure> {
        let mut rows = Vec::new();
        if session.version().await?.is_none_or(|version| version < SCHEDULES) {
            rows.resize(self.schedule.jobs.len(), None);
            return Ok(rows);
        }
        let jobs = session.schedules(&self.plan.name).await?;
        for job in &self.schedule.jobs {
            let known = session.schedule_known(&self.plan.name, Times::of(&self.schedule, job).get()).await?;
            let paused = jobs.iter().find(|row| row.job == job.name && row.paused_by.is_some());
            rows.push(known.or_else(|| paused.cloned()));
        }
        Ok(rows)
    }

    /// Why a job does not fire, if it does not.
    fn disabled(&self, row: Option<&ScheduleRow>) -> Option<Disabled> {
        let by = || row.and_then(|row| row.paused_by.clone()).map(Disabled::By);
        self.switched_off().map(Disabled::BySwitch).or_else(by)
    }

    fn job(
        &self,
        job: &JobSpec,
        row: Option<&ScheduleRow>,
        key_since: Option<Timestamp>,
        now: Timestamp,
    ) -> ScheduledJob {
        let disabled = self.disabled(row);
        let calendar = self.calendar(row, key_since, now);
        let next = reseal_schedule::slots(&job.timing, calendar, now).next();
        let row = row.filter(|_| disabled.is_none());
        let overdue = row.and_then(|row| self.overdue(job, row, calendar, now));
        ScheduledJob { job: job.clone(), next, overdue, disabled }
    }

    /// Since when the oldest key seals from which rotations count, where the control database knows one.
    async fn key_since(&self, session: &mut ControlSession) -> Result<Option<Timestamp>, Failure> {
        if !self.schedule.jobs.iter().any(|job| matches!(job.timing, Timing::KeyAge { .. })) {
            return Ok(None);
        }
        let since = reseal_custody::sealing_since(session, &self.plan).await?;
        Ok(since.and_then(|since| Timestamp::from_millisecond(since).ok()))
    }

    /// What the slots of a job follow from. Where no key is known, a job counts from where a daemon settled it last, and one that
    /// no daemon has seen from `now`.
    fn calendar(
        &self,
        row: Option<&ScheduleRow>,
        key_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Calendar<'_> {
        let settled = row.and_then(|row| Timestamp::from_millisecond(row.settled).ok()).unwrap_or(now);
        Calendar { zone: &self.schedule.zone, key_since: key_since.or(Some(settled)) }
    }

    /// The first slot that should have fired and did not, where a daemon has ever seen the job.
    fn overdue(
        &self,
        job: &JobSpec,
        row: &ScheduleRow,
        calendar: Calendar<'_>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let settled = Timestamp::from_millisecond(row.settled).ok()?;
        let slot = reseal_schedule::slots(&job.timing, calendar, settled).next()?;
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
    /// The jobs that do not fire, and why.
    pub disabled: Vec<DisabledJob>,
}

/// A job that does not fire.
#[derive(Clone, Debug)]
pub struct DisabledJob {
    /// The job's name.
    pub job: String,
    /// Why it does not.
    pub why: Disabled,
}

/// A job that fires.
#[derive(Clone, Debug)]
pub struct Firing {
    /// When.
    pub slot: Timestamp,
    /// The job.
    pub job: JobSpec,
}

/// Lists what fires in a time: jobs that are disabled do not.
///
/// # Errors
/// When the plan cannot be read or has no schedule, or the time makes no sense.
pub async fn next(request: &FiringsRequest) -> Result<Firings, Failure> {
    let scheduled = Scheduled::read(&request.plan)?;
    let Known { rows, key_since } = scheduled.known().await;
    let disabled = scheduled.disabled_jobs(&rows);
    let zone = scheduled.schedule.zone.clone();
    let from = match &request.from {
        Some(text) => moment(text, &zone, "--from", Side::Earlier)?,
        None => Timestamp::now(),
    };
    let year = || from.to_zoned(zone.clone()).checked_add(1.year()).map(|end| end.timestamp());
    let until = match &request.until {
        Some(text) => moment(text, &zone, "--until", Side::Later)?,
        None => year().map_err(|error| Failure::usage("until", error.to_string(), "pass `--until`"))?,
    };
    if until <= from {
        let message = format!("`--until {until}` is not later than `--from {from}`");
        return Err(Failure::usage("time", message, "pass a later time or omit `--until`"));
    }
    let before = from.checked_sub(1.nanosecond()).unwrap_or(from);
    let mut firings = Vec::new();
    let jobs = scheduled.schedule.jobs.iter().zip(&rows);
    for (job, row) in jobs.filter(|(job, _)| disabled.iter().all(|disabled| disabled.job != job.name)) {
        let calendar = scheduled.calendar(row.as_ref(), key_since, Timestamp::now());
        let slots = reseal_schedule::slots(&job.timing, calendar, before);
        let slots = slots.take_while(|slot| *slot < until).take(MOST_FIRINGS + 1);
        firings.extend(slots.map(|slot| Firing { slot, job: job.clone() }));
    }
    firings.sort_by_key(|firing| firing.slot);
    let truncated = firings.len() > MOST_FIRINGS;
    firings.truncate(MOST_FIRINGS);
    let Scheduled { plan, schedule } = scheduled;
    let zone_name = schedule.zone_name;
    Ok(Firings { plan: plan.name, zone_name, zone, from, until, firings, truncated, disabled })
}

/// What the control database knows of jobs.
struct Known {
    /// Of each job, what a daemon noted.
    rows: Vec<Option<ScheduleRow>>,
    /// Since when the oldest key seals.
    key_since: Option<Timestamp>,
}

impl Scheduled {
    /// What is known; nothing where the control database cannot be asked.
    async fn known(&self) -> Known {
        let asked = async {
            let mut session = control::database()?.connect().await?;
            let rows = self.rows(&mut session).await?;
            Ok::<_, Failure>(Known { rows, key_since: self.key_since(&mut session).await? })
        };
        asked.await.unwrap_or_else(|failure| {
            tracing::warn!(
                "cannot read which jobs are disabled and when keys became active: {}",
                failure.message
            );
            Known { rows: vec![None; self.schedule.jobs.len()], key_since: None }
        })
    }

    /// The jobs that do not fire. Where nothing is known of them, those that the plan's own switch stops.
    fn disabled_jobs(&self, rows: &[Option<ScheduleRow>]) -> Vec<DisabledJob> {
        let jobs = self.schedule.jobs.iter().zip(rows);
        let disabled = jobs.filter_map(|(job, row)| {
            Some(DisabledJob { job: job.name.clone(), why: self.disabled(row.as_ref())? })
        });
        disabled.collect()
    }
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
        let times = Times::of(&scheduled.schedule, job);
        session.schedule_seen(&plan.name, times.get(), now, false).await?;
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
                Err(Failure::usage(
                    "no-job",
                    message,
                    format!("the plan has these jobs: {}", known.join(", ")),
                ))
            }
            _ => Ok(jobs),
        }
    }
}
