//! Metrics, in the text format of Prometheus (version 0.0.4).

use std::fmt::Write as _;

use jiff::Timestamp;
use reseal_control::{ControlSession, FiringState, ScheduleRow};
use reseal_store::StoreError;

use crate::{Served, State};

/// All metrics. What the database cannot be asked is left out, and `reseal_control_up` says so.
pub(crate) async fn text(state: &State) -> String {
    let mut out = String::new();
    let (ticks, failures) = state.counts();
    line(&mut out, "reseal_ticks_total", "counter", "Looks at the clock.", &[(String::new(), ticks as f64)]);
    let help = "Looks at the clock that the control database failed.";
    line(&mut out, "reseal_tick_failures_total", "counter", help, &[(String::new(), failures as f64)]);
    if let Some(bytes) = resident() {
        let help = "Resident memory in bytes.";
        line(&mut out, "process_resident_memory_bytes", "gauge", help, &[(String::new(), bytes as f64)]);
    }
    let schedules = schedules(state).await;
    let up = f64::from(u8::from(schedules.is_ok()));
    line(
        &mut out,
        "reseal_control_up",
        "gauge",
        "Whether the control database answers.",
        &[(String::new(), up)],
    );
    out += &schedules.unwrap_or_default();
    out
}

async fn schedules(state: &State) -> Result<String, StoreError> {
    let mut control = state.setup.control.connect().await?;
    let now = state.setup.clock.now();
    let (mut enabled, mut next, mut firings, mut last) = (vec![], vec![], vec![], vec![]);
    let (mut letters, mut alerts, mut in_hand) = (Vec::new(), Vec::new(), Vec::new());
    for served in &state.setup.plans {
        let plan = &served.plan.name;
        let of = control.letter_counts(Some(plan)).await?;
        for (state, count) in [("waiting", of.waiting), ("sent", of.sent), ("dead", of.dead)] {
            letters.push((format!("{{plan=\"{plan}\",state=\"{state}\"}}"), count as f64));
        }
        // Causes are ids of runs and the like: counted, and not labels that never end.
        let on = control.alerts(plan).await?;
        for kind in reseal_core::NoticeKind::ALL {
            let count = on.iter().filter(|alert| alert.kind == kind.name()).count();
            if count > 0 {
                alerts.push((format!("{{plan=\"{plan}\",kind=\"{kind}\"}}"), count as f64));
            }
        }
        let known = control.schedules(&served.plan.name).await?;
        for job in &served.schedule.jobs {
            let on = is_enabled(served, &known, &job.name);
            let labels = labels(&served.plan.name, &job.name);
            enabled.push((format!("{{{labels}}}"), f64::from(u8::from(on))));
            let slot = reseal_schedule::slots(&job.timing, &served.schedule.zone, now).next();
            if let Some(slot) = slot.filter(|_| on) {
                next.push((format!("{{{labels}}}"), slot.as_second() as f64));
            }
        }
        counts(&mut control, served, (&mut firings, &mut in_hand), &mut last).await?;
    }
    let mut out = String::new();
    line(&mut out, "reseal_schedule_enabled", "gauge", "Whether a job of a schedule may fire.", &enabled);
    let help = "The next slot of a job, in seconds since 1970.";
    line(&mut out, "reseal_schedule_next_timestamp_seconds", "gauge", help, &next);
    let help = "The newest slot that was claimed, in seconds since 1970.";
    line(&mut out, "reseal_schedule_last_timestamp_seconds", "gauge", help, &last);
    let help = "Slots that came to an end, by what came of them.";
    line(&mut out, "reseal_schedule_firings_total", "counter", help, &firings);
    let help = "Slots that are worked at, or wait to be.";
    line(&mut out, "reseal_schedule_claimed", "gauge", help, &in_hand);
    line(&mut out, "reseal_alerts", "gauge", "Alerts that are on.", &alerts);
    line(&mut out, "reseal_notices", "gauge", "Letters of the outbox, by where they stand.", &letters);
    Ok(out)
}

type Samples = Vec<(String, f64)>;

async fn counts(
    control: &mut ControlSession,
    served: &Served,
    (firings, in_hand): (&mut Samples, &mut Samples),
    last: &mut Samples,
) -> Result<(), StoreError> {
    let counts = control.firing_counts(&served.plan.name).await?;
    for job in &served.schedule.jobs {
        let labels = labels(&served.plan.name, &job.name);
        let mine: Vec<_> = counts.iter().filter(|(name, ..)| *name == job.name).collect();
        let of = |state| mine.iter().find(|(_, of, ..)| *of == state).map_or(0, |(_, _, count, _)| *count);
        for state in [FiringState::Done, FiringState::Failed] {
            firings.push((format!("{{{labels},state=\"{}\"}}", state.name()), of(state) as f64));
        }
        in_hand.push((format!("{{{labels}}}"), of(FiringState::Claimed) as f64));
        if let Some(slot) = mine.iter().map(|(.., slot)| *slot).max() {
            last.push((format!("{{{labels}}}"), (slot / 1000) as f64));
        }
    }
    Ok(())
}

/// Whether a job may fire: the plan's switch is on, and nobody paused it.
pub(crate) fn is_enabled(served: &Served, known: &[ScheduleRow], job: &str) -> bool {
    served.on && known.iter().find(|row| row.job == job).is_none_or(|row| row.paused_by.is_none())
}

/// Names of plans and jobs need no escaping: they are letters, digits, dots, hyphens and underscores.
fn labels(plan: &str, job: &str) -> String {
    format!("plan=\"{plan}\",job=\"{job}\"")
}

fn line(out: &mut String, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

/// Resident memory (proc(5), field 2 of statm), in bytes.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// A slot for people.
pub(crate) fn shown(slot_ms: i64, served: &Served) -> String {
    let slot = Timestamp::from_millisecond(slot_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    slot.to_zoned(served.schedule.zone.clone()).strftime("%a %F %H:%M %Z").to_string()
}
