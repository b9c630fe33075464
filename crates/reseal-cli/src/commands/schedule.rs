//! `reseal schedule`: what will fire and when; pausing, and going on.

use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use reseal_control::{ControlSession, ScheduleRow};
use reseal_core::audit::{Event, EventKind};
use reseal_plan::{Action, JobSpec, Plan, ScheduleSpec};
use serde_json::{Value, json};

use crate::args::ScheduleCommand;
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::{number, plain, table};
use reseal_app::Failure;
use reseal_app::operator;
use reseal_app::{control, open, trail};

/// The most firings that `next` lists.
const MOST: usize = 10_000;

/// Carries out one of the family.
pub(crate) async fn schedule(command: &ScheduleCommand) -> Outcome {
    match command {
        ScheduleCommand::List { plans } => list(plans).await,
        ScheduleCommand::Next { plan, from, until } => next(plan, from.as_deref(), until.as_deref()),
        ScheduleCommand::Enable { plan, job } => switch(plan, job.as_deref(), true).await,
        ScheduleCommand::Disable { plan, job } => switch(plan, job.as_deref(), false).await,
    }
}

/// A plan's schedule, or the advice to write one.
fn scheduled(path: &Path) -> Result<(Plan, ScheduleSpec), Failure> {
    let plan = open::plan(path)?;
    let Some(schedule) = plan.schedule.clone() else {
        let message = format!("plan {} has no schedule", plan.name);
        return Err(Failure::usage("no-schedule", message, "add `schedule:` to the plan"));
    };
    Ok((plan, schedule))
}

async fn list(paths: &[PathBuf]) -> Outcome {
    let now = Timestamp::now();
    let mut session = control::database()?.connect().await?;
    let known = session.version().await?.is_some_and(|version| version >= SCHEDULES);
    let (mut documents, mut rows) = (Vec::new(), Vec::new());
    for path in paths {
        let (plan, schedule) = scheduled(path)?;
        let paused = if known { session.schedules(&plan.name).await? } else { Vec::new() };
        let off = switched_off(&schedule);
        let mut jobs = Vec::new();
        for job in &schedule.jobs {
            let row = paused.iter().find(|row| row.job == job.name);
            let why = off.clone().or_else(|| row.and_then(paused_by));
            let next = reseal_schedule::slots(&job.timing, &schedule.zone, now).next();
            let overdue =
                row.filter(|_| why.is_none()).and_then(|row| overdue(&plan, job, &schedule, row, now));
            let local = next.map(|slot| shown(slot, &schedule.zone));
            let next_cell = match (&why, overdue, &local) {
                (Some(why), ..) => why.clone(),
                (None, Some(slot), _) => {
                    format!("overdue since {}: is `reseal serve` running?", shown(slot, &schedule.zone))
                }
                (None, None, Some(local)) if schedule.zone_name == "UTC" => local.clone(),
                (None, None, Some(local)) => format!("{local}\n{} UTC", utc(next)),
                (None, None, None) => "never".to_owned(),
            };
            let when = job.timing.to_string();
            rows.push(vec![plan.name.clone(), job.name.clone(), when, does(&job.action), next_cell]);
            jobs.push(described(job, &schedule.zone, next, overdue, why));
        }
        documents.push(json!({
            "plan": plan.name, "zone": schedule.zone_name, "enabled": off.is_none(), "reason": off, "jobs": jobs,
        }));
    }
    let header = ["plan", "job", "when", "does", "next"];
    let text = match paths {
        [_] => without_column(&header, rows, 0),
        _ => table(&header, &[], rows),
    };
    Ok(Done::new(CLEAN, json!({ "plans": documents }), text))
}

/// A table without a column that says nothing.
fn without_column(header: &[&str], mut rows: Vec<Vec<String>>, at: usize) -> String {
    let mut header = header.to_vec();
    header.remove(at);
    rows.iter_mut().for_each(|row| drop(row.remove(at)));
    table(&header, &[], rows)
}

/// The first slot that should have fired and did not, where a daemon has ever seen the job.
fn overdue(
    plan: &Plan,
    job: &JobSpec,
    schedule: &ScheduleSpec,
    row: &ScheduleRow,
    now: Timestamp,
) -> Option<Timestamp> {
    let settled = Timestamp::from_millisecond(row.settled).ok()?;
    let slot = reseal_schedule::slots(&job.timing, &schedule.zone, settled).next()?;
    let due = reseal_schedule::due_at(&plan.name, job, slot);
    (now.duration_since(due) > reseal_schedule::GRACE).then_some(slot)
}

fn described(
    job: &JobSpec,
    zone: &TimeZone,
    next: Option<Timestamp>,
    overdue: Option<Timestamp>,
    why: Option<String>,
) -> Value {
    let both = |slot: Timestamp| json!({ "local": local(slot, zone), "utc": slot.to_string() });
    json!({
        "job": job.name,
        "when": job.timing.to_string(),
        "do": job.action.name(),
        "enabled": why.is_none(),
        "reason": why,
        "next": next.map(both),
        "overdue": overdue.map(both),
    })
}

/// Why the plan's own switch keeps it from firing, if it does.
fn switched_off(schedule: &ScheduleSpec) -> Option<String> {
    let switch = schedule.enabled.as_ref()?;
    let on = schedule.is_on(|name| std::env::var(name).ok());
    (!on).then(|| format!("disabled: {} is not {}", switch.variable, switch.value))
}

fn paused_by(row: &ScheduleRow) -> Option<String> {
    row.paused_by.as_ref().map(|who| format!("disabled by {}", plain(who)))
}

fn next(path: &Path, from: Option<&str>, until: Option<&str>) -> Outcome {
    let (plan, schedule) = scheduled(path)?;
    let zone = &schedule.zone;
    let from =
        from.map_or_else(|| Ok(Timestamp::now()), |text| moment(text, zone, "--from", Side::Earlier))?;
    let year = || from.to_zoned(zone.clone()).checked_add(1.year()).map(|end| end.timestamp());
    let until = match until {
        Some(text) => moment(text, zone, "--until", Side::Later)?,
        None => year().map_err(|error| Failure::usage("until", error.to_string(), "name --until"))?,
    };
    if until <= from {
        let message = format!("--until {until} is not later than --from {from}");
        return Err(Failure::usage("time", message, "exchange them, or leave --until out for a year"));
    }
    let before = from.checked_sub(1.nanosecond()).unwrap_or(from);
    let mut all: Vec<(Timestamp, &JobSpec)> = Vec::new();
    for job in &schedule.jobs {
        let slots = reseal_schedule::slots(&job.timing, zone, before);
        all.extend(slots.take_while(|slot| *slot < until).take(MOST + 1).map(|slot| (slot, job)));
    }
    all.sort_by_key(|(slot, _)| *slot);
    let truncated = all.len() > MOST;
    all.truncate(MOST);
    let slots: Vec<Value> = all
        .iter()
        .map(|(slot, job)| {
            json!({ "job": job.name, "do": job.action.name(), "local": local(*slot, zone), "utc": slot.to_string() })
        })
        .collect();
    let rows = all
        .iter()
        .map(|(slot, job)| vec![shown(*slot, zone), utc(Some(*slot)), job.name.clone(), does(&job.action)])
        .collect();
    let header = [&schedule.zone_name, "UTC", "job", "does"];
    let mut text = match schedule.zone_name == "UTC" {
        true => without_column(&header, rows, 1),
        false => table(&header, &[], rows),
    };
    if truncated {
        text += &format!("\nthe first {}; narrow it with --until", number(MOST as u64));
    }
    let document = json!({
        "plan": plan.name, "zone": schedule.zone_name, "from": from.to_string(), "until": until.to_string(),
        "slots": slots, "truncated": truncated,
    });
    Ok(Done::new(CLEAN, document, text))
}

/// Pauses jobs, or lets them go on; a daemon heeds it at its next tick.
async fn switch(path: &Path, name: Option<&str>, on: bool) -> Outcome {
    let (plan, schedule) = scheduled(path)?;
    let jobs: Vec<&JobSpec> =
        schedule.jobs.iter().filter(|job| name.is_none_or(|name| name == job.name)).collect();
    if let (Some(name), []) = (name, jobs.as_slice()) {
        let known: Vec<&str> = schedule.jobs.iter().map(|job| job.name.as_str()).collect();
        let message = format!("plan {} has no job {name}", plan.name);
        return Err(Failure::usage("no-job", message, format!("it has {}", known.join(", "))));
    }
    let mut session = control_session().await?;
    let now = Timestamp::now().as_millisecond();
    let operator = operator();
    for job in &jobs {
        session.schedule_seen(&plan.name, &job.name, &job.timing.to_string(), now).await?;
        match on {
            true => session.resume_schedule(&plan.name, &job.name, now).await?,
            false => session.pause_schedule(&plan.name, &job.name, &operator).await?,
        }
    }
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    let about = |event: Event| {
        let event = event.of_plan(&plan.name, &plan.digest).with("jobs", names.join(", "));
        event.with("to", if on { "enabled" } else { "disabled" })
    };
    trail::note(EventKind::ScheduleChanged, about).await;
    let word = if on { "enabled" } else { "disabled" };
    let mut text = format!("{word}: {}", names.join(", "));
    if on && let Some(why) = switched_off(&schedule) {
        text += &format!("\nthe plan's own switch still keeps it from firing: {why}");
    }
    Ok(Done::new(CLEAN, json!({ "plan": plan.name, "jobs": names, "enabled": on }), text))
}

/// The control database, with its tables made.
async fn control_session() -> Result<ControlSession, Failure> {
    let mut session = control::database()?.connect().await?;
    session.migrate().await?;
    Ok(session)
}

/// The script of the control database that brings the tables of schedules.
const SCHEDULES: i64 = 4;

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

/// What a job does, for people.
fn does(action: &Action) -> String {
    match action {
        Action::Remind(Some(template)) => format!("remind {template}"),
        Action::Report { standard, .. } => format!("report {}", standard.name()),
        other => other.name().to_owned(),
    }
}

/// A slot on the wall clock with its offset, as programs read it.
fn local(slot: Timestamp, zone: &TimeZone) -> String {
    slot.display_with_offset(zone.to_offset(slot)).to_string()
}

/// The same for people.
fn shown(slot: Timestamp, zone: &TimeZone) -> String {
    Zoned::new(slot, zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
}

fn utc(slot: Option<Timestamp>) -> String {
    slot.map(|slot| slot.strftime("%m-%d %H:%M").to_string()).unwrap_or_default()
}
