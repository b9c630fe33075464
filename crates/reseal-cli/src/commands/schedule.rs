//! `reseal schedule`: what will fire and when; pausing, and going on.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use reseal_app::Caller;
use reseal_app::schedule::{
    Disabled, DisabledJob, Firing, Firings, FiringsRequest, MOST_FIRINGS, PlanSchedule, ScheduledJob,
    SwitchRequest,
};
use reseal_plan::{Action, Switch};
use serde_json::{Value, json};

use crate::args::ScheduleCommand;
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::{number, plain};
use crate::table::table;

/// Carries out one of the family.
pub(crate) async fn schedule(caller: &Caller, command: &ScheduleCommand) -> Outcome {
    match command {
        ScheduleCommand::List { plans } => list(&plans.paths()?).await,
        ScheduleCommand::Next { plan, from, until } => {
            next(&FiringsRequest { plan: plan.path()?, from: from.clone(), until: until.clone() }).await
        }
        ScheduleCommand::Enable { plan, job } => {
            switch(caller, SwitchRequest { plan: plan.clone(), job: job.clone(), enabled: true }).await
        }
        ScheduleCommand::Disable { plan, job } => {
            switch(caller, SwitchRequest { plan: plan.clone(), job: job.clone(), enabled: false }).await
        }
    }
}

async fn list(plans: &[PathBuf]) -> Outcome {
    let schedules = reseal_app::schedule::list(plans).await?;
    let documents: Vec<Value> = schedules.iter().map(document).collect();
    let rows: Vec<Vec<String>> =
        schedules.iter().flat_map(|plan| plan.jobs.iter().map(|job| row(plan, job))).collect();
    let header = ["plan", "job", "when", "does", "next"];
    let text = match plans {
        [_] => without_column(&header, rows, 0),
        _ => table(&header, &[], rows),
    };
    Ok(Done::new(CLEAN, json!({ "plans": documents }), text))
}

fn row(plan: &PlanSchedule, scheduled: &ScheduledJob) -> Vec<String> {
    let job = &scheduled.job;
    let local = scheduled.next.map(|slot| shown(slot, &plan.zone));
    let next = match (&scheduled.disabled, scheduled.overdue, local) {
        (Some(why), ..) => reason(why),
        (None, Some(slot), _) => {
            format!("overdue since {}: is `reseal serve` running?", shown(slot, &plan.zone))
        }
        (None, None, Some(local)) if plan.zone_name == "UTC" => local,
        (None, None, Some(local)) => format!("{local}\n{} UTC", utc(scheduled.next)),
        (None, None, None) => "never".to_owned(),
    };
    vec![plan.plan.clone(), job.name.clone(), job.timing.to_string(), does(&job.action), next]
}

/// A table without a column that says nothing.
fn without_column(header: &[&str], mut rows: Vec<Vec<String>>, at: usize) -> String {
    let mut header = header.to_vec();
    header.remove(at);
    rows.iter_mut().for_each(|row| drop(row.remove(at)));
    table(&header, &[], rows)
}

fn document(plan: &PlanSchedule) -> Value {
    let jobs: Vec<Value> = plan.jobs.iter().map(|job| job_document(plan, job)).collect();
    let off = plan.switched_off.as_ref().map(off);
    json!({
        "plan": plan.plan, "zone": plan.zone_name, "enabled": off.is_none(), "reason": off, "jobs": jobs,
    })
}

fn job_document(plan: &PlanSchedule, scheduled: &ScheduledJob) -> Value {
    let job = &scheduled.job;
    let both = |slot: Timestamp| json!({ "local": local(slot, &plan.zone), "utc": slot.to_string() });
    json!({
        "job": job.name,
        "when": job.timing.to_string(),
        "do": job.action.name(),
        "enabled": scheduled.disabled.is_none(),
        "reason": scheduled.disabled.as_ref().map(reason),
        "next": scheduled.next.map(both),
        "overdue": scheduled.overdue.map(both),
    })
}

fn reason(disabled: &Disabled) -> String {
    match disabled {
        Disabled::BySwitch(switch) => off(switch),
        Disabled::By(who) => format!("disabled by {}", plain(who)),
    }
}

/// Why the plan's own switch keeps it from firing.
fn off(switch: &Switch) -> String {
    format!("disabled: {} is not {}", switch.variable, switch.value)
}

async fn next(request: &FiringsRequest) -> Outcome {
    let found = reseal_app::schedule::next(request).await?;
    let slots: Vec<Value> = found.firings.iter().map(|firing| firing_document(firing, &found.zone)).collect();
    let off = |off: &DisabledJob| json!({ "job": off.job, "reason": reason(&off.why) });
    let disabled: Vec<Value> = found.disabled.iter().map(off).collect();
    let document = json!({
        "plan": found.plan, "zone": found.zone_name, "from": found.from.to_string(),
        "until": found.until.to_string(), "slots": slots, "truncated": found.truncated, "disabled": disabled,
    });
    Ok(Done::new(CLEAN, document, firings_text(&found)))
}

fn firing_document(firing: &Firing, zone: &TimeZone) -> Value {
    let Firing { slot, job } = firing;
    json!({ "job": job.name, "do": job.action.name(), "local": local(*slot, zone), "utc": slot.to_string() })
}

fn firings_text(found: &Firings) -> String {
    let row = |Firing { slot, job }: &Firing| {
        vec![shown(*slot, &found.zone), utc(Some(*slot)), job.name.clone(), does(&job.action)]
    };
    let rows = found.firings.iter().map(row).collect();
    let header = [&found.zone_name, "UTC", "job", "does"];
    let mut text = match found.zone_name == "UTC" {
        true => without_column(&header, rows, 1),
        false => table(&header, &[], rows),
    };
    if found.truncated {
        text += &format!(
            "\nonly the first {} are shown; pass an earlier `--until` to narrow the list",
            number(MOST_FIRINGS as u64)
        );
    }
    for off in &found.disabled {
        text += &format!("\n{} does not fire: {}", off.job, reason(&off.why));
    }
    text
}

/// Disables jobs, or enables them; a daemon heeds it at its next tick.
async fn switch(caller: &Caller, request: SwitchRequest) -> Outcome {
    let switched = reseal_app::schedule::switch(caller, &request).await?;
    let word = if request.enabled { "enabled" } else { "disabled" };
    let mut text = format!("{word}: {}", switched.jobs.join(", "));
    if request.enabled
        && let Some(switch) = &switched.switched_off
    {
        text += &format!("\nthe plan's `enabled` setting still keeps its jobs from firing: {}", off(switch));
    }
    let document = json!({ "plan": switched.plan, "jobs": switched.jobs, "enabled": request.enabled });
    Ok(Done::new(CLEAN, document, text))
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
